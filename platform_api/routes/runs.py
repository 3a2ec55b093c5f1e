"""Runs: how it is being done, step by step."""

from functools import partial

from fastapi import APIRouter
from starlette.responses import Response

from executors import runs
from executors.workflow import history
from executors.workflow.view import StepView as Step
from platform_api import lookups
from platform_api.commands import runs as commands
from platform_api.doors import Ends, List, Parts, PathId, SignedIn, answer_of, answers, refusals
from platform_api.paging import Page
from platform_api.run_views import RunView
from platform_api.wire import At, JsonDocument, Maybe, View

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["runs"], responses=refusals(404))


class StepView(View):
    """One step of a run, begun or not."""

    id: str
    uses: str
    state: str
    attempts: int
    message: Maybe[str] = None
    began_at: Maybe[At] = None
    ended_at: Maybe[At] = None
    next_attempt_at: Maybe[At] = None
    undo: Maybe[str] = None

    @classmethod
    def of(cls, step: Step) -> "StepView":
        """Return the view of a step."""
        return cls(
            id=step.id,
            uses=step.uses,
            state=str(step.state),
            attempts=step.attempts,
            message=step.message or None,
            began_at=step.began_at,
            ended_at=step.ended_at,
            next_attempt_at=step.next_attempt_at,
            undo=None if step.undo is None else str(step.undo),
        )


class StepList(View):
    """Every step of a run, in the order of the workflow."""

    items: list[StepView]


class JournalEntryView(View):
    """One line of a run's journal; `seq` runs from 1 without a gap."""

    seq: int
    type: str
    body: JsonDocument


@router.get("", operation_id="getRun")
def get_run(platform: Parts, actor: SignedIn, run_id: PathId) -> RunView:
    """Show a run."""
    with platform.db.read() as tx:
        project = lookups.project_of_run(tx, actor, run_id)
        return RunView.of(runs.load(tx, project, run_id))


@router.get("/steps", operation_id="listRunSteps")
def list_run_steps(platform: Parts, actor: SignedIn, run_id: PathId) -> StepList:
    """List a run's steps."""
    with platform.db.read() as tx:
        project = lookups.project_of_run(tx, actor, run_id)
        return StepList(items=[StepView.of(step) for step in history.steps(tx, project, run_id)])


@router.get("/events", operation_id="listRunEvents")
def list_run_events(platform: Parts, actor: SignedIn, run_id: PathId, window: List) -> Page[JournalEntryView]:
    """List a run's journal; its state is the fold of these entries."""
    after = int(window.after[0]) if window.after else 0
    with platform.db.read() as tx:
        lookups.project_of_run(tx, actor, run_id)
        rows = runs.entries(tx, run_id, after, window.limit)
    return window.page(
        rows,
        lambda row: JournalEntryView(seq=row.seq, type=row.type, body=dict(row.body)),
        lambda row: [row.seq],
    )


@router.post(
    "/cancel",
    operation_id="cancelRun",
    status_code=202,
    response_model=None,
    responses=answers(RunView, 200, 202),
)
def cancel_run(platform: Parts, actor: SignedIn, run_id: PathId, ends: Ends) -> Response:
    """Stop a run; what it did is undone."""
    with platform.db.read() as tx:
        project = lookups.project_of_run(tx, actor, run_id)
    command = partial(commands.cancel, platform, actor, project, run_id)
    return ends.settle(
        command, lambda run: answer_of(RunView.of(run), 202, {"Location": f"/v1/runs/{run.id}"})
    )
