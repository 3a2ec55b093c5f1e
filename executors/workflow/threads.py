"""Worker threads in this process.

One thread at a time looks for work, the others drive what they found or queue up to look
next; so a ring wakes one thread and not all, and nothing is handed over in between. The
looker sleeps until the bell rings, the next run is due (retries and expired leases of dead
workers alike), or the net's interval ends. Started and stopped by the wiring.
"""

import logging
import threading
from datetime import timedelta

from catalog.bell import Bell
from catalog.clock import Clock
from catalog.db import Database
from catalog.errors import PlatformError
from executors import claims
from executors.runs import TOPIC
from executors.workflow.worker import Turn, Worker

NET_SECONDS = 5.0
"""Where nobody rings and nothing is known to be due, a look is taken this often all the same."""

_REST_SECONDS = 1.0
_SHORTEST_SECONDS = 0.001
_log = logging.getLogger(__name__)


class Threads:
    """A crew of threads around one worker; also the dispatcher of a process that has them.

    Args:
        bell: rung on `runs` by every transaction that makes a run due.
        size: how many runs are driven at the same time.
    """

    def __init__(self, worker: Worker, database: Database, bell: Bell, clock: Clock, size: int = 4) -> None:
        self._worker = worker
        self._database = database
        self._bell = bell
        self._clock = clock
        self._size = size
        self._looking = threading.Lock()
        self._stopping = threading.Event()
        self._crew: list[threading.Thread] = []
        self._hung: set[str] = set()
        self._heard = -1

    def ring(self, run_id: str) -> None:
        """Do nothing: the transaction that stored the run has rung the bell."""

    def start(self) -> None:
        """Start the threads and the renewing of their leases."""
        self._worker.keeper.on_hung = self._replace
        self._worker.keeper.start()
        for _ in range(self._size):
            self._enlist()

    def stop(self, timeout_seconds: float = 30.0) -> None:
        """Let every thread end the call it is in; what is left comes due for others."""
        self._stopping.set()
        self._worker.stop()
        self._bell.ring(TOPIC)
        deadline = self._clock() + timedelta(seconds=timeout_seconds)
        for thread in self._crew:
            thread.join(max(0.0, (deadline - self._clock()).total_seconds()))
        self._worker.keeper.stop()

    def _enlist(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"avow-run-{len(self._crew)}", daemon=True)
        self._crew.append(thread)
        thread.start()

    def _replace(self, run_id: str) -> None:
        # A thread cannot be ended from outside; it leaves by itself if its call ever returns.
        self._hung.add(run_id)
        self._enlist()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            run_id = self._serve_one()
            if run_id in self._hung:
                self._hung.discard(run_id)
                return

    def _serve_one(self) -> str:
        turn = None
        try:
            turn = self._next_turn()
            if turn is not None:
                self._worker.follow(turn)
        except PlatformError as error:
            _log.warning("a worker thread rests: %s", error.message)
            self._stopping.wait(_REST_SECONDS)
        except Exception:  # noqa: BLE001  # the edge of a thread: one bad run must not end the crew
            _log.exception("a worker thread met the unexpected")
            self._stopping.wait(_REST_SECONDS)
        return "" if turn is None else turn.claim.id

    def _next_turn(self) -> Turn | None:
        with self._looking:
            rung = self._bell.count(TOPIC)  # before the look at the flag: a stop in between ends the wait
            while not self._stopping.is_set():
                seconds = 0.0 if rung != self._heard else self._idle_seconds()
                if seconds > 0:
                    self._bell.wait(TOPIC, rung, seconds)
                else:
                    self._heard = rung
                    turn = self._worker.take()
                    if turn is not None:
                        return turn
                    # What looked due may be in another process's hands at this very moment.
                    self._bell.wait(TOPIC, rung, _SHORTEST_SECONDS)
                rung = self._bell.count(TOPIC)
        return None

    def _idle_seconds(self) -> float:
        """Return for how long nothing is due; a claim, which writes, is tried only when something may be."""
        with self._database.read() as tx:
            due_at = claims.next_due(tx)
        if due_at is None:
            return NET_SECONDS
        return min(NET_SECONDS, (due_at - self._clock()).total_seconds())
