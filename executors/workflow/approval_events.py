"""What can happen to the approvals of a run.

Entries of the journal like those in `events`. They hold the values of `ballot`, so that the
engine's state and the projection for people are the same fold. What may happen when is in
`approval`.
"""

from dataclasses import dataclass
from datetime import datetime

from executors.workflow.ballot import Claim, Delegation, Outcome, Task, Vote


@dataclass(frozen=True, slots=True)
class ApprovalOpened:
    """People are asked."""

    at: datetime
    step: str
    task: Task


@dataclass(frozen=True, slots=True)
class ApprovalVoted:
    """A vote that counts."""

    at: datetime
    step: str
    number: int
    vote: Vote


@dataclass(frozen=True, slots=True)
class ApprovalClaimed:
    """Somebody has it in hand; nobody any more when `claim` is None."""

    at: datetime
    step: str
    number: int
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class ApprovalDelegated:
    """Somebody handed a seat on."""

    at: datetime
    step: str
    number: int
    delegation: Delegation


@dataclass(frozen=True, slots=True)
class ApprovalReminded:
    """Those who are asked are reminded."""

    at: datetime
    step: str


@dataclass(frozen=True, slots=True)
class ApprovalEscalated:
    """Others are asked too.

    Attributes:
        expires_at: from now on; later than before when its time had run out.
    """

    at: datetime
    step: str
    groups: tuple[str, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApprovalClosed:
    """It was decided, nobody decided in time, or what was to be approved is not wanted any more."""

    at: datetime
    step: str
    outcome: Outcome
    message: str


ApprovalEvent = (
    ApprovalOpened
    | ApprovalVoted
    | ApprovalClaimed
    | ApprovalDelegated
    | ApprovalReminded
    | ApprovalEscalated
    | ApprovalClosed
)
