"""Whether and when a failed attempt is tried again.

The workflow engine asks this after every failure that left no effect; adapters ask it for
their own calls. The answer is a value and never an exception or a sleep: whoever asked
writes it down, waits in its own way, and can be replayed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

Roll = Callable[[], float]


class Backoff(StrEnum):
    """How the wait grows from one attempt to the next."""

    EXPONENTIAL = "exponential"  # doubles each time, up to the policy's maximum
    FIXED = "fixed"  # always the initial wait


class Jitter(StrEnum):
    """How much of the wait is left to chance."""

    FULL = "full"  # evenly between nothing and the whole wait
    NONE = "none"  # the whole wait, for tests and for targets that ask for it


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a step is tried, and how long it rests in between.

    Attributes:
        attempts: how many tries there are in all, the first one included.
        initial_seconds: the ceiling of the first wait.
        max_seconds: no wait is longer.
    """

    attempts: int = 3
    backoff: Backoff = Backoff.EXPONENTIAL
    initial_seconds: float = 1.0
    max_seconds: float = 30.0
    jitter: Jitter = Jitter.FULL


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more after this wait."""

    delay_seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The tries are used up."""

    attempts: int


RetryDecision = Again | GiveUp


def retry_decision(policy: RetryPolicy, failures: int, roll: Roll) -> RetryDecision:
    """Return what follows after so many failed tries, the last one included.

    Args:
        roll: yields a number in [0, 1); passed in so that tests and replays can fix it.
    """
    if failures >= policy.attempts:
        return GiveUp(attempts=failures)
    return Again(delay_seconds=delay_before(failures + 1, policy, roll))


def delay_before(attempt: int, policy: RetryPolicy, roll: Roll) -> float:
    """Return how many seconds to wait before the given attempt.

    With full jitter the wait is drawn evenly between zero and the ceiling, so that steps
    which failed together do not come back together.

    Raises:
        ValueError: if attempt is below 2; the first one never waits.
    """
    if attempt <= 1:
        raise ValueError("the first attempt never waits")
    ceiling = _ceiling(attempt - 2, policy)
    return ceiling * roll() if policy.jitter is Jitter.FULL else ceiling


def _ceiling(doublings: int, policy: RetryPolicy) -> float:
    if policy.backoff is Backoff.FIXED:
        return min(policy.initial_seconds, policy.max_seconds)
    # 2 ** 62 already exceeds any wait; more would only overflow a float some day.
    return float(min(policy.initial_seconds * 2 ** min(doublings, 62), policy.max_seconds))
