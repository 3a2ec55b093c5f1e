"""What can happen in a run: the entries of its journal.

The deciding core emits these, the journal stores them in order, and `state` folds them.
They are facts about the past, so a stored one never changes its meaning: a new field gets
a default, and a changed meaning gets a new name. `AttemptStarted` and `LookStarted` are
written before the call they announce; whoever finds one without an answer knows that its
worker was lost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from types import NoneType
from typing import Any, get_args

from catalog.digest import Json, JsonObject
from catalog.errors import Internal
from executors.port import RunState
from executors.workflow.approval_events import ApprovalEvent
from executors.workflow.ballot import Claim, Delegation, Outcome, Task, Vote
from executors.workflow.forms import Misfit, restored, stored
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

VERSION = 1
"""Of the stored form; an entry of a later version is refused rather than misread."""


class Side(StrEnum):
    """Whether a call does a step or takes it back."""

    DO = "do"
    UNDO = "undo"


class FailureKind(StrEnum):
    """What a failed attempt says about the world."""

    TRANSIENT = "transient"  # it did not happen; trying again may help
    PERMANENT = "permanent"  # it did not happen; trying again will not help
    UNKNOWN = "unknown"  # it may have happened
    REJECTED = "rejected"  # it happened, and what came back is not usable
    POISON = "poison"  # its workers died of it again and again; it may have happened

    @property
    def may_have_happened(self) -> bool:
        """Say whether there may be something to undo."""
        return self in (FailureKind.UNKNOWN, FailureKind.REJECTED, FailureKind.POISON)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed; the message is for people and free of secrets."""

    kind: FailureKind
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The run exists; always the first entry."""

    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A call is about to be made, by the holder of this fence."""

    at: datetime
    step: str
    side: Side
    attempt: int
    fence: int


@dataclass(frozen=True, slots=True)
class AttemptSucceeded:
    """It is done; `found` when a look told so and not the call itself."""

    at: datetime
    step: str
    side: Side
    outputs: Mapping[str, Json] = field(default_factory=dict)
    found: bool = False


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """It failed; tried again at `retry_at`, or never when that is None.

    Attributes:
        is_free: no failure of the step's own; the retry policy does not count it.
    """

    at: datetime
    step: str
    side: Side
    failure: Failure
    retry_at: datetime | None
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class AttemptUncertain:
    """It is not known whether it happened; looked up at `look_at`."""

    at: datetime
    step: str
    side: Side
    failure: Failure
    look_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptLost:
    """The worker went away in the middle of a call or a look."""

    at: datetime
    step: str
    side: Side


@dataclass(frozen=True, slots=True)
class LookStarted:
    """A look at an uncertain effect is about to be made, by the holder of this fence."""

    at: datetime
    step: str
    side: Side
    fence: int


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody asked for an end; `number` is its place in the run's mail."""

    at: datetime
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class SignalReceived:
    """A named event came in; kept for a step that waits for it."""

    at: datetime
    number: int
    name: str
    payload: JsonObject


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step failed for good without a call: a wait, an approval, an expression, a deadline."""

    at: datetime
    step: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class CompensationStarted:
    """From here on only undoing; `ends` is how the run will end once all is undone."""

    at: datetime
    ends: RunState
    step: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; always the last entry."""

    at: datetime
    state: RunState
    step: str = ""
    message: str = ""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)


CallEvent = AttemptStarted | AttemptSucceeded | AttemptFailed | AttemptUncertain | AttemptLost | LookStarted
"""Entries about one call: a step's doing, or its undoing."""

StepEvent = (
    StepSkipped | StepHeld | StepFailed | StepCompleted | FanOpened | ScopeOpened | WaitStarted | WaitEnded
)
"""Entries about a step that is not, or not now, making a call."""

MailEvent = CancelRequested | SignalReceived | Paused | Resumed | RetryRequested | Migrated | MailDropped
"""Entries that take in one letter each."""

Event = Accepted | CallEvent | StepEvent | ApprovalEvent | MailEvent | CompensationStarted | Ended


class UnreadableEvent(Internal):
    """A stored entry is of no type or version that this release knows."""


def encode(event: Event) -> tuple[str, dict[str, Json]]:
    """Return an event's type and stored form."""
    body: dict[str, Json] = {"v": VERSION}
    for name in _NAMES[type(event)]:
        value = getattr(event, name)
        body[name] = value if type(value) in _AS_THEY_ARE else _plain(value)
    return type(event).__name__, body


def decode(type_: str, body: Mapping[str, Any]) -> Event:
    """Return the event that a stored form stands for.

    Raises:
        UnreadableEvent: it was written by a later release, or not by us.
    """
    cls = _TYPES.get(type_)
    if cls is None or body.get("v") != VERSION:
        raise UnreadableEvent("unreadable_event", f"The journal holds an entry that cannot be read: {type_}.")
    values = {name: body[name] for name in _NAMES[cls] if name in body}
    try:
        for name, restore in _RESTORED[cls]:
            if values.get(name) is not None:
                values[name] = restore(values[name])
        return cls(**values)
    except (TypeError, Misfit) as error:
        raise UnreadableEvent("unreadable_event", f"The journal's {type_} lacks a field.") from error


_TYPES: Mapping[str, type[Event]] = {cls.__name__: cls for cls in get_args(Event)}
_NAMES: Mapping[type[Event], tuple[str, ...]] = {
    cls: tuple(part.name for part in fields(cls)) for cls in _TYPES.values()
}


def _failure(stored: Mapping[str, str]) -> Failure:
    return Failure(FailureKind(stored["kind"]), stored["code"], stored["message"])


_RESTORERS: Mapping[str, Callable[[Any], object]] = {
    **dict.fromkeys(("at", "retry_at", "look_at", "due_at", "until", "expires_at"), datetime.fromisoformat),
    **dict.fromkeys(("groups", "again"), tuple),
    "side": Side,
    "state": RunState,
    "ends": RunState,
    "outcome": Outcome,
    "failure": _failure,
    "task": partial(restored, Task),
    "vote": partial(restored, Vote),
    "claim": partial(restored, Claim),
    "delegation": partial(restored, Delegation),
}


_RESTORED: Mapping[type[Event], tuple[tuple[str, Callable[[Any], object]], ...]] = {
    cls: tuple((name, _RESTORERS[name]) for name in names if name in _RESTORERS)
    for cls, names in _NAMES.items()
}
_AS_THEY_ARE = frozenset({str, int, bool, dict, NoneType})


def _plain(value: Any) -> Json:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    return stored(value) if is_dataclass(value) else value
