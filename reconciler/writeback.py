"""The one writer of a branch: elected by a lease, woken by the bell, patient with the remote.

Every process may run one for each branch; whoever holds the branch's lease writes and the
others wait. The work itself is in `reconciler.mirror`; here is when it is done and what
follows when it fails. Nothing that git does blocks a writer of the database: rows wait in
the outbox, with the reason, until the remote takes them.
"""

import logging
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from catalog.bell import Bell
from catalog.clock import Clock
from catalog.db import Database
from catalog.errors import PlatformError
from catalog.ids import Mint
from executors.repository import Broken, Rejected, Repository
from executors.retry import Roll, delay_before
from reconciler import lease, outbox, workqueue, written
from reconciler.heartbeat import Heartbeat
from reconciler.lease import Lease
from reconciler.mirror import FailPoint, Mirror, Target, TurnedAway
from reconciler.outbox import TOPIC
from reconciler.remote import Pace, Remote, lease_name, remote_digest
from reconciler.workqueue import Fenced, Lane

_log = logging.getLogger(__name__)

_WAKE_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Rest:
    """What comes after a turn: a pause, and whether a ring may end it."""

    seconds: float
    heeds_bell: bool = False


class Writer:
    """Writes one branch for as long as it holds the branch's lease.

    Args:
        owner: unique to this writer and this start of the program.
        roll: yields numbers in [0, 1), for jitter.
        at: see `Mirror`.
    """

    def __init__(
        self,
        db: Database,
        bell: Bell,
        remote: Remote,
        *,
        owner: str,
        clock: Clock,
        mint: Mint,
        roll: Roll,
        pace: Pace | None = None,
        at: FailPoint = lambda point: None,
    ) -> None:
        self._db = db
        self._bell = bell
        self._remote = remote
        self._owner = owner
        self._clock = clock
        self._mint = mint
        self._roll = roll
        self._pace = pace or Pace()
        self._at = at
        self._target = Target(remote_digest(remote.url), remote.branch, remote.author)
        self._name = lease_name(remote.url, remote.branch)
        self._lease: Lease | None = None
        self._opened: tuple[Repository, Mirror] | None = None
        self._most = self._pace.commits_per_push
        self._checked_at: datetime | None = None
        self._races = self._failures = self._refusals = self._pushes = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"writer-{remote.branch}", daemon=True)
        self.counts: Counter[str] = Counter()

    def start(self) -> None:
        """Begin to write in a thread of its own."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 30.0) -> None:
        """Finish the push that is under way, and give the branch up."""
        self._stopping.set()
        self._bell.ring(TOPIC)
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def turn(self) -> Rest:
        """Do what can be done now: one look if one is due, and one push."""
        try:
            held = self._elected()
            if held is None:
                return Rest(self._pace.lease_seconds / 3)
            return self._work(held)
        except Fenced:
            self._lease = None
            return Rest(self._pace.lease_seconds / 3)
        except TurnedAway as away:
            return self._turned_away(away)
        except Rejected as error:
            return self._outrun(error)
        except Broken as error:
            return self._mend(error)
        except PlatformError as error:
            return self._failed(error.message)

    def _run(self) -> None:
        heartbeat = Heartbeat(f"{self._thread.name}-lease", self._pace.lease_seconds / 3, self._beat)
        heartbeat.start()
        seen = self._bell.count(TOPIC)  # before the look at the flag: a stop in between ends the pause
        while not self._stopping.is_set():
            try:
                rest = self.turn()
            except Exception:  # noqa: BLE001 - the edge of a thread: the next turn may fare better
                _log.exception("a turn of the git writer failed", extra={"branch": self._remote.branch})
                rest = self._failed("the git writer failed; see its log")
            self._pause(rest, seen)
            seen = self._bell.count(TOPIC)
        heartbeat.stop()
        self._give_up()

    def _pause(self, rest: Rest, seen: int) -> None:
        if not rest.heeds_bell:
            self._stopping.wait(rest.seconds)
        elif self._bell.wait(TOPIC, seen, rest.seconds):
            self._stopping.wait(self._pace.linger_seconds)

    def _elected(self) -> Lease | None:
        now, ttl = self._clock(), timedelta(seconds=self._pace.lease_seconds)
        before = self._lease
        if before is not None and now < before.expires_at - ttl / 2:
            return before
        with self._db.write() as tx:
            self._lease = lease.acquire(tx, self._name, self._owner, now, ttl)
        if self._lease is None or before is None or self._lease.fence != before.fence:
            self._forget()  # somebody else may have written meanwhile
        return self._lease

    def _beat(self) -> None:
        held = self._lease
        if held is None:
            return
        with self._db.write() as tx:
            renewed = lease.renew(tx, held, self._clock(), timedelta(seconds=self._pace.lease_seconds))
        self._lease = renewed

    def _give_up(self) -> None:
        held = self._lease
        if held is None:
            return
        try:
            with self._db.write() as tx:
                lease.release(tx, held, self._clock())
        except PlatformError as error:
            _log.warning("the lease ends by itself: %s", error.message, extra={"lease": self._name})

    def _work(self, held: Lease) -> Rest:
        repository, mirror = self._open()
        if not mirror.is_seen or self._is_check_due():
            seen = mirror.look(held)
            self.counts["adopted"] += seen.adopted
            self.counts["strange_files"] += seen.strange
            self._checked_at = self._clock()
            self._keep_house(repository)
        wrote = mirror.write(held, self._most)
        self.counts["rows"] += wrote.rows
        if wrote.commits:
            self.counts["commits"] += wrote.commits
            self.counts["pushes"] += 1
            self._pushes += 1
            self._most = min(self._most * 2, self._pace.commits_per_push)
            self._refusals = 0
        self._races = self._failures = 0
        return Rest(0.0) if wrote.more else Rest(self._pace.poll_seconds, heeds_bell=True)

    def _open(self) -> tuple[Repository, Mirror]:
        if self._opened is None:
            remote = self._remote
            repository = Repository.open(remote.directory, remote.url, remote.branch, remote.access)
            mirror = Mirror(self._db, repository, self._target, self._clock, self._mint, at=self._at)
            self._opened = (repository, mirror)
        return self._opened

    def _is_check_due(self) -> bool:
        if self._checked_at is None:
            return True
        return self._clock() >= self._checked_at + timedelta(seconds=self._pace.check_seconds)

    def _keep_house(self, repository: Repository) -> None:
        with self._db.write() as tx:
            outbox.prune(tx, self._remote.branch, self._clock() - self._pace.keep)
        if self._pushes >= self._pace.tidy_pushes:
            repository.tidy()
            self._pushes = 0

    def _outrun(self, error: Rejected) -> Rest:
        self.counts["races"] += 1
        self._races += 1
        self._forget()
        if self._races > self._pace.races:
            return self._failed(error.message)
        return Rest(delay_before(self._races + 1, self._pace.race, self._roll))

    def _turned_away(self, away: TurnedAway) -> Rest:
        """Find out which change the remote does not take, so that it keeps nobody else waiting."""
        self.counts["refusals"] += 1
        if len(away.rows) > 1:
            self._most = len(away.rows) // 2
            return Rest(0.0)
        self._refusals += 1
        for row in away.rows:
            self._set_aside(row, away.error.message)
        if self._refusals >= self._pace.refusals or not away.rows:
            return self._failed(away.error.message)
        return Rest(0.0)

    def _set_aside(self, row: outbox.Row, message: str) -> None:
        delay = delay_before(row.attempts + 2, self._pace.failure, self._roll)
        with self._db.write() as tx:
            now = self._clock()
            outbox.mark_refused(tx, row, message, now + timedelta(seconds=delay))
            workqueue.wake(tx, row.change.request_uid, Lane.CALLBACK, now)

    def _mend(self, error: Broken) -> Rest:
        self.counts["reclones"] += 1
        _log.warning("the clone is made anew: %s", error.message, extra={"branch": self._remote.branch})
        self._forget()
        try:
            if self._opened is not None:
                self._opened[0].reclone()
        except PlatformError as failure:
            return self._failed(failure.message)
        if self._failures:
            return self._failed(error.message)
        self._failures = 1  # once at once, then with patience
        return Rest(0.0)

    def _failed(self, message: str) -> Rest:
        self.counts["failures"] += 1
        self._failures += 1
        self._forget()
        try:
            self._report(message)
        except (PlatformError, Fenced) as error:
            _log.warning("an error of the git writer is not on record: %s", error)
        return Rest(delay_before(self._failures + 1, self._pace.failure, self._roll))

    def _report(self, message: str) -> None:
        """Store why the branch cannot be written; when that is news, wake those whose status must say so."""
        held = self._lease
        if held is None:
            return
        branch, remote = self._target.branch, self._target.remote
        with self._db.write() as tx:
            now = self._clock()
            lease.check(tx, held, now)
            before = written.standing(tx, branch, remote).error
            if message != before:
                written.save_error(tx, branch, remote, message, now)
            if not before:
                uids = outbox.waiting_requests(tx, branch, _WAKE_AT_ONCE)
                workqueue.wake_many(tx, uids, Lane.CALLBACK, now)

    def _forget(self) -> None:
        if self._opened is not None:
            self._opened[1].forget()
