"""What a journal entry is worth telling the requester, in one sentence.

The journal is for the engine; the catalogue's events are for people and watchers. Retried
attempts are told once, as a retry; looks and bookkeeping are not told at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executors.port import RunState
from executors.workflow.approval_events import (
    ApprovalClosed,
    ApprovalDelegated,
    ApprovalEscalated,
    ApprovalOpened,
    ApprovalReminded,
    ApprovalVoted,
)
from executors.workflow.events import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    AttemptUncertain,
    CancelRequested,
    CompensationStarted,
    Ended,
    Event,
    FailureKind,
    Side,
    StepFailed,
)
from executors.workflow.milestones import (
    FanOpened,
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


@dataclass(frozen=True, slots=True)
class Told:
    """A happening: what kind, why, and the sentence."""

    kind: str
    reason: str
    message: str


_ENDS = {
    RunState.SUCCEEDED: ("RunSucceeded", "the run succeeded"),
    RunState.FAILED: ("RunFailed", "the run failed and was undone"),
    RunState.CANCELLED: ("RunCancelled", "the run was cancelled and undone"),
    RunState.STUCK: ("RunStuck", "the run is stuck and needs a person"),
}
_REASONS = {
    FailureKind.TRANSIENT: "Transient",
    FailureKind.PERMANENT: "Permanent",
    FailureKind.UNKNOWN: "OutcomeUnknown",
    FailureKind.REJECTED: "InvalidOutput",
    FailureKind.POISON: "Poison",
}


def told(event: Event) -> Told | None:
    """Return what to tell about an entry, None when it is nobody's concern."""
    teller = _TELLERS.get(type(event))
    return None if teller is None else teller(event)


def _attempt_started(event: AttemptStarted) -> Told | None:
    if event.attempt != 1 or event.side is Side.UNDO:
        return None
    return Told("StepStarted", "", f"{event.step} started")


def _attempt_succeeded(event: AttemptSucceeded) -> Told:
    if event.side is Side.UNDO:
        return Told("StepCompensated", "", f"{event.step} was undone")
    return Told("StepSucceeded", "Found" if event.found else "", f"{event.step} is done")


def _uncertain(event: AttemptUncertain) -> Told:
    message = f"it is not known yet whether {event.step} took effect: {event.failure.message}"
    return Told("StepUncertain", "OutcomeUnknown", message)


def _cancel_requested(event: CancelRequested) -> Told:
    return Told("CancelRequested", "", f"cancel was asked for: {event.reason}")


def _compensation_started(event: CompensationStarted) -> Told:
    return Told("CompensationStarted", event.ends.value.capitalize(), f"undoing: {event.message}")


def _ended(event: Ended) -> Told:
    kind, sentence = _ENDS[event.state]
    return Told(kind, "", f"{sentence}: {event.message}" if event.message else sentence)


def _wait_started(event: WaitStarted) -> Told:
    what = f"the signal {event.signal}" if event.signal else "its time"
    until = f", until {_time(event.due_at)} at most" if event.due_at is not None else ""
    return Told("StepWaiting", "Signal" if event.signal else "Timer", f"{event.step} waits for {what}{until}")


def _closed(event: ApprovalClosed) -> Told:
    reason = event.outcome.value.capitalize()
    return Told("ApprovalClosed", reason, f"{event.step} was {event.outcome}: {event.message}")


def _voted(event: ApprovalVoted) -> Told:
    vote = event.vote
    why = f": {vote.reason}" if vote.reason else ""
    return Told("ApprovalVoted", vote.verdict.value.capitalize(), f"{vote.person} voted on {event.step}{why}")


def _opened(event: ApprovalOpened) -> Told:
    asked = ", ".join([*event.task.assignees, *(f"group {group}" for group in event.task.groups)])
    why = f": {event.task.reason}" if event.task.reason else ""
    return Told("ApprovalOpened", "", f"{event.step} asks {asked or 'an approver'}{why}")


def _delegated(event: ApprovalDelegated) -> Told:
    handed = event.delegation
    return Told("ApprovalDelegated", "", f"{handed.giver} handed {event.step} on to {handed.delegate}")


def _escalated(event: ApprovalEscalated) -> Told:
    return Told("ApprovalEscalated", "", f"{event.step} asks {', '.join(event.groups)} too")


def _step_failed(event: StepFailed) -> Told:
    return Told("StepFailed", _REASONS[event.failure.kind], f"{event.step} failed: {event.failure.message}")


def _held(event: StepHeld) -> Told:
    return Told("StepHeld", "", f"{event.step or 'the run'} waits to be let in at {event.key}")


def _failed(event: AttemptFailed) -> Told:
    what = event.step if event.side is Side.DO else f"undoing {event.step}"
    reason = _REASONS[event.failure.kind]
    if event.retry_at is None:
        return Told("StepFailed", reason, f"{what} failed: {event.failure.message}")
    again = _time(event.retry_at)
    return Told(
        "StepRetrying", reason, f"{what} failed and is tried again at {again}: {event.failure.message}"
    )


# Each function takes its own type of event; the table is what ties them together.
_TELLERS: Mapping[type[Event], Callable[[Any], Told | None]] = {
    AttemptStarted: _attempt_started,
    AttemptSucceeded: _attempt_succeeded,
    AttemptFailed: _failed,
    AttemptUncertain: _uncertain,
    StepSkipped: lambda event: Told("StepSkipped", "", f"{event.step} is skipped: its condition is false"),
    StepHeld: _held,
    StepFailed: _step_failed,
    FanOpened: lambda event: Told("StepStarted", "", f"{event.step} started for {len(event.items)} items"),
    ScopeOpened: lambda event: Told("StepStarted", "", f"{event.step} started"),
    StepCompleted: lambda event: Told("StepSucceeded", "", f"{event.step} is done"),
    WaitStarted: _wait_started,
    WaitEnded: lambda event: Told("StepSucceeded", "", f"{event.step} waits no longer"),
    ApprovalOpened: _opened,
    ApprovalVoted: _voted,
    ApprovalDelegated: _delegated,
    ApprovalReminded: lambda event: Told("ApprovalReminded", "", f"{event.step} still waits for a vote"),
    ApprovalEscalated: _escalated,
    ApprovalClosed: _closed,
    CancelRequested: _cancel_requested,
    Paused: lambda event: Told("RunPaused", "", f"paused: {event.reason}"),
    Resumed: lambda _: Told("RunResumed", "", "the run goes on"),
    RetryRequested: lambda event: Told(
        "RunRetried", "", f"tried again from {event.step or 'where it failed'}"
    ),
    Migrated: lambda event: Told(
        "RunMigrated", "", f"the run follows another definition: {event.definition[:19]}"
    ),
    CompensationStarted: _compensation_started,
    Ended: _ended,
}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
