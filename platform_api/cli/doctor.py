"""`avow doctor`: what works, what does not, what is off and how to turn it on.

It asks the server what anybody may ask, and looks at this machine. Every finding says what
to do. It ends with 7 when something is broken; what is merely off is not broken.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.util import find_spec
from urllib.parse import urlsplit

import typer

from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import ExitCode, Failure, Refused
from platform_api.cli.output import Document, show
from platform_api.cli.session import Session, is_loopback, new_app, session_of
from platform_api.cli.terminal import columns, one_line
from platform_api.cli.version import own_version

app = new_app()


class Health(StrEnum):
    """How one thing is."""

    OK = "ok"
    OFF = "off"  # not in use, and nothing is wrong with that
    BROKEN = "broken"


_COLOURS = {Health.OK: "green", Health.OFF: "blue", Health.BROKEN: "red"}

# What an installation may lack: module, what it is for, how to get it.
_EXTRAS = {
    "psycopg": (
        "PostgreSQL",
        "pip install 'avow[postgres]', then avow up --database-url postgresql+psycopg://...",
    ),
    "celery": ("Celery workers", "pip install 'avow[redis]', then avow up --broker-url redis://..."),
    "temporalio": ("Temporal", "pip install 'avow[temporal]', then AVOW_TEMPORAL_ADDRESS=host:port avow up"),
    "opa_client": ("OPA server", "pip install 'avow[opa]', then avow up --opa-url http://..."),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    health: Health
    message: str
    fix: str = ""


@app.command()
def doctor(context: typer.Context) -> None:
    """Check the server, and say what is off and how to turn it on."""
    session = session_of(context)
    with connect(session) as client:
        findings = [*_server(client, session), *_machine(session)]
    if session.is_table:
        _answer(session, findings)
    else:
        show(session, [asdict(finding) | {"health": str(finding.health)} for finding in findings])
    broken = [finding.name for finding in findings if finding.health is Health.BROKEN]
    if broken:
        raise Failure(ExitCode.FAILED, f"Something is broken: {', '.join(broken)}.")


def _server(client: Client, session: Session) -> Iterator[Finding]:
    try:
        said = client.get("/version").document.get("version")
    except Failure as failure:
        yield Finding("server", Health.BROKEN, failure.message, failure.fix)
        return
    yield Finding("server", Health.OK, f"{session.url} answers, avow {said}")
    if said != own_version():
        yield Finding("version", Health.OFF, f"this command is {own_version()}", "use the server's version")
    yield from _asked("token", lambda: _token(client))
    yield from _asked("ready", lambda: _parts(client))
    yield from _asked("policies", lambda: _policy(client))


def _asked(name: str, ask: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from list(ask())
    except Refused as refused:
        places = refused.problem.document.get("errors")
        named = [place for place in places if isinstance(place, dict)] if isinstance(places, list) else []
        for place in named:
            yield Finding(_text(place, "pointer") or name, Health.BROKEN, _text(place, "detail"), refused.fix)
        if not named:
            yield Finding(name, Health.BROKEN, refused.message, refused.fix)
    except Failure as failure:
        yield Finding(name, Health.BROKEN, failure.message, failure.fix)


def _token(client: Client) -> Iterator[Finding]:
    projects = [str(project.get("name")) for project in client.pages(path("projects"), limit=5)]
    yield Finding("token", Health.OK, f"is known; projects: {', '.join(projects) or 'none yet'}")


def _parts(client: Client) -> Iterator[Finding]:
    checks = client.get("/readyz").document.get("checks")
    for name, said in sorted(checks.items()) if isinstance(checks, dict) else ():
        yield Finding(name, Health.OK, str(said))


def _policy(client: Client) -> Iterator[Finding]:
    found = client.get(path("policies")).document
    engine = found.get("engine")
    engine = engine if isinstance(engine, dict) else {}
    modules = found.get("modules")
    count = len(modules) if isinstance(modules, list) else 0
    said = " ".join(filter(None, (_text(engine, "name"), _text(engine, "version"))))
    if engine.get("is_ready"):
        yield Finding("policies", Health.OK, f"{said}, {count} modules in force")
    else:
        message = _text(engine, "message") or "it does not answer"
        yield Finding("policies", Health.BROKEN, f"{said}: {message}", "nothing is accepted until it answers")


def _machine(session: Session) -> Iterator[Finding]:
    """Yield what this machine has; of interest only when the server runs here."""
    if not is_loopback(urlsplit(session.url).hostname or ""):
        return
    git = shutil.which("git")
    if git is None:
        yield Finding("git", Health.BROKEN, "the git program is not on PATH", "install git")
    else:
        yield Finding("git", Health.OK, git)
    for module, (what, fix) in _EXTRAS.items():
        if find_spec(module) is None:
            yield Finding(what, Health.OFF, "not to be had: its library is not installed here", fix)


def _answer(session: Session, findings: list[Finding]) -> None:
    rows = columns(
        [[finding.health, one_line(finding.name), one_line(finding.message)] for finding in findings]
    )
    for finding, row in zip(findings, rows, strict=True):
        health = finding.health
        session.terminal.answer(row.removeprefix(health), mark=health, colour=_COLOURS[health])
        if finding.fix and health is not Health.OK:
            session.terminal.answer(f"        {one_line(finding.fix)}")


def _text(document: Document, name: str) -> str:
    return one_line(str(document.get(name) or ""))
