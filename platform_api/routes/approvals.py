"""Approvals: what is asked of people, and what they say to it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from catalog import requests
from catalog.actor import Actor
from catalog.db import Tx
from catalog.errors import Finding, Invalid
from executors.workflow import inbox
from executors.workflow.ballot import Evidence, Outcome, Verdict
from executors.workflow.inbox import Approval, Wanted
from platform_api import access, lookups
from platform_api.approval_views import ApprovalView, Shown, shown, view_of
from platform_api.bodies import JsonBody
from platform_api.commands import approvals as commands
from platform_api.commands.approvals import MAX_CLAIM, Ballot
from platform_api.doors import (
    Ending,
    Ends,
    List,
    Parts,
    PathId,
    QueryName,
    SignedIn,
    answer_of,
    answers,
    refusals,
)
from platform_api.paging import Page
from platform_api.parts import Platform
from platform_api.receipts import Answer, Receipt
from platform_api.voters import Voters
from platform_api.wire import PLAIN_PATTERN, SUBJECT_PATTERN, Body, Line, Name
from reconciler import operations

router = APIRouter(prefix="/v1/approvals", tags=["approvals"])

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
MAX_EVIDENCE = 20
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
Reason = Annotated[str, Field(max_length=1000, pattern=PLAIN_PATTERN)]


class Inbox(StrEnum):
    """Whose approvals to list."""

    MINE = "mine"  # what I may act upon, by name, group, or for somebody I stand in for
    NAMED = "named"  # what is asked of me by name, or was handed to me
    GROUPS = "groups"  # what is asked of my groups
    ALL = "all"  # everything in the projects that I may read


class StateQuery(StrEnum):
    """Where the approvals stand."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOIDED = "voided"
    ANY = "any"


class EvidenceBody(Body):
    """What a vote rests on, by its address; nothing is fetched or uploaded."""

    kind: Name
    uri: Annotated[str, Field(min_length=1, max_length=1000, pattern=PLAIN_PATTERN)]
    digest: Digest | None = Field(default=None, description="So that it cannot be exchanged afterwards.")


class VoteBody(Body):
    """A vote."""

    verdict: Verdict = Field(strict=False)
    binding: Digest = Field(description="The `binding` of the approval that you looked at.")
    reason: Reason = Field(default="", description="Needed to reject.")
    evidence: list[EvidenceBody] = Field(default=[], max_length=MAX_EVIDENCE)


