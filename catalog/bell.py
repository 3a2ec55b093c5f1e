"""The bell: wakes whoever waits for a topic.

A ring carries nothing but the topic and may be lost; every waiter also wakes by itself
after its timeout and looks at the database. In one process it is a condition variable per
topic; across processes on PostgreSQL a listener thread (`platform_api.wiring`) rings it on
each notification.
"""

import threading


class Bell:
    """Counts rings per topic; waiting compares counts, so a ring between two looks is not missed."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._lines: dict[str, _Line] = {}

    def ring(self, topic: str) -> None:
        """Wake everybody who waits for this topic."""
        line = self._line(topic)
        with line.condition:
            line.count += 1
            line.condition.notify_all()

    def count(self, topic: str) -> int:
        """Return how often the topic was rung; take it before looking at the database."""
        return self._line(topic).count

    def wait(self, topic: str, seen: int, timeout_seconds: float) -> bool:
        """Wait until the topic was rung after `seen`; return False when the time ran out."""
        line = self._line(topic)
        with line.condition:
            return line.condition.wait_for(lambda: line.count != seen, timeout_seconds)

    def _line(self, topic: str) -> "_Line":
        line = self._lines.get(topic)
        if line is None:
            with self._guard:
                line = self._lines.setdefault(topic, _Line())
        return line


class _Line:
    """Those who wait for one topic: a ring for another does not wake them."""

    def __init__(self) -> None:
        self.condition = threading.Condition(threading.Lock())
        self.count = 0
