"""Counts in memory what happens in this process, and adds it to everybody's every few seconds.

Nothing is written while nothing happens. What cannot be written is kept and added the next
time; a commit whose answer is lost may so be added twice, which no rate can tell.
"""

import logging
import threading
from bisect import bisect_left
from collections import defaultdict

from catalog.db import Database
from catalog.errors import PlatformError
from platform_api import tallies
from platform_api.figures import MOST_CONTRACTS, OTHER, Figure
from platform_api.tallies import COUNT, SUM, Tally
from reconciler.heartbeat import Heartbeat

EVERY_SECONDS = 5.0
_log = logging.getLogger(__name__)

# A tally, as what is counted a thousand times a second can afford it.
_Key = tuple[str, str, tuple[str, ...], str]


class Counting:
    """What one process has counted and not yet added; used by any thread."""

    def __init__(self, database: Database, every_seconds: float = EVERY_SECONDS) -> None:
        self._database = database
        self._every_seconds = every_seconds
        self._guard = threading.Lock()
        self._counted: defaultdict[_Key, float] = defaultdict(float)
        self._contracts: set[str] = set()
        self._heartbeat: Heartbeat | None = None

    def start(self) -> None:
        """Begin to add what is counted."""
        self._heartbeat = Heartbeat("avow-counting", self._every_seconds, self.flush)
        self._heartbeat.start()

    def stop(self) -> None:
        """Add what is left."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self.flush()

    def add(self, figure: Figure, *labels: str, contract: str = "", value: float = 1.0) -> None:
        """Count something."""
        with self._guard:
            self._counted[figure.name, self._name(figure, contract), labels, COUNT] += value

    def observe(self, figure: Figure, seconds: float, *labels: str) -> None:
        """Put a span into its bucket."""
        place = bisect_left(figure.buckets, seconds)
        bucket = figure.bucket_names[place]
        with self._guard:
            self._counted[figure.name, "", labels, bucket] += 1
            self._counted[figure.name, "", labels, SUM] += seconds

    def flush(self) -> None:
        """Add what was counted to what everybody has."""
        with self._guard:
            counted, self._counted = self._counted, defaultdict(float)
        if not counted:
            return
        try:
            with self._database.write() as tx:
                apart = tallies.add(tx, {Tally(*key): value for key, value in counted.items()})
        except PlatformError as error:
            _log.warning("what was counted is kept for later: %s", error.message)
            with self._guard:
                for key, value in counted.items():
                    self._counted[key] += value
            return
        with self._guard:
            self._contracts = apart

    def _name(self, figure: Figure, contract: str) -> str:
        if not figure.by_contract:
            return ""
        if contract not in self._contracts:
            if not contract or len(self._contracts) >= MOST_CONTRACTS:
                return OTHER
            self._contracts.add(contract)
        return contract
