"""`avow up`, `api`, `worker` and `reconciler`: the one command module that loads servers.

It is loaded by name, only when one of its commands is called. Options that are given win
over `AVOW_` variables; each prints what is in use, what is off and how to turn it on.
"""

import platform
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated
from urllib.parse import urlsplit

import typer

from platform_api import serve as server
from platform_api import settings as configuration
from platform_api.bootstrap import TOKEN_FILE
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.local import told_as_failure
from platform_api.cli.output import Document, formatted
from platform_api.cli.session import DEFAULT_URL, LOCAL_TOKEN, Format, Given, format_of, new_app, terminal_of
from platform_api.cli.terminal import columns
from platform_api.cli.version import own_version
from platform_api.settings import Settings
from platform_api.wiring import ALL_ROLES, Role

app = new_app()

_DataDir = Annotated[Path | None, typer.Option(help="Where everything lies; .avow unless said.")]
_Host = Annotated[str | None, typer.Option(help="Address to listen on; this machine only unless said.")]
_Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Port; 8420 unless said, 0 takes a free one.")
]
_DatabaseUrl = Annotated[str | None, typer.Option(metavar="URL", help="PostgreSQL instead of SQLite.")]
_BrokerUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Redis or RabbitMQ: Celery workers do the runs.")
]
_OpaUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="OPA server instead of the embedded engine.")
]
_GitRemote = Annotated[str | None, typer.Option(metavar="URL", help="Where writebacks go.")]
_PolicyDir = Annotated[Path | None, typer.Option(help="Folder of the organisation's own Rego.")]
_Workers = Annotated[int | None, typer.Option(min=1, help="Runs driven at once by this process.")]
_LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]
_LISTENING = (signal.SIGINT, signal.SIGTERM)

_PARTS = {
    Role.API: ("database", "policy"),
    Role.WORKER: ("database", "workers", "temporal"),
    Role.RECONCILER: ("database", "policy", "temporal", "git"),
}

OnReady = Callable[[str], None]


@app.command()
def up(
    context: typer.Context,
    *,
    data_dir: _DataDir = None,
    host: _Host = None,
    port: _Port = None,
    database_url: _DatabaseUrl = None,
    broker_url: _BrokerUrl = None,
    opa_url: _OpaUrl = None,
    git_remote: _GitRemote = None,
    policy_dir: _PolicyDir = None,
    workers: _Workers = None,
    log_level: _LogLevel = None,
) -> None:
    """Run everything in one process.

    Every option is also a variable: AVOW_DATA_DIR, AVOW_DATABASE_URL and so on.
    """
    settings = _settings(
        data_dir=data_dir,
        host=host,
        port=port,
        database_url=database_url,
        broker_url=broker_url,
        opa_url=opa_url,
        git_remote=git_remote,
        policy_dir=policy_dir,
        workers=workers,
        log_level=log_level,
    )
    _run(settings, ALL_ROLES, _announce(context, settings, ALL_ROLES))


@app.command()
def api(
    context: typer.Context,
    *,
    data_dir: _DataDir = None,
    host: _Host = None,
    port: _Port = None,
    database_url: _DatabaseUrl = None,
    broker_url: _BrokerUrl = None,
    opa_url: _OpaUrl = None,
    policy_dir: _PolicyDir = None,
    log_level: _LogLevel = None,
) -> None:
    """Run the API alone; workers and reconcilers run elsewhere on the same database."""
    settings = _settings(
        data_dir=data_dir,
        host=host,
        port=port,
        database_url=database_url,
        broker_url=broker_url,
        opa_url=opa_url,
        policy_dir=policy_dir,
        log_level=log_level,
    )
    _run(settings, (Role.API,), _announce(context, settings, (Role.API,)))


@app.command()
def worker(
    context: typer.Context,
    *,
    data_dir: _DataDir = None,
    database_url: _DatabaseUrl = None,
    broker_url: _BrokerUrl = None,
    workers: _Workers = None,
    log_level: _LogLevel = None,
) -> None:
    """Run a worker: it drives runs, those that the broker announces or those in the database."""
    settings = _settings(
        data_dir=data_dir,
        database_url=database_url,
        broker_url=broker_url,
        workers=workers,
        log_level=log_level,
    )
    with told_as_failure(), _ended_by_signals():
        code = server.serve_worker(settings, _announce(context, settings, (Role.WORKER,)))
    raise typer.Exit(code)


