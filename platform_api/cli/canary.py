"""`avow canary set`, `promote`, `abort` and `status`: how many requests follow a version."""

from typing import Annotated

import typer

from platform_api.cli.client import Answer, Client, connect
from platform_api.cli.kinds import version_path
from platform_api.cli.output import Document, show
from platform_api.cli.session import Session, new_app, session_of

app = new_app()
canary = new_app()
app.add_typer(
    canary, name="canary", help="Let a share of the requests follow a version.", no_args_is_help=True
)

_Which = Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A version of a contract.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")]


@canary.command("set")
def set_(
    context: typer.Context,
    which: _Which,
    share: Annotated[int, typer.Argument(min=0, max=100, help="How many requests of a hundred.")],
    *,
    dry_run: _DryRun = False,
) -> None:
    """Let so many requests of a hundred follow it; a larger share only adds some."""
    _put(session_of(context), which, share, is_dry=dry_run)


@canary.command()
def promote(context: typer.Context, which: _Which, *, dry_run: _DryRun = False) -> None:
    """Make it the version that everybody follows."""
    _put(session_of(context), which, 100, is_dry=dry_run)


@canary.command()
def abort(context: typer.Context, which: _Which, *, dry_run: _DryRun = False) -> None:
    """Take it back: whoever follows it goes back to the version before."""
    _put(session_of(context), which, 0, is_dry=dry_run)


@canary.command()
def status(context: typer.Context, which: _Which) -> None:
    """Show how many requests follow it, and how many stand on it by now."""
    session = session_of(context)
    with connect(session) as client:
        found = _read(client, which).document
    if session.is_table:
        session.terminal.answer(f"{_said(found)}; {found.get('requests')} requests stand on it")
    else:
        show(session, found)


def _put(session: Session, which: str, share: int, *, is_dry: bool) -> None:
    query = {"dry_run": True} if is_dry else {}
    with connect(session) as client:
        seen = _read(client, which)
        answer = client.send("PUT", _path(which), {"share": share}, query=query, etag=seen.etag)
    if session.is_table:
        session.terminal.answer(("would be: " if is_dry else "") + _said(answer.document))
        session.terminal.tell(f"Follow it: avow canary status {which}")
    else:
        show(session, answer.document)


def _read(client: Client, which: str) -> Answer:
    return client.get(_path(which))


def _path(which: str) -> str:
    return version_path(which, "canary")


def _said(document: Document) -> str:
    head = f"{document.get('name')}@{document.get('version')}"
    match document.get("trial"):
        case "canary":
            return f"{head} is followed by {document.get('share')} of 100 requests"
        case "promoted":
            return f"{head} is for everybody"
        case "aborted":
            return f"{head} is followed by nobody"
    return f"{head} never was a canary"
