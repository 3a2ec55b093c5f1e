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
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB

from catalog.errors import Unavailable

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

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.topics: set[str] = set()

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self.connection.dialect.name

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Execute one statement."""
        return self.connection.execute(statement, parameters)

    def insert_missing(self, table: sa.Table, row: Mapping[str, object]) -> bool:
        """Insert a row unless one with its key is there; return whether it was inserted."""
        return self.execute(_insert_missing(table, self.dialect), row).rowcount == 1

    def ring(self, topic: str) -> None:
        """Note a topic to ring once this transaction has committed."""
        self.topics.add(topic)


class Database:
    """Engines, transactions and the bell behind them."""

    def __init__(self, url: str, ring: Ring | None = None, pool_size: int = 8) -> None:
        self.url = sa.make_url(url)
        self.ring = ring
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url, pool_size)
        # A read must see one state; a transaction on SQLite does so by nature.
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._snapshots = self.engine.execution_options(**snapshot)
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a transaction that only reads; it sees one state of the database."""
        with self._translated(), self._snapshots.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield Tx(connection)
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """Open a transaction that writes; it commits when the block ends and rolls back when it raises."""
        with self._translated(), self._one_writer(), self.engine.connect() as connection:
            tx = Tx(connection)
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield tx
            self._notify(tx)
            connection.commit()
        self._ring(tx.topics)

    def _ring(self, topics: set[str]) -> None:
        if self.ring is not None:
            for topic in topics:
                self.ring(topic)

    def _one_writer(self) -> AbstractContextManager[object]:
        # Waiting on a lock is fair and cheap; SQLite's own busy handler polls and starves.
        return self._writer if self.is_sqlite else nullcontext()

    def _notify(self, tx: Tx) -> None:
        if self.is_sqlite:
            return
        for topic in tx.topics:
            tx.execute(sa.select(sa.func.pg_notify(CHANNEL, topic)))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            raise Unavailable(
                "database_unavailable", "The database does not answer.", retry_after_seconds=2
            ) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


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
        pool_pre_ping=True,
        connect_args={"connect_timeout": 3, "options": settings, "application_name": "avow"},
    )
