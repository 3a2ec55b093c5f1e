"""One ear on PostgreSQL, and one mouth: what other processes did rings the bell here.

A notification is a hint; whoever waits on the bell also looks by himself. When the line
breaks, everything may have been missed, so all topics are rung once it stands again. The
same thread compares the database's clock with ours, so that all processes agree on "now"
however wrong the clock of one machine is. What nobody's work waits for is not told to other
processes with each commit, which would cost more than the commit, but a moment later and
many at once (`Echo`).
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from catalog.bell import Bell
from catalog.clock import Clock
from catalog.db import CHANNEL, Database
from catalog.errors import PlatformError

TOPICS = ("work", "runs", "sweep", "git", "events")
ECHO_SECONDS = 0.02
_SLICE_SECONDS = 0.5
_AGAIN_SECONDS = 1.0
_log = logging.getLogger(__name__)


class SharedClock:
    """The database's clock, as far as we know it: ours, corrected by the offset seen last."""

    def __init__(self, local: Clock) -> None:
        self._local = local
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        """Return the time."""
        return self._local() + self.offset

    def set_by(self, look: Callable[[], datetime]) -> None:
        """Correct the offset by a look at the database's clock; half the look's duration is its doubt."""
        before = self._local()
        seen = look()
        after = self._local()
        self.offset = seen - (before + (after - before) / 2)


class Echo:
    """A thread that tells other processes of the soft topics.

    Args:
        every_seconds: how long to wait for more before telling.
    """

    def __init__(self, database: Database, every_seconds: float = ECHO_SECONDS) -> None:
        self._database = database
        self._every_seconds = every_seconds
        self._topics: set[str] = set()
        self._guard = threading.Lock()
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="avow-echo", daemon=True)

    def start(self) -> None:
        """Take over the soft topics from the commits."""
        self._thread.start()
        self._database.later = self.note

    def stop(self) -> None:
        """Give them back, after telling what is left."""
        self._database.later = None
        self._stopping.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def note(self, topic: str) -> None:
        """Tell of a topic soon."""
        with self._guard:
            self._topics.add(topic)
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopping.is_set() or self._topics:
            self._wanted.wait()
            self._stopping.wait(self._every_seconds)
            with self._guard:
                self._wanted.clear()
                topics, self._topics = self._topics, set()
            try:
                self._database.notify(topics)
            except PlatformError:  # whoever waits also looks by himself
                _log.warning("other processes could not be told of what happened")


class Listener:
    """A thread with a connection of its own.

    Args:
        every_seconds: how often the clock is compared.
    """

    def __init__(self, database: Database, bell: Bell, clock: SharedClock, every_seconds: float) -> None:
        self._database = database
        self._engine = database.engine
        self._bell = bell
        self._clock = clock
        self._rounds = max(1, round(every_seconds / _SLICE_SECONDS))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="avow-listener", daemon=True)

    def start(self) -> None:
        """Set the clock, then listen in the background."""
        with self._engine.connect() as connection:
            self._clock.set_by(lambda: _database_time(connection))
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception:  # noqa: BLE001  # the edge of a thread: the database may come back
                _log.warning("the line to the database broke; listening again soon")
                self._stopping.wait(_AGAIN_SECONDS)

    def _listen(self) -> None:
        options = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with options.connect() as connection:
            connection.detach()  # it listens from now on, and must not serve anybody else afterwards
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
            for topic in TOPICS:
                self._bell.ring(topic)
            while not self._stopping.is_set():
                self._hear(connection)
                self._clock.set_by(lambda: _database_time(connection))

    def _hear(self, connection: sa.Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        for _ in range(self._rounds):
            if self._stopping.is_set():
                return
            for notice in driver.notifies(timeout=_SLICE_SECONDS):
                if not self._database.is_own(notice.pid):
                    self._bell.ring(notice.payload)


def _database_time(connection: sa.Connection) -> datetime:
    seen: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return seen
