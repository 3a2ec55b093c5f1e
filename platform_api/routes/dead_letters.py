"""Runs that ended so that a person has to come, and the targets that are left alone for now."""

from typing import Annotated

from fastapi import APIRouter, Query

from catalog.actor import Actor
from executors import dead_letters, gates
from executors.dead_letters import DeadLetter, Reason
from executors.gates import Breaker
from platform_api import access
from platform_api.doors import List, Parts, QueryName, SignedIn, refusals
from platform_api.paging import Page
from platform_api.wire import At, Maybe, View

router = APIRouter(prefix="/v1", tags=["runs"], responses=refusals(404))

ReasonQuery = Annotated[Reason | None, Query(description="Why a person has to come: only such.")]


class DeadLetterView(View):
    """A run that a person has to look at; trying it again settles it."""

    run_id: str
    project: str
    request_uid: str
    operation: str
    reason: str
    step: Maybe[str] = None
    message: str
    at: At

    @classmethod
    def of(cls, letter: DeadLetter) -> "DeadLetterView":
        """Return the view of a dead letter."""
        return cls(
            run_id=letter.run_id,
            project=letter.project,
            request_uid=letter.request_uid,
            operation=letter.operation,
            reason=str(letter.reason),
            step=letter.step or None,
            message=letter.message,
            at=letter.at,
        )


class BreakerView(View):
    """A target whose calls failed; open, and left alone, until a time."""

    project: str
    key: str
    failures: int
    limit: int
    failed_at: At
    open_until: Maybe[At] = None

    @classmethod
    def of(cls, breaker: Breaker) -> "BreakerView":
        """Return the view of a breaker."""
        return cls(
            project=breaker.project,
            key=breaker.key,
            failures=breaker.failures,
            limit=breaker.limit,
            failed_at=breaker.failed_at,
            open_until=breaker.open_until,
        )


class BreakerList(View):
    """The breakers that have counted failures, open ones first."""

    items: list[BreakerView]


@router.get("/dead-letters", operation_id="listDeadLetters")
def list_dead_letters(
    platform: Parts, actor: SignedIn, window: List, *, project: QueryName = None, reason: ReasonQuery = None
) -> Page[DeadLetterView]:
    """List the runs that wait for a person, the oldest first; see also `retryRun`."""
    after = (str(window.after[0]), int(window.after[1])) if window.after else ("", 0)
    with platform.db.read() as tx:
        rows = dead_letters.page(tx, _projects(actor, project), after, window.limit, reason=reason)
    return window.page(rows, DeadLetterView.of, lambda row: [row.run_id, row.seq])


@router.get("/breakers", operation_id="listBreakers")
def list_breakers(platform: Parts, actor: SignedIn, project: QueryName = None) -> BreakerList:
    """List the targets whose calls failed in a row."""
    with platform.db.read() as tx:
        found = gates.breakers_of(tx, _projects(actor, project))
    return BreakerList(items=[BreakerView.of(breaker) for breaker in found if breaker.failures])


def _projects(actor: Actor, project: str | None) -> frozenset[str] | None:
    if project is None:
        return actor.readable_projects()
    access.check_reader(actor, project)
    return frozenset({project})
