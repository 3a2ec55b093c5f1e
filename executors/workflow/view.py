"""A run's state in the words of the port, and step by step for people.

`report_of` is the projection that the run's row holds; it is computed from the fold and
from nothing else, so the row can always be checked against the journal. `step_views` is
what the API lists under a run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from executors.port import RunReport, RunState
from executors.workflow.events import Ended, Side
from executors.workflow.spec import Workflow
from executors.workflow.state import Phase, Progress, Run


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as people see it.

    Attributes:
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
    current = _current(run)
    step = run.current[0] if run.current is not None else ""
    message = current.failure.message if current.failure is not None else ""
    if run.compensation is not None:
        message = run.compensation.message
    return RunReport(
        state=_state(run, current),
        run_id=run_id,
        message=message,
        step=step,
        attempts=current.attempts,
        next_attempt_at=current.due_at if current.phase is Phase.WAITING else None,
    )


def step_views(workflow: Workflow, run: Run) -> Iterator[StepView]:
    """Yield every step of the workflow, begun or not."""
    for step in workflow.steps.values():
        done = run.of(step.id, Side.DO)
        undone = run.of(step.id, Side.UNDO)
        failure = undone.failure or done.failure
        yield StepView(
            id=step.id,
            uses=step.do.uses,
            state=done.phase,
            attempts=done.attempts,
            message=failure.message if failure is not None else "",
            began_at=done.began_at,
            ended_at=done.ended_at,
            next_attempt_at=done.due_at,
            undo=None if undone.phase is Phase.IDLE else undone.phase,
        )


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


def _current(run: Run) -> Progress:
    return Progress() if run.current is None else run.of(*run.current)


def _state(run: Run, current: Progress) -> RunState:
    if run.compensation is not None:
        return RunState.COMPENSATING
    if current.phase is Phase.WAITING:
        return RunState.RETRYING
    return RunState.PENDING if run.current is None else RunState.RUNNING
