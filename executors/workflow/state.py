"""Where a run stands: the fold of its journal.

`fold` reads a journal, `after` adds one entry and `record` does so in place; nothing else
changes a `Run`. All check: an entry that cannot follow is an `IllegalTransition`, a hole in
the numbering is a `JournalGap`, and nothing follows the end but a person's wish to retry
(`reopening`). A wrong state is thus found where it arises and freezes one run instead of
spreading. What each entry changes is in `call_state`, `step_state` and `approval_state`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from catalog.errors import Internal
from executors.port import RunState
from executors.workflow import approval_state, call_state, step_state
from executors.workflow.approval_events import (
    ApprovalClaimed,
    ApprovalClosed,
    ApprovalDelegated,
    ApprovalEscalated,
    ApprovalOpened,
    ApprovalReminded,
    ApprovalVoted,
)
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
    LookStarted,
    MailEvent,
    Side,
    SignalReceived,
    StepFailed,
)
from executors.workflow.migrating import migrated
from executors.workflow.milestones import (
    FanOpened,
    MailDropped,
    Migrated,
    Paused,
    Resumed,
    RetryRequested,
    ScopeOpened,
    StepCompleted,
    StepHeld,
    StepSkipped,
    WaitEnded,
    WaitStarted,
)
from executors.workflow.progress import (
    IN_FLIGHT,
    OVER,
    CallId,
    IllegalTransition,
    Phase,
    Progress,
    Run,
    illegal,
)
from executors.workflow.reopening import retry_requested

__all__ = [
    "IN_FLIGHT",
    "OVER",
    "CallId",
    "IllegalTransition",
    "JournalGap",
    "Phase",
    "Progress",
    "Run",
    "after",
    "fold",
    "record",
]


class JournalGap(Internal):
    """The journal's entries are not numbered 1, 2, 3 without a hole."""


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
        record(run, event)
    return run


def after(run: Run, event: Event) -> Run:
    """Return the state after one more entry.

    Raises:
        IllegalTransition: it cannot follow.
    """
    changed = run.copy()
    record(changed, event)
    return changed


def record(run: Run, event: Event) -> None:
    """Change a run of one's own by one more entry; when that is refused, the run is spoilt.

    Raises:
        IllegalTransition: it cannot follow.
    """
    if run.ended is not None and not isinstance(event, RetryRequested):
        raise illegal(event, "the run has ended")
    if (run.seq == 0) is not isinstance(event, Accepted):
        raise illegal(event, "a journal begins with its acceptance, once")
    _CHANGES[type(event)](run, event)
    run.seq += 1


def _accepted(_run: Run, _event: Accepted) -> None:
    """Nothing has happened yet."""


def _cancel_requested(run: Run, event: CancelRequested) -> None:
    _take_in(run, event)
    run.cancel = run.cancel or event


def _signal_received(run: Run, event: SignalReceived) -> None:
    _take_in(run, event)
    run.signals = (*run.signals, event)


def _paused(run: Run, event: Paused) -> None:
    _take_in(run, event)
    run.pause = run.pause or event
    approval_state.paused(run, event)


def _resumed(run: Run, event: Resumed) -> None:
    _take_in(run, event)
    run.pause = None
    approval_state.resumed(run, event)


def _mail_dropped(run: Run, event: MailDropped) -> None:
    _take_in(run, event)


def _act_taken_in(change: Callable[[Run, Any], None]) -> Callable[[Run, Any], None]:
    def changed(run: Run, event: ApprovalVoted | ApprovalClaimed | ApprovalDelegated) -> None:
        _take_in(run, event)
        change(run, event)

    return changed


def _take_in(run: Run, event: MailEvent | ApprovalVoted | ApprovalClaimed | ApprovalDelegated) -> None:
    if event.number != run.mail + 1:
        raise illegal(event, "mail is taken in without a gap")
    run.mail = event.number


def _compensation_started(run: Run, event: CompensationStarted) -> None:
    if run.compensation is not None or run.flying:
        raise illegal(event, "compensation starts once, when nothing is under way")
    _drop(run, event)
    run.compensation = event


def _ended(run: Run, event: Ended) -> None:
    if run.flying:
        raise illegal(event, "a call is under way")
    how = RunState.SUCCEEDED if run.compensation is None else run.compensation.ends
    if event.state not in (RunState.STUCK, how):
        raise illegal(event, "a run succeeds without compensation and ends as its compensation says")
    if event.state is RunState.SUCCEEDED and (run.live or run.failures):
        raise illegal(event, "a step is not done")
    _drop(run, event)
    run.ended = event


def _drop(run: Run, event: CompensationStarted | Ended) -> None:
    """Give up what waits; what may have happened and what people are asked is settled before."""
    for call in list(run.live):
        progress = run.progress[call]
        if progress.phase is Phase.ASKING or (call[1] is Side.DO and progress.may_have_happened):
            raise illegal(event, f"{call[0]} is {progress.phase}")
        run.progress[call] = progress.but(phase=Phase.DROPPED, due_at=None, ended_at=event.at)
    run.live = {}


# Each function takes its own type of event; the table is what ties them together.
_CHANGES: Mapping[type[Event], Callable[[Run, Any], None]] = {
    Accepted: _accepted,
    AttemptStarted: call_state.attempt_started,
    AttemptSucceeded: call_state.attempt_succeeded,
    AttemptFailed: call_state.attempt_failed,
    AttemptUncertain: call_state.attempt_uncertain,
    AttemptLost: call_state.attempt_lost,
    LookStarted: call_state.look_started,
    StepSkipped: step_state.step_skipped,
    StepHeld: step_state.step_held,
    StepFailed: step_state.step_failed,
    StepCompleted: step_state.step_completed,
    FanOpened: step_state.fan_opened,
    ScopeOpened: step_state.scope_opened,
    WaitStarted: step_state.wait_started,
    WaitEnded: step_state.wait_ended,
    ApprovalOpened: approval_state.approval_opened,
    ApprovalVoted: _act_taken_in(approval_state.approval_voted),
    ApprovalClaimed: _act_taken_in(approval_state.approval_claimed),
    ApprovalDelegated: _act_taken_in(approval_state.approval_delegated),
    ApprovalReminded: approval_state.approval_reminded,
    ApprovalEscalated: approval_state.approval_escalated,
    ApprovalClosed: approval_state.approval_closed,
    CancelRequested: _cancel_requested,
    SignalReceived: _signal_received,
    Paused: _paused,
    Resumed: _resumed,
    RetryRequested: retry_requested,
    Migrated: migrated,
    MailDropped: _mail_dropped,
    CompensationStarted: _compensation_started,
    Ended: _ended,
}
