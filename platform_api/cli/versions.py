"""`avow upgrade`, `pin` and `rollback`: which version of its contract a request is on."""

from typing import Annotated

import typer

from platform_api.cli.client import connect, path
from platform_api.cli.output import Document, show
from platform_api.cli.plans import denial, is_denied, plan_lines
from platform_api.cli.session import Session, new_app, session_of

app = new_app()

_Name = Annotated[str, typer.Argument(help="The request.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")]


@app.command()
def upgrade(
    context: typer.Context,
    name: _Name,
    *,
    to: Annotated[
        str, typer.Option(help="A version, a range, stable or canary; else the newest that fits.")
    ] = "",
    dry_run: _DryRun = False,
) -> None:
    """Go to a newer version of its contract; after a failed upgrade, try again."""
    body = {"to": to} if to else {}
    _steer(session_of(context), name, "upgrade", body, is_dry=dry_run)


@app.command()
def pin(context: typer.Context, name: _Name, *, dry_run: _DryRun = False) -> None:
    """Stay on the version that is delivered now, whatever is published."""
    _steer(session_of(context), name, "pin", None, is_dry=dry_run)


@app.command()
def rollback(context: typer.Context, name: _Name, *, dry_run: _DryRun = False) -> None:
    """Go back to the version before; after a failed upgrade, to what is delivered."""
    _steer(session_of(context), name, "rollback", None, is_dry=dry_run)


def _steer(session: Session, name: str, action: str, body: dict[str, str] | None, *, is_dry: bool) -> None:
    where = path("projects", session.project, "requests", name, "actions", action)
    query = {"dry_run": True} if is_dry else {}
    with connect(session) as client:
        answer = client.send("POST", where, body, query=query)
    if not session.is_table:
        show(session, answer.document)
    elif is_dry:
        for line in plan_lines(answer.document, name, {}):
            session.terminal.answer(line)
    else:
        _say(session, answer.document, is_new=answer.status == ACCEPTED)
    if is_dry and is_denied(answer.document):
        raise denial(answer.document, is_shown=session.is_table)


ACCEPTED = 202


def _say(session: Session, request: Document, *, is_new: bool) -> None:
    name, wish = request.get("name"), request.get("version") or "what is stable"
    if not is_new:
        session.terminal.answer(f"{name} is on {request.get('contract_version')} already, and wishes {wish}")
        return
    session.terminal.answer(f"{name} goes to {request.get('contract_version')}, and wishes {wish}")
    session.terminal.tell(f"Follow it: avow watch {name}")
