"""A thread that does one small thing at a steady pace, until it is told to stop.

Used by whoever holds a claim or a lease over work that may take longer than it lasts. A beat
that fails is logged and repeated: the fence decides who may record, not the heartbeat.
"""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `beat` every so many seconds between `start` and `stop`."""

    def __init__(self, name: str, every_seconds: float, beat: Callable[[], None]) -> None:
        self._every_seconds = every_seconds
        self._beat = beat
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to beat; the first beat comes after one pause."""
        self._thread.start()

    def stop(self) -> None:
        """End, after a beat that is under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            try:
                self._beat()
            except Exception:  # noqa: BLE001 - the edge of a thread: one failed beat must not end the beating
                _log.exception("a heartbeat failed", extra={"heartbeat": self._thread.name})
