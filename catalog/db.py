"""The database: one door to SQLite and PostgreSQL.

`Database.read()` and `Database.write()` open the only transactions there are; a command
or a reconcile pass opens exactly one of them for what must be atomic, and nothing below
commits. On SQLite a write takes a lock of this process and then `BEGIN IMMEDIATE`: one
writer at a time by construction, so "database is locked" cannot come from ourselves. A
transaction may note topics to ring; they are rung after the commit, so that nobody is
woken for something that cannot be seen yet. SQLAlchemy Core is used and its ORM is not
(ADR 0002): rows become frozen values in the stores.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB

from catalog.errors import PlatformError, Unavailable
from catalog.line import Line, Texts

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = sa.MetaData(naming_convention=NAMING)

JsonColumn = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

Ring = Callable[[str], None]

CHANNEL = "avow"
"""PostgreSQL's notification channel; a notification carries a topic and is only a hint."""

SOFT_TOPICS = frozenset({"events"})
"""Topics that nobody's work waits for; rung by nearly every commit, so not told with each."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC time; a naive one is a bug and is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Convert to UTC before storing."""
        if value is not None and value.tzinfo is None:
            raise ValueError("naive datetime")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Restore the zone that SQLite drops."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Tx:
    """One open transaction: executes statements and notes whom to wake after the commit."""

    def __init__(self, connection: sa.Connection, line: Line | None = None) -> None:
        self.connection = connection
        self._line = line
        self.topics: set[str] = set()
        self.told: set[str] = set()

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self.connection.dialect.name

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Execute one statement."""
        return self.connection.execute(statement, parameters)

    def swift(self, texts: Texts, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Execute one of the few statements that run thousands of times a second.

        It goes past SQLAlchemy. Values are the driver's, and so are rows, where documents and
        times may be text (`catalog.line`).
        """
        if self._line is not None and self.dialect == "postgresql":
            return self._line.execute(texts["postgresql"], values)
        cursor = _driver(self.connection).execute(texts[self.dialect], values)
        return [] if cursor.description is None else cursor.fetchall()

    def insert_missing(self, table: sa.Table, row: Mapping[str, object]) -> bool:
        """Insert a row unless one with its key is there; return whether it was inserted."""
        return self.execute(_insert_missing(table, self.dialect), row).rowcount == 1

    def ring(self, topic: str, *, told: bool = False) -> None:
        """Note a topic to ring once this transaction has committed.

        Args:
            told: a statement of this transaction tells other processes by itself.
        """
        self.topics.add(topic)
        if told:
            self.told.add(topic)


