"""How much of an attempt's time is left.

Step kinds make one at the start of an attempt and ask it before every wait, so that several
waits share one limit. It counts on the monotonic clock: it measures a span and never says
what time it is.
"""

import time
from collections.abc import Callable


class Deadline:
    """The end of one attempt."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ends = monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, never less than zero."""
        return max(0.0, self._ends - self._monotonic())

    @property
    def has_passed(self) -> bool:
        """Say whether nothing is left."""
        return self.remaining() == 0.0
