"""Where a run stands: the fold of its journal.

`fold` reads a journal and `after` adds one entry; nothing else makes a `Run`. Both check:
an entry that cannot follow is an `IllegalTransition`, a hole in the numbering is a
`JournalGap`, and nothing follows the end. A wrong state is thus found where it arises and
freezes one run instead of spreading. Progress is kept per call (a step's doing and its
undoing apart), so that branches which run beside one another would need no other shape.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from catalog.digest import Json
from catalog.errors import Internal
from executors.port import RunState
from executors.workflow.events import (
    Accepted,
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
    StepEvent,
)


class IllegalTransition(Internal):
    """An entry that cannot follow from the state before it."""


class JournalGap(Internal):
    """The journal's entries are not numbered 1, 2, 3 without a hole."""


class Phase(StrEnum):
    """Where one call stands."""

    IDLE = "idle"
    RUNNING = "running"  # the call was announced and has not answered
    WAITING = "waiting"  # it did not happen; tried again later
    UNCERTAIN = "uncertain"  # it may have happened; to be looked up
    LOOKING = "looking"  # the look was announced and has not answered
    DONE = "done"
    FAILED = "failed"  # for good


IN_FLIGHT = frozenset({Phase.RUNNING, Phase.LOOKING})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one call (a step's doing, or its undoing) has come.

    Attributes:
        attempts: how often it was begun.
        failures: how often it failed by itself; what the retry policy counts.
        crashes: how often its worker was lost in the middle.
        looks: looks since the last attempt.
        was_lost: the last attempt's worker was lost, which is no failure of the step's own.
        in_doubt: an earlier attempt may have happened; a later one's failure does not settle that.
        due_at: when the next attempt or look may begin.
    """

    phase: Phase = Phase.IDLE
    attempts: int = 0
    failures: int = 0
    crashes: int = 0
    looks: int = 0
    was_lost: bool = False
    in_doubt: bool = False
    due_at: datetime | None = None
    failure: Failure | None = None
    outputs: Mapping[str, Json] = field(default_factory=dict)
    began_at: datetime | None = None
    ended_at: datetime | None = None


_IDLE = Progress()

CallId = tuple[str, Side]


@dataclass(frozen=True, slots=True)
class Run:
    """The state of one run.

    Attributes:
        seq: the number of its last entry.
        progress: per step and side, only for those that were begun.
        current: the call that the last step entry spoke of.
        finished: steps that left an effect or may have, in the order in which they ended.
        mail: how many messages from outside were taken in.
    """

    seq: int = 0
    progress: Mapping[CallId, Progress] = field(default_factory=dict)
    current: CallId | None = None
    finished: tuple[str, ...] = ()
    mail: int = 0
    cancel: CancelRequested | None = None
    signals: tuple[SignalReceived, ...] = ()
    compensation: CompensationStarted | None = None
    ended: Ended | None = None

    def of(self, step: str, side: Side) -> Progress:
        """Return how far a call has come."""
        return self.progress.get((step, side), _IDLE)

    def in_flight(self) -> list[CallId]:
        """Return the calls that were announced and have not answered."""
        return [call for call, progress in self.progress.items() if progress.phase in IN_FLIGHT]


def fold(entries: Iterable[tuple[int, Event]]) -> Run:
    """Return the state that numbered entries amount to.

    Raises:
        JournalGap: a number is missing or comes twice.
        IllegalTransition: an entry cannot follow the one before it.
    """
    run = Run()
    for seq, event in entries:
        if seq != run.seq + 1:
            raise JournalGap("journal_gap", f"The journal goes from entry {run.seq} to entry {seq}.")
        run = after(run, event)
    return run


def after(run: Run, event: Event) -> Run:
    """Return the state after one more entry.

    Raises:
        IllegalTransition: it cannot follow.
    """
    if run.ended is not None:
        raise _illegal(event, "the run has ended")
    if (run.seq == 0) is not isinstance(event, Accepted):
        raise _illegal(event, "a journal begins with its acceptance, once")
    return replace(run, seq=run.seq + 1, **_CHANGES[type(event)](run, event))


Changes = dict[str, Any]
"""What an entry changes in a `Run`, by field."""


def _attempt_started(run: Run, event: AttemptStarted) -> Changes:
    before = _expect(run, event, Phase.IDLE, Phase.WAITING)
    if event.attempt != before.attempts + 1:
        raise _illegal(event, "attempts are counted without a gap")
    _check_side(run, event)
    running = replace(
        before,
        phase=Phase.RUNNING,
        attempts=event.attempt,
        looks=0,
        was_lost=False,
        due_at=None,
        began_at=before.began_at or event.at,
    )
    return _moved(run, event, running)


def _attempt_succeeded(run: Run, event: AttemptSucceeded) -> Changes:
    before = _expect(run, event, Phase.LOOKING if event.found else Phase.RUNNING)
    done = replace(
        before,
        phase=Phase.DONE,
        outputs=event.outputs,
        failure=None,
        in_doubt=False,
        due_at=None,
        ended_at=event.at,
    )
    return _moved(run, event, done) | _finished(run, event)


def _attempt_failed(run: Run, event: AttemptFailed) -> Changes:
    before = _expect(run, event, Phase.RUNNING, Phase.LOOKING, Phase.UNCERTAIN)
    is_last = event.retry_at is None
    was_looked_up = before.phase is Phase.LOOKING
    failed = replace(
        before,
        phase=Phase.FAILED if is_last else Phase.WAITING,
        failures=before.failures + (0 if before.was_lost else 1),
        in_doubt=event.failure.kind is FailureKind.UNKNOWN if was_looked_up else before.in_doubt,
        failure=event.failure,
        due_at=event.retry_at,
        ended_at=event.at if is_last else None,
    )
    left_something = is_last and event.failure.kind.may_have_happened
    return _moved(run, event, failed) | (_finished(run, event) if left_something else {})


def _attempt_uncertain(run: Run, event: AttemptUncertain) -> Changes:
    before = _expect(run, event, Phase.RUNNING, Phase.LOOKING)
    uncertain = replace(before, phase=Phase.UNCERTAIN, failure=event.failure, due_at=event.look_at)
    return _moved(run, event, uncertain)


def _attempt_lost(run: Run, event: AttemptLost) -> Changes:
    before = _expect(run, event, Phase.RUNNING, Phase.LOOKING)
    lost = replace(
        before,
        phase=Phase.UNCERTAIN,
        crashes=before.crashes + 1,
        was_lost=before.was_lost or before.phase is Phase.RUNNING,
        due_at=event.at,
    )
    return _moved(run, event, lost)


def _look_started(run: Run, event: LookStarted) -> Changes:
    before = _expect(run, event, Phase.UNCERTAIN)
    return _moved(run, event, replace(before, phase=Phase.LOOKING, looks=before.looks + 1, due_at=None))


def _cancel_requested(run: Run, event: CancelRequested) -> Changes:
    _check_mail(run, event)
    return {"mail": event.number, "cancel": run.cancel or event}


def _signal_received(run: Run, event: SignalReceived) -> Changes:
    _check_mail(run, event)
    return {"mail": event.number, "signals": (*run.signals, event)}


def _compensation_started(run: Run, event: CompensationStarted) -> Changes:
    if run.compensation is not None or run.in_flight():
        raise _illegal(event, "compensation starts once, when nothing is under way")
    return {"compensation": event}


def _ended(run: Run, event: Ended) -> Changes:
    if run.in_flight():
        raise _illegal(event, "a call is under way")
    how = None if run.compensation is None else run.compensation.ends
    if event.state is not RunState.STUCK and event.state is not (how or RunState.SUCCEEDED):
        raise _illegal(event, "a run succeeds without compensation and ends as its compensation says")
    return {"ended": event}


def _accepted(_run: Run, _event: Accepted) -> Changes:
    return {}


# Each function takes its own type of event; the table is what ties them together.
_CHANGES: Mapping[type[Event], Callable[[Run, Any], Changes]] = {
    Accepted: _accepted,
    AttemptStarted: _attempt_started,
    AttemptSucceeded: _attempt_succeeded,
    AttemptFailed: _attempt_failed,
    AttemptUncertain: _attempt_uncertain,
    AttemptLost: _attempt_lost,
    LookStarted: _look_started,
    CancelRequested: _cancel_requested,
    SignalReceived: _signal_received,
    CompensationStarted: _compensation_started,
    Ended: _ended,
}


def _expect(run: Run, event: StepEvent, *phases: Phase) -> Progress:
    before = run.of(event.step, event.side)
    if before.phase not in phases:
        raise _illegal(event, f"{event.side} {event.step} is {before.phase}")
    return before


def _check_side(run: Run, event: AttemptStarted) -> None:
    if (event.side is Side.UNDO) is not (run.compensation is not None):
        raise _illegal(event, "nothing is done after compensation began, and nothing undone before")
    if event.side is Side.UNDO and event.step not in run.finished:
        raise _illegal(event, "only what was done is undone")


def _check_mail(run: Run, event: CancelRequested | SignalReceived) -> None:
    if event.number != run.mail + 1:
        raise _illegal(event, "mail is taken in without a gap")


def _moved(run: Run, event: StepEvent, progress: Progress) -> Changes:
    call = (event.step, event.side)
    return {"progress": {**run.progress, call: progress}, "current": call}


def _finished(run: Run, event: AttemptSucceeded | AttemptFailed) -> Changes:
    return {"finished": (*run.finished, event.step)} if event.side is Side.DO else {}


def _illegal(event: Event, why: str) -> IllegalTransition:
    return IllegalTransition("illegal_transition", f"{type(event).__name__} cannot follow: {why}.")
