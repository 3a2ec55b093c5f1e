"""How the entries about calls change where a run stands.

`state` applies these to a `Run` of its own; each refuses an entry that cannot follow. A
step's doing and its undoing obey the same rules, except that only what was done is undone,
in reverse order, and nothing is done any more once compensation began.
"""

from executors.workflow.events import (
    AttemptFailed,
    AttemptLost,
    AttemptStarted,
    AttemptSucceeded,
    AttemptUncertain,
    CallEvent,
    FailureKind,
    LookStarted,
    Side,
)
from executors.workflow.progress import Phase, Progress, Run, illegal
from executors.workflow.step_state import entered, left, put


def attempt_started(run: Run, event: AttemptStarted) -> None:
    """A call is under way."""
    before = _expect(run, event, Phase.IDLE, Phase.WAITING, Phase.HELD)
    if event.attempt != before.attempts + 1:
        raise illegal(event, "attempts are counted without a gap")
    _check_side(run, event)
    if before.phase is Phase.IDLE and event.side is Side.DO:
        entered(run, event)
    running = before.but(
        phase=Phase.RUNNING,
        attempts=event.attempt,
        looks=0,
        was_lost=False,
        due_at=None,
        awaited="",
        began_at=before.began_at or event.at,
    )
    _moved(run, event, running)


def attempt_succeeded(run: Run, event: AttemptSucceeded) -> None:
    """A call is done."""
    before = _expect(run, event, Phase.LOOKING if event.found else Phase.RUNNING)
    done = before.but(
        phase=Phase.DONE,
        outputs=event.outputs,
        failure=None,
        in_doubt=False,
        is_insisted=False,
        due_at=None,
        ended_at=event.at,
    )
    _moved(run, event, done)
    if event.side is Side.DO:
        run.finished = (*run.finished, event.step)
        left(run, event.step)
    else:
        run.undone = len(run.finished) - _to_undo(run, event)


def attempt_failed(run: Run, event: AttemptFailed) -> None:
    """A call failed, for now or for good."""
    before = _expect(run, event, Phase.RUNNING, Phase.LOOKING, Phase.UNCERTAIN)
    is_last = event.retry_at is None
    was_looked_up = before.phase is Phase.LOOKING
    failed = before.but(
        phase=Phase.FAILED if is_last else Phase.WAITING,
        failures=before.failures + (0 if before.was_lost or event.is_free else 1),
        in_doubt=event.failure.kind is FailureKind.UNKNOWN if was_looked_up else before.in_doubt,
        failure=event.failure,
        due_at=event.retry_at,
        ended_at=event.at if is_last else None,
    )
    _moved(run, event, failed)
    if is_last and event.side is Side.DO:
        if event.failure.kind.may_have_happened:
            run.finished = (*run.finished, event.step)
        left(run, event.step)
        run.failures = (*run.failures, event.step)


def attempt_uncertain(run: Run, event: AttemptUncertain) -> None:
    """It is not known whether a call took effect."""
    before = _expect(run, event, Phase.RUNNING, Phase.LOOKING, Phase.WAITING, Phase.HELD)
    if before.phase in (Phase.WAITING, Phase.HELD) and not before.in_doubt:
        raise illegal(event, "it certainly did not happen")
    uncertain = before.but(phase=Phase.UNCERTAIN, failure=event.failure, due_at=event.look_at)
    _moved(run, event, uncertain)


def attempt_lost(run: Run, event: AttemptLost) -> None:
    """The worker of a call is gone."""
    before = _expect(run, event, Phase.RUNNING, Phase.LOOKING)
    lost = before.but(
        phase=Phase.UNCERTAIN,
        crashes=before.crashes + 1,
        was_lost=before.was_lost or before.phase is Phase.RUNNING,
        due_at=event.at,
    )
    _moved(run, event, lost)


def look_started(run: Run, event: LookStarted) -> None:
    """A look is under way."""
    before = _expect(run, event, Phase.UNCERTAIN)
    _moved(run, event, before.but(phase=Phase.LOOKING, looks=before.looks + 1, due_at=None))


def _expect(run: Run, event: CallEvent, *phases: Phase) -> Progress:
    before = run.of(event.step, event.side)
    if before.phase not in phases:
        raise illegal(event, f"{event.side} {event.step} is {before.phase}")
    return before


def _check_side(run: Run, event: AttemptStarted) -> None:
    if (event.side is Side.UNDO) is not (run.compensation is not None):
        raise illegal(event, "nothing is done after compensation began, and nothing undone before")
    if event.side is Side.UNDO:
        _to_undo(run, event)


def _to_undo(run: Run, event: CallEvent) -> int:
    """Return which of the finished steps is undone; those after it have no undoing, or had theirs."""
    for place in range(len(run.finished) - run.undone - 1, -1, -1):
        if run.finished[place] == event.step:
            return place
        if (run.finished[place], Side.UNDO) in run.live:
            break
    raise illegal(event, "only what was done is undone, in reverse order")


def _moved(run: Run, event: CallEvent, progress: Progress) -> None:
    call = (event.step, event.side)
    run.current = call
    put(run, call, progress)
