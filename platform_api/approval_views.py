"""Approvals as they go over the wire: what is asked of whom, who said what, and what the reader may do."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.actor import Actor
from catalog.db import Tx
from executors.workflow.approval import Refusal, may_vote, seat_of, whom
from executors.workflow.ballot import Claim, Delegation, Vote
from executors.workflow.inbox import Approval
from platform_api import lookups
from platform_api.voters import Voters
from platform_api.wire import At, JsonDocument, Maybe, View


class EvidenceView(View):
    """What a vote rests on."""

    kind: str
    uri: str
    digest: Maybe[str] = None


class VoteView(View):
    """One vote; `seat` is whose right it was, when that was handed on."""

    person: str
    seat: Maybe[str] = None
    verdict: str
    reason: Maybe[str] = None
    evidence: list[EvidenceView]
    cast_at: At

    @classmethod
    def of(cls, vote: Vote) -> "VoteView":
        """Return the view of a vote."""
        return cls(
            person=vote.person,
            seat=None if vote.seat == vote.person else vote.seat,
            verdict=str(vote.verdict),
            reason=vote.reason or None,
            evidence=[
                EvidenceView(kind=each.kind, uri=each.uri, digest=each.digest or None)
                for each in vote.evidence
            ],
            cast_at=vote.cast_at,
        )


class ClaimView(View):
    """Who has it in hand, and until when the others wait."""

    person: str
    until: At

    @classmethod
    def of(cls, claim: Claim | None) -> "ClaimView | None":
        """Return the view of a claim."""
        return None if claim is None else cls(person=claim.person, until=claim.until)


class HandedOnView(View):
    """A seat that was handed on for this approval."""

    person: str
    delegate: str
    at: At

    @classmethod
    def of(cls, delegation: Delegation) -> "HandedOnView":
        """Return the view of a delegation."""
        return cls(person=delegation.giver, delegate=delegation.delegate, at=delegation.starts_at)


class AskedView(View):
    """Of whom it is asked; with neither groups nor people, of every approver of the project."""

    groups: list[str]
    people: list[str]


class YouView(View):
    """What the reader may do: vote, in whose seat if not his own, or why not."""

    may_vote: bool
    seat: Maybe[str] = None
    code: Maybe[str] = None
    message: Maybe[str] = None


class ApprovalView(View):
    """One approval; a vote names its `binding`, the digest of all that is to be approved."""

    id: str
    project: str
    request: Maybe[str] = None
    request_uid: str
    run_id: str
    operation: str
    generation: int
    step: str
    state: str
    reason: Maybe[str] = None
    binding: str
    requesters: list[str]
    whom: str
    asked: AskedView
    quorum: int
    approvals: int
    needs_evidence: bool
    votes: list[VoteView]
    delegations: list[HandedOnView]
    claim: Maybe[ClaimView] = None
    reminders: int
    opened_at: At
    expires_at: Maybe[At] = None
    escalated_at: Maybe[At] = None
    closed_at: Maybe[At] = None
    message: Maybe[str] = None
    you: Maybe[YouView] = None
    plan: Maybe[JsonDocument] = None
    decision_id: Maybe[str] = None


@dataclass(frozen=True, slots=True)
class Shown:
    """An approval with what its view says besides: the request's name, and the reader's part in it."""

    approval: Approval
    request: str | None
    you: YouView | None = None


def shown(tx: Tx, voters: Voters, actor: Actor, found: Iterable[Approval]) -> list[Shown]:
    """Return approvals with what their views say besides."""
    approvals = list(found)
    names = lookups.request_names(tx, {each.request_uid for each in approvals})
    return [Shown(each, names.get(each.request_uid), _you(voters, actor, each)) for each in approvals]


def view_of(found: Shown) -> ApprovalView:
    """Return the view of an approval."""
    approval, standing = found.approval, found.approval.standing
    task = standing.task
    return ApprovalView(
        id=approval.id,
        project=approval.project,
        request=found.request,
        request_uid=approval.request_uid,
        run_id=approval.run_id,
        operation=approval.operation,
        generation=approval.generation,
        step=approval.step,
        state=str(standing.outcome),
        reason=task.reason or None,
        binding=task.binding,
        requesters=list(task.requesters),
        whom=whom(standing),
        asked=AskedView(groups=list(standing.groups), people=list(task.assignees)),
        quorum=task.quorum,
        approvals=standing.approvals,
        needs_evidence=task.needs_evidence,
        votes=[VoteView.of(vote) for vote in standing.votes],
        delegations=[HandedOnView.of(each) for each in standing.delegations],
        claim=ClaimView.of(standing.claim),
        reminders=standing.reminders,
        opened_at=task.opened_at,
        expires_at=standing.expires_at,
        escalated_at=standing.escalated_at,
        closed_at=standing.closed_at,
        message=standing.message or None,
        you=found.you,
    )


def _you(voters: Voters, actor: Actor, approval: Approval) -> YouView:
    if not actor.may_approve(approval.project):
        role = f"needs the role approver in {approval.project}"
        return YouView(may_vote=False, code="role_missing", message=role)
    voter = voters.voter(actor, approval.project, approval.standing)
    refused = may_vote(approval.standing, voter, voters.now)
    if refused is not None:
        return YouView(may_vote=False, code=refused.code, message=refused.message)
    seat = seat_of(approval.standing, voter, voters.now)
    another = not isinstance(seat, Refusal) and seat != actor.subject
    return YouView(may_vote=True, seat=str(seat) if another else None)
