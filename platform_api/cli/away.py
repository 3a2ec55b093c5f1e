"""`avow away`: who votes in your place while you are not there."""

from typing import Annotated

import typer

from catalog.clock import utc_now
from platform_api.cli.client import connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.kinds import KINDS
from platform_api.cli.local import WHEN, time_of
from platform_api.cli.output import show
from platform_api.cli.session import Session, new_app, session_of
from platform_api.cli.tables import table

app = new_app()


@app.command()
def away(
    context: typer.Context,
    delegate: Annotated[str, typer.Argument(help="Who votes in your place; nobody to list.")] = "",
    *,
    until: Annotated[str, typer.Option(help=f"Until when: {WHEN}.")] = "",
    since: Annotated[str, typer.Option("--from", help="From when; now unless said.")] = "",
    reason: Annotated[str, typer.Option(help="Why; others read it.")] = "",
    person: Annotated[str, typer.Option(help="In whose place; for administrators.")] = "",
    cancel: Annotated[str, typer.Option(help="End one of them: its id.")] = "",
) -> None:
    """Say who votes in your place while you are away, or list it."""
    session = session_of(context)
    if cancel:
        _cancel(session, cancel)
    elif not delegate:
        _list(session, person)
    elif not until:
        raise Failure(ExitCode.USAGE, "Say until when.", fix=f"avow away {delegate} --until 14d")
    else:
        now = utc_now()
        body = {"delegate": delegate, "ends_at": time_of(until, now), "reason": reason}
        body |= {"starts_at": time_of(since, now)} if since else {}
        _create(session, body | ({"person": person} if person else {}))


def _create(session: Session, body: dict[str, str]) -> None:
    with connect(session) as client:
        made = client.send("POST", path("delegations"), body).document
    if session.is_table:
        session.terminal.answer(
            f"{made.get('delegate')} votes in the place of {made.get('person')} until {made.get('ends_at')}"
        )
        session.terminal.tell(f"End it sooner: avow away --cancel {made.get('id')}")
    else:
        show(session, made)


def _list(session: Session, person: str) -> None:
    with connect(session) as client:
        found = list(client.pages(path("delegations"), {"person": person} if person else {}))
    if not session.is_table:
        show(session, found)
        return
    terminal = session.terminal
    for line in table(KINDS["delegations"].heads, found, utc_now(), terminal.room(terminal.out)):
        terminal.answer(line)


def _cancel(session: Session, delegation: str) -> None:
    with connect(session) as client:
        client.send("DELETE", path("delegations", delegation))
    if session.is_table:
        session.terminal.answer(f"{delegation} has ended")
