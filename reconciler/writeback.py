"""The one writer of a branch: elected by a lease, woken by the bell, patient with the remote.

Every process may run one for each branch; whoever holds the branch's lease writes and the
others wait. The work itself is in `reconciler.mirror`; here is when it is done and what
follows when it fails. Nothing that git does blocks a writer of the database: rows wait in
the outbox, with the reason, until the remote takes them.
"""

import hashlib
import logging
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from catalog.bell import Bell
from catalog.clock import Clock
from catalog.db import Database
from catalog.errors import PlatformError
from catalog.ids import Mint
from executors.repository import Access, Broken, Rejected, Repository
from executors.retry import RetryPolicy, Roll, delay_before
from reconciler import lease, outbox, workqueue, written
from reconciler.heartbeat import Heartbeat
from reconciler.lease import Lease
from reconciler.mirror import FailPoint, Mirror, Target, TurnedAway
from reconciler.outbox import TOPIC
from reconciler.workqueue import Fenced, Lane

_log = logging.getLogger(__name__)

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
_WAKE_AT_ONCE = 500
_RACE = RetryPolicy(initial_seconds=0.05, max_seconds=2.0)
_FAILURE = RetryPolicy(initial_seconds=1.0, max_seconds=60.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Which branch is written, through which clone, and in whose name.

    Attributes:
        directory: for the clone; nobody else may use it, not another process either.
        author: `Name <mail>`.
        access: how the remote is reached; its `depth` must stay None, because our own commits
            are looked for in the past.
    """

    directory: Path
    url: str
    branch: str
    author: str = "Avow <avow@localhost>"
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how patient a writer is.

    Attributes:
        linger_seconds: how long it waits after a ring for more to come, so that pushes are few.
        commits_per_push: one commit per change, so many with one push.
        check_seconds: how often the branch is compared with what was written.
        poll_seconds: how long a lost ring can delay a change.
        lease_seconds: how long a dead writer keeps the others waiting.
        race: the wait after somebody else was faster.
        races: so often in a row that it is not a race, but a branch that cannot be moved.
        failure: the wait while the remote does not answer or takes nothing.
        refusals: so many changes refused one after the other mean that it is not the changes.
        keep: how long written rows are kept.
        tidy_pushes: after so many pushes the clone is packed.
    """

    linger_seconds: float = 0.2
    commits_per_push: int = 100
    check_seconds: float = 60.0
    poll_seconds: float = 2.0
    lease_seconds: float = 3.0
    race: RetryPolicy = _RACE
    races: int = 5
    failure: RetryPolicy = _FAILURE
    refusals: int = 3
    keep: timedelta = timedelta(days=7)
    tidy_pushes: int = 500


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
        place: Place,
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
        self._place = place
        self._owner = owner
        self._clock = clock
        self._mint = mint
        self._roll = roll
        self._pace = pace or Pace()
        self._at = at
        self._target = Target(_digest(place.url), place.branch, place.author)
        self._name = lease_name(place.url, place.branch)
        self._lease: Lease | None = None
        self._opened: tuple[Repository, Mirror] | None = None
        self._most = self._pace.commits_per_push
        self._checked_at: datetime | None = None
        self._races = self._failures = self._refusals = self._pushes = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"writer-{place.branch}", daemon=True)
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
        while not self._stopping.is_set():
            seen = self._bell.count(TOPIC)
            try:
                rest = self.turn()
            except Exception:  # noqa: BLE001 - the edge of a thread: the next turn may fare better
                _log.exception("a turn of the git writer failed", extra={"branch": self._place.branch})
                rest = self._failed("the git writer failed; see its log")
            self._pause(rest, seen)
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
            place = self._place
            repository = Repository.open(place.directory, place.url, place.branch, place.access)
            mirror = Mirror(self._db, repository, self._target, self._clock, self._mint, at=self._at)
            self._opened = (repository, mirror)
        return self._opened

    def _is_check_due(self) -> bool:
        if self._checked_at is None:
            return True
        return self._clock() >= self._checked_at + timedelta(seconds=self._pace.check_seconds)

    def _keep_house(self, repository: Repository) -> None:
        with self._db.write() as tx:
            outbox.prune(tx, self._place.branch, self._clock() - self._pace.keep)
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
        _log.warning("the clone is made anew: %s", error.message, extra={"branch": self._place.branch})
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


def lease_name(url: str, branch: str) -> str:
    """Return the name under which writers of one branch of one remote elect each other."""
    return f"git:{branch}:{_digest(url).removeprefix('sha256:')[:32]}"


def normalised(url: str) -> str:
    """Return one spelling for all the addresses that surely mean the same repository."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme.lower())) else f":{parts.port}"
    path = unquote(parts.path).rstrip("/").removesuffix(".git")
    return f"{parts.scheme.lower()}://{host}{port}{path}"


def _digest(url: str) -> str:
    # The address may name internal hosts; rows and lease names need not repeat it.
    return "sha256:" + hashlib.sha256(normalised(url).encode("utf-8")).hexdigest()
