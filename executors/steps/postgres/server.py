"""A connection of a destination's administrator, within the time of one call.

Used by the kinds beside it. The password is resolved just in time and goes to libpq, nowhere
else; a new role's password leaves this process only as a SCRAM verifier, because servers may
log statements. When the time is up the connection is cut from outside: a server that stopped
answering cannot be asked to cancel.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from catalog.digest import JsonObject
from executors.arguments import Arguments
from executors.boundary import Unsealed
from executors.deadline import Deadline
from executors.secrets import REFERENCE_PATTERN
from executors.step import OutcomeUnknown, Permanent, StepCall, StepError, Transient

NAME: JsonObject = {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$", "not": {"pattern": "^pg_"}}
DESTINATION: JsonObject = {
    "description": "a destination's config; what other kinds read may stand beside",
    "type": "object",
    "required": ["host", "admin_user"],
    "properties": {
        "host": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$"},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 5432},
        "database": {"type": "string", "default": "postgres"},
        "admin_user": {"type": "string"},
        "admin_password": {"type": "string", "pattern": REFERENCE_PATTERN},
        "sslmode": {
            "enum": ["disable", "prefer", "require", "verify-ca", "verify-full"],
            "default": "prefer",
        },
    },
}
_ACCESS = ("28", "42501")
_BUSY = ("40", "53", "55", "57014")
_BROKEN_OFF = ("08", "57P")
_STILL_USED = "2BP01"


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there.

    Attributes:
        mark: its comment; whose it is when Avow made it.
        facts: what an observation reports of it.
    """

    mark: str | None
    facts: JsonObject


class Server:
    """An open connection and the few questions that all kinds ask."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]", call: StepCall) -> None:
        self.connection = connection
        self.mark = f"avow:{call.project}/{call.request_uid}"
        self._project_mark = f"avow:{call.project}/"

    def execute(self, statement: LiteralString, *names: str, **literals: str | int) -> None:
        """Execute a statement; `{}` takes names in order, `{word}` takes literals."""
        identifiers = [sql.Identifier(name) for name in names]
        values = {word: sql.Literal(value) for word, value in literals.items()}
        self.connection.execute(sql.SQL(statement).format(*identifiers, **values))

    def ask(self, query: LiteralString, *parameters: str) -> tuple[Any, ...] | None:
        """Return the first row of a query's answer."""
        return self.connection.execute(query, parameters).fetchone()

    def lock(self, name: str) -> None:
        """Wait for others that work on this name, and keep them out until the connection ends."""
        number = int.from_bytes(sha256(f"avow {name}".encode()).digest()[:8], "big", signed=True)
        self.connection.execute("SELECT pg_advisory_lock(%s)", (number,))

    def role(self, name: str) -> Found | None:
        """Return a role, None when there is none of this name."""
        row = self.ask(
            "SELECT shobj_description(oid, 'pg_authid'), rolcanlogin, rolsuper, rolcreatedb, rolcreaterole,"
            " rolconnlimit FROM pg_roles WHERE rolname = %s",
            name,
        )
        words = ("login", "superuser", "create_database", "create_role", "connection_limit")
        return None if row is None else Found(row[0], dict(zip(words, row[1:], strict=True)))

    def database(self, name: str) -> Found | None:
        """Return a database, None when there is none of this name."""
        row = self.ask(
            "SELECT shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba),"
            " pg_encoding_to_char(encoding), datallowconn FROM pg_database WHERE datname = %s",
            name,
        )
        words = ("owner", "encoding", "connections_allowed")
        return None if row is None else Found(row[0], dict(zip(words, row[1:], strict=True)))

    def is_ours(self, found: Found | None) -> bool:
        """Say whether it is there and belongs to the call's request."""
        return found is not None and found.mark == self.mark

    def is_of_project(self, found: Found | None) -> bool:
        """Say whether it is there and belongs to any request of the call's project."""
        return found is not None and (found.mark or "").startswith(self._project_mark)

    def verifier(self, role: str, password: str) -> str:
        """Return what the server stores instead of a password, computed here."""
        encrypt = self.connection.pgconn.encrypt_password
        return encrypt(password.encode(), role.encode(), b"scram-sha-256").decode("ascii")


@contextmanager
def administrator(call: StepCall, unsealed: Unsealed) -> Iterator[Server]:
    """Give a connection to the call's destination; each statement is its own transaction.

    Raises:
        Transient: it cannot be reached, or is busy.
        Permanent: it does not let us in, or refuses a statement.
        OutcomeUnknown: the connection broke in the middle.
    """
    deadline = Deadline(call.timeout_seconds)
    connection = _connected(Arguments(call.arguments).within("destination"), unsealed, deadline)
    try:
        with connection, _cut_at(deadline, connection):
            yield Server(connection, call)
    except psycopg.Error as error:
        raise _step_error(error) from error


def already_exists(noun: str) -> Permanent:
    """Return the refusal to touch what somebody else made."""
    return Permanent("already_exists", f"The server has a {noun} of this name that is not this request's.")


def _connected(
    destination: Arguments, unsealed: Unsealed, deadline: Deadline
) -> "psycopg.Connection[tuple[Any, ...]]":
    password = (
        unsealed.resolve(destination.text("admin_password")) if destination.has("admin_password") else None
    )
    milliseconds = max(1, int(deadline.remaining() * 1000))
    limits = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
    try:
        return psycopg.connect(
            host=destination.text("host"),
            port=destination.whole("port", 5432),
            dbname=destination.text("database", "postgres"),
            user=destination.text("admin_user"),
            password=password,
            passfile=f"{os.devnull}/none",  # no file at all: what lies in a home directory is not ours to use
            sslmode=destination.text("sslmode", "prefer"),
            connect_timeout=max(1, int(deadline.remaining())),
            application_name="avow",
            options=f"{limits} -c search_path=pg_catalog",
            autocommit=True,
        )
    except psycopg.Error as error:
        told = str(error)
        if "authentication failed" in told or "pg_hba.conf" in told or "does not exist" in told:
            raise Permanent("postgres_access_denied", "The PostgreSQL server does not let us in.") from error
        raise Transient("postgres_unreachable", "The PostgreSQL server cannot be connected to.") from error


@contextmanager
def _cut_at(deadline: Deadline, connection: "psycopg.Connection[tuple[Any, ...]]") -> Iterator[None]:
    # A descriptor of our own for the same socket: the connection may be closed, and its number
    # given to another file, at the very moment the timer goes off.
    own = socket.socket(fileno=os.dup(connection.fileno()))

    def cut() -> None:
        with suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(deadline.remaining() + 0.5, cut)  # statement_timeout comes first, where it can
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        own.close()


def _step_error(error: psycopg.Error) -> StepError:
    state = error.sqlstate
    if state is None or state.startswith(_BROKEN_OFF):
        return OutcomeUnknown("postgres_no_answer", "The connection to the PostgreSQL server broke off.")
    told = (error.diag.message_primary or "no reason was given")[:300]
    if state.startswith(_ACCESS):
        return Permanent("postgres_access_denied", f"The PostgreSQL server does not let us: {told}.")
    if state.startswith(_BUSY):
        return Transient("postgres_busy", f"The PostgreSQL server cannot do it now: {told}.")
    if state == _STILL_USED:
        return Permanent("role_in_use", f"Something still depends on it: {told}.")
    return Permanent("postgres_refused", f"The PostgreSQL server refuses ({state}): {told}.")
