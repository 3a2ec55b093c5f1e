"""`avow deprecate`, `undeprecate`, `retire` and `laggards`: how a contract version comes to its end.

Deleting one is a case of `avow delete`, which asks here.
"""

from typing import Annotated

import typer

from catalog.clock import utc_now
from platform_api.cli.client import Client, connect
from platform_api.cli.kinds import Kind, version_path
from platform_api.cli.local import WHEN, time_of
from platform_api.cli.output import Document, show
from platform_api.cli.session import Session, new_app, session_of
from platform_api.cli.standing import deprecated
from platform_api.cli.tables import table

app = new_app()

_LAGGARDS = Kind(
    "laggards",
    (
        "PROJECT=project",
        "NAME=name",
        "OWNER=owner",
        "ENV=environment",
        "PHASE=phase",
        "WISHES=version",
        "DELIVERED=applied_version",
    ),
)
_Which = Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A version of a contract.")]
_Reason = Annotated[str, typer.Option(help="Why; everybody on it reads it.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")]


@app.command()
def deprecate(
    context: typer.Context,
    which: _Which,
    *,
    sunset: Annotated[str, typer.Option(help=f"Until when it may be counted on: {WHEN}.")] = "",
    replacement: Annotated[str, typer.Option(help="The version to go to.")] = "",
    reason: _Reason = "",
    dry_run: _DryRun = False,
) -> None:
    """Tell everybody to leave a version, and by when; policy refuses new requests on it."""
    terms = {"sunset_at": time_of(sunset, utc_now()) if sunset else "", "replacement": replacement}
    _move(session_of(context), which, "deprecated", terms | {"reason": reason}, is_dry=dry_run)


@app.command()
def undeprecate(
    context: typer.Context, which: _Which, *, reason: _Reason = "", dry_run: _DryRun = False
) -> None:
    """Take that back: the version is as any other again."""
    _move(session_of(context), which, "published", {"reason": reason}, is_dry=dry_run)


@app.command()
def retire(context: typer.Context, which: _Which, *, reason: _Reason = "", dry_run: _DryRun = False) -> None:
    """End a version that nobody uses any more; it takes no requests, and can be deleted."""
    _move(session_of(context), which, "retired", {"reason": reason}, is_dry=dry_run)


@app.command()
def laggards(context: typer.Context, which: _Which) -> None:
    """List who is still on a version, and how long they have."""
    session = session_of(context)
    with connect(session) as client:
        held = client.get(version_path(which, "lifecycle")).document
        found = list(client.pages(version_path(which, "requests")))
    if not session.is_table:
        show(session, found)
        return
    terminal, now = session.terminal, utc_now()
    terminal.tell(_said(held))
    for line in table(_LAGGARDS.heads, found, now, terminal.room(terminal.out)) if found else ():
        terminal.answer(line)
    if not found:
        terminal.tell(f"Nobody is on {which} any more.")


def delete_version(session: Session, which: str, *, asks: bool, is_dry: bool) -> None:
    """Delete a version for good.

    Args:
        asks: at a terminal, ask before.

    Raises:
        Failure: the server refuses; of a version in use it says who uses it.
    """
    where = version_path(which)
    if asks and session.may_ask:
        typer.confirm(f"Delete {which} for good?", abort=True, err=True)
    with connect(session) as client:
        etag = _etag(client, which)
        client.send("DELETE", where, query={"dry_run": True} if is_dry else {}, etag=etag)
    if session.is_table:
        session.terminal.answer(f"{which} {'would be' if is_dry else 'is'} deleted")
    else:
        name, _, version = which.partition("@")
        result = "would be deleted" if is_dry else "deleted"
        show(session, {"name": name, "version": version, "result": result})


def _move(session: Session, which: str, state: str, terms: dict[str, str], *, is_dry: bool) -> None:
    body = {"state": state} | {name: value for name, value in terms.items() if value}
    query = {"dry_run": True} if is_dry else {}
    with connect(session) as client:
        etag = _etag(client, which)
        moved = client.send("PUT", version_path(which, "lifecycle"), body, query=query, etag=etag).document
    if session.is_table:
        session.terminal.answer(("would be: " if is_dry else "") + _said(moved))
        if state == "deprecated":
            session.terminal.tell(f"See who has to move: avow laggards {which}")
    else:
        show(session, moved)


def _etag(client: Client, which: str) -> str:
    return client.get(version_path(which, "lifecycle")).etag


def _said(held: Document) -> str:
    head = f"{held.get('name')}@{held.get('version')} is {held.get('state')}"
    return head + deprecated(held, utc_now())
