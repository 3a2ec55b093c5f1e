"""Keeps the leases of runs that are being driven, and gives up on calls that hang.

One thread per process renews all leases of its worker in one statement, three times in a
lease; a run that is driven for less than that costs nothing. The renewal also tells which of
the runs have new mail. A run with a call that overstays its deadline is no longer renewed:
another worker will take it over, and whoever owns the thread or process that hangs is told,
so that it can be replaced.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from catalog import trace
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
        on_hung: told once about each run with a call that overstayed.

    Attributes:
        on_mail: told how much mail each run has that is held, after every renewal.
        on_start: called first when it starts, in the process that does the work.
        on_stop: called last when it stops.
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
        self.on_mail: Callable[[Mapping[str, int]], None] = lambda mail: None
        self.on_start: Callable[[], None] = lambda: None
        self.on_stop: Callable[[], None] = lambda: None
        self._deadlines: dict[str, dict[object, tuple[datetime, trace.Names]]] = {}
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def lease_end(self, now: datetime) -> datetime:
        """Return when a lease taken or renewed now would end."""
        return now + timedelta(seconds=self.lease_seconds)

    def hold(self, run_id: str) -> None:
        """Keep a run's lease from now on."""
        with self._guard:
            self._deadlines[run_id] = {}

    def let_go(self, run_id: str) -> None:
        """Keep it no longer."""
        with self._guard:
            self._deadlines.pop(run_id, None)

    @contextmanager
    def expecting(self, run_id: str, call: object, timeout_seconds: float) -> Iterator[None]:
        """Give one of a run's calls that long, and some grace, before giving up on the run."""
        until = self._clock() + timedelta(seconds=timeout_seconds + GRACE_SECONDS)
        with self._guard:
            if run_id in self._deadlines:
                self._deadlines[run_id][call] = until, trace.named()
        try:
            yield
        finally:
            with self._guard:
                self._deadlines.get(run_id, {}).pop(call, None)

    def start(self) -> None:
        """Begin to renew in the background."""
        self.on_start()
        self._thread = threading.Thread(target=self._keep, name="avow-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing; what is still held comes due when its lease ends."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self.on_stop()

    def beat(self) -> None:
        """Renew what is held and give up on what hangs; the thread calls this, and so may tests."""
        now = self._clock()
        with self._guard:
            hung = {
                run: named
                for run, calls in self._deadlines.items()
                for at, named in calls.values()
                if at < now
            }
            for run_id in hung:
                del self._deadlines[run_id]
            kept = list(self._deadlines)
        for run_id, named in hung.items():
            with trace.about(named):
                _log.error("a call of run %s hangs; it is left to another worker", run_id)
                self.on_hung(run_id)
        if kept:
            self.on_mail(self._journal.renew(self.owner, kept, self.lease_end(now)))

    def _keep(self) -> None:
        while not self._stopping.wait(self.lease_seconds / _BEATS_PER_LEASE):
            try:
                self.beat()
            except Unavailable:
                _log.warning("leases could not be renewed: the database does not answer")
