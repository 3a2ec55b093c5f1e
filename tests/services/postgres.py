"""A PostgreSQL server of our own.

PostgreSQL refuses to run as root, so under root it runs as the account its package made, or
as nobody. The superuser comes in without a password, to hand out databases; every role that
a test makes has to prove its password, so that a test of credentials means something.
Writes are not forced to the disk (a power cut is not what the tests are about), yet commits
stay synchronous: killing the server still loses nothing that was acknowledged. Benchmarks
start one with `DURABLE`, which keeps the server's own defaults.
"""

import itertools
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services.children import Child, Children, first_to_answer
from tests.services.missing import missing
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK

SUPERUSER = "postgres"
CREATE_SECONDS = 120.0
ACCESS = f"host all {SUPERUSER} {LOOPBACK}/32 trust\nhost all all {LOOPBACK}/32 scram-sha-256\n"
DURABLE = {"listen_addresses": LOOPBACK, "unix_socket_directories": "", "max_connections": "300"}
SETTINGS = {**DURABLE, "shared_buffers": "32MB", "fsync": "off", "full_page_writes": "off"}


@dataclass(slots=True)
class Postgres:
    """A running server that hands out databases."""

    run: Callable[[int], Child]
    child: Child
    port: int
    folder: Path
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def url(self, database: str = SUPERUSER) -> str:
        """Return the address of a database as SQLAlchemy writes it."""
        return f"postgresql+psycopg://{SUPERUSER}@{LOOPBACK}:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its address."""
        name = f"test_{next(self._numbers)}"
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, and with it every connection to it."""
        name = url.rpartition("/")[2]
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composed) -> None:
        """Execute a statement as the superuser, outside any transaction."""
        with connect(self.port) as connection:
            connection.execute(statement)

    def restart(self, *, crashing: bool = False) -> None:
        """End every session and start again on the same port; crashing, as after a loss of power."""
        if crashing:
            self.child.signal(signal.SIGQUIT)  # "immediate": nothing is finished, recovery follows
            self.child.wait()
        self.child.stop()
        self.child = self.run(self.port)
        eventually(lambda: _answers(self.port), "PostgreSQL to answer again")

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.child.stop()
        shutil.rmtree(self.folder)


def connect(port: int, database: str = SUPERUSER) -> "psycopg.Connection[tuple[object, ...]]":
    """Return a connection of the superuser to the server on a port."""
    return psycopg.connect(
        host=LOOPBACK, port=port, user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=5
    )


def start_postgres(children: Children, settings: Mapping[str, str] = SETTINGS) -> Postgres:
    """Create a cluster in a folder of its own and start a server on it."""
    programs = _programs()
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="avow-postgres-"))  # short and outside pytest's closed folders
    if account is not None:
        shutil.chown(folder, account)
    made_with = ["--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--no-locale", "--no-sync"]
    initdb = [str(programs / "initdb"), *made_with, f"--pgdata={folder}/cluster"]
    created = children.start(initdb, cwd=folder, user=account)
    assert created.wait(CREATE_SECONDS) == 0, created.output()
    (folder / "cluster/pg_hba.conf").write_text(ACCESS)
    data = folder / "cluster"
    options = [f"--{name}={value}" for name, value in settings.items()]

    def run(port: int) -> Child:
        return children.start(
            [str(programs / "postgres"), f"-D{data}", f"--port={port}", *options],
            cwd=folder,
            user=account,
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients
        )

    child, port = first_to_answer(run, _answers)
    return Postgres(run, child, port, folder)


def _programs() -> Path:
    candidates = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep)]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    whole = (
        folder for folder in candidates if (folder / "initdb").exists() and (folder / "postgres").exists()
    )
    found = next(whole, None)
    if found is None:
        missing("PostgreSQL", "make services installs it")
    return found


def _account() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _answers(port: int) -> bool:
    try:
        connect(port).close()
    except psycopg.OperationalError:
        return False
    return True
