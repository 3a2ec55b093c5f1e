"""A connection that its owner keeps, for the statements that run thousands of times a second.

For those, what SQLAlchemy and the driver do around a statement costs several times as much as
the statement itself. So a line talks to the drivers at their lowest level: on PostgreSQL every
statement is prepared once and then sent with its values as text, and comes back as text; on
SQLite it is the driver's plain call. SQLAlchemy still opens the connection, and may use it
in the same transaction. Made by `catalog.db`, used through its transactions only.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

Texts = Mapping[str, str]
"""One statement, as text for each dialect; values stand as `?` for SQLite and `%s` for PostgreSQL."""

Row = tuple[Any, ...]

_GOOD = (1, 2)  # done without rows, and with
_CONNECTED = 0
_INTEGERS = frozenset({20, 21, 23})  # the types that are numbers to us; everything else stays text
_BOOLEAN = 16


class Line:
    """A connection to keep.

    Args:
        settings: statements that every new connection begins with, on PostgreSQL.
    """

    def __init__(self, engine: sa.Engine, *settings: str) -> None:
        self.guard = threading.Lock()
        self._engine = engine
        self._settings = settings
        self._connection: sa.Connection | None = None
        self._prepared: dict[str, bytes] = {}
        self._errors: Any = getattr(engine.dialect.loaded_dbapi, "errors", None)

    @property
    def connection(self) -> sa.Connection:
        """Return the connection, opened if it is not."""
        if self._connection is None:
            self._connection = self._engine.connect()
            self._prepared = {}
            for setting in self._settings if self._errors is not None else ():
                self._connection.exec_driver_sql(setting)
        return self._connection

    def begin(self) -> None:
        """Begin a transaction that writes; a connection that was lost while it lay idle is replaced."""
        if self._errors is None:
            _driver(self.connection).execute("BEGIN IMMEDIATE")
            return
        try:
            self.command("BEGIN")
        except self._errors.OperationalError:
            self.drop()
            self.command("BEGIN")

    def end(self, notices: str) -> None:
        """Commit what was begun, if anything was, and tell of it, on PostgreSQL in one go."""
        if self._errors is None:
            _driver(self.connection).execute("COMMIT")
        elif commands := notices + ("COMMIT" if self._link.transaction_status else ""):
            self.command(commands)
        self._forget()

    def undo(self) -> None:
        """Roll back what was begun, if anything was."""
        if self._errors is None:
            _driver(self.connection).rollback()
        else:
            self.command("ROLLBACK")
        self._forget()

    def drop(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def execute(self, text: str, values: Sequence[object]) -> list[Row]:
        """Execute a statement on PostgreSQL and return its rows."""
        link, name = self._link, self._prepared.get(text)
        if name is None:
            name = self._prepared[text] = f"avow_{len(self._prepared)}".encode()
            self._checked(link.prepare(name, _numbered(text)))
        return _rows(self._checked(link.exec_prepared(name, [_encoded(value) for value in values])))

    def command(self, text: str) -> None:
        """Execute plain commands on PostgreSQL, in one go."""
        self._checked(self._link.exec_(text.encode()))

    @property
    def _link(self) -> Any:
        return _driver(self.connection).pgconn

    def _forget(self) -> None:
        # SQLAlchemy takes whatever was executed through it for a transaction; the driver has ended it.
        if self.connection.in_transaction():
            self.connection.rollback()

    def _checked(self, result: Any) -> Any:
        if result.status in _GOOD:
            return result
        error = self._errors.error_from_result(result)
        if self._link.status != _CONNECTED:  # it has no code of its own
            raise self._errors.OperationalError(str(error)) from error
        raise error


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


def sqlite_time(at: datetime | None) -> str | None:
    """Return a time as `UtcDateTime` stores it in SQLite."""
    if at is None:
        return None
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def time_of(stored: Any) -> datetime | None:
    """Return a time that came past SQLAlchemy, from either database."""
    if not isinstance(stored, str):
        at: datetime | None = stored
        return at
    read = datetime.fromisoformat(stored)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


@lru_cache(maxsize=256)
def _numbered(text: str) -> bytes:
    first, *rest = text.split("%s")
    return "".join([first, *(f"${number}{part}" for number, part in enumerate(rest, start=1))]).encode()


def _encoded(value: object) -> bytes | None:
    if value is None:
        return None
    text = str(value)
    if isinstance(value, datetime):
        text = value.isoformat()
    elif isinstance(value, list):
        text = (
            "{" + ",".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in value) + "}"
        )
    if "\0" in text:
        raise ValueError("a text holds a NUL, which PostgreSQL cannot store")
    return text.encode()


def _rows(result: Any) -> list[Row]:
    columns = range(result.nfields)
    kinds = [result.ftype(column) for column in columns]
    return [
        tuple(_decoded(kinds[column], result.get_value(row, column)) for column in columns)
        for row in range(result.ntuples)
    ]


def _decoded(kind: int, value: bytes | None) -> Any:
    if value is None:
        return None
    if kind in _INTEGERS:
        return int(value)
    return value == b"t" if kind == _BOOLEAN else value.decode()
