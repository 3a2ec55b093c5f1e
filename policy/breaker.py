"""Stops asking what keeps failing, for a while.

The embedded engine keeps one for policies that end its workers, the OPA engine one for
policies that never answer and for the server itself. After `threshold` failures in a row
a name rests; once the rest is over a single caller may try again, and its success clears
the name while its failure renews the rest. One success in between clears the count, so
that one hostile input cannot shut out a policy that others use.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_NAMES = 1000


@dataclass(slots=True)
class _Record:
    failures: int = 0
    rests_until: float = 0.0


class Breaker:
    """Failures in a row, by name; safe for several threads."""

    def __init__(self, threshold: int, rest_seconds: float, monotonic: Callable[[], float]) -> None:
        self._threshold = threshold
        self._rest_seconds = rest_seconds
        self._monotonic = monotonic
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._lock = threading.Lock()

    def rests(self, name: str) -> bool:
        """Say whether the name rests, without trying."""
        with self._lock:
            record = self._records.get(name)
            return record is not None and self._monotonic() < record.rests_until

    def admits(self, name: str) -> bool:
        """Say whether the caller may try; after a rest only one is told yes."""
        with self._lock:
            record = self._records.get(name)
            if record is None or record.failures < self._threshold:
                return True
            now = self._monotonic()
            if now < record.rests_until:
                return False
            record.rests_until = now + self._rest_seconds
            return True

    def failed(self, name: str) -> None:
        """Count a failure."""
        with self._lock:
            record = self._records.setdefault(name, _Record())
            self._records.move_to_end(name)
            record.failures += 1
            if record.failures >= self._threshold:
                record.rests_until = self._monotonic() + self._rest_seconds
            while len(self._records) > _NAMES:
                self._records.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures."""
        with self._lock:
            self._records.pop(name, None)
