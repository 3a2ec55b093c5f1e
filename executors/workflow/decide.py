"""What happens next in a run: the engine's core, a function of its arguments.

    decide(course, run, news, moment) -> Decision(events, calls, due_at)

The worker hands in what came up (an answer, a cancel, the fact that it took the run over),
writes the events down in one transaction, and only then makes the calls. Time, dice and
the claim's fence come in as a `Moment`. Doing and undoing follow the same rules: announce,
call, retry what did not happen, look up what may have happened, give up. The simulator in
`tests/property` drives this through thousands of crashes a second.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from executors.outputs import InvalidOutput, checked
from executors.port import RunState
from executors.references import Unresolved, resolved
from executors.retry import Again, delay_before, retry_decision
from executors.workflow.events import (
    AttemptFailed,
    AttemptLost,
    AttemptStarted,
    AttemptSucceeded,
    AttemptUncertain,
    CancelRequested,
    CompensationStarted,
    Ended,
    Event,
    Failure,
    FailureKind,
    LookStarted,
    Side,
    SignalReceived,
)
from executors.workflow.exchange import (
    Absent,
    Call,
    Cancel,
    Claimed,
    Course,
    Decision,
    Done,
    Failed,
    Moment,
    News,
    Outcome,
    Returned,
    Signal,
    Verb,
)
from executors.workflow.spec import OnUnknown
from executors.workflow.state import Phase, Progress, Run, after

MAX_CRASHES = 3
"""So many lost workers in one step make it poison: it is the step that kills them."""

MAX_LOOKS = 5
"""So often an uncertain effect is looked up before a person is asked."""

MAX_ASKED_WAIT_SECONDS = 3600.0
"""The other side may ask to be left alone for this long, and no longer."""


@dataclass(frozen=True, slots=True)
class _Move:
    events: tuple[Event, ...] = ()
    calls: tuple[Call, ...] = ()
    due_at: datetime | None = None


def decide(course: Course, run: Run, news: Sequence[News], moment: Moment) -> Decision:
    """Return what follows from the news, up to the next call, wait or end."""
    settled = settle(course, run, news, moment)
    run, events = settled.run, list(settled.events)
    while True:
        move = _next(course, run, moment)
        run = _recorded(run, move.events)
        events += move.events
        if move.calls or move.due_at is not None or not move.events:
            return Decision(run, tuple(events), move.calls, move.due_at)


def settle(course: Course, run: Run, news: Iterable[News], moment: Moment) -> Decision:
    """Return what the news amount to, without beginning anything new.

    A worker that is asked to stop uses this alone; news for a run that has ended, or about
    a call that is not under way, amount to nothing.
    """
    events: list[Event] = []
    for piece in news:
        new = () if run.ended is not None else tuple(_settled(course, run, piece, moment))
        run = _recorded(run, new)
        events += new
    return Decision(run, tuple(events))


def _recorded(run: Run, events: Iterable[Event]) -> Run:
    for event in events:
        run = after(run, event)
    return run


def _settled(course: Course, run: Run, piece: News, moment: Moment) -> Iterator[Event]:
    match piece:
        case Claimed():
            yield from _lost(run, moment)
        case Returned(call, outcome):
            yield from _answered(course, run, call, outcome, moment)
        case Cancel(number, reason):
            yield CancelRequested(moment.now, number, reason)
        case Signal(number, name, payload):
            yield SignalReceived(moment.now, number, name, payload)


def _lost(run: Run, moment: Moment) -> Iterator[Event]:
    for step, side in run.in_flight():
        yield AttemptLost(moment.now, step, side)
        if run.of(step, side).crashes + 1 >= MAX_CRASHES:
            message = f"the worker was lost {MAX_CRASHES} times in the middle of this step"
            failure = Failure(FailureKind.POISON, "poison_step", message)
            yield AttemptFailed(moment.now, step, side, failure, None)


def _answered(course: Course, run: Run, call: Call, outcome: Outcome, moment: Moment) -> Iterator[Event]:
    progress = run.of(call.step, call.side)
    expected = Phase.RUNNING if call.verb is Verb.RUN else Phase.LOOKING
    if progress.phase is not expected or progress.attempts != call.attempt:
        return
    match outcome:
        case Done(outputs):
            yield AttemptSucceeded(moment.now, call.step, call.side, outputs, found=call.verb is Verb.LOOK)
        case Absent():
            yield _did_not_happen(course, progress, call, moment)
        case Failed(failure) if failure.kind is FailureKind.UNKNOWN:
            yield _cannot_tell(course, progress, call, outcome, moment)
        case Failed(failure) if failure.kind is FailureKind.TRANSIENT:
            yield _again_or_never(course, progress, call, outcome, moment)
        case Failed(failure):
            yield _given_up(progress, call, failure, moment)


def _did_not_happen(course: Course, progress: Progress, call: Call, moment: Moment) -> Event:
    failure = progress.failure
    if progress.was_lost or failure is None:
        # Nobody's fault but the worker's, and crashes are counted apart: at once, and for free.
        lost = Failure(FailureKind.TRANSIENT, "worker_lost", "the worker was lost before it happened")
        return AttemptFailed(moment.now, call.step, call.side, lost, retry_at=moment.now)
    if failure.kind is FailureKind.PERMANENT:
        return AttemptFailed(moment.now, call.step, call.side, failure, None)
    passing = Failure(FailureKind.TRANSIENT, failure.code, failure.message)
    return _again_or_never(course, progress, call, Failed(passing), moment)


def _again_or_never(course: Course, progress: Progress, call: Call, failed: Failed, moment: Moment) -> Event:
    decision = retry_decision(course.action(call.step, call.side).retry, progress.failures + 1, moment.roll)
    if not isinstance(decision, Again):
        return _given_up(progress, call, failed.failure, moment)
    wait = max(decision.delay_seconds, min(failed.retry_after_seconds, MAX_ASKED_WAIT_SECONDS))
    retry_at = moment.now + timedelta(seconds=wait)
    return AttemptFailed(moment.now, call.step, call.side, failed.failure, retry_at)


def _given_up(progress: Progress, call: Call, failure: Failure, moment: Moment) -> Event:
    if progress.in_doubt and call.verb is Verb.RUN and not failure.kind.may_have_happened:
        # This attempt did not happen; an earlier one still may have.
        return AttemptUncertain(moment.now, call.step, call.side, failure, look_at=moment.now)
    return AttemptFailed(moment.now, call.step, call.side, failure, None)


def _cannot_tell(course: Course, progress: Progress, call: Call, failed: Failed, moment: Moment) -> Event:
    if call.verb is Verb.RUN:
        return AttemptUncertain(moment.now, call.step, call.side, failed.failure, look_at=moment.now)
    action = course.action(call.step, call.side)
    if action.on_unknown is OnUnknown.RETRY:
        return _again_or_never(course, progress, call, failed, moment)
    if action.on_unknown is OnUnknown.OBSERVE and progress.looks < MAX_LOOKS:
        wait = delay_before(progress.looks + 1, action.retry, moment.roll)
        look_at = moment.now + timedelta(seconds=wait)
        return AttemptUncertain(moment.now, call.step, call.side, failed.failure, look_at)
    return AttemptFailed(moment.now, call.step, call.side, failed.failure, None)


def _next(course: Course, run: Run, moment: Moment) -> _Move:
    if run.ended is not None or run.in_flight():
        return _Move()
    return _backward(course, run, moment) if run.compensation is not None else _forward(course, run, moment)


def _forward(course: Course, run: Run, moment: Moment) -> _Move:
    for step in course.workflow.steps:
        progress = run.of(step, Side.DO)
        if progress.phase is Phase.DONE:
            continue
        if progress.phase is Phase.FAILED:
            return _failed(step, progress, moment)
        if run.cancel is not None and not _may_have_happened(progress):
            break
        return _pursue(step, Side.DO, progress, moment)
    if run.cancel is not None:
        return _Move((CompensationStarted(moment.now, RunState.CANCELLED, "", run.cancel.reason),))
    return _Move((_success(course, run, moment),))


def _may_have_happened(progress: Progress) -> bool:
    return progress.phase is Phase.UNCERTAIN or progress.in_doubt


def _backward(course: Course, run: Run, moment: Moment) -> _Move:
    for step in reversed(run.finished):
        progress = run.of(step, Side.UNDO)
        if course.workflow.steps[step].undo is None or progress.phase is Phase.DONE:
            continue
        if progress.phase is Phase.FAILED:
            return _Move((_stuck(step, f"undoing {step} failed", progress, moment),))
        return _pursue(step, Side.UNDO, progress, moment)
    cause = run.compensation
    assert cause is not None  # noqa: S101  # only a compensating run goes backward; tells mypy
    return _Move((Ended(moment.now, cause.ends, cause.step, cause.message),))


def _pursue(step: str, side: Side, progress: Progress, moment: Moment) -> _Move:
    if progress.due_at is not None and progress.due_at > moment.now:
        return _Move(due_at=progress.due_at)
    if progress.phase is Phase.UNCERTAIN:
        look = Call(step, side, Verb.LOOK, progress.attempts)
        return _Move((LookStarted(moment.now, step, side, moment.fence),), (look,))
    attempt = progress.attempts + 1
    started = AttemptStarted(moment.now, step, side, attempt, moment.fence)
    return _Move((started,), (Call(step, side, Verb.RUN, attempt),))


def _failed(step: str, progress: Progress, moment: Moment) -> _Move:
    failure = progress.failure
    if failure is not None and failure.kind is FailureKind.UNKNOWN:
        return _Move((_stuck(step, f"it is not known whether {step} took effect", progress, moment),))
    message = f"{step} failed: {failure.message}" if failure is not None else f"{step} failed"
    return _Move((CompensationStarted(moment.now, RunState.FAILED, step, message),))


def _stuck(step: str, what: str, progress: Progress, moment: Moment) -> Ended:
    why = f": {progress.failure.message}" if progress.failure is not None else ""
    return Ended(moment.now, RunState.STUCK, step, what + why)


def _success(course: Course, run: Run, moment: Moment) -> Event:
    roots = course.roots(run)
    try:
        outputs = checked(resolved(course.workflow.outputs, roots))
        facts = checked(resolved(course.workflow.facts, roots))
    except (Unresolved, InvalidOutput) as error:
        message = f"what the workflow hands back is not usable: {error}"
        return CompensationStarted(moment.now, RunState.FAILED, "", message)
    return Ended(moment.now, RunState.SUCCEEDED, outputs=outputs, facts=facts)
