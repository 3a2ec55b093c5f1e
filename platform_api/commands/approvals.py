"""What people do about approvals: vote, take in hand, hand on.

Each act is judged under the lock of its run by the rules that the engine goes by, then sent
to the run as a letter and written into the audit trail, all in one transaction: what was
answered with an acceptance counts, unless something that came earlier had ended it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from catalog import audit, requests
from catalog.actor import Actor
from catalog.db import Tx
from catalog.digest import Json, JsonObject
from catalog.errors import Conflict, Denied, Finding, Invalid, PlatformError
from executors.workflow import inbox
from executors.workflow.approval import Refusal, after, outcome, refusal, seat_of, verdict_sentence
from executors.workflow.ballot import (
    Act,
    Cast,
    Evidence,
    HandOn,
    Outcome,
    TakeInHand,
    Verdict,
    Voter,
    closed,
)
from executors.workflow.forms import stored
from executors.workflow.inbox import Approval
from platform_api import access
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from platform_api.voters import Voters
from reconciler import operations
from reconciler.binding import is_outdated
from reconciler.situation import load

MAX_CLAIM = timedelta(days=1)
_DENIED = frozenset({"own_request", "not_an_approver"})
_PLACES = {"reason_required": "/reason", "evidence_required": "/evidence"}


@dataclass(frozen=True, slots=True)
class Ballot:
    """What somebody votes.

    Attributes:
        binding: of the approval as he saw it.
    """

    binding: str
    verdict: Verdict
    reason: str
    evidence: tuple[Evidence, ...]


Make = Callable[[Approval, Voter, datetime], Act]


def vote(
    platform: Platform, actor: Actor, where: Approval, ballot: Ballot, receipt: Receipt[Approval]
) -> Approval:
    """Cast a vote.

    Raises:
        Denied: `role_missing`, `own_request`, `not_an_approver`.
        Invalid: `reason_required`, `evidence_required`.
        Conflict: `binding_changed`, `approval_outdated`, `approval_closed`, `approval_expired`,
            `approval_claimed`, `already_voted`.
    """

    def cast(approval: Approval, voter: Voter, now: datetime) -> Act:
        task = approval.standing.task
        return Cast(
            approval.step,
            task.opened_at,
            voter,
            now,
            ballot.binding,
            ballot.verdict,
            ballot.reason,
            ballot.evidence,
        )

    return _act(platform, actor, where, cast, receipt)


def claim(
    platform: Platform, actor: Actor, where: Approval, lasts: timedelta, receipt: Receipt[Approval]
) -> Approval:
    """Take an approval in hand for a while, or with no time at all let go of it.

    Raises:
        Denied, Conflict: as for `vote`; `not_claimed`.
    """

    def take(approval: Approval, voter: Voter, now: datetime) -> Act:
        ends_at = approval.standing.expires_at
        until = now + lasts if ends_at is None else min(now + lasts, max(ends_at, now))
        return TakeInHand(approval.step, approval.standing.task.opened_at, voter, now, until)

    return _act(platform, actor, where, take, receipt)


def delegate(
    platform: Platform, actor: Actor, where: Approval, handed: tuple[str, str], receipt: Receipt[Approval]
) -> Approval:
    """Hand one's seat in an approval to somebody else.

    Args:
        handed: to whom, and why.

    Raises:
        Denied, Conflict: as for `vote`; `delegation_circle`, `too_many_delegations`.
        Invalid: `delegate_cannot_vote`.
    """
    person, reason = handed

    def hand_on(approval: Approval, voter: Voter, now: datetime) -> Act:
        return HandOn(approval.step, approval.standing.task.opened_at, voter, now, person, reason)

    return _act(platform, actor, where, hand_on, receipt)


def _act(
    platform: Platform, actor: Actor, where: Approval, make: Make, receipt: Receipt[Approval]
) -> Approval:
    access.check_approver(actor, where.project)
    now = platform.clock()
    with platform.db.write() as tx:
        receipt.claim(tx)
        approval = inbox.locked(tx, where.project, where.id)
        voters = Voters(tx, now)
        act = make(approval, voters.voter(actor, approval.project, approval.standing), now)
        _check(platform, tx, approval, act)
        if isinstance(act, HandOn):
            _check_delegate(voters.person(act.delegate), approval.project)
        inbox.post(tx, approval, act, now)
        _audit(tx, approval, act)
        return receipt.keep(tx, _acted(approval, act))


def _check(platform: Platform, tx: Tx, approval: Approval, act: Act) -> None:
    refused = refusal(approval.standing, act)
    if refused is not None:
        raise _error(refused)
    if isinstance(act, TakeInHand) and act.is_release:
        return
    request = requests.by_uid(tx, approval.request_uid)
    loaded = load(tx, request.uid, act.at)
    operation = operations.open_one(tx, request.uid)
    is_past = request.generation != approval.generation
    if is_past or (operation is not None and is_outdated(platform.admission, loaded, operation)):
        raise Conflict(
            "approval_outdated",
            "What was to be approved has changed; this approval is about to be void.",
            fix="wait for the new one: avow approvals",
        )


def _check_delegate(person: Actor, project: str) -> None:
    if person.may_approve(project):
        return
    finding = Finding(
        "/to", "delegate_cannot_vote", f"needs the role approver in {project}", "choose another person"
    )
    raise Invalid(
        "delegate_cannot_vote", "The delegate could not vote here.", findings=(finding,), fix=finding.fix
    )


def _error(refused: Refusal) -> PlatformError:
    if refused.code in _DENIED:
        return Denied(refused.code, refused.message, fix=refused.fix)
    if refused.code in _PLACES:
        finding = Finding(_PLACES[refused.code], refused.code, refused.message, refused.fix)
        return Invalid(refused.code, refused.message, findings=(finding,), fix=refused.fix)
    return Conflict(refused.code, refused.message, fix=refused.fix)


def _acted(approval: Approval, act: Act) -> Approval:
    standing = after(approval.standing, act)
    end = outcome(standing)
    if end is not Outcome.OPEN:
        standing = closed(standing, end, act.at, verdict_sentence(standing))
    return replace(approval, standing=standing)


def _audit(tx: Tx, approval: Approval, act: Act) -> None:
    action, detail = _told(approval, act)
    bound: dict[str, Json] = {
        "uid": approval.request_uid,
        "run": approval.run_id,
        "step": approval.step,
        "binding": approval.standing.task.binding,
    }
    audit.append(
        tx,
        approval.project,
        act.at,
        actor=act.voter.person,
        action=f"approval.{action}",
        subject=f"approval/{approval.id}",
        detail={**bound, **detail},
    )


def _told(approval: Approval, act: Act) -> tuple[str, JsonObject]:
    match act:
        case Cast():
            seat = seat_of(approval.standing, act.voter, act.at)
            evidence: list[Json] = [stored(each) for each in act.evidence]
            told = {"verdict": str(act.verdict), "seat": str(seat), "reason": act.reason}
            return "voted", {**told, "evidence": evidence}
        case TakeInHand():
            return "released" if act.is_release else "claimed", {"until": act.until.isoformat()}
        case HandOn():
            return "delegated", {"to": act.delegate, "reason": act.reason}
    raise AssertionError("every act is one of these")
