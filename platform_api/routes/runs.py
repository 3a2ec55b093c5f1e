"""Runs: how it is being done, step by step."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from catalog.actor import Actor
from executors import late_answers, runs
from executors.late_answers import LateAnswer
from executors.runs import RunRecord
from executors.workflow import history
from executors.workflow.view import StepView as Step
from platform_api import lookups
from platform_api.bodies import JsonBody
from platform_api.commands import retrying, steering
from platform_api.commands import runs as commands
from platform_api.commands.steering import Signal
from platform_api.doors import Ending, Ends, List, Parts, PathId, SignedIn, answer_of, answers, refusals
from platform_api.paging import Page
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from platform_api.run_views import RunView
from platform_api.wire import At, Body, JsonDocument, Maybe, View

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


class LateAnswerView(View):
    """What a worker heard that had lost its run; the run does not know of it.

    Attributes:
        fence: of the claim under which the call was made.
        outcome: done, absent, or the kind of failure.
    """

    step: str
    side: str
    verb: str
    attempt: int
    fence: int
    outcome: str
    detail: JsonDocument
    at: At

    @classmethod
    def of(cls, answer: LateAnswer) -> "LateAnswerView":
        """Return the view of an answer."""
        return cls(
            step=answer.step,
            side=answer.side,
            verb=answer.verb,
            attempt=answer.attempt,
            fence=answer.fence,
            outcome=answer.outcome,
            detail=dict(answer.detail),
            at=answer.at,
        )


class LateAnswerList(View):
    """What came too late for a run, the newest first."""

    items: list[LateAnswerView]


class JournalEntryView(View):
    """One line of a run's journal; `seq` runs from 1 without a gap."""

    seq: int
    type: str
    body: JsonDocument


class SignalRequest(Body):
    """A named event for a run."""

    name: str = Field(description="As the workflow's wait names it: 1 to 63 of a-z, 0-9, . _ -")
    payload: JsonDocument = Field(
        default_factory=dict, description="Becomes the outputs of the step that waits for it; at most 64 KiB."
    )


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


@router.get("/late-answers", operation_id="listLateAnswers")
def list_late_answers(platform: Parts, actor: SignedIn, run_id: PathId) -> LateAnswerList:
    """List answers that came when another worker had the run already; some may tell of an effect."""
    with platform.db.read() as tx:
        project = lookups.project_of_run(tx, actor, run_id)
        found = late_answers.of_run(tx, project, run_id)
    return LateAnswerList(items=[LateAnswerView.of(answer) for answer in found])


@router.post(
    "/cancel",
    operation_id="cancelRun",
    status_code=202,
    response_model=None,
    responses=answers(RunView, 200, 202),
)
def cancel_run(platform: Parts, actor: SignedIn, run_id: PathId, ends: Ends) -> Response:
    """Stop a run; what it did is undone."""
    return _settled(platform, actor, run_id, ends, commands.cancel)


@router.post(
    "/pause",
    operation_id="pauseRun",
    status_code=202,
    response_model=None,
    responses=answers(RunView, 200, 202),
)
def pause_run(platform: Parts, actor: SignedIn, run_id: PathId, ends: Ends) -> Response:
    """Hold a run: what is under way ends, nothing more begins."""
    return _settled(platform, actor, run_id, ends, steering.pause)


@router.post(
    "/resume",
    operation_id="resumeRun",
    status_code=202,
    response_model=None,
    responses=answers(RunView, 200, 202),
)
def resume_run(platform: Parts, actor: SignedIn, run_id: PathId, ends: Ends) -> Response:
    """Let a held run go on."""
    return _settled(platform, actor, run_id, ends, steering.resume)


@router.post(
    "/retry",
    operation_id="retryRun",
    status_code=202,
    response_model=None,
    responses=answers(RunView, 200, 202) | refusals(412),
)
def retry_run(platform: Parts, actor: SignedIn, run_id: PathId, ends: Ends) -> Response:
    """Let a failed or stuck run go on from where it failed, if policy allows it; settles its dead letter."""
    return _settled(platform, actor, run_id, ends, retrying.retry)


@router.post(
    "/signals",
    operation_id="sendSignal",
    status_code=202,
    response_model=None,
    responses=answers(RunView, 200, 202),
)
def send_signal(
    platform: Parts,
    actor: SignedIn,
    run_id: PathId,
    body: Annotated[SignalRequest, Depends(JsonBody(SignalRequest))],
    ends: Ends,
) -> Response:
    """Send a run a named event; one that comes before its wait counts as well."""
    sent = Signal(body.name, body.payload)
    return _settled(platform, actor, run_id, ends, partial(steering.signal, sent=sent))


Command = Callable[[Platform, Actor, str, str, Receipt[RunRecord]], RunRecord]


def _settled(platform: Platform, actor: Actor, run_id: str, ends: Ending, command: Command) -> Response:
    with platform.db.read() as tx:
        project = lookups.project_of_run(tx, actor, run_id)
    return ends.settle(
        partial(command, platform, actor, project, run_id),
        lambda run: answer_of(RunView.of(run), 202, {"Location": f"/v1/runs/{run.id}"}),
    )
