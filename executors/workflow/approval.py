"""The rules of an approval: who may vote, what the votes amount to, and what falls due when.

Pure. The deciding core asks these functions before it writes an event down and the door asks
the same ones before it posts a letter, so that the two cannot disagree. A right to vote is a
seat: it belongs to one person, may be handed on, and counts once. Letters are judged at the
time at which they were cast and not at the time at which somebody got round to reading them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from catalog.digest import JsonObject, digest
from catalog.duration import duration
from executors.port import GROUNDS
from executors.workflow.ballot import (
    Act,
    Cast,
    Claim,
    Delegation,
    HandOn,
    OnExpiry,
    Outcome,
    Standing,
    TakeInHand,
    Task,
    Verdict,
    Vote,
    Voter,
    later,
    with_vote,
)

MAX_REMINDERS = 100
MAX_HANDED_ON = 20
"""So many delegations may be made of one approval."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not do what he tries; `code` is stable."""

    code: str
    message: str
    fix: str = ""


def task_for(asked: Mapping[str, Any], context: JsonObject, now: datetime) -> Task:
    """Return the task that the `approval` of a step becomes; its references are resolved already."""
    grounds = cast("Mapping[str, Any]", context.get(GROUNDS, {}))
    bound = {name: grounds.get(name) for name in ("contract", "plan", "policy")}
    request = cast("Mapping[str, Any]", context.get("request", {}))
    escalate = asked.get("escalate", {})
    return Task(
        opened_at=now,
        binding=digest({"request": request.get("uid"), "inputs": context.get("inputs"), **bound}),
        requesters=tuple(grounds.get("requesters", ())),
        reason=asked.get("reason", ""),
        groups=tuple(asked.get("groups", ())),
        assignees=tuple(asked.get("assignees", ())),
        quorum=asked.get("quorum", 1),
        needs_evidence=asked.get("evidence") == "required",
        expires_seconds=_seconds(asked.get("expires")),
        on_expiry=OnExpiry(asked.get("on_expiry", OnExpiry.REJECT)),
        remind_seconds=_seconds(asked.get("remind")),
        escalate_seconds=_seconds(escalate.get("after")),
        escalate_to=tuple(escalate.get("to", ())),
    )


def seat_of(standing: Standing, voter: Voter, now: datetime) -> str | Refusal:
    """Return whose seat a person would vote in now, or why in none."""
    task = standing.task
    if standing.outcome is not Outcome.OPEN:
        return Refusal("approval_closed", f"It is {standing.outcome} already.", "see avow approvals")
    if standing.expires_at is not None and now >= standing.expires_at:
        return Refusal("approval_expired", "Its time has run out.", "ask for a new one")
    if voter.person in task.requesters:
        return Refusal(
            "own_request", "Nobody approves what he asked for himself.", "ask somebody else to vote"
        )
    seats = list(_seats(standing, voter, now))
    if not seats:
        return Refusal("not_an_approver", "This approval is asked of others.", f"ask {whom(standing)}")
    used = {person for vote in standing.votes for person in (vote.person, vote.seat)}
    free = [seat for seat in seats if seat not in used]
    if voter.person in used or not free:
        return Refusal("already_voted", "This vote was cast already, and it stands.", "ask another person")
    return free[0]


def may_vote(standing: Standing, voter: Voter, now: datetime) -> Refusal | None:
    """Return why a person may not vote now, None when he may."""
    seat = seat_of(standing, voter, now)
    if isinstance(seat, Refusal):
        return seat
    claim = standing.claim
    if claim is None or claim.person == voter.person or claim.until <= now:
        return None
    until = claim.until.isoformat(timespec="seconds")
    return Refusal("approval_claimed", f"{claim.person} has it in hand until {until}.", "wait, or ask for it")


def refusal(standing: Standing | None, act: Act) -> Refusal | None:
    """Return why an act may not take place, None when it may; `standing` is None where nothing is asked."""
    if standing is None or standing.task.opened_at != act.opened_at:
        return Refusal("approval_closed", "This approval is not asked for any more.", "see avow approvals")
    if isinstance(act, TakeInHand) and act.is_release:
        return _why_not_released(standing, act)
    refused = may_vote(standing, act.voter, act.at)
    if refused is not None:
        return refused
    if isinstance(act, Cast):
        return _why_not_cast(standing, act)
    return _why_not_handed_on(standing, act) if isinstance(act, HandOn) else None


def vote_of(standing: Standing, act: Cast, number: int = 0) -> Vote:
    """Return the vote that an admitted act is."""
    seat = seat_of(standing, act.voter, act.at)
    person = act.voter.person
    where = person if isinstance(seat, Refusal) else seat
    return Vote(person, where, act.verdict, act.at, act.reason, act.evidence, number)


def delegation_of(act: HandOn) -> Delegation:
    """Return the delegation that an admitted act is."""
    return Delegation(act.voter.person, act.delegate, act.voter.groups, act.at)


def claim_of(act: TakeInHand) -> Claim | None:
    """Return the claim that an admitted act is, None when it lets go."""
    return None if act.is_release else Claim(act.voter.person, act.until)


def after(standing: Standing, act: Act, number: int = 0) -> Standing:
    """Return how it stands after an admitted act."""
    match act:
        case Cast():
            return with_vote(standing, vote_of(standing, act, number))
        case HandOn():
            return replace(standing, delegations=(*standing.delegations, delegation_of(act)))
        case TakeInHand():
            return replace(standing, claim=claim_of(act))
    return standing


