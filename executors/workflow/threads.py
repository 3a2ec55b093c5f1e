"""Worker threads in this process.

One thread at a time looks for work, the others do what is in hand (`hands`) or rest; so a ring
wakes one thread and not all, and nothing is handed over in between. The looker sleeps until
the bell rings, the next run is due (retries and expired leases of dead workers alike), or the
net's interval ends. As long as steps take no time, more runs are taken in hand than there are
threads, because then a transaction holds the steps of many. Started and stopped by the wiring.
"""

import logging
import threading
from datetime import datetime, timedelta

from catalog.bell import Bell
from catalog.clock import Clock
from catalog.db import Database
from catalog.errors import PlatformError
from executors import claims
from executors.runs import TOPIC
from executors.workflow.hands import Hands
from executors.workflow.worker import Worker

NET_SECONDS = 2.0
"""Where nobody rings and nothing is known to be due, a look is taken this often all the same.

Shorter than a lease: whoever dies right after a claim that nobody else has seen is missed soon after.
"""

MOST_IN_HAND = 64
"""So many runs at most are in hand while their steps take no time."""

_REST_SECONDS = 1.0
_SHORTEST_SECONDS = 0.001
_log = logging.getLogger(__name__)


class Threads:
    """A crew of threads around one worker; also the dispatcher of a process that has them.

    Args:
        bell: rung on `runs` by every transaction that makes a run due.
        size: how many runs are driven at the same time.
        side_by_side: so many calls of these runs beyond the first of each are made at a time.
    """

    def __init__(
        self,
        worker: Worker,
        database: Database,
        bell: Bell,
        clock: Clock,
        size: int = 4,
        *,
        side_by_side: int = 8,
    ) -> None:
        self._worker = worker
        self._database = database
        self._bell = bell
        self._clock = clock
        self._size = size
        self._hands = Hands(worker, clock, side_by_side)
        self._seat = threading.Lock()
        self._stopping = threading.Event()
        self._crew: list[threading.Thread] = []
        self._heard = -1
        self._next_at: datetime | None = None

    def ring(self, run_id: str) -> None:
        """Do nothing: the transaction that stored the run has rung the bell."""

    def start(self) -> None:
        """Start the threads and the renewing of their leases."""
        self._worker.keeper.on_hung = self._replace
        self._worker.keeper.on_mail = self._hands.hear
        self._worker.keeper.start()
        for _ in range(self._size):
            self._enlist()

    def stop(self, timeout_seconds: float = 30.0) -> None:
        """Let every thread end the call it is in; what is left comes due for others."""
        self._stopping.set()
        self._worker.stop()
        self._bell.ring(TOPIC)
        self._hands.wake(len(self._crew))
        deadline = self._clock() + timedelta(seconds=timeout_seconds)
        for thread in self._crew:
            thread.join(max(0.0, (deadline - self._clock()).total_seconds()))
        self._worker.keeper.stop()

    def _enlist(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"avow-run-{len(self._crew)}", daemon=True)
        self._crew.append(thread)
        thread.start()

    def _replace(self, run_id: str) -> None:
        # A thread cannot be ended from outside; one leaves when a call that hung has returned.
        self._hands.give_up(run_id)
        self._enlist()

    def _serve(self) -> None:
        while not (self._stopping.is_set() and self._hands.are_empty):
            try:
                if self._hands.lend(first_only=True):
                    if self._hands.dismiss():
                        return
                elif not self._look():
                    self._hands.rest(NET_SECONDS, first_only=True)
            except PlatformError as error:
                _log.warning("a worker thread rests: %s", error.message)
                self._stopping.wait(_REST_SECONDS)
            except Exception:  # noqa: BLE001  # the edge of a thread: one bad run must not end the crew
                _log.exception("a worker thread met the unexpected")
                self._stopping.wait(_REST_SECONDS)

    def _look(self) -> bool:
        """Wait for runs that are due and take them in hand; return False when that is not for this thread."""
        if self._stopping.is_set() or self._room() <= 0 or not self._seat.acquire(blocking=False):
            return False
        try:
            self._take_what_is_due()
        finally:
            self._seat.release()
        self._hands.wake(1)  # the seat is free
        return True

    def _take_what_is_due(self) -> None:
        rung = self._bell.count(TOPIC)  # before the look at the flag: a stop in between ends the wait
        while not self._stopping.is_set():
            seconds = 0.0 if rung != self._heard else self._idle_seconds()
            if seconds > 0:
                self._bell.wait(TOPIC, rung, seconds)
            else:
                room, self._heard = self._room(), rung
                turns = self._worker.take_some(room)
                if turns:
                    self._heard = -1 if len(turns) == room else rung  # there may be more
                    self._hands.take_on(turns)
                    return
                self._next_at = self._next_due()
                # What looked due may be in another process's hands at this very moment.
                self._bell.wait(TOPIC, rung, _SHORTEST_SECONDS)
            rung = self._bell.count(TOPIC)

    def _room(self) -> int:
        return (MOST_IN_HAND if self._hands.are_quick else self._size) - self._hands.count

    def _idle_seconds(self) -> float:
        """Return for how long nothing is due, as far as is known."""
        if self._next_at is None:
            self._next_at = self._next_due()
        return (self._next_at - self._clock()).total_seconds()

    def _next_due(self) -> datetime:
        net = self._clock() + timedelta(seconds=NET_SECONDS)
        with self._database.read() as tx:
            due_at = claims.next_due(tx)
        return net if due_at is None else min(net, due_at)
