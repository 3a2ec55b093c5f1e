"""Keeps account of one run while it is in hand: turns its journal's entries into facts.

Between two entries about the same thing it remembers when the first was made: when an attempt
began, when a timer was due, since when people are asked. A worker that takes a run over reads
the whole journal anyway, and the account is made up from the same entries, so nothing of it is
ever stored. It judges nothing: an entry that does not fit is simply not counted.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from executors.port import RunState
from executors.workflow.approval_events import ApprovalClosed, ApprovalOpened
from executors.workflow.ballot import Outcome
from executors.workflow.events import (
    AttemptFailed,
    AttemptLost,
    AttemptStarted,
    AttemptSucceeded,
    AttemptUncertain,
    CompensationStarted,
    Ended,
    Event,
    Failure,
    LookStarted,
    Side,
    StepFailed,
)
from executors.workflow.facts import (
    AttemptBegan,
    AttemptOver,
    Ending,
    Fact,
    FirstStep,
    PeopleAnswered,
    PeopleAsked,
    RunOver,
    StepOver,
    TimerFired,
    UndoingBegan,
    Verdict,
)
from executors.workflow.milestones import (
    Resumed,
    RetryRequested,
    StepHeld,
    StepSkipped,
    WaitEnded,
    WaitStarted,
)
from executors.workflow.progress import CallId

KindOf = Callable[[str, Side], str]
"""Returns the kind of a step, by its place in the run."""

WAIT, APPROVAL, OTHER = "wait", "approval", "other"
"""Kinds of steps that make no call."""

_REFUSALS = frozenset({Outcome.REJECTED, Outcome.EXPIRED})


@dataclass(frozen=True, slots=True)
class _Begun:
    at: datetime
    attempt: int
    number: int
    is_look: bool = False


class Account:
    """What is remembered of one run."""

    def __init__(self, created_at: datetime, kind_of: KindOf) -> None:
        self._began_at = created_at
        self._kind_of = kind_of
        self._has_begun = False
        self._round = 0
        self._calls: dict[CallId, _Begun] = {}
        self._numbers: dict[CallId, int] = {}
        self._attempts: dict[CallId, int] = {}
        self._due: dict[CallId, datetime] = {}
        self._asked: dict[str, datetime] = {}
        self._asking_since: datetime | None = None
        self._people_seconds = 0.0
        self._is_refused = False
        self._code = ""

    def facts(self, event: Event) -> Iterator[Fact]:
        """Take an entry in and yield what it amounts to."""
        teller = self._TELLERS.get(type(event))
        if teller is not None:
            yield from teller(self, event)

    # ------------------------------------------------------------ calls

    def _attempt_started(self, event: AttemptStarted) -> Iterator[Fact]:
        yield from self._got_somewhere(event.at)
        yield from self._fired((event.step, event.side), event.at)
        self._attempts[event.step, event.side] = event.attempt
        self._begin(event, event.attempt, is_look=False)
        yield AttemptBegan(event.step, event.side, self._kind_of(event.step, event.side), event.attempt)

    def _look_started(self, event: LookStarted) -> Iterator[Fact]:
        call = event.step, event.side
        yield from self._fired(call, event.at)
        self._begin(event, self._attempts.get(call, 0), is_look=True)

    def _begin(self, event: AttemptStarted | LookStarted, attempt: int, *, is_look: bool) -> None:
        call = event.step, event.side
        self._numbers[call] = number = self._numbers.get(call, 0) + 1
        self._calls[call] = _Begun(event.at, attempt, number, is_look)

    def _succeeded(self, event: AttemptSucceeded) -> Iterator[Fact]:
        yield from self._over(event, Ending.SUCCEEDED)
        verdict = Verdict.DONE if event.side is Side.DO else Verdict.UNDONE
        yield StepOver(event.step, self._kind_of(event.step, event.side), verdict)

    def _failed(self, event: AttemptFailed) -> Iterator[Fact]:
        if event.retry_at is not None:
            self._due[event.step, event.side] = event.retry_at
            yield from self._over(event, Ending.RETRYING, event.failure)
            return
        yield from self._over(event, Ending.FAILED, event.failure)
        verdict = Verdict.FAILED if event.side is Side.DO else Verdict.NOT_UNDONE
        yield self._step_failed(event.step, event.side, verdict, event.failure)

    def _uncertain(self, event: AttemptUncertain) -> Iterator[Fact]:
        self._due[event.step, event.side] = event.look_at
        yield from self._over(event, Ending.UNCERTAIN, event.failure)

    def _lost(self, event: AttemptLost) -> Iterator[Fact]:
        yield from self._over(event, Ending.LOST)

    def _over(
        self,
        event: AttemptSucceeded | AttemptFailed | AttemptUncertain | AttemptLost,
        ending: Ending,
        failure: Failure | None = None,
    ) -> Iterator[Fact]:
        begun = self._calls.pop((event.step, event.side), None)
        if begun is None:
            return
        yield AttemptOver(
            step=event.step,
            side=event.side,
            kind=self._kind_of(event.step, event.side),
            attempt=begun.attempt,
            number=begun.number,
            round=self._round,
            is_look=begun.is_look,
            ending=ending,
            began_at=begun.at,
            ended_at=event.at,
            failure=None if failure is None else failure.kind,
            code="" if failure is None else failure.code,
        )

    # ------------------------------------------------------------ steps without calls

    def _step_given_up(self, event: StepFailed) -> Iterator[Fact]:
        self._due.pop((event.step, Side.DO), None)
        yield self._step_failed(event.step, Side.DO, Verdict.FAILED, event.failure)

    def _step_failed(self, step: str, side: Side, verdict: Verdict, failure: Failure) -> StepOver:
        self._code = self._code or failure.code
        return StepOver(step, self._kind_of(step, side), verdict, failure.code)

    def _skipped(self, event: StepSkipped) -> Iterator[Fact]:
        yield StepOver(event.step, self._kind_of(event.step, Side.DO), Verdict.SKIPPED)

    def _held(self, event: StepHeld) -> Iterator[Fact]:
        # What a gate holds up is not late.
        self._due.pop((event.step, Side.DO), None)
        yield from ()

    def _wait_started(self, event: WaitStarted) -> Iterator[Fact]:
        yield from self._got_somewhere(event.at)
        if event.due_at is not None and not event.signal:
            self._due[event.step, Side.DO] = event.due_at

    def _wait_ended(self, event: WaitEnded) -> Iterator[Fact]:
        yield from self._fired((event.step, Side.DO), event.at)
        yield StepOver(event.step, WAIT, Verdict.DONE)

    # ------------------------------------------------------------ people

    def _opened(self, event: ApprovalOpened) -> Iterator[Fact]:
        yield from self._got_somewhere(event.at)
        self._asking_since = self._asking_since or event.at
        self._asked[event.step] = event.at
        yield PeopleAsked(event.step)

    def _closed(self, event: ApprovalClosed) -> Iterator[Fact]:
        asked_at = self._asked.pop(event.step, event.at)
        if not self._asked and self._asking_since is not None:
            self._people_seconds += _seconds(self._asking_since, event.at)
            self._asking_since = None
        self._is_refused = self._is_refused or event.outcome in _REFUSALS
        yield PeopleAnswered(event.step, event.outcome.value, _seconds(asked_at, event.at))
        if event.outcome is Outcome.APPROVED:
            yield StepOver(event.step, APPROVAL, Verdict.DONE)

    # ------------------------------------------------------------ the run

    def _resumed(self, _event: Resumed) -> Iterator[Fact]:
        # What a pause held up is not late.
        self._due.clear()
        yield from ()

    def _undoing(self, _event: CompensationStarted) -> Iterator[Fact]:
        self._due.clear()
        yield UndoingBegan()

    def _ended(self, event: Ended) -> Iterator[Fact]:
        yield RunOver(
            state=event.state,
            began_at=self._began_at,
            ended_at=event.at,
            round=self._round,
            people_seconds=self._people_seconds,
            is_refused=self._is_refused,
            code="" if event.state is RunState.SUCCEEDED else self._code,
        )

    def _tried_again(self, event: RetryRequested) -> Iterator[Fact]:
        self._round += 1
        self._began_at = event.at
        self._people_seconds = 0.0
        self._is_refused, self._code = False, ""
        yield from ()

    def _got_somewhere(self, at: datetime) -> Iterator[Fact]:
        if not self._has_begun:
            self._has_begun = True
            yield FirstStep(_seconds(self._began_at, at))

    def _fired(self, call: CallId, at: datetime) -> Iterator[Fact]:
        due_at = self._due.pop(call, None)
        if due_at is not None:
            yield TimerFired(_seconds(due_at, at))

    # Each takes its own type of event; the table is what ties them together.
    _TELLERS: ClassVar[Mapping[type[Event], Callable[..., Iterator[Fact]]]] = {
        AttemptStarted: _attempt_started,
        LookStarted: _look_started,
        AttemptSucceeded: _succeeded,
        AttemptFailed: _failed,
        AttemptUncertain: _uncertain,
        AttemptLost: _lost,
        StepFailed: _step_given_up,
        StepSkipped: _skipped,
        StepHeld: _held,
        WaitStarted: _wait_started,
        WaitEnded: _wait_ended,
        ApprovalOpened: _opened,
        ApprovalClosed: _closed,
        Resumed: _resumed,
        CompensationStarted: _undoing,
        Ended: _ended,
        RetryRequested: _tried_again,
    }


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())
