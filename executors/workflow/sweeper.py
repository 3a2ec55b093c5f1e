"""Rings again for runs that are due and that nobody has taken up.

Where workers hear of runs through a broker, this is what makes a lost message, a dead
worker and a retry's waiting time harmless: it looks in the database, which is the truth,
and rings. Process threads need no sweeper; they look by themselves. Any number of sweepers
may run: a ring too many finds a claimed run.
"""

import logging
import threading
from datetime import datetime, timedelta

from catalog.bell import Bell
from catalog.clock import Clock
from catalog.db import Database
from catalog.errors import PlatformError
from executors import claims
from executors.claims import DueRun
from executors.runs import SWEEP
from executors.workflow.executor import Dispatcher

INTERVAL_SECONDS = 5.0
"""A run is rung for again after this long, and a fresh one not before: its starter has just rung."""

NET_SECONDS = 2.0
"""It looks this often at the least, so that a lease taken meanwhile is known before it ends."""

BATCH = 500
_SHORTEST_SECONDS = 0.02
_log = logging.getLogger(__name__)


class Sweeper:
    """One thread that looks when something may be due.

    Args:
        bell: rung on `sweep` when a run was parked or got mail, so that its time is known here.
    """

    def __init__(self, database: Database, dispatcher: Dispatcher, bell: Bell, clock: Clock) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._bell = bell
        self._clock = clock
        self._rung: dict[DueRun, datetime] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look in the background."""
        self._thread = threading.Thread(target=self._run, name="avow-sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()
        self._bell.ring(SWEEP)
        if self._thread is not None:
            self._thread.join()

    def sweep(self) -> int:
        """Ring for what is due now and return how many rings that took."""
        now = self._clock()
        with self._database.read() as tx:
            due = claims.due(tx, now, BATCH)
        self._rung = {run: at for run, at in self._rung.items() if _is_recent(at, now)}
        # A run that was taken up and came due once more is another matter than the one rung for.
        overdue = [run for run in due if run not in self._rung and _is_overdue(run, now)]
        for run in overdue:
            self._rung[run] = now
            self._dispatcher.ring(run.id)
        return len(overdue)

    def _run(self) -> None:
        rung = self._bell.count(SWEEP)  # before the look at the flag: a stop in between ends the wait
        while not self._stopping.is_set():
            seconds = NET_SECONDS
            try:
                self.sweep()
                seconds = self._idle_seconds()
            except PlatformError as error:
                _log.warning("the sweeper rests: %s", error.message)
            self._bell.wait(SWEEP, rung, seconds)
            rung = self._bell.count(SWEEP)

    def _idle_seconds(self) -> float:
        now = self._clock()
        with self._database.read() as tx:
            due_at = claims.next_due(tx, after=now)
        if due_at is None:
            return NET_SECONDS
        return min(NET_SECONDS, max(_SHORTEST_SECONDS, (due_at - now).total_seconds()))


def _is_recent(at: datetime, now: datetime) -> bool:
    return now - at < timedelta(seconds=INTERVAL_SECONDS)


def _is_overdue(run: DueRun, now: datetime) -> bool:
    # Whoever stored a run rings for it; everything later (retries, dead workers) rings here.
    return run.fence > 0 or now - run.due_at >= timedelta(seconds=INTERVAL_SECONDS)
