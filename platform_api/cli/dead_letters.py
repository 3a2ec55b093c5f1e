"""`avow dead-letters` and `avow dead-letters retry`: the runs that wait for a person."""

from typing import Annotated

import typer

from catalog.clock import utc_now
from platform_api.cli.client import connect, path
from platform_api.cli.kinds import KINDS
from platform_api.cli.output import show
from platform_api.cli.session import Session, new_app, session_of
from platform_api.cli.tables import table

app = new_app()
letters = new_app()
app.add_typer(letters, name="dead-letters", invoke_without_command=True)

_KIND = "dead-letters"
_Run = Annotated[str, typer.Argument(help="The run.")]


@letters.callback()
def dead_letters(
    context: typer.Context,
    *,
    reason: Annotated[str, typer.Option(help="Only stuck, poison or spoilt ones.", show_default=False)] = "",
    here: Annotated[bool, typer.Option("--here", help="Only of this project.")] = False,
) -> None:
    """List the runs that are stuck, that killed their workers, or whose journal is spoilt."""
    if context.invoked_subcommand is not None:
        return
    session = session_of(context)
    query = {"reason": reason} if reason else {}
    if here:
        query["project"] = session.project
    with connect(session) as client:
        found = list(client.pages(path(_KIND), query))
    if not session.is_table:
        show(session, found)
        return
    terminal = session.terminal
    for line in table(KINDS[_KIND].heads, found, utc_now(), terminal.room(terminal.out)):
        terminal.answer(line)
    if found:
        terminal.tell("Have one tried again: avow dead-letters retry RUN")


@letters.command()
def retry(context: typer.Context, run: _Run) -> None:
    """Let a run go on from where it failed; what was done is not done again."""
    _say(session_of(context), run, "retry", "is tried again")


def _say(session: Session, run: str, action: str, said: str) -> None:
    with connect(session) as client:
        steered = client.send("POST", path("runs", run, action)).document
    if session.is_table:
        session.terminal.answer(f"run {run} {said}")
    else:
        show(session, steered)
