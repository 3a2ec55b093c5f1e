"""What a journal entry is worth telling the requester, in one sentence.

The journal is for the engine; the catalogue's events are for people and watchers. Retried
attempts are told once, as a retry; looks and bookkeeping are not told at all.
"""

from dataclasses import dataclass

from executors.port import RunState
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
    match event:
        case AttemptStarted(attempt=1, side=Side.DO):
            answer = Told("StepStarted", "", f"{event.step} started")
        case AttemptSucceeded(side=Side.DO):
            answer = Told("StepSucceeded", "Found" if event.found else "", f"{event.step} is done")
        case AttemptSucceeded():
            answer = Told("StepCompensated", "", f"{event.step} was undone")
        case AttemptFailed():
            answer = _failed(event)
        case AttemptUncertain():
            message = f"it is not known yet whether {event.step} took effect: {event.failure.message}"
            answer = Told("StepUncertain", "OutcomeUnknown", message)
        case CancelRequested():
            answer = Told("CancelRequested", "", f"cancel was asked for: {event.reason}")
        case CompensationStarted():
            answer = Told("CompensationStarted", event.ends.value.capitalize(), f"undoing: {event.message}")
        case Ended():
            kind, sentence = _ENDS[event.state]
            answer = Told(kind, "", f"{sentence}: {event.message}" if event.message else sentence)
        case _:
            return None
    return answer


def _failed(event: AttemptFailed) -> Told:
    what = event.step if event.side is Side.DO else f"undoing {event.step}"
    reason = _REASONS[event.failure.kind]
    if event.retry_at is None:
        return Told("StepFailed", reason, f"{what} failed: {event.failure.message}")
    again = event.retry_at.isoformat(timespec="seconds")
    return Told(
        "StepRetrying", reason, f"{what} failed and is tried again at {again}: {event.failure.message}"
    )