class Database:
    """Engines, transactions and the bell behind them.

    Attributes:
        later: takes the topics that nobody's work waits for, to tell other processes of many at once.
    """

    def __init__(self, url: str, ring: Ring | None = None, pool_size: int = 8) -> None:
        self.url = sa.make_url(url)
        self.ring = ring
        self.later: Ring | None = None
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url, pool_size)
        self._writer = threading.Lock()
        self._lines: list[Line] = []
        self._open: WeakSet[Any] = WeakSet()
        if not self.is_sqlite:
            sa.event.listen(self.engine, "connect", lambda connection, _record: self._open.add(connection))
        driver: Any = self.engine.dialect.loaded_dbapi
        self._driver_errors = (driver.OperationalError, driver.InterfaceError)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a transaction that only reads; it sees one state of the database."""
        with self._connected() as connection:
            self._begin(connection, "BEGIN" if self.is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ")
            yield Tx(connection)
            if not self.is_sqlite:
                # The driver's own way would throw away every statement that it has prepared.
                _driver(connection).pgconn.exec_(b"ROLLBACK")

    @contextmanager
    def glance(self, line: Line | None = None) -> Iterator[Tx]:
        """Open no transaction, for one statement that only reads: it sees one state by itself."""
        with self._connected(line) as connection:
            yield Tx(connection, line)

    @contextmanager
    def write(self, line: Line | None = None, *, single: bool = False) -> Iterator[Tx]:
        """Open a transaction that writes; it commits when the block ends and rolls back when it raises.

        Args:
            line: the connection to use; none fetches one.
            single: the block makes one statement, around which PostgreSQL needs no transaction.
        """
        begins = self.is_sqlite or not single
        with self._one_writer(), self._connected(line, begins=begins) as connection:
            tx = Tx(connection, line)
            if line is None and begins:
                self._begin(connection, "BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN")
            yield tx
            self._commit(tx, line)
        self._ring(tx.topics)

    def line(self, *settings: str) -> Line:
        """Return a connection to keep; it is closed with the database."""
        kept = Line(self.engine, *settings)
        self._lines.append(kept)
        return kept

    def notify(self, topics: Iterable[str]) -> None:
        """Tell other processes of topics, now."""
        if not self.is_sqlite:
            with self._connected() as connection:
                _driver(connection).execute(_notices(topics), prepare=False)

    def is_own(self, notifier: int) -> bool:
        """Say whether a notification came from this process, which needs none: its bell was rung."""
        return any(
            connection.info.backend_pid == notifier
            for connection in tuple(self._open)
            if not connection.closed
        )

    def _begin(self, connection: sa.Connection, statement: str) -> None:
        try:
            connection.exec_driver_sql(statement)
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated:
                raise
            # It was lost while it lay idle, and nothing was asked of it yet.
            connection.rollback()
            connection.exec_driver_sql(statement)

    def _commit(self, tx: Tx, line: Line | None) -> None:
        topics = tx.topics - tx.told - (SOFT_TOPICS if self.later is not None else set())
        driver = _driver(tx.connection)
        if line is not None:
            line.end(_notices(topics))
        elif self.is_sqlite:
            driver.execute("COMMIT")
        elif not topics:
            driver.commit()
        else:  # one way there and back for all of it
            end = "COMMIT" if driver.info.transaction_status else ""
            driver.execute(_notices(topics) + end, prepare=False)

    def _ring(self, topics: set[str]) -> None:
        if self.ring is not None:
            for topic in topics:
                self.ring(topic)
        if self.later is not None:
            for topic in topics & SOFT_TOPICS:
                self.later(topic)

    def _one_writer(self) -> AbstractContextManager[object]:
        # Waiting on a lock is fair and cheap; SQLite's own busy handler polls and starves.
        return self._writer if self.is_sqlite else nullcontext()

    @contextmanager
    def _connected(self, line: Line | None = None, *, begins: bool = False) -> Iterator[sa.Connection]:
        """Hand out a connection; the driver's faults become ours, and what is lost is not used again."""
        try:
            with self.engine.connect() if line is None else self._kept(line, begins=begins) as connection:
                try:
                    yield connection
                except self._driver_errors:  # SQLAlchemy has not seen this one
                    self._forget(connection)
                    raise
        except (
            sa.exc.OperationalError,
            sa.exc.InterfaceError,
            sa.exc.TimeoutError,
            *self._driver_errors,
        ) as error:
            raise Unavailable(
                "database_unavailable", "The database does not answer.", retry_after_seconds=2
            ) from error

    @contextmanager
    def _kept(self, line: Line, *, begins: bool) -> Iterator[sa.Connection]:
        with line.guard:
            try:
                if begins:
                    line.begin()
                yield line.connection
            except PlatformError:
                line.undo()
                raise
            except BaseException:
                line.drop()
                raise

    def _forget(self, connection: sa.Connection) -> None:
        """Close a connection that failed past SQLAlchemy."""
        if not self.is_sqlite and _driver(connection).closed:
            # Asked through SQLAlchemy, it notices too, and uses nothing else that was lost with it.
            with suppress(sa.exc.DBAPIError):
                connection.exec_driver_sql("SELECT 1")
        connection.invalidate()

    def close(self) -> None:
        """Close every connection."""
        for line in self._lines:
            with line.guard:
                line.drop()
        self.engine.dispose()


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


def _notices(topics: Iterable[str]) -> str:
    return "".join(f"NOTIFY {CHANNEL}, '{topic}'; " for topic in sorted(topics))


@lru_cache(maxsize=64)
def _insert_missing(table: sa.Table, dialect: str) -> sa.Executable:
    # Built once: composing a statement costs more than executing it on a warm cache.
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    # SQLAlchemy forgets how many rows an INSERT made unless it is asked to remember.
    return insert.on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, poolclass=sa.QueuePool, pool_size=16, max_overflow=32, pool_timeout=30)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver's own transaction handling would begin deferred; see `write`.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _postgres_engine(url: sa.URL, pool_size: int) -> sa.Engine:
    settings = (
        "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000"
        " -c timezone=UTC"
    )
    return sa.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size * 2,
        isolation_level="AUTOCOMMIT",  # transactions are begun by name, here as on SQLite
        connect_args={"connect_timeout": 3, "options": settings, "application_name": "avow"},
    )
