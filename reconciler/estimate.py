"""How long an operation takes, by what it took before; the time in which people were asked apart.

Pure. `operations.spans` says how long operations took, `inbox.asked_times` when people were asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Span:
    """How long one operation took.

    Attributes:
        people_seconds: how much of it people were asked.
    """

    seconds: float
    people_seconds: float = 0.0

    @property
    def own_seconds(self) -> float:
        """Return how long it took without people."""
        return max(0.0, self.seconds - self.people_seconds)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """How long it takes in half of the cases, and in nearly all.

    Attributes:
        runs: on how many operations this rests.
    """

    p50_seconds: float
    p95_seconds: float
    runs: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long it will take, as far as history tells.

    Attributes:
        work: without the time in which people are asked; None without any history.
        people: how long people took, where they were asked; None when they never were.
    """

    work: Quantiles | None
    people: Quantiles | None


def estimated(spans: Sequence[Span]) -> Estimate:
    """Return what past operations say of the next one."""
    return Estimate(
        _quantiles([each.own_seconds for each in spans]),
        _quantiles([each.people_seconds for each in spans if each.people_seconds > 0]),
    )


def covered_seconds(intervals: Iterable[Interval]) -> float:
    """Return for how long at least one of the intervals lasted."""
    total, until = 0.0, None
    for start, end in sorted(intervals):
        begins = start if until is None else max(start, until)
        total += max(0.0, (end - begins).total_seconds())
        until = end if until is None else max(until, end)
    return total


def _quantiles(seconds: Sequence[float]) -> Quantiles | None:
    if not seconds:
        return None
    ordered = sorted(seconds)
    half, nearly_all = (
        round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) for share in (0.5, 0.95)
    )
    return Quantiles(half, nearly_all, len(ordered))
