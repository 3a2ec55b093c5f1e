"""The ground on which the git writer is tried: a database, a remote, requests, and strangers.

Used by tests of the writeback in this process and by `tests.writer_program`, which is a
writer in a process of its own that can be killed and stopped. Strangers push with a clone of
their own through the same door; rewinding and emptying happen inside the bare repository.
"""

import random
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from catalog import requests
from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database
from catalog.events import Cursor, Event, after
from catalog.ids import mint
from executors.repository import Access, Commit, RemoteRules, Repository, trailer
from executors.retry import RetryPolicy
from reconciler import outbox, workqueue
from reconciler.change import Change
from reconciler.outbox import Pending
from reconciler.remote import Pace, Remote
from reconciler.workqueue import Lane
from reconciler.writeback import Writer
from tests.factories import PROJECT, a_request, store_project
from tests.services.polling import eventually

SWIFT = Pace(
    linger_seconds=0.02,
    check_seconds=0.2,
    poll_seconds=0.1,
    lease_seconds=2.5,
    failure=RetryPolicy(initial_seconds=0.05, max_seconds=0.4),
)
"""A writer that notices everything soon."""

CALM = Pace(check_seconds=3600.0, poll_seconds=0.1, lease_seconds=3.0)
"""A writer that never looks by itself."""


def new_id(prefix: str) -> str:
    """Mint an id as production does."""
    return mint(prefix, utc_now())


def path_of(number: int) -> str:
    """Return the path of a request's file."""
    return f"projects/{PROJECT}/requests/r{number}.yaml"


def uid_of(number: int) -> str:
    """Return a request's uid."""
    return f"req_{number:026d}"


@dataclass
class Ground:
    """One database and one branch of one remote.

    Attributes:
        bare: the remote's own directory.
        folder: where clones are made.
    """

    db: Database
    bell: Bell
    url: str
    bare: Path
    folder: Path
    branch: str = "main"
    _writers: list[Writer] = field(default_factory=list)

    @property
    def access(self) -> Access:
        """Return how the remote may be reached."""
        return Access(RemoteRules(file_roots=(self.bare.parent,)))

    def store_requests(self, count: int) -> None:
        """Store so many requests, each with a row in the work queue that rests."""
        with self.db.write() as tx:
            store_project(tx)
            for number in range(count):
                requests.insert(tx, a_request(uid_of(number), name=f"r{number}"))
                workqueue.enqueue(tx, PROJECT, uid_of(number), Lane.RESYNC, datetime(2126, 1, 1, tzinfo=UTC))

    def put(self, number: int, content: str | None, generation: int = 1) -> None:
        """Queue a new content for a request's file."""
        trailers = {"Avow-Request": uid_of(number), "Avow-Generation": str(generation)}
        message = f"{PROJECT}/r{number}: generation {generation}"
        change = Change(PROJECT, uid_of(number), self.branch, path_of(number), content, message, trailers)
        with self.db.write() as tx:
            outbox.put(tx, change, utc_now(), new_id)

    def writer(
        self,
        name: str = "writer",
        pace: Pace = SWIFT,
        at: Callable[[str], None] = lambda point: None,
        url: str | None = None,
        late: timedelta = timedelta(0),
    ) -> Writer:
        """Return a writer with a clone of its own; `close` stops it.

        Args:
            late: how much later it is for this writer.
        """
        remote = Remote(self.folder / name, url or self.url, self.branch, access=self.access)
        made = Writer(
            self.db,
            self.bell,
            remote,
            owner=name,
            clock=lambda: utc_now() + late,
            mint=new_id,
            roll=random.random,
            pace=pace,
            at=at,
        )
        self._writers.append(made)
        return made

    def close(self) -> None:
        """Stop every writer."""
        for writer in self._writers:
            writer.stop()

    def pending(self, number: int) -> Pending:
        """Return what of a request is not in git."""
        with self.db.read() as tx:
            return outbox.pending(tx, uid_of(number))

    def waiting(self) -> int:
        """Return how many rows are in the queue."""
        with self.db.read() as tx:
            return sum(count for count, _ in outbox.backlog(tx).values())

    def until_written(self, seconds: float = 60.0) -> None:
        """Wait until the queue is empty."""
        eventually(lambda: self.waiting() == 0, "the outbox to be empty", seconds)

    def woken(self) -> set[str]:
        """Return the requests that are due, and let them rest again."""
        with self.db.write() as tx:
            claims = workqueue.claim(tx, "test", utc_now(), workqueue.LEASE, 10_000)
            for claim in claims:
                workqueue.complete(tx, claim, datetime(2126, 1, 1, tzinfo=UTC))
        return {claim.request_uid for claim in claims}

    def events(self, kind: str) -> list[Event]:
        """Return what was said of a kind."""
        with self.db.read() as tx:
            recorded = [one.event for one in after(tx, Cursor(), 10_000)]
        return [event for event in recorded if event.kind == kind]

    def git(self, *arguments: str) -> str:
        """Run git inside the remote."""
        command = ["git", "--git-dir", str(self.bare), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def tip(self) -> str:
        """Return where the remote's branch is."""
        return self.git("rev-parse", f"refs/heads/{self.branch}")

    def files(self) -> dict[str, str]:
        """Return what the remote's branch holds."""
        with self._stranger() as clone:
            tip = clone.fetch()
            if tip is None:
                return {}
            found = {path: clone.read(tip, path) for path in clone.tree(tip)}
        return {path: content.decode() for path, content in found.items() if content is not None}

    def messages(self) -> list[str]:
        """Return the branch's commit messages, the oldest first."""
        with self._stranger() as clone:
            clone.fetch()
            return [logged.message for logged in reversed(clone.log(100_000))]

    def changes(self) -> list[str]:
        """Return the ids of the changes that the branch's commits carry, the oldest first."""
        found = [trailer(message, "Avow-Change") for message in self.messages()]
        return [change for change in found if change is not None]

    def push(self, changes: Mapping[str, str | None], message: str = "by hand") -> str:
        """Push a commit as somebody else would."""
        contents = {path: None if text is None else text.encode() for path, text in changes.items()}
        commit = Commit(contents, message, "Dora <dora@example.test>", utc_now())
        with self._stranger() as clone:
            tip = clone.fetch()
            (sha,) = clone.build([commit], tip)
            clone.push(sha, tip)
        return sha

    def hook(self, script: str) -> None:
        """Make the remote judge every push by a script; empty lets everything pass."""
        place = self.bare / "hooks" / "pre-receive"
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"#!/bin/sh\n{script}\n")
        place.chmod(0o755)

    def _stranger(self) -> Repository:
        return Repository.open(self.folder / "stranger", self.url, self.branch, self.access)


def written(ground: Ground, count: int = 5) -> None:
    """Write a first content for some requests and leave a calm writer behind."""
    for number in range(count):
        ground.put(number, f"number: {number}\n")
    ground.writer("first", CALM).start()
    ground.until_written()
    ground.close()


def expected(count: int = 5) -> dict[str, str]:
    return {path_of(number): f"number: {number}\n" for number in range(count)}