class ClaimBody(Body):
    """For how long to have it in hand; 0 lets go."""

    minutes: Annotated[int, Field(ge=0, le=int(MAX_CLAIM.total_seconds() // 60))] = 60


class DelegateBody(Body):
    """To whom to hand one's seat."""

    to: Annotated[str, Field(pattern=SUBJECT_PATTERN, max_length=200)]
    reason: Line = ""


InboxQuery = Annotated[Inbox, Query(description="Whose: `mine`, `named`, `groups` or `all`.")]
StateParameter = Annotated[StateQuery, Query(description="Where they stand; `any` for all.")]
Voted = Annotated[VoteBody, Depends(JsonBody(VoteBody))]
Claimed = Annotated[ClaimBody, Depends(JsonBody(ClaimBody))]
Delegated = Annotated[DelegateBody, Depends(JsonBody(DelegateBody))]

_ACTED = answers(ApprovalView, 200, 202)
_REFUSED = {**_ACTED, **refusals(412)}


@router.get("", operation_id="listApprovals", responses=refusals(404))
def list_approvals(
    platform: Parts,
    actor: SignedIn,
    window: List,
    *,
    whose: Annotated[InboxQuery, Query(alias="inbox")] = Inbox.ALL,
    state: StateParameter = StateQuery.OPEN,
    project: QueryName = None,
    request: QueryName = None,
) -> Page[ApprovalView]:
    """List approvals, the longest waiting first."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        voters = Voters(tx, platform.clock())
        wanted = _wanted(voters, actor, whose)
        wanted = replace(
            wanted,
            projects=_projects(actor, project, whose),
            state=None if state is StateQuery.ANY else Outcome(state),
            request_uid=None if request is None else _uid(tx, project, request),
        )
        rows = shown(tx, voters, actor, inbox.page(tx, wanted, after, window.limit))
    return window.page(rows, view_of, lambda row: [row.approval.id])


@router.get("/{approval_id}", operation_id="getApproval", responses=refusals(404))
def get_approval(platform: Parts, actor: SignedIn, approval_id: PathId) -> ApprovalView:
    """Show an approval, with the plan that is to be approved."""
    with platform.db.read() as tx:
        approval = _found(tx, actor, approval_id)
        [found] = shown(tx, Voters(tx, platform.clock()), actor, [approval])
        operation = operations.open_one(tx, approval.request_uid)
    view = view_of(found)
    if operation is None or approval.standing.outcome is not Outcome.OPEN:
        return view
    return view.model_copy(update={"plan": dict(operation.plan), "decision_id": operation.decision_id})


@router.post(
    "/{approval_id}/votes",
    operation_id="voteOnApproval",
    status_code=202,
    response_model=None,
    responses=_REFUSED,
)
def vote_on_approval(
    platform: Parts, actor: SignedIn, approval_id: PathId, body: Voted, ends: Ends
) -> Response:
    """Vote; one rejection ends it, and so do as many approvals as it takes."""
    evidence = tuple(Evidence(each.kind, each.uri, each.digest or "") for each in body.evidence)
    ballot = Ballot(body.binding, body.verdict, body.reason, evidence)
    return _settled(platform, actor, approval_id, ends, partial(commands.vote, ballot=ballot))


@router.post(
    "/{approval_id}/claim",
    operation_id="claimApproval",
    status_code=202,
    response_model=None,
    responses=_ACTED,
)
def claim_approval(
    platform: Parts, actor: SignedIn, approval_id: PathId, body: Claimed, ends: Ends
) -> Response:
    """Take it in hand for a while: nobody else votes meanwhile; it lapses by itself."""
    lasts = timedelta(minutes=body.minutes)
    return _settled(platform, actor, approval_id, ends, partial(commands.claim, lasts=lasts))


@router.post(
    "/{approval_id}/delegate",
    operation_id="delegateApproval",
    status_code=202,
    response_model=None,
    responses=_ACTED,
)
def delegate_approval(
    platform: Parts, actor: SignedIn, approval_id: PathId, body: Delegated, ends: Ends
) -> Response:
    """Hand one's seat to somebody else, for this approval alone."""
    handed = (body.to, body.reason)
    return _settled(platform, actor, approval_id, ends, partial(commands.delegate, handed=handed))


def _settled(
    platform: Platform, actor: Actor, approval_id: str, ends: Ending, command: Callable[..., Approval]
) -> Response:
    with platform.db.read() as tx:
        where = _found(tx, actor, approval_id)
        names = lookups.request_names(tx, [where.request_uid])

    def act(receipt: Receipt[Approval]) -> Approval:
        return command(platform, actor, where, receipt=receipt)

    def answer(approval: Approval) -> Answer:
        view = view_of(Shown(approval, names.get(approval.request_uid)))
        return answer_of(view, 202, {"Location": f"/v1/approvals/{approval.id}"})

    return ends.settle(act, answer)


def _found(tx: Tx, actor: Actor, approval_id: str) -> Approval:
    return inbox.load(tx, lookups.project_of_approval(tx, actor, approval_id), approval_id)


def _wanted(voters: Voters, actor: Actor, whose: Inbox) -> Wanted:
    match whose:
        case Inbox.MINE:
            return voters.asked(actor)
        case Inbox.NAMED:
            return Wanted(people=[actor.subject], not_asked_by=actor.subject)
        case Inbox.GROUPS:
            return Wanted(groups=actor.groups, not_asked_by=actor.subject)
        case Inbox.ALL:
            return Wanted()


def _projects(actor: Actor, project: str | None, whose: Inbox) -> frozenset[str] | None:
    if project is not None:
        access.check_reader(actor, project)
        return frozenset({project})
    return actor.readable_projects() if whose is Inbox.ALL else actor.approvable_projects()


def _uid(tx: Tx, project: str | None, name: str) -> str:
    if project is None:
        finding = Finding("?project", "required", "a request's name needs its project", "add project=NAME")
        raise Invalid("invalid_parameter", "The project is missing.", findings=(finding,))
    return requests.by_name(tx, project, name).uid