@app.command()
def reconciler(
    context: typer.Context,
    *,
    data_dir: _DataDir = None,
    database_url: _DatabaseUrl = None,
    broker_url: _BrokerUrl = None,
    opa_url: _OpaUrl = None,
    git_remote: _GitRemote = None,
    policy_dir: _PolicyDir = None,
    log_level: _LogLevel = None,
) -> None:
    """Run a reconciler: it keeps requests true and writes to git."""
    settings = _settings(
        data_dir=data_dir,
        database_url=database_url,
        broker_url=broker_url,
        opa_url=opa_url,
        git_remote=git_remote,
        policy_dir=policy_dir,
        log_level=log_level,
    )
    _run(settings, (Role.RECONCILER,), _announce(context, settings, (Role.RECONCILER,)))


def start_lines(settings: Settings, roles: Collection[Role], url: str, seconds: float) -> Iterator[str]:
    """Yield what a person reads when it runs: what is in use, what else there is, what to do now."""
    folder = settings.data_dir
    what = "everything in one process" if len(roles) == len(ALL_ROLES) else f"the {', '.join(roles)} alone"
    used = {part for role in roles for part in _PARTS[role]}
    yield f"avow {own_version()}  (python {platform.python_version()}, {what}, data in {folder})"
    yield from (f"  {line}" for line in columns([[*row] for row in _parts(settings) if row[0] in used]))
    if url:
        token = folder / TOKEN_FILE
        yield f"API  {url}   described at {url}/openapi.json"
        yield f"The administrator's token is in {token}: whoever may read that file may do everything."
        found = "" if token == LOCAL_TOKEN else f"export AVOW_TOKEN_FILE={token.absolute()}; "
        where = "" if url == DEFAULT_URL else f" --url {url}"
        yield f"Try in another terminal:   {found}avow{where} doctor"
    yield f"Stop: Ctrl-C   ready in {seconds:.1f} s"


def _parts(settings: Settings) -> Iterator[tuple[str, str, str, str]]:
    folder = settings.data_dir
    if settings.database_url:
        yield "database", without_password(settings.database_url), "ok", ""
    else:
        sqlite = f"sqlite {sqlite3.sqlite_version}  {folder / 'avow.db'}"
        yield "database", sqlite, "ok", "(PostgreSQL: --database-url)"
    if settings.opa_url:
        yield "policy", f"OPA  {without_password(settings.opa_url)}", "ok", ""
    else:
        yield "policy", f"embedded, {settings.policy_workers} processes", "ok", "(OPA server: --opa-url)"
    if settings.broker_url:
        yield "workers", f"Celery  {without_password(settings.broker_url)}", "ok", ""
    else:
        yield "workers", f"{settings.workers} embedded", "ok", "(Celery over Redis or RabbitMQ: --broker-url)"
    if settings.temporal_address:
        yield "temporal", f"{settings.temporal_address}  namespace {settings.temporal_namespace}", "ok", ""
    if settings.git_remote:
        yield "git", without_password(settings.git_remote), "ok", ""
    else:
        yield "git", f"{folder / 'state.git'}", "ok", "(remote: --git-remote)"


def without_password(url: str) -> str:
    """Return a URL with its password left out, for the eye."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, host = parts.username or "", parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{user}:***@{host}{port}").geturl()


def _run(settings: Settings, roles: Collection[Role], on_ready: OnReady) -> None:
    if Role.API in roles:
        _check_free(settings.host, settings.port)
    with told_as_failure(), _ended_by_signals():
        server.serve(settings, roles, on_ready)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End well on Ctrl-C and on a polite kill: what was started is stopped, and nothing went wrong.

    The HTTP server hears the signal first and sends it once more when its answers are out.
    By default that second one would kill the process before anything else is stopped.
    """
    before = {number: signal.signal(number, _end) for number in _LISTENING}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(int(ExitCode.OK))


def _check_free(host: str, port: int) -> None:
    """Refuse a port that is taken before anything is started; a free one may still be lost later."""
    if not port:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Failure(
                ExitCode.OTHER,
                f"Cannot listen on port {port} of {host}: {error.strerror or error}.",
                fix="stop what listens there, or choose another with --port; 0 takes a free one",
            ) from error


def _settings(**given: object) -> Settings:
    with told_as_failure():
        return configuration.load({name: value for name, value in given.items() if value is not None})


def _announce(context: typer.Context, settings: Settings, roles: Collection[Role]) -> OnReady:
    given: Given = context.obj

    def announce(url: str) -> None:
        terminal, format_ = terminal_of(given), format_of(given)
        seconds = time.monotonic() - given.began_at
        if format_ is Format.TABLE:
            lines = start_lines(settings, roles, url, seconds)
        else:
            said: Document = {"name": "avow", "version": own_version(), "ready_seconds": round(seconds, 3)}
            where = {"url": url, "token_file": str(settings.folder / TOKEN_FILE)} if url else {}
            # A reader waits for one line, so a document that is ready is one line in any format.
            lines = formatted(said | where, Format.JSONL if format_ is Format.JSON else format_)
        for line in lines:
            terminal.answer(line)

    return announce
