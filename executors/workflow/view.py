"""A run's state in the words of the port, and step by step for people.

`report_of` is the projection that the run's row holds; it is computed from the fold and
from nothing else, so the row can always be checked against the journal. `step_views` is
what the API lists under a run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from executors.port import RunReport, RunState
from executors.workflow.approval import waits_for
from executors.workflow.events import Ended, Side
from executors.workflow.places import inside, instance
from executors.workflow.progress import CallId, Phase, Progress, Run
from executors.workflow.spec import Action, Ask, Doing, Nested, Wait, Workflow


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as people see it.

    Attributes:
        id: its name in the run, such as `network[2]/reserve`.
        uses: the step kind, or `approval`, `wait`, `workflow <file>`.
        undo: where its compensation stands; None when it has none or none was needed.
    """

    id: str
    uses: str
    state: Phase
    attempts: int
    message: str
    began_at: datetime | None
    ended_at: datetime | None
    next_attempt_at: datetime | None
    undo: Phase | None


def report_of(run: Run, run_id: str) -> RunReport:
    """Return the run's state as an executor reports it."""
    if run.ended is not None:
        return _final_report(run, run.ended, run_id)
    call = _telling(run)
    progress = Progress() if call is None else run.of(*call)
    is_waiting = progress.phase in (Phase.WAITING, Phase.HELD, Phase.PARKED) and not run.flying
    return RunReport(
        state=_state(run, call, progress),
        run_id=run_id,
        message=_message(run, call, progress),
        step="" if call is None else call[0],
        attempts=progress.attempts,
        next_attempt_at=progress.due_at if is_waiting and not run.is_paused else None,
    )


def step_views(workflow: Workflow, run: Run) -> Iterator[StepView]:
    """Yield every step of the workflow, begun or not, each with its parts that were begun."""
    return _views(workflow, workflow, run, "")


def _views(whole: Workflow, workflow: Workflow, run: Run, scope: str) -> Iterator[StepView]:
    for step in workflow.steps.values():
        place = inside(scope, step.id)
        yield _view(run, place, step.do)
        fan = run.fans.get(place)
        parts = [instance(place, index) for index in range(len(fan.items))] if fan is not None else []
        begun = [part for part in parts if (part, Side.DO) in run.progress]
        for part in begun or [place]:
            if part != place:
                yield _view(run, part, step.do)
            if part in run.scopes and isinstance(step.do, Nested):
                yield from _views(whole, whole.nested[step.do.file], run, part)


def _view(run: Run, place: str, doing: Doing) -> StepView:
    done, undone = run.of(place, Side.DO), run.of(place, Side.UNDO)
    failure = undone.failure or done.failure
    return StepView(
        id=place,
        uses=uses_of(doing),
        state=done.phase,
        attempts=done.attempts,
        message=failure.message if failure is not None else _waits_for(run, place, done),
        began_at=done.began_at,
        ended_at=done.ended_at,
        next_attempt_at=done.due_at,
        undo=None if undone.phase is Phase.IDLE else undone.phase,
    )


def uses_of(doing: Doing) -> str:
    """Return what a step does, in a word or two: its kind, or what else it is."""
    match doing:
        case Action(uses=uses):
            return uses
        case Ask():
            return "approval"
        case Wait():
            return "wait"
        case Nested(file=file):
            return f"workflow {file}"


def _final_report(run: Run, ended: Ended, run_id: str) -> RunReport:
    step = ended.step
    failed = run.of(step, Side.UNDO if run.of(step, Side.UNDO).phase is Phase.FAILED else Side.DO)
    return RunReport(
        state=ended.state,
        run_id=run_id,
        outputs=ended.outputs,
        facts=ended.facts,
        message=ended.message,
        step=step,
        attempts=failed.attempts,
    )


_TELLING = (Phase.WAITING, Phase.UNCERTAIN, Phase.ASKING, Phase.PARKED, Phase.HELD)
"""What says most about a run in which no call is under way, first to last."""


def _telling(run: Run) -> CallId | None:
    """Return the call or step that says most about where the run stands."""
    if run.flying:
        return run.current if run.current in run.flying else next(reversed(run.flying))
    if run.current in run.live and run.of(*run.current).phase is _TELLING[0]:
        return run.current
    for phase in _TELLING:
        for call in run.live:
            if run.progress[call].phase is phase:
                return call
    return run.current


def _state(run: Run, call: CallId | None, progress: Progress) -> RunState:
    if run.compensation is not None:
        return RunState.COMPENSATING
    if run.flying:
        return RunState.RUNNING
    if run.is_paused or progress.phase in (Phase.ASKING, Phase.PARKED, Phase.HELD):
        return RunState.WAITING
    if progress.phase is Phase.WAITING:
        return RunState.RETRYING
    return RunState.PENDING if call is None else RunState.RUNNING


def _message(run: Run, call: CallId | None, progress: Progress) -> str:
    if run.is_paused and run.pause is not None:
        return f"paused: {run.pause.reason}"
    if run.compensation is not None:
        return run.compensation.message
    if progress.failure is not None:
        return progress.failure.message
    return "" if call is None else _waits_for(run, call[0], progress)


def _waits_for(run: Run, place: str, progress: Progress) -> str:
    match progress.phase:
        case Phase.ASKING:
            return waits_for(run.asked[place])
        case Phase.HELD:
            return f"waits to be let in at {progress.awaited}"
        case Phase.PARKED if progress.awaited:
            return f"waits for the signal {progress.awaited}"
        case Phase.PARKED if progress.due_at is not None:
            return f"waits until {progress.due_at.isoformat(timespec='seconds')}"
    return ""
