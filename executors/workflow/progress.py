"""How far a run has come, as values that its journal folds to.

`Run` is what the deciding core reads; `state` makes and changes it, entry by entry, and hands
it out. Progress is kept per call (a step's doing and its undoing apart) and per part of the
run (`places`), and what is under way is kept in lists of its own, so that a decision costs
what it touches and not what went before. A `Run` that was handed out is never changed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from catalog.digest import Json, JsonObject
from catalog.errors import Internal
from executors.workflow.ballot import Standing
from executors.workflow.events import (
    CancelRequested,
    CompensationStarted,
    Ended,
    Event,
    Failure,
    Side,
    SignalReceived,
)
from executors.workflow.milestones import Paused


class IllegalTransition(Internal):
    """An entry that cannot follow from the state before it."""


class Phase(StrEnum):
    """Where one call, or one step that makes none, stands."""

    IDLE = "idle"
    SKIPPED = "skipped"  # its condition was false
    HELD = "held"  # a gate refused it; asked again later
    RUNNING = "running"  # the call was announced and has not answered
    WAITING = "waiting"  # it did not happen; tried again later
    UNCERTAIN = "uncertain"  # it may have happened; to be looked up
    LOOKING = "looking"  # the look was announced and has not answered
    PARKED = "parked"  # it waits for a time or a signal
    ASKING = "asking"  # people are asked
    OPEN = "open"  # its parts are under way
    DONE = "done"
    FAILED = "failed"  # for good
    DROPPED = "dropped"  # given up because the run goes backward


IN_FLIGHT = frozenset({Phase.RUNNING, Phase.LOOKING})
OVER = frozenset({Phase.SKIPPED, Phase.DONE, Phase.FAILED, Phase.DROPPED})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one call (a step's doing, or its undoing), or one step without calls, has come.

    Attributes:
        attempts: how often it was begun.
        failures: how often it failed by itself; what the retry policy counts.
        crashes: how often its worker was lost in the middle.
        looks: looks since the last attempt.
        was_lost: the last attempt's worker was lost, which is no failure of the step's own.
        in_doubt: an earlier attempt may have happened; a later one's failure does not settle that.
        is_insisted: a person asked for another try; a look that cannot tell does not stop it.
        round: how often it was to be done afresh; part of its idempotency key.
        due_at: when the next attempt or look may begin, or a wait ends.
        awaited: the signal it waits for, or the gate that holds it.
    """

    phase: Phase = Phase.IDLE
    attempts: int = 0
    failures: int = 0
    crashes: int = 0
    looks: int = 0
    was_lost: bool = False
    in_doubt: bool = False
    is_insisted: bool = False
    round: int = 0
    due_at: datetime | None = None
    awaited: str = ""
    failure: Failure | None = None
    outputs: Mapping[str, Json] = field(default_factory=dict)
    began_at: datetime | None = None
    ended_at: datetime | None = None

    def but(self, **changes: Any) -> "Progress":
        """Return the same with other values; several times as fast as `replace`, and it counts here."""
        twin = object.__new__(Progress)
        for put, value in zip(_PUT, _ALL(self), strict=True):
            put(twin, value)
        for name, value in changes.items():
            object.__setattr__(twin, name, value)
        return twin

    @property
    def may_have_happened(self) -> bool:
        """Say whether it may have taken effect, and nobody knows yet."""
        return self.phase is Phase.UNCERTAIN or (self.in_doubt and self.phase not in OVER)


_ALL = attrgetter(*Progress.__slots__)
_PUT = [getattr(Progress, name).__set__ for name in Progress.__slots__]

IDLE = Progress()

CallId = tuple[str, Side]


@dataclass(frozen=True, slots=True)
class Fan:
    """A `for_each` under way.

    Attributes:
        todo: the indices to begin, in order.
        begun: how many of those were begun.
        live: how many instances are under way.
    """

    items: Sequence[Json]
    todo: Sequence[int]
    begun: int = 0
    live: int = 0


@dataclass(slots=True)
class Run:
    """The state of one run.

    Attributes:
        seq: the number of its last entry.
        progress: per step and side, only for those that were begun.
        current: the call that the last step entry spoke of.
        live: what was begun and is not over, in the order of its beginning.
        flying: calls that were announced and have not answered.
        over_in: per `for_each` and scope (the workflow's own is empty), how many parts are over.
        fans: per `for_each` that was opened.
        scopes: the inputs of each sub-workflow that was opened.
        asked: how each approval stands.
        failures: the steps that failed for good, in order.
        finished: steps that left an effect or may have, in the order in which they ended.
        undone: how many of those, counted from the last, need no more undoing.
        has_begun: something was begun, so that the run is past its own gates.
        mail: how many messages from outside were taken in.
        signals: those that no wait has taken yet.
    """

    seq: int = 0
    progress: dict[CallId, Progress] = field(default_factory=dict)
    current: CallId | None = None
    live: dict[CallId, None] = field(default_factory=dict)
    flying: dict[CallId, None] = field(default_factory=dict)
    over_in: dict[str, int] = field(default_factory=dict)
    fans: dict[str, Fan] = field(default_factory=dict)
    scopes: dict[str, JsonObject] = field(default_factory=dict)
    asked: dict[str, Standing] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    undone: int = 0
    has_begun: bool = False
    mail: int = 0
    cancel: CancelRequested | None = None
    pause: Paused | None = None
    signals: tuple[SignalReceived, ...] = ()
    compensation: CompensationStarted | None = None
    ended: Ended | None = None

    def of(self, step: str, side: Side) -> Progress:
        """Return how far a call has come."""
        return self.progress.get((step, side), IDLE)

    def in_flight(self) -> list[CallId]:
        """Return the calls that were announced and have not answered."""
        return list(self.flying)

    @property
    def is_paused(self) -> bool:
        """Say whether nothing may begin; a cancel ends a pause."""
        return self.pause is not None and self.cancel is None

    @property
    def goes_forward(self) -> bool:
        """Say whether steps may still be begun."""
        return self.compensation is None and self.cancel is None and not self.failures

    def copy(self) -> "Run":
        """Return the same state, free to be changed."""
        return Run(
            self.seq,
            self.progress.copy(),
            self.current,
            self.live.copy(),
            self.flying.copy(),
            self.over_in.copy(),
            self.fans.copy(),
            self.scopes.copy(),
            self.asked.copy(),
            self.failures,
            self.finished,
            self.undone,
            self.has_begun,
            self.mail,
            self.cancel,
            self.pause,
            self.signals,
            self.compensation,
            self.ended,
        )


def illegal(event: Event, why: str) -> IllegalTransition:
    """Return the refusal of an entry."""
    return IllegalTransition("illegal_transition", f"{type(event).__name__} cannot follow: {why}.")
