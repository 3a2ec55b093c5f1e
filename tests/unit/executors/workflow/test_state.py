"""A run's state is the fold of its journal, and an impossible journal is refused."""

from typing import Any

import pytest

from executors.port import RunState
from executors.workflow.approval_events import ApprovalClosed, ApprovalOpened, ApprovalVoted
from executors.workflow.ballot import Outcome, Task, Verdict, Vote
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
    StepFailed,
)
from executors.workflow.milestones import (
    FanOpened,
    MailDropped,
    RetryRequested,
    ScopeOpened,
    StepCompleted,
    StepHeld,
    StepSkipped,
    WaitEnded,
    WaitStarted,
)
from executors.workflow.state import IllegalTransition, JournalGap, Phase, Run, after, fold
from tests.workflows import EPOCH

BUSY = Failure(FailureKind.TRANSIENT, "busy", "it is busy")
UNKNOWN = Failure(FailureKind.UNKNOWN, "line_broke", "the line broke")
DO, UNDO = Side.DO, Side.UNDO

ACCEPTED = Accepted(EPOCH)
FAILED_RUN = CompensationStarted(EPOCH, RunState.FAILED, "b", "b failed")


def started(step: str = "a", side: Side = DO, attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(EPOCH, step, side, attempt, 1)


def succeeded(step: str = "a", side: Side = DO, **more: Any) -> AttemptSucceeded:
    return AttemptSucceeded(EPOCH, step, side, **more)


def failed(step: str = "a", side: Side = DO, *, again: bool = False, why: Failure = BUSY) -> AttemptFailed:
    return AttemptFailed(EPOCH, step, side, why, EPOCH if again else None)


def uncertain(step: str = "a", side: Side = DO) -> AttemptUncertain:
    return AttemptUncertain(EPOCH, step, side, UNKNOWN, EPOCH)


def looked(step: str = "a", side: Side = DO) -> LookStarted:
    return LookStarted(EPOCH, step, side, 1)


def lost(step: str = "a", side: Side = DO) -> AttemptLost:
    return AttemptLost(EPOCH, step, side)


def ended(state: RunState) -> Ended:
    return Ended(EPOCH, state)


REFUSED = Failure(FailureKind.PERMANENT, "no", "it refuses")
VOTE = Vote("ann", "ann", Verdict.APPROVE, EPOCH)
OPENED = ApprovalOpened(EPOCH, "a", Task(EPOCH, "sha256:0"))
APPROVED = (OPENED, ApprovalClosed(EPOCH, "a", Outcome.APPROVED, "approved"))


def run_after(*events: Event) -> Run:
    return fold(enumerate((ACCEPTED, *events), start=1))


def test_a_step_that_succeeded_is_done_with_its_outputs() -> None:
    run = run_after(started(), succeeded(outputs={"id": 1}))
    assert run.of("a", DO).phase is Phase.DONE
    assert run.of("a", DO).outputs == {"id": 1}
    assert run.finished == ("a",)


def test_steps_are_finished_in_the_order_of_their_ends() -> None:
    run = run_after(started("a"), started("b"), succeeded("b"), succeeded("a"))
    assert run.finished == ("b", "a")


def test_a_failed_step_left_nothing_to_undo_unless_it_may_have_happened() -> None:
    assert run_after(started(), failed()).finished == ()
    assert run_after(started(), uncertain(), looked(), failed(why=UNKNOWN)).finished == ("a",)


def test_a_lost_worker_counts_as_a_crash_and_not_as_a_failure() -> None:
    progress = run_after(started(), lost(), looked(), failed(again=True), started(attempt=2)).of("a", DO)
    assert (progress.attempts, progress.failures, progress.crashes) == (2, 0, 1)


def test_an_attempt_that_failed_by_itself_counts_as_a_failure() -> None:
    progress = run_after(started(), failed(again=True)).of("a", DO)
    assert (progress.attempts, progress.failures, progress.crashes) == (1, 1, 0)


def test_a_worker_lost_in_a_look_makes_no_lost_attempt() -> None:
    progress = run_after(started(), uncertain(), looked(), lost()).of("a", DO)
    assert progress.crashes == 1
    assert not progress.was_lost


def test_the_first_cancel_is_the_one_that_counts() -> None:
    run = run_after(CancelRequested(EPOCH, 1, "first"), CancelRequested(EPOCH, 2, "second"))
    assert run.cancel is not None
    assert run.cancel.reason == "first"
    assert run.mail == 2


def test_signals_are_kept_in_order() -> None:
    run = run_after(SignalReceived(EPOCH, 1, "go", {}), SignalReceived(EPOCH, 2, "stop", {}))
    assert [signal.name for signal in run.signals] == ["go", "stop"]


ILLEGAL: dict[str, list[Event]] = {
    "accepted twice": [ACCEPTED],
    "a success that nobody began": [succeeded()],
    "a second attempt that is called the first": [started(), failed(again=True), started()],
    "an attempt of a step that is done": [started(), succeeded(), started(attempt=2)],
    "an attempt of a step that failed for good": [started(), failed(), started(attempt=2)],
    "two attempts at a time": [started(), started(attempt=2)],
    "a look at a step that is running": [started(), looked()],
    "found without a look": [started(), succeeded(found=True)],
    "an undo before compensation": [started(), succeeded(), started(side=UNDO)],
    "a step after compensation began": [started(), succeeded(), FAILED_RUN, started("b")],
    "an undo of what was never done": [FAILED_RUN, started(side=UNDO)],
    "compensation twice": [FAILED_RUN, FAILED_RUN],
    "compensation while a call is under way": [started(), FAILED_RUN],
    "success after compensation": [FAILED_RUN, ended(RunState.SUCCEEDED)],
    "failure without compensation": [ended(RunState.FAILED)],
    "cancelled where it failed": [FAILED_RUN, ended(RunState.CANCELLED)],
    "an end while a call is under way": [started(), ended(RunState.SUCCEEDED)],
    "a success while a step waits": [WaitStarted(EPOCH, "a", None, "go"), ended(RunState.SUCCEEDED)],
    "a success after a failure": [started(), failed(), ended(RunState.SUCCEEDED)],
    "a step after one failed": [started(), failed(), started("b")],
    "a step after a cancel": [CancelRequested(EPOCH, 1, "why"), StepSkipped(EPOCH, "b")],
    "an undo out of order": [
        started("a"),
        succeeded("a"),
        started("b"),
        succeeded("b"),
        FAILED_RUN,
        started("a", UNDO),
        succeeded("a", UNDO),
        started("b", UNDO),
    ],
    "an instance of no list": [started("a[0]")],
    "an instance out of order": [FanOpened(EPOCH, "a", ["x", "y"]), started("a[1]")],
    "an instance too many": [FanOpened(EPOCH, "a", []), started("a[0]")],
    "a list that is done before its items": [FanOpened(EPOCH, "a", ["x"]), StepCompleted(EPOCH, "a")],
    "a step of no sub-workflow": [started("a/b")],
    "a step of a sub-workflow that is done": [
        ScopeOpened(EPOCH, "a", {}),
        StepCompleted(EPOCH, "a"),
        started("a/b"),
    ],
    "the end of a wait that never began": [WaitEnded(EPOCH, "a")],
    "a timer for a signal": [WaitStarted(EPOCH, "a", None, "go"), WaitEnded(EPOCH, "a")],
    "a signal of another name": [
        SignalReceived(EPOCH, 1, "stop", {}),
        WaitStarted(EPOCH, "a", None, "go"),
        WaitEnded(EPOCH, "a", number=1),
    ],
    "a signal twice": [
        SignalReceived(EPOCH, 1, "go", {}),
        WaitStarted(EPOCH, "a", None, "go"),
        WaitEnded(EPOCH, "a", number=1),
        WaitStarted(EPOCH, "b", None, "go"),
        WaitEnded(EPOCH, "b", number=1),
    ],
    "a vote where nobody is asked": [ApprovalVoted(EPOCH, "a", 1, VOTE)],
    "a vote after the decision": [*APPROVED, ApprovalVoted(EPOCH, "a", 1, VOTE)],
    "an approval that ends open": [OPENED, ApprovalClosed(EPOCH, "a", Outcome.OPEN, "")],
    "an approval that fails like a wait": [OPENED, StepFailed(EPOCH, "a", REFUSED)],
    "compensation while people are asked": [OPENED, FAILED_RUN],
    "compensation while a step may have happened": [started(), uncertain(), FAILED_RUN],
    "a failure without a call of what may have happened": [
        started(),
        uncertain(),
        StepFailed(EPOCH, "a", REFUSED),
    ],
    "a run that is held after it began": [started(), StepHeld(EPOCH, "", EPOCH, "k")],
    "a step that is held while it runs": [started(), StepHeld(EPOCH, "a", EPOCH, "k")],
    "a retry of what has not ended": [RetryRequested(EPOCH, 1, "a")],
    "a dropped letter with a hole": [MailDropped(EPOCH, 2, "late")],
    "mail with a hole": [CancelRequested(EPOCH, 2, "why")],
    "mail twice": [SignalReceived(EPOCH, 1, "go", {}), SignalReceived(EPOCH, 1, "go", {})],
}


@pytest.mark.parametrize("what", ILLEGAL)
def test_what_cannot_follow_is_refused(what: str) -> None:
    with pytest.raises(IllegalTransition):
        run_after(*ILLEGAL[what])


def test_a_journal_does_not_begin_in_the_middle() -> None:
    with pytest.raises(IllegalTransition):
        fold([(1, started())])


@pytest.mark.parametrize("numbers", [(1, 3), (1, 1), (2, 3), (0, 1)], ids=str)
def test_a_journal_with_a_hole_is_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(JournalGap):
        fold(zip(numbers, [ACCEPTED, started()], strict=True))


@pytest.mark.parametrize("end", [RunState.SUCCEEDED, RunState.CANCELLED])
def test_only_a_failed_or_stuck_run_is_opened_again(end: RunState) -> None:
    way: list[Event] = [
        CancelRequested(EPOCH, 1, "why"),
        CompensationStarted(EPOCH, RunState.CANCELLED, "", "why"),
    ]
    before: list[Event] = [started(), succeeded(), *(way if end is RunState.CANCELLED else []), ended(end)]
    run = run_after(*before)
    with pytest.raises(IllegalTransition, match="opened again"):
        after(run, RetryRequested(EPOCH, run.mail + 1, ""))


def test_a_retry_opens_a_stuck_run_and_nothing_else_does() -> None:
    stuck = run_after(started(), uncertain(), looked(), failed(why=UNKNOWN), ended(RunState.STUCK))
    run = after(stuck, RetryRequested(EPOCH, 1, "a"))
    assert run.ended is None
    assert run.of("a", DO).phase is Phase.UNCERTAIN
    assert run.finished == ()


def test_a_run_that_was_handed_out_is_not_changed_by_what_follows() -> None:
    run = run_after(started())
    later = after(run, succeeded())
    assert run.of("a", DO).phase is Phase.RUNNING
    assert later.of("a", DO).phase is Phase.DONE
    assert (run.in_flight(), later.in_flight()) == ([("a", DO)], [])


EVERY_KIND = [
    started(),
    succeeded(),
    failed(),
    uncertain(),
    looked(),
    lost(),
    FAILED_RUN,
    ended(RunState.STUCK),
]


@pytest.mark.parametrize("late", EVERY_KIND, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("end", [RunState.SUCCEEDED, RunState.STUCK])
def test_nothing_follows_the_end(end: RunState, late: Event) -> None:
    with pytest.raises(IllegalTransition, match="ended"):
        run_after(started(), succeeded(), ended(end), late)
