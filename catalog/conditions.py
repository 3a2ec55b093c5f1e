"""Typed, timed facts about a request.

A condition says one thing, since when, and why. The set of types is closed, so that every
reader (CLI, `why`, console, tests) can walk all of them. `Ready` is never set by hand: it
is derived from the others, which is what keeps status honest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Type(StrEnum):
    """What a condition speaks of, in the order in which a delivery meets them."""

    AVAILABLE = "Available"  # the contract version asked for exists and can serve
    PLACED = "Placed"  # a destination was chosen
    ALLOWED = "Allowed"  # policy allows the present plan
    COMPOSED = "Composed"  # every child is ready; stated only where there are children
    APPLIED = "Applied"  # the executor delivered the present generation
    OBSERVED = "Observed"  # a fresh look at the thing succeeded
    IN_SYNC = "InSync"  # what was seen equals what was delivered
    WRITTEN = "Written"  # git holds what the database holds
    READY = "Ready"  # all of the above


class Status(StrEnum):
    """True, false, or not known at present."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact.

    Attributes:
        reason: a CamelCase word that programs may switch on; never empty.
        message: a sentence for the requester, free of internal words and secrets.
        since: when the status last changed.
        generation: the request's generation that it speaks of.
    """

    type: Type
    status: Status
    reason: str
    message: str
    since: datetime
    generation: int

    @property
    def is_true(self) -> bool:
        """Say whether the fact holds."""
        return self.status is Status.TRUE


Conditions = Mapping[Type, Condition]

NEEDED = tuple(type_ for type_ in Type if type_ is not Type.READY)


def merged(before: Conditions, changes: Iterable[Condition]) -> dict[Type, Condition]:
    """Return the conditions after some were stated anew; `since` moves only when a status does."""
    after = dict(before)
    for change in changes:
        old = after.get(change.type)
        keeps = old is not None and old.status is change.status
        after[change.type] = replace(change, since=old.since) if old is not None and keeps else change
    return after


def first_unmet(conditions: Conditions) -> Condition | None:
    """Return the earliest needed condition that is stated and does not hold."""
    stated = (conditions[type_] for type_ in NEEDED if type_ in conditions)
    return next((condition for condition in stated if not condition.is_true), None)
