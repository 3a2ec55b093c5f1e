"""Keeps the leases of runs that are being driven, and gives up on calls that hang.

One thread per process renews all leases of its worker in one statement, three times in a
lease; a run that is driven for less than that costs nothing. A call that overstays its
deadline is no longer renewed: another worker will take the run over, and whoever owns the
thread or process that hangs is told, so that it can be replaced.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from catalog.clock import Clock
from catalog.errors import Unavailable
from executors.workflow.journal import Journal

GRACE_SECONDS = 5.0
"""How long past its timeout a call may take to notice it by itself."""

_BEATS_PER_LEASE = 3
_log = logging.getLogger(__name__)


class Keeper:
    """Holds leases for one owner.

    Args:
        on_hung: told once about each run whose call overstayed.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        owner: str,
        lease_seconds: float,
        on_hung: Callable[[str], None] = lambda run_id: None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self.owner = owner
        self.lease_seconds = lease_seconds
        self.on_hung = on_hung
        self._deadlines: dict[str, datetime | None] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def lease_end(self, now: datetime) -> datetime:
        """Return when a lease taken or renewed now would end."""
        return now + timedelta(seconds=self.lease_seconds)

    @contextmanager
    def holding(self, run_id: str) -> Iterator[None]:
        """Keep a run's lease while the block runs."""
        self._put(run_id, None)
        try:
            yield
        finally:
            with self._guard:
                self._deadlines.pop(run_id, None)

    def expect(self, run_id: str, timeout_seconds: float) -> None:
        """Give the run's next call that long, and some grace, before giving up on it."""
        self._put(run_id, self._clock() + timedelta(seconds=timeout_seconds + GRACE_SECONDS))

    def start(self) -> None:
        """Begin to renew in the background."""
        self._thread = threading.Thread(target=self._keep, name="avow-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing; what is still held comes due when its lease ends."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def beat(self) -> None:
        """Renew what is held and give up on what hangs; the thread calls this, and so may tests."""
        now = self._clock()
        with self._guard:
            hung = [
                run for run, deadline in self._deadlines.items() if deadline is not None and deadline < now
            ]
            for run_id in hung:
                del self._deadlines[run_id]
            kept = list(self._deadlines)
        for run_id in hung:
            _log.error("a call of run %s hangs; it is left to another worker", run_id)
            self.on_hung(run_id)
        if kept:
            self._journal.commit(lambda book: book.renew(self.owner, kept, self.lease_end(now)))

    def _put(self, run_id: str, deadline: datetime | None) -> None:
        with self._guard:
            self._deadlines[run_id] = deadline

    def _keep(self) -> None:
        while not self._stopping.wait(self.lease_seconds / _BEATS_PER_LEASE):
            try:
                self.beat()
            except Unavailable:
                _log.warning("leases could not be renewed: the database does not answer")
