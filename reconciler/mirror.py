"""One branch of the repository, as its writer sees it: look, set right, write the next batch.

    look:   fetch -> adopt our own commits that were never recorded -> report what others changed
    write:  next rows -> commits on the tip seen -> push, only if the branch is still there -> record

Called by `reconciler.writeback` under the branch's lease. No transaction is open while git
works. A push and its record are two steps; between them stands nothing but the change's id
in the commit, and that is enough to finish the record later, whoever does it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog import events
from catalog.audit import PLATFORM
from catalog.clock import Clock
from catalog.db import Database, Tx
from catalog.errors import Invalid, PlatformError
from catalog.ids import Mint
from executors.repository import Refused, Repository, trailer
from reconciler import lease, outbox, workqueue, written
from reconciler.change import Branch, Change, Kind
from reconciler.commits import CHANGE_TRAILER, Batch, batch_of, id_of, newest_of_each
from reconciler.lease import Lease
from reconciler.outbox import Row
from reconciler.strange import restore, strange_files, tell
from reconciler.workqueue import Lane
from reconciler.written import MISSING, Placed

FIRST_LOG = 500
LONGEST_LOG = 32_000
_CHUNK = 500

FailPoint = Callable[[str], None]


class TurnedAway(Exception):
    """The remote is there and does not take these rows."""

    def __init__(self, rows: Sequence[Row], error: PlatformError) -> None:
        super().__init__(error.message)
        self.rows = tuple(rows)
        self.error = error


@dataclass(frozen=True, slots=True)
class Target:
    """Which branch of which remote, and who the commits are by.

    Attributes:
        remote: a digest that stands for the remote's address.
        author: `Name <mail>`.
    """

    remote: str
    branch: str
    author: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found.

    Attributes:
        adopted: rows that were in git already and are off the queue now.
        strange: files that somebody else changed and that are queued to be written again.
    """

    adopted: int = 0
    strange: int = 0


@dataclass(frozen=True, slots=True)
class Wrote:
    """What one push did.

    Attributes:
        rows: how many rows are off the queue.
        more: whether rows are left that could be written at once.
    """

    rows: int
    commits: int
    more: bool


@dataclass(frozen=True, slots=True)
class _End:
    """What a file holds in the end, and the commit that says so."""

    change: Change
    content: str | None
    sha: str | None


