"""The bell: wakes whoever waits for a topic.

A ring carries nothing but the topic and may be lost; every waiter also wakes by itself
after its timeout and looks at the database. In one process it is a condition variable;
across processes on PostgreSQL a listener thread (`platform_api.wiring`) rings it on each
notification.
"""

import threading
from collections import defaultdict


class Bell:
    """Counts rings per topic; waiting compares counts, so a ring between two looks is not missed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._counts: defaultdict[str, int] = defaultdict(int)

    def ring(self, topic: str) -> None:
        """Wake everybody who waits for this topic."""
        with self._condition:
            self._counts[topic] += 1
            self._condition.notify_all()

    def count(self, topic: str) -> int:
        """Return how often the topic was rung; take it before looking at the database."""
        with self._condition:
            return self._counts[topic]

    def wait(self, topic: str, seen: int, timeout_seconds: float) -> bool:
        """Wait until the topic was rung after `seen`; return False when the time ran out."""
        with self._condition:
            return self._condition.wait_for(lambda: self._counts[topic] != seen, timeout_seconds)
