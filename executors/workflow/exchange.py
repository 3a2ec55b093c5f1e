"""What passes between a worker and the deciding core.

The worker brings `News` and a `Moment`; the core answers with a `Decision`, which holds the
events to write down and the `Call`s to carry out; a carried-out call comes back as an
`Outcome` within the next news. Plain values, so that every exchange can be scripted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from catalog.digest import Json, JsonObject
from executors.retry import Roll
from executors.workflow.ballot import Act
from executors.workflow.events import Event, Failure, Side
from executors.workflow.places import taken_apart
from executors.workflow.progress import Run
from executors.workflow.reach import item_roots, scope_roots
from executors.workflow.spec import Action, Gate, Nested, Step, Workflow

Admit = Callable[[Gate, str], datetime | None]
"""Asks a gate, its key resolved, for a holder. None lets in; else it is asked again at that time."""


def admits_all(_gate: Gate, _holder: str) -> datetime | None:
    """Let everybody in: an `Admit` for where there are no gates."""
    return None


@dataclass(frozen=True, slots=True)
class Course:
    """What a run follows: the workflow, and the values its references reach."""

    workflow: Workflow
    context: JsonObject

    def step(self, place: str) -> Step:
        """Return the step that stands at a place of the run."""
        scope, step, _index = taken_apart(place)
        return self.workflow_in(scope).steps[step]

    def workflow_in(self, scope: str) -> Workflow:
        """Return the workflow whose steps a scope holds."""
        if not scope:
            return self.workflow
        doing = self.step(scope).do
        assert isinstance(doing, Nested)  # noqa: S101  # else nothing could stand in it; tells mypy
        return self.workflow.nested[doing.file]

    def action(self, step: str, side: Side) -> Action:
        """Return the call that does or undoes a step."""
        found = self.step(step)
        action = found.do if side is Side.DO else found.undo
        if not isinstance(action, Action):
            raise LookupError(f"no call does that: {side} {step}")  # noqa: TRY004  # a fault in what asks
        return action

    def roots(self, run: Run, step: str = "") -> JsonObject:
        """Return what references reach at a step, or at the end of the workflow."""
        scope, _id, _index = taken_apart(step)
        whole = scope_roots(run, self.workflow_in(scope), self.context, scope, step)
        return {**whole, **item_roots(run, step)}

    def end_roots(self, run: Run, scope: str) -> JsonObject:
        """Return what references reach at the end of a scope."""
        return scope_roots(run, self.workflow_in(scope), self.context, scope)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a decision is made, with which dice, under which claim, and past which gates.

    Attributes:
        admit: is asked for a holder, a step's name or nothing for the whole run; asking twice for
            one holder takes no second place.
    """

    now: datetime
    roll: Roll
    fence: int
    admit: Admit = admits_all


class Verb(StrEnum):
    """Whether a call acts or only looks."""

    RUN = "run"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Call:
    """Something to carry out; it was announced in the journal before.

    Attributes:
        limit_seconds: gives it less time than its action does, because a deadline is near.
    """

    step: str
    side: Side
    verb: Verb
    attempt: int
    limit_seconds: float | None = None


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


@dataclass(frozen=True, slots=True)
class Acted:
    """Somebody did something about an approval; the letter kinds are in `ballot.ACTS`."""

    number: int
    act: Act


@dataclass(frozen=True, slots=True)
class Pause:
    """Somebody wants nothing more to begin for now."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Somebody wants a paused run to go on."""

    number: int


@dataclass(frozen=True, slots=True)
class Retry:
    """Somebody wants a failed or stuck run to go on from where it failed."""

    number: int


@dataclass(frozen=True, slots=True)
class Migrate:
    """Somebody wants a parked run to follow another definition.

    Attributes:
        definition: the digest of the document that `workflow` was read from.
        mapping: see `Migrated`.
        contract: the name, version and digest that the definition belongs to; empty: as before.
        keeps_approvals: what people approved under the old definition holds for the new one.
    """

    number: int
    workflow: Workflow
    definition: str
    former: str
    mapping: Mapping[str, str | None]
    contract: Mapping[str, str] = field(default_factory=dict)
    keeps_approvals: bool = False


@dataclass(frozen=True, slots=True)
class Garbled:
    """A letter that cannot be read; it takes its place in the mail and changes nothing."""

    number: int


Mail = Cancel | Signal | Acted | Pause | Resume | Retry | Migrate | Garbled
News = Claimed | Returned | Mail


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write down, then what to carry out, and when to look again.

    Attributes:
        run: the state once the events are written.
        calls: to be begun now, side by side; others may be under way already (`run.in_flight`).
        due_at: when something falls due by itself, also while calls are under way.
    """

    run: Run
    events: tuple[Event, ...] = ()
    calls: tuple[Call, ...] = ()
    due_at: datetime | None = None

    @property
    def rests(self) -> bool:
        """Say whether no call is under way, so that the claim can be given up until `due_at`."""
        return not self.run.in_flight()
