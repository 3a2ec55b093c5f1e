"""What passes between a worker and the deciding core.

The worker brings `News` and a `Moment`; the core answers with a `Decision`, which holds the
events to write down and the `Call`s to carry out; a carried-out call comes back as an
`Outcome` within the next news. Plain values, so that every exchange can be scripted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from catalog.digest import Json, JsonObject
from executors.retry import Roll
from executors.workflow.events import Event, Failure, Side
from executors.workflow.spec import Action, Workflow
from executors.workflow.state import Phase, Run


@dataclass(frozen=True, slots=True)
class Course:
    """What a run follows: the workflow, and the values its references reach."""

    workflow: Workflow
    context: JsonObject

    def action(self, step: str, side: Side) -> Action:
        """Return the call that does or undoes a step."""
        found = self.workflow.steps[step]
        action = found.do if side is Side.DO else found.undo
        if action is None:
            raise LookupError(f"nothing undoes {step}")
        return action

    def roots(self, run: Run) -> JsonObject:
        """Return what references reach at this point of a run."""
        done = {
            step: {"outputs": progress.outputs}
            for (step, side), progress in run.progress.items()
            if side is Side.DO and progress.phase is Phase.DONE
        }
        return {**self.context, "steps": done}


@dataclass(frozen=True, slots=True)
class Moment:
    """When a decision is made, with which dice, and under which claim."""

    now: datetime
    roll: Roll
    fence: int


class Verb(StrEnum):
    """Whether a call acts or only looks."""

    RUN = "run"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Call:
    """Something to carry out; it was announced in the journal before."""

    step: str
    side: Side
    verb: Verb
    attempt: int


@dataclass(frozen=True, slots=True)
class Done:
    """It happened."""

    outputs: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Absent:
    """A look says that it certainly did not happen."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It went wrong; a look that cannot tell answers with an unknown failure.

    Attributes:
        retry_after_seconds: how long the other side asked to be left alone.
    """

    failure: Failure
    retry_after_seconds: float = 0.0


Outcome = Done | Absent | Failed


@dataclass(frozen=True, slots=True)
class Claimed:
    """A worker took the run over; whatever is under way was lost by another."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A call was carried out."""

    call: Call
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody wants the run ended and undone."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A named event came in."""

    number: int
    name: str
    payload: JsonObject


Mail = Cancel | Signal
News = Claimed | Returned | Mail


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write down, then what to carry out, else when to look again.

    Attributes:
        run: the state once the events are written.
        due_at: None with no calls means that the run is over.
    """

    run: Run
    events: tuple[Event, ...] = ()
    calls: tuple[Call, ...] = ()
    due_at: datetime | None = None