class Mirror:
    """The writer's view of one branch.

    Args:
        at: called with the name of each point at which a crash would matter; tests crash there.
    """

    def __init__(
        self,
        db: Database,
        repository: Repository,
        target: Target,
        clock: Clock,
        mint: Mint,
        *,
        at: FailPoint = lambda point: None,
    ) -> None:
        self._db = db
        self._repository = repository
        self._target = target
        self._clock = clock
        self._mint = mint
        self._at = at
        self._tip: str | None = None
        self._tree: dict[str, str] = {}
        self.is_seen = False

    def forget(self) -> None:
        """Drop what was seen: the branch may have moved, or our own push may not be on record."""
        self.is_seen = False

    def look(self, held: Lease) -> Seen:
        """See where the branch is, and set right what is not as we left it.

        Raises:
            Fenced: the lease is lost.
            Unavailable, Absent, Refused, Broken: see `executors.repository`.
        """
        tip = self._repository.fetch()
        if self.is_seen and tip == self._tip:
            return Seen()
        tree = {} if tip is None else dict(self._repository.tree(tip))
        with self._db.read() as tx:
            before = written.standing(tx, self._target.branch, self._target.remote)
            waiting = set(outbox.change_ids(tx, self._target.branch, _CHUNK * 4))
        adopted = 0
        if tip != before.tip:
            shas, knows = self._logged(before.tip, waiting)
            adopted = self._adopt(held, shas)
            self._save_tip(held, tip, was_rewritten=before.tip is not None and not knows)
        if before.error and not waiting:
            self._clear_error(held)
        strange = self._report(held, tree)
        self._tip, self._tree, self.is_seen = tip, tree, True
        return Seen(adopted, strange)

    def write(self, held: Lease, most: int) -> Wrote:
        """Write the next rows with one push of at most `most` commits.

        Raises:
            TurnedAway: the remote does not take these rows.
            Rejected: the branch moved; look again.
            Fenced: the lease is lost; whoever has it now adopts what was pushed.
            Unavailable, Broken: see `executors.repository`.
        """
        rows, batch, others = self._next(most)
        if not batch.steps:
            return Wrote(0, 0, more=False)
        built = self._push(batch)
        self.is_seen = False  # until it is recorded, git knows more than the database
        settled = self._record(held, batch, built, others)
        self.is_seen = True
        for path, step in batch.last_by_path().items():
            self._tree[path] = id_of(step.content)
        return Wrote(settled, len(built), more=len(batch.steps) < rows or settled >= self._limit(most))

    def _limit(self, most: int) -> int:
        return _CHUNK if self._target.branch == Branch.STATE else most

    def _next(self, most: int) -> tuple[int, Batch, dict[str, str]]:
        branch = self._target.branch
        with self._db.read() as tx:
            rows = outbox.batch(tx, branch, self._clock(), self._limit(most))
            paths = {row.change.path for row in rows}
            known = written.contents(tx, branch, paths)
        covered: dict[int, int] = {}
        if branch == Branch.STATE:
            rows, covered = newest_of_each(rows)
        author = self._target.author
        batch = batch_of(rows, self._tree, known, most=most, author=author, covered=covered)
        others = {path: self._tree[path] for path in paths - known.keys() if path in self._tree}
        return len(rows), batch, others

    def _push(self, batch: Batch) -> list[str]:
        try:
            built = self._repository.build(batch.commits, self._tip)
            self._at("built")
            if built:
                self._repository.push(built[-1], self._tip)
            self._at("pushed")
        except (Refused, Invalid) as error:
            raise TurnedAway([step.row for step in batch.steps if step.commit is not None], error) from error
        return built

    def _record(self, held: Lease, batch: Batch, built: Sequence[str], others: dict[str, str]) -> int:
        now = self._clock()
        shas = batch.shas(built, self._tip)
        ends = [
            _End(step.row.change, step.content, shas[step.row.sequence])
            for step in batch.last_by_path().values()
        ]
        tip = built[-1] if built else self._tip
        branch, remote = self._target.branch, self._target.remote
        with self._db.write() as tx:
            lease.check(tx, held, now)
            outbox.mark_written(tx, shas, now)
            self._keep(tx, ends, now)
            for end in ends:
                found = others.get(end.change.path, MISSING)
                if found not in (MISSING, id_of(end.content)):
                    tell(tx, end.change, found, "ForeignFile", now)
            written.save_tip(tx, branch, remote, tip, now)
            written.save_error(tx, branch, remote, "", now)
            workqueue.wake_many(tx, [end.change.request_uid for end in ends], Lane.CALLBACK, now)
        self._tip = tip
        return len(shas)

    def _adopt(self, held: Lease, shas: Mapping[str, str]) -> int:
        """Record changes that were pushed and never recorded; return how many rows that settles."""
        if not shas:
            return 0
        branch = self._target.branch
        with self._db.write() as tx:
            now = self._clock()
            lease.check(tx, held, now)
            found = outbox.unwritten(tx, branch, shas)
            newest = {row.change.path: row for row in found}
            ends = [_End(row.change, self._content(tx, row), shas[row.change_id]) for row in newest.values()]
            last = {end.change.path: end.sha for end in ends}
            # What git holds of a file settles whatever was queued for it earlier.
            settled = outbox.up_to(tx, branch, found)
            own = {row.sequence: shas.get(row.change_id, last[row.change.path]) for row in settled}
            outbox.mark_written(tx, own, now)
            self._keep(tx, ends, now)
            workqueue.wake_many(tx, [end.change.request_uid for end in ends], Lane.CALLBACK, now)
        return len(own)

    def _logged(self, before: str | None, waiting: set[str]) -> tuple[dict[str, str], bool]:
        """Return commits by the waiting change that they carry, and whether `before` is among the latest."""
        most = FIRST_LOG
        while before is not None or waiting:
            logged = self._repository.log(most)
            found = {trailer(one.message, CHANGE_TRAILER): one.sha for one in reversed(logged)}
            knows = any(one.sha == before for one in logged)
            if knows or len(logged) < most or most >= LONGEST_LOG:
                return {change: sha for change, sha in found.items() if change in waiting}, knows
            most *= 4
        return {}, False

    def _report(self, held: Lease, tree: dict[str, str]) -> int:
        """Have what others changed written again; return how many files that concerns."""
        branch = self._target.branch
        with self._db.read() as tx:
            found = strange_files(written.files(tx, branch), tree)
        for start in range(0, len(found), _CHUNK):
            with self._db.write() as tx:
                now = self._clock()
                lease.check(tx, held, now)
                restore(tx, branch, found[start : start + _CHUNK], tree, now=now, mint=self._mint)
        return len(found)

    def _content(self, tx: Tx, row: Row) -> str | None:
        if row.kind is not Kind.RESTORE:
            return row.change.content
        path = row.change.path
        return written.contents(tx, self._target.branch, [path]).get(path)

    def _keep(self, tx: Tx, ends: Sequence[_End], now: datetime) -> None:
        branch = self._target.branch
        written.forget(tx, branch, [end.change.path for end in ends if end.content is None])
        placed = [
            Placed(end.change, end.content, id_of(end.content), end.sha or "")
            for end in ends
            if end.content is not None
        ]
        written.save(tx, branch, placed, now)

    def _clear_error(self, held: Lease) -> None:
        with self._db.write() as tx:
            now = self._clock()
            lease.check(tx, held, now)
            written.save_error(tx, self._target.branch, self._target.remote, "", now)

    def _save_tip(self, held: Lease, tip: str | None, *, was_rewritten: bool) -> None:
        branch = self._target.branch
        with self._db.write() as tx:
            now = self._clock()
            lease.check(tx, held, now)
            written.save_tip(tx, branch, self._target.remote, tip, now)
            if was_rewritten:
                message = f"the history of branch {branch} was rewritten by somebody else"
                events.append(tx, events.Event(PLATFORM, None, "GitRewritten", message, now))
