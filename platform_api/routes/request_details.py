"""What lies under a request: its runs, events and decisions, and why it is where it is."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from catalog import events, fleet_store, requests
from catalog.db import Tx
from catalog.events import Cursor
from catalog.request import Request
from executors import runs
from executors.port import RunState
from executors.workflow import inbox
from executors.workflow.approval import waits_for, whom
from executors.workflow.inbox import Approval
from executors.workflow.journal import run_of
from executors.workflow.progress import Phase
from platform_api import lookups, notices
from platform_api.asking import find_request
from platform_api.commands.uses import users_of
from platform_api.decision_views import DecisionView
from platform_api.doors import READER, List, Parts, PathName, refusals
from platform_api.lifecycle_views import DeprecationView
from platform_api.lookups import Committed
from platform_api.paging import Page
from platform_api.parts import Platform
from platform_api.run_views import EventView, RunView
from platform_api.wire import At, Maybe, View
from policy import store as decisions
from reconciler import operations
from reconciler.drift import Difference
from reconciler.explain import Asked, Explanation, explain
from reconciler.operation import Operation
from reconciler.relation import Obstacle
from reconciler.situation import load

router = APIRouter(
    prefix="/v1/projects/{project}/requests/{name}",
    tags=["requests"],
    dependencies=[READER],
    responses=refusals(404, 410),
)


_OTHER_REQUESTS = frozenset({"UsedNotReady", "ChildNotReady", "ChildHeldUp", "ChildrenLeaving"})


class DifferenceView(View):
    """One path at which what is there differs from what was delivered."""

    path: str
    delivered: Any = None
    seen: Any = None

    @classmethod
    def of(cls, difference: Difference) -> "DifferenceView":
        """Return the view of a difference."""
        return cls(path=difference.path, delivered=difference.applied, seen=difference.observed)


class WaitingOnView(View):
    """Whose move it is."""

    kind: str
    ref: Maybe[str] = None
    owner: Maybe[str] = None


class UsedByView(View):
    """Somebody who uses a request."""

    kind: str
    ref: str
    reason: Maybe[str] = None


class WhyView(View):
    """Why a request is where it is: what, since when, whose move it is, what to do.

    Attributes:
        used_by: who uses it, or a child of it.
        deletion_queued_at: since when it is to go as soon as nobody does.
    """

    name: str
    phase: str
    reason: str
    message: str
    since: At
    waiting_on: WaitingOnView
    next_action: str
    retry_at: Maybe[At] = None
    differences: list[DifferenceView]
    used_by: list[UsedByView] = Field(default_factory=list)
    deletion_queued_at: Maybe[At] = None
    contract_version: str
    deprecation: Maybe[DeprecationView] = None

    @classmethod
    def of(cls, request: Request, found: Explanation) -> "WhyView":
        """Return the view of an explanation."""
        waiting, held = found.waiting_on, notices.known(request)
        return cls(
            name=request.name,
            phase=str(found.phase),
            reason=found.reason,
            message=found.message,
            since=found.since,
            waiting_on=WaitingOnView(
                kind=str(waiting.kind), ref=waiting.ref or None, owner=waiting.owner or None
            ),
            next_action=found.next_action,
            retry_at=found.retry_at,
            differences=[DifferenceView.of(each) for each in found.differences],
            contract_version=request.contract_version,
            deprecation=None if held is None else DeprecationView.of(held),
        )


class CommittedView(View):
    """A file that stands in git for a request, and the commit that put it there."""

    branch: str
    path: str
    commit: str
    written_at: At

    @classmethod
    def of(cls, file: Committed) -> "CommittedView":
        """Return the view of a file."""
        return cls(branch=file.branch, path=file.path, commit=file.commit, written_at=file.written_at)


class CommittedList(View):
    """What git holds for a request: what is wanted on `main`, what was delivered on `state`."""

    items: list[CommittedView]


@router.get("/runs", operation_id="listRequestRuns")
def list_request_runs(platform: Parts, project: PathName, name: PathName, window: List) -> Page[RunView]:
    """List what was executed for a request, newest first."""
    request = find_request(platform, project, name)
    before = str(window.after[0]) if window.after else None
    with platform.db.read() as tx:
        rows = runs.by_request(tx, project, request.uid, window.limit, before)
    return window.page(rows, RunView.of, lambda row: [row.id])


@router.get("/events", operation_id="listRequestEvents")
def list_request_events(platform: Parts, project: PathName, name: PathName, window: List) -> Page[EventView]:
    """List what happened to a request, oldest first."""
    request = find_request(platform, project, name)
    cursor = Cursor(int(window.after[0]), int(window.after[1])) if window.after else Cursor()
    with platform.db.read() as tx:
        rows = events.after(tx, cursor, window.limit, projects=[project], request_uid=request.uid)
    return window.page(rows, EventView.of, lambda row: [row.cursor.xid, row.cursor.id])


@router.get("/decisions", operation_id="listRequestDecisions")
def list_request_decisions(
    platform: Parts, project: PathName, name: PathName, window: List
) -> Page[DecisionView]:
    """List what policy said about a request, newest first."""
    request = find_request(platform, project, name)
    before = str(window.after[0]) if window.after else None
    with platform.db.read() as tx:
        rows = decisions.page(tx, project, window.limit, before=before, subject=request.uid)
    return window.page(rows, DecisionView.of, lambda row: [row.id])


@router.get("/git", operation_id="listRequestFiles")
def list_request_files(platform: Parts, project: PathName, name: PathName) -> CommittedList:
    """List what git holds for a request, with the commits that put it there."""
    request = find_request(platform, project, name)
    with platform.db.read() as tx:
        return CommittedList(items=[CommittedView.of(file) for file in lookups.committed(tx, request.uid)])


@router.get("/why", operation_id="explainRequest")
def explain_request(platform: Parts, project: PathName, name: PathName) -> WhyView:
    """Say why a request is where it is, whose move it is, and what to do."""
    request = find_request(platform, project, name)
    found = WhyView.of(request, explanation_of(platform, request))
    with platform.db.read() as tx:
        users = users_of(tx, request)
    used_by = [UsedByView(kind=each.kind, ref=each.ref, reason=each.reason or None) for each in users]
    more = {"used_by": used_by, "deletion_queued_at": request.deletion_queued_at}
    return found.model_copy(update=more)


def explanation_of(platform: Platform, request: Request) -> Explanation:
    """Return why a request is where it is."""
    with platform.db.read() as tx:
        return _explained(platform, tx, request)


def _explained(platform: Platform, tx: Tx, request: Request) -> Explanation:
    loaded = load(tx, request.uid, platform.clock())
    obstacle, newest = loaded.situation.obstacle, operations.newest(tx, request.uid)
    return explain(
        loaded.situation.request,
        loaded.target.owner,
        newest,
        lookups.due_at(tx, request.uid),
        differences_of(platform, tx, request),
        asked=[_asked(approval) for approval in inbox.open_of(tx, request.uid)],
        signal=_signal_awaited(tx, newest),
        obstacle=obstacle,
        behind=_behind(platform, tx, request, obstacle),
    )


def _behind(platform: Platform, tx: Tx, request: Request, obstacle: Obstacle | None) -> Explanation | None:
    """Return why the request that stands in the way of another is where it is, if it is a request."""
    if obstacle is None or obstacle.reason not in _OTHER_REQUESTS:
        return None
    found = requests.by_names(tx, request.project, [obstacle.ref]).get(obstacle.ref)
    return None if found is None else _explained(platform, tx, found)


def _signal_awaited(tx: Tx, operation: Operation | None) -> str:
    """Return the signal that an operation's run waits for; empty when it waits for none, or is held."""
    if operation is None or not operation.state.is_open:
        return ""
    record = runs.by_key(tx, operation.idempotency_key)
    if record is None or record.report.state is not RunState.WAITING:
        return ""
    run = run_of(runs.entries(tx, record.id))
    parked = (run.progress[call] for call in run.live if run.progress[call].phase is Phase.PARKED)
    return "" if run.is_paused else next((each.awaited for each in parked if each.awaited), "")


def _asked(approval: Approval) -> Asked:
    standing = approval.standing
    return Asked(approval.id, whom(standing), waits_for(standing), standing.task.opened_at)


def differences_of(platform: Platform, tx: Tx, request: Request) -> tuple[Difference, ...]:
    """Return what differed when the request's thing was looked at last."""
    situation = load(tx, request.uid, platform.clock()).situation
    return replace(situation, observation=fleet_store.observation(tx, request.uid)).drifted
