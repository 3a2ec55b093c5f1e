"""The loop: claims due requests and gives each of them one pass, for ever.

One thread claims for all, so that waiting work is spread over whatever thread is free; the
threads run passes; a heartbeat keeps the claims alive. A pass that fails gives its request
back with a growing delay, and harms no other. Stopping finishes the passes that have begun
and gives the rest back. What a pass is, the loop does not know.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from catalog.bell import Bell
from catalog.clock import Clock
from catalog.db import Database
from catalog.errors import PlatformError
from executors.retry import RetryPolicy, Roll, delay_before
from reconciler import workqueue
from reconciler.heartbeat import Heartbeat
from reconciler.workqueue import LEASE, TOPIC, Claim, Fenced, Lane

_log = logging.getLogger(__name__)

_SHORTEST_WAIT_SECONDS = 0.02
_BACKOFF = RetryPolicy(initial_seconds=1.0, max_seconds=300.0)

Pass = Callable[[Claim], None]
"""Brings one request a step nearer to what is wanted, and gives its claim back."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How much is done at once, and how soon it is noticed.

    Attributes:
        threads: how many passes run at the same time.
        batch: how many claims are held at most, begun or not.
        poll_seconds: how long a lost ring can delay a request.
        spread: over how long a time periodic looks that a standstill left overdue are spread
            when the loop starts; zero leaves them as they are.
        floor_seconds: how long a floor is used, see `workqueue.floors`.
        backoff: the wait after failed passes.
    """

    threads: int = 4
    batch: int = 20
    lease: timedelta = LEASE
    poll_seconds: float = 1.0
    spread: timedelta = timedelta(minutes=5)
    floor_seconds: float = 5.0
    backoff: RetryPolicy = _BACKOFF


class Loop:
    """Runs passes in threads until it is stopped.

    Args:
        reconcile: called from several threads, but for one request only once at a time.
        owner: unique to this start of the program.
        roll: yields numbers in [0, 1), for jitter.
    """

    def __init__(
        self,
        db: Database,
        bell: Bell,
        reconcile: Pass,
        *,
        owner: str,
        clock: Clock,
        roll: Roll,
        settings: LoopSettings | None = None,
    ) -> None:
        self._db = db
        self._bell = bell
        self._reconcile = reconcile
        self._owner = owner
        self._clock = clock
        self._roll = roll
        self._settings = settings or LoopSettings()
        self._floors: dict[Lane, datetime] = {}
        self._floors_at: datetime | None = None
        self._changed = threading.Condition()
        self._waiting: deque[Claim] = deque()
        self._held: dict[str, Claim] = {}
        self._is_stopping = False
        self._threads: list[threading.Thread] = []
        every = self._settings.lease.total_seconds() / 3
        self._heartbeat = Heartbeat("loop-heartbeat", every, self._beat)
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """Return how many requests were claimed, passes ended, failed and were fenced, since the start."""
        with self._changed:
            return dict(self._counts)

    def start(self) -> None:
        """Begin to claim and to run passes."""
        names = ["claims", *(f"passes-{number}" for number in range(self._settings.threads))]
        targets = [self._claim_forever, *[self._work_forever] * self._settings.threads]
        self._threads = [
            threading.Thread(target=target, name=f"loop-{name}", daemon=True)
            for name, target in zip(names, targets, strict=True)
        ]
        self._heartbeat.start()
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 30.0) -> bool:
        """Finish what has begun, give back what has not; return whether all threads ended in time."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._bell.ring(TOPIC)
        for thread in self._threads:
            thread.join(timeout_seconds)
        if any(thread.is_alive() for thread in self._threads):
            return False  # their claims are still theirs
        self._heartbeat.stop()
        return True

    def run_once(self) -> int:
        """Claim once and run the passes in this thread; return how many there were."""
        claims = self._claimed(self._settings.batch)
        for claim in claims:
            self._run(claim)
        return len(claims)

    def _claim_forever(self) -> None:
        self._spread()
        seen = self._bell.count(TOPIC)  # before the look for room: a stop in between ends the wait
        while (room := self._room()) > 0:
            try:
                seconds = self._claim_or_wait(room)
            except Exception:  # noqa: BLE001 - the edge of a thread: the database may come back
                _log.exception("claiming failed")
                seconds = self._settings.poll_seconds
            if seconds > 0:
                self._bell.wait(TOPIC, seen, seconds)
            seen = self._bell.count(TOPIC)
        self._drain()

    def _claim_or_wait(self, room: int) -> float:
        """Claim what is due; return how long there will be nothing."""
        seconds = self._until_due()
        if seconds > 0:
            return seconds
        claims = self._claimed(room)
        with self._changed:
            self._held |= {claim.request_uid: claim for claim in claims}
            self._waiting += claims
            self._changed.notify_all()
        # Due but not to be had: somebody else is taking it at this moment.
        return 0.0 if claims else _SHORTEST_WAIT_SECONDS

    def _room(self) -> int:
        """Return how many more claims there is room for, once there is any; 0 when stopping."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopping or len(self._held) < self._settings.batch)
            return 0 if self._is_stopping else self._settings.batch - len(self._held)

    def _claimed(self, room: int) -> list[Claim]:
        now = self._clock()
        with self._db.write() as tx:
            if self._floors_at is None or now >= self._floors_at + timedelta(
                seconds=self._settings.floor_seconds
            ):
                self._floors, self._floors_at = workqueue.floors(tx, now), now
            claims = workqueue.claim(tx, self._owner, now, self._settings.lease, room, floors=self._floors)
        self._count("claimed", len(claims))
        return claims

    def _until_due(self) -> float:
        with self._db.read() as tx:
            due_at = workqueue.next_due(tx)
        longest = self._settings.poll_seconds
        return longest if due_at is None else min(longest, (due_at - self._clock()).total_seconds())

    def _work_forever(self) -> None:
        while (claim := self._next()) is not None:
            self._run(claim)
            with self._changed:
                if self._held.get(claim.request_uid) == claim:
                    del self._held[claim.request_uid]
                self._changed.notify_all()
            # Its next due time may be at hand; only this process needs to look.
            self._bell.ring(TOPIC)

    def _next(self) -> Claim | None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopping or self._waiting)
            return None if self._is_stopping else self._waiting.popleft()

    def _run(self, claim: Claim) -> None:
        try:
            self._reconcile(claim)
        except Fenced:
            self._count("fenced")
        except Exception as error:  # noqa: BLE001 - the edge of a pass: it must not end the loop
            self._count("failed")
            _log_failure(claim, error)
            self._give_back(claim)
        self._count("passes")

    def _give_back(self, claim: Claim) -> None:
        delay = delay_before(claim.attempts + 2, self._settings.backoff, self._roll)
        due_at = self._clock() + timedelta(seconds=delay)
        try:
            with self._db.write() as tx:
                workqueue.complete(tx, claim, due_at, Lane.REPAIR, failed=True)
        except Fenced:
            self._count("fenced")
        except PlatformError as error:
            _log.warning("a claim ends by itself: %s", error.message, extra={"request": claim.request_uid})

    def _beat(self) -> None:
        with self._changed:
            claims = list(self._held.values())
        with self._db.write() as tx:
            kept = workqueue.held(tx, claims, self._clock(), self._settings.lease)
        lost = [claim for claim in claims if claim.request_uid not in kept]
        with self._changed:
            # One that has begun finds out by itself; one that has not need not begin.
            self._waiting = deque(claim for claim in self._waiting if claim not in lost)
            for claim in lost:
                if self._held.get(claim.request_uid) == claim:
                    del self._held[claim.request_uid]
            self._changed.notify_all()

    def _spread(self) -> None:
        over = self._settings.spread
        try:
            while over:
                with self._db.write() as tx:
                    if workqueue.spread(tx, self._clock(), over) == 0:
                        return
        except PlatformError as error:
            _log.warning("overdue looks are not spread: %s", error.message)

    def _drain(self) -> None:
        with self._changed:
            waiting, self._waiting = list(self._waiting), deque()
        try:
            with self._db.write() as tx:
                for claim in waiting:
                    workqueue.release(tx, claim, self._clock())
        except PlatformError as error:
            _log.warning("claims end by themselves: %s", error.message)

    def _count(self, name: str, amount: int = 1) -> None:
        with self._changed:
            self._counts[name] += amount


def _log_failure(claim: Claim, error: Exception) -> None:
    details = {"request": claim.request_uid, "attempts": claim.attempts}
    if isinstance(error, PlatformError):
        _log.warning("a pass failed: %s", error.message, extra=details)
    else:
        _log.error("a pass failed", exc_info=error, extra=details)