def outcome(standing: Standing) -> Outcome:
    """Return what the votes amount to: one rejection ends it, a quorum of approvals does."""
    if any(vote.verdict is Verdict.REJECT for vote in standing.votes):
        return Outcome.REJECTED
    return Outcome.APPROVED if standing.approvals >= standing.task.quorum else Outcome.OPEN


class Due(StrEnum):
    """What can fall due while nobody votes."""

    EXPIRY = "expiry"
    EXTENSION = "extension"  # its time ran out, and it is to escalate
    ESCALATION = "escalation"
    REMINDER = "reminder"


def deadlines(standing: Standing) -> dict[Due, datetime]:
    """Return what falls due when, as long as it is open; the most telling first."""
    task, found = standing.task, dict[Due, datetime]()
    began_at = task.opened_at + timedelta(seconds=standing.still_seconds)
    if standing.expires_at is not None:
        extends = task.on_expiry is OnExpiry.ESCALATE and not standing.was_extended
        found[Due.EXTENSION if extends else Due.EXPIRY] = standing.expires_at
    if task.escalate_seconds is not None and standing.escalated_at is None:
        found[Due.ESCALATION] = began_at + timedelta(seconds=task.escalate_seconds)
    if task.remind_seconds and standing.reminders < MAX_REMINDERS:
        wait = task.remind_seconds * (standing.reminders + 1)
        found[Due.REMINDER] = began_at + timedelta(seconds=wait)
    return found


def overdue(standing: Standing, now: datetime) -> Due | None:
    """Return what is to happen now; ask again once it has."""
    return next((due for due, at in deadlines(standing).items() if at <= now), None)


def extended_until(standing: Standing, now: datetime) -> datetime | None:
    """Return until when it lasts once its expiry escalated."""
    return later(now, standing.task.expires_seconds)


def whom(standing: Standing) -> str:
    """Return of whom it is asked, for a sentence."""
    groups = [f"group {group}" for group in standing.groups]
    return " or ".join([*standing.task.assignees, *groups]) or "an approver of the project"


def waits_for(standing: Standing) -> str:
    """Return what is still missing, for a sentence."""
    quorum = standing.task.quorum
    votes = f" ({standing.approvals} of {quorum} votes)" if quorum > 1 else ""
    held = "" if standing.claim is None else f"; {standing.claim.person} has it in hand"
    return f"approval by {whom(standing)}{votes}{held}"


def verdict_sentence(standing: Standing) -> str:
    """Return how the votes decided it, for people."""
    against = next((vote for vote in standing.votes if vote.verdict is Verdict.REJECT), None)
    if against is not None:
        return f"rejected by {_signed(against)}: {against.reason}"
    return "approved by " + ", ".join(_signed(vote) for vote in standing.votes)


def _signed(vote: Vote) -> str:
    return vote.person if vote.seat == vote.person else f"{vote.person} for {vote.seat}"


def _why_not_cast(standing: Standing, act: Cast) -> Refusal | None:
    if act.binding != standing.task.binding:
        return Refusal("binding_changed", "It is not what you looked at.", "look at it again, then vote")
    if act.verdict is Verdict.REJECT and not act.reason.strip():
        return Refusal("reason_required", "A rejection says why.", "give a reason")
    if act.verdict is Verdict.APPROVE and standing.task.needs_evidence and not act.evidence:
        return Refusal("evidence_required", "This approval asks for evidence.", "attach what you looked at")
    return None


def _why_not_handed_on(standing: Standing, act: HandOn) -> Refusal | None:
    if act.delegate in standing.task.requesters:
        return Refusal("own_request", "The delegate asked for it himself.", "choose somebody else")
    if act.delegate == act.voter.person or act.delegate in _givers(standing, act.voter, act.at):
        return Refusal("delegation_circle", "It would come back to whom it came from.", "choose another")
    if len(standing.delegations) >= MAX_HANDED_ON:
        return Refusal("too_many_delegations", "It was handed on too often.", f"ask {whom(standing)}")
    return None


def _why_not_released(standing: Standing, act: TakeInHand) -> Refusal | None:
    claim = standing.claim
    if claim is None or claim.person != act.voter.person:
        return Refusal("not_claimed", "You do not have it in hand.", "see avow approvals")
    return None


def _seats(standing: Standing, voter: Voter, now: datetime) -> Iterator[str]:
    """Yield the seats a person can sit in: his own first, then those handed to him."""
    if _is_asked(standing, voter.person, voter.groups):
        yield voter.person
    for giver, groups in _givers(standing, voter, now).items():
        if _is_asked(standing, giver, groups):
            yield giver


def _is_asked(standing: Standing, person: str, groups: Sequence[str]) -> bool:
    task = standing.task
    if not task.groups and not task.assignees:
        return True
    return person in task.assignees or any(group in standing.groups for group in groups)


def _givers(standing: Standing, voter: Voter, now: datetime) -> dict[str, tuple[str, ...]]:
    """Return who handed a seat to a person, directly or over others, with his groups; never himself."""
    # Whoever asked for it has no seat to hand on, and no say in who sits in another's.
    known = [
        each
        for each in (*standing.delegations, *voter.delegations)
        if each.giver not in standing.task.requesters and each.holds(now)
    ]
    found: dict[str, tuple[str, ...]] = {}
    waiting = [voter.person]
    while waiting:
        delegate = waiting.pop(0)
        for each in known:
            if each.delegate == delegate and each.giver not in found and each.giver != voter.person:
                found[each.giver] = each.groups
                waiting.append(each.giver)
    return found


def _seconds(text: str | None) -> float | None:
    return None if text is None else duration(text).total_seconds()
