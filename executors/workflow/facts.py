"""What is worth counting and timing about a run, as values that a watcher is told.

Made by `account` from the journal's entries, so that every worker, whether in a thread, a child
of a broker's consumer or a test, tells the same. Times are the journal's. No fact holds what
somebody wrote: no inputs, no outputs, no messages.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from executors.port import RunState
from executors.workflow.events import FailureKind, Side


class Ending(StrEnum):
    """What became of one attempt."""

    SUCCEEDED = "succeeded"
    RETRYING = "retrying"  # it failed and is tried again
    FAILED = "failed"  # for good
    UNCERTAIN = "uncertain"  # it is to be looked up
    LOST = "lost"  # its worker went away


class Verdict(StrEnum):
    """What became of one step."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNDONE = "undone"
    NOT_UNDONE = "not_undone"  # its undoing failed; a person is needed


@dataclass(frozen=True, slots=True)
class FirstStep:
    """The run got somewhere for the first time, so long after it was accepted."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """A call was announced; `attempt` above 1 is a retry."""

    step: str
    side: Side
    kind: str
    attempt: int


@dataclass(frozen=True, slots=True)
class AttemptOver:
    """A call came back, or never will.

    Attributes:
        kind: the step kind.
        number: counts the calls of this step, looks among them; tells spans apart.
        round: how often a person had the run tried again before.
        is_look: it looked up what had become of an attempt.
        failure: empty when it did not fail; else what that says about the world.
        code: the failure's code.
    """

    step: str
    side: Side
    kind: str
    attempt: int
    number: int
    round: int
    is_look: bool
    ending: Ending
    began_at: datetime
    ended_at: datetime
    failure: FailureKind | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class StepOver:
    """A step is over, or undone."""

    step: str
    kind: str
    verdict: Verdict
    code: str = ""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """Something that was due at a time was taken up so long after it."""

    lag_seconds: float


@dataclass(frozen=True, slots=True)
class PeopleAsked:
    """An approval was opened."""

    step: str


@dataclass(frozen=True, slots=True)
class PeopleAnswered:
    """An approval was closed; `outcome` is how."""

    step: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class UndoingBegan:
    """From here on the run only undoes."""


@dataclass(frozen=True, slots=True)
class RunOver:
    """The run ended.

    Attributes:
        round: how often a person had it tried again before.
        people_seconds: for so long at least one approval was open.
        is_refused: people, or their silence, ended it.
    """

    state: RunState
    began_at: datetime
    ended_at: datetime
    round: int
    people_seconds: float
    is_refused: bool
    code: str = ""


@dataclass(frozen=True, slots=True)
class CameTooLate:
    """Answers came when the run was another's."""

    count: int


Fact = (
    FirstStep
    | AttemptBegan
    | AttemptOver
    | StepOver
    | TimerFired
    | PeopleAsked
    | PeopleAnswered
    | UndoingBegan
    | RunOver
    | CameTooLate
)
