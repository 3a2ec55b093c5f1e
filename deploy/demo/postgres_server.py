"""A PostgreSQL for the demo: one that somebody names, or one of our own for a minute.

`AVOW_DEMO_POSTGRES=postgresql://admin:password@host:port/postgres` names one. Otherwise the
programs of an installed PostgreSQL are looked for, and a cluster is made in a temporary folder.
PostgreSQL refuses to run as root, so under root it runs as the account that its package made, or
as nobody.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

from deploy.demo.stage import NotShownError, Server, free_port

NAMED_BY = "AVOW_DEMO_POSTGRES"
PASSWORD_VARIABLE = "AVOW_SECRET_POSTGRES"  # noqa: S105  # a name, not a password
LOOPBACK = "127.0.0.1"
_QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "unix_socket_directories": ""}


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where a PostgreSQL is, or where the programs to start one are.

    Attributes:
        programs: None when it runs already.
    """

    host: str
    port: int
    user: str
    password: str
    database: str = "postgres"
    programs: Path | None = None

    def config(self) -> str:
        """Return the `config` of a destination, as YAML on one line."""
        secret = f", admin_password: secret://env/{PASSWORD_VARIABLE}" if self.password else ""
        return (
            f"{{host: {self.host}, port: {self.port}, database: {self.database},"
            f" admin_user: {self.user}{secret}}}"
        )


def at_hand(environment: Mapping[str, str]) -> Postgres | None:
    """Return the PostgreSQL that is named, or one that can be started; None when there is none."""
    named = environment.get(NAMED_BY)
    if named:
        parts = urlsplit(named)
        return Postgres(
            parts.hostname or LOOPBACK,
            parts.port or 5432,
            unquote(parts.username or "postgres"),
            unquote(parts.password or ""),
            parts.path.strip("/") or "postgres",
        )
    programs = _programs(environment)
    if programs is None or not _can_lie_in(Path(tempfile.gettempdir())):
        return None
    return Postgres(LOOPBACK, free_port(), "postgres", secrets.token_urlsafe(18), programs=programs)


@contextmanager
def running(postgres: Postgres, environment: Mapping[str, str]) -> Iterator[None]:
    """Keep it running until the block ends; nothing is left of one that was started here."""
    if postgres.programs is None:
        yield
        return
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="avow-demo-postgres-"))
    plain = {name: value for name, value in environment.items() if name != PASSWORD_VARIABLE}
    try:
        if account is not None:
            shutil.chown(folder, account)
        _make_cluster(postgres, folder, account, plain)
        settings = [f"--{name}={value}" for name, value in _QUICK.items()]
        server = Server(
            [
                str(postgres.programs / "postgres"),
                f"-D{folder}/cluster",
                f"--listen_addresses={LOOPBACK}",
                f"--port={postgres.port}",
                *settings,
            ],
            folder / "postgres.log",
            plain,
            account,
            folder,
        )
        try:
            server.wait_until(lambda: _answers(postgres), "PostgreSQL")
            yield
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def connect(
    postgres: Postgres, user: str, password: str, database: str
) -> "psycopg.Connection[tuple[Any, ...]]":
    """Return a connection of somebody to a database of the server."""
    return psycopg.connect(
        host=postgres.host,
        port=postgres.port,
        user=user,
        password=password,
        dbname=database,
        connect_timeout=5,
        autocommit=True,
    )


def _make_cluster(
    postgres: Postgres, folder: Path, account: str | None, environment: Mapping[str, str]
) -> None:
    entry = folder / "password"
    entry.touch(0o600)
    entry.write_text(postgres.password + "\n")
    if account is not None:
        shutil.chown(entry, account)
    command = [
        f"{postgres.programs}/initdb",
        "--auth=scram-sha-256",
        f"--username={postgres.user}",
        f"--pwfile={entry}",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
        f"--pgdata={folder}/cluster",
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        user=account,
        extra_groups=None if account is None else [],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    entry.unlink()
    if done.returncode != 0:
        raise NotShownError(f"PostgreSQL could not make a cluster:\n{done.stderr.strip()}")


def _programs(environment: Mapping[str, str]) -> Path | None:
    places = [Path(part) for part in environment.get("PATH", "").split(os.pathsep)]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    whole = (place for place in places if (place / "initdb").exists() and (place / "postgres").exists())
    return next(whole, None)


def _account() -> str | None:
    if os.geteuid() != 0:
        return None
    return "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"


def _can_lie_in(folder: Path) -> bool:
    # Another account gets to its files only through folders that let everybody through.
    return _account() is None or all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def _answers(postgres: Postgres) -> bool:
    try:
        connect(postgres, postgres.user, postgres.password, postgres.database).close()
    except psycopg.OperationalError:
        return False
    return True
