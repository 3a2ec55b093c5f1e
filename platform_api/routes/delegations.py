"""Standing delegations: who stands in for whom while he is away."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import Response

from catalog.actor import Actor
from catalog.errors import Finding, Invalid
from platform_api import access, delegations
from platform_api.bodies import JsonBody
from platform_api.commands import delegations as commands
from platform_api.delegations import Absence
from platform_api.doors import (
    Ends,
    EndsPlainly,
    List,
    Parts,
    PathId,
    SignedIn,
    answer_of,
    answers,
    refusals,
)
from platform_api.paging import Page
from platform_api.wire import SUBJECT_PATTERN, At, Body, Given, Line, Maybe, Moment, View

router = APIRouter(prefix="/v1/delegations", tags=["approvals"])

LONGEST = timedelta(days=366)
Subject = Annotated[str, Field(pattern=SUBJECT_PATTERN, max_length=200)]


class CreateDelegation(Body):
    """Who stands in, and for how long."""

    delegate: Subject
    person: Given[Subject] = Field(
        default=None, description="For whom; only an administrator may name another."
    )
    starts_at: Given[Moment] = Field(default=None, description="Now, unless said.")
    ends_at: Moment
    reason: Line = ""


class DelegationView(View):
    """One standing delegation."""

    id: str
    person: str
    delegate: str
    starts_at: At
    ends_at: At
    reason: Maybe[str] = None
    created_at: At
    created_by: str
    revoked_at: Maybe[At] = None

    @classmethod
    def of(cls, absence: Absence) -> "DelegationView":
        """Return the view of a standing delegation."""
        return cls(
            id=absence.id,
            person=absence.giver,
            delegate=absence.delegate,
            starts_at=absence.starts_at,
            ends_at=absence.ends_at,
            reason=absence.reason or None,
            created_at=absence.created_at,
            created_by=absence.created_by,
            revoked_at=absence.revoked_at,
        )


Created = Annotated[CreateDelegation, Depends(JsonBody(CreateDelegation))]
PersonQuery = Annotated[
    str | None,
    Query(pattern=SUBJECT_PATTERN, max_length=200, description="Somebody else's; for administrators."),
]


@router.post(
    "",
    operation_id="createDelegation",
    status_code=201,
    response_model=None,
    responses=answers(DelegationView, 200, 201),
)
def create_delegation(platform: Parts, actor: SignedIn, body: Created, ends: Ends) -> Response:
    """Hand one's approvals to somebody else for a time."""
    starts_at = body.starts_at or ends.now
    _check_times(starts_at, body.ends_at, ends.now)
    absence = Absence(
        id=platform.mint("dlg"),
        giver=body.person or actor.subject,
        delegate=body.delegate,
        starts_at=starts_at.astimezone(UTC),
        ends_at=body.ends_at.astimezone(UTC),
        reason=body.reason,
        created_at=ends.now,
        created_by=actor.subject,
    )
    return ends.settle(
        partial(commands.create, platform, actor, absence),
        lambda made: answer_of(DelegationView.of(made), 201, {"Location": "/v1/delegations"}),
    )


@router.get("", operation_id="listDelegations", responses=refusals(403))
def list_delegations(
    platform: Parts, actor: SignedIn, window: List, person: PersonQuery = None
) -> Page[DelegationView]:
    """List what one gave and was given; an administrator sees everybody's."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        rows = delegations.page(tx, _whose(actor, person), after, window.limit)
    return window.page(rows, DelegationView.of, lambda row: [row.id])


@router.delete(
    "/{delegation_id}",
    operation_id="revokeDelegation",
    status_code=204,
    response_model=None,
    responses=answers(DelegationView, 200),
)
def revoke_delegation(platform: Parts, actor: SignedIn, delegation_id: PathId, ends: EndsPlainly) -> Response:
    """End a standing delegation now."""
    return ends.settle(
        partial(commands.revoke, platform, actor, delegation_id),
        lambda absence: answer_of(DelegationView.of(absence), 204),
    )


def _whose(actor: Actor, person: str | None) -> str | None:
    if person not in (None, actor.subject):
        access.check_admin(actor)
    return person if actor.is_admin else actor.subject


def _check_times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Pass a time that lies ahead and is bounded; times at the end of all calendars cannot be converted.

    Raises:
        Invalid: `invalid_body`.
    """
    is_bounded = timedelta(0) < ends_at - starts_at <= LONGEST and abs(starts_at - now) <= LONGEST
    if is_bounded and ends_at > now:
        return
    finding = Finding(
        "/ends_at",
        "time_out_of_range",
        "it ends in the future and after it starts, which is within a year, and lasts at most a year",
        "choose other times",
    )
    raise Invalid("invalid_body", "The time is not usable.", findings=(finding,))
