"""`avow delete`, `keep`, `reconcile`, `pause`, `resume` and `cancel`: changing the course of things."""

from typing import Annotated

import typer

from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.lifecycle import delete_version
from platform_api.cli.output import Document, show
from platform_api.cli.plans import denial, is_denied, plan_lines
from platform_api.cli.session import Session, new_app, session_of
from platform_api.cli.verdict import Goal
from platform_api.cli.waiting import Wish, wait_for

app = new_app()

_Name = Annotated[str, typer.Argument(help="The request.")]
_Which = Annotated[
    str, typer.Argument(metavar="NAME", help="The request; or a version of a contract: NAME@VERSION.")
]
_WHATEVER_IT_IS = "*"


@app.command()
def delete(
    context: typer.Context,
    name: _Which,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it was seen gone.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Tell what happens until then.")] = False,
    timeout: Annotated[str, typer.Option(help="How long to wait: 30s, 10m.", show_default=False)] = "",
    when_unused: Annotated[
        bool, typer.Option("--when-unused", help="While others use it, wait until they are gone.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Give something back: what was delivered is torn down.

    NAME@VERSION deletes a version of a contract for good: a draft, or one that is retired and
    that nobody needs. At a terminal it asks first; in a script it does not.
    """
    session, asks = session_of(context), not (yes or dry_run)
    if "@" in name:
        if wait or watch or timeout or when_unused:
            raise Failure(ExitCode.USAGE, "A version is deleted at once.", fix=f"avow delete {name}")
        delete_version(session, name, asks=asks, is_dry=dry_run)
        return
    if session.may_ask and asks:
        typer.confirm(f"Tear down {name} in project {session.project}?", abort=True, err=True)
    query = ({"when_unused": True} if when_unused else {}) | ({"dry_run": True} if dry_run else {})
    with connect(session) as client:
        where = path("projects", session.project, "requests", name)
        deleting = client.send("DELETE", where, query=query, etag=_WHATEVER_IT_IS).document
        if dry_run:
            _plan(session, name, deleting)
        elif wait or watch:
            wait_for(session, client, Wish(session.project, name, Goal.DELETED, timeout, is_told=watch))
        elif deleting.get("deletion_queued_at"):
            _say(session, deleting, "is deleted once nothing uses it", f"See who does: avow why {name}")
        else:
            _say(session, deleting, "is being deleted", f"Wait for it: avow wait {name} --for deleted")


@app.command()
def keep(context: typer.Context, name: _Name) -> None:
    """Take back a deletion that waits until nothing uses the request."""
    _act(session_of(context), name, "keep", "is kept")


@app.command()
def reconcile(context: typer.Context, name: _Name) -> None:
    """Look at a request now instead of at its next turn; what failed is tried again."""
    _act(session_of(context), name, "reconcile", "is looked at now")


@app.command()
def pause(context: typer.Context, name: _Name) -> None:
    """Hold a request: nothing is done to it, and changes wait."""
    _act(session_of(context), name, "pause", "is held")


@app.command()
def resume(context: typer.Context, name: _Name) -> None:
    """Let a held request go on."""
    _act(session_of(context), name, "resume", "goes on")


@app.command()
def cancel(
    context: typer.Context, run: Annotated[str, typer.Argument(help="A run's id, or a request's name.")]
) -> None:
    """Stop a run and undo what it did; of a request, the newest run."""
    session = session_of(context)
    with connect(session) as client:
        run_id = run if run.startswith("run_") else _newest_run(client, session, run)
        stopped = client.send("POST", path("runs", run_id, "cancel")).document
    _say(session, stopped, "is being cancelled", "")


def _act(session: Session, name: str, action: str, said: str) -> None:
    with connect(session) as client:
        where = path("projects", session.project, "requests", name, "actions", action)
        _say(session, client.send("POST", where).document, said, f"Follow it: avow watch {name}")


def _plan(session: Session, name: str, found: Document) -> None:
    if not session.is_table:
        show(session, found)
    for line in plan_lines(found, name, {}) if session.is_table else ():
        session.terminal.answer(line)
    if is_denied(found):
        raise denial(found, is_shown=session.is_table)


def _say(session: Session, document: Document, said: str, hint: str) -> None:
    if not session.is_table:
        show(session, document)
        return
    session.terminal.answer(f"{document.get('name') or document.get('id')} {said}")
    if hint:
        session.terminal.tell(hint)


def _newest_run(client: Client, session: Session, request: str) -> str:
    runs = client.pages(
        path("projects", session.project, "requests", request, "runs"), {"page_size": 1}, limit=1
    )
    newest = next(runs, None)
    if newest is None:
        raise Failure(ExitCode.NOT_FOUND, f"{request} has no run.", fix=f"see avow status {request}")
    return str(newest.get("id"))
