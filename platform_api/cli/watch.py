"""`avow watch` and `wait`: staying with a request until it is where it should be."""

from typing import Annotated

import typer

from platform_api.cli.client import connect
from platform_api.cli.session import new_app, session_of
from platform_api.cli.verdict import Goal
from platform_api.cli.waiting import Wish, wait_for

app = new_app()

_Name = Annotated[str, typer.Argument(help="The request.")]
_Timeout = Annotated[str, typer.Option(help="How long at most: 30s, 10m.")]


@app.command()
def watch(
    context: typer.Context,
    name: _Name,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Go on after that, until Ctrl-C.")] = False,
    timeout: Annotated[str, typer.Option(help="How long at most: 30s, 10m.", show_default=False)] = "",
) -> None:
    """Follow a request until it is ready, or cannot be without somebody's help.

    The story goes to stderr and the end to stdout; with -o jsonl, stdout gets every event.
    """
    session = session_of(context)
    with connect(session) as client:
        wait_for(session, client, Wish(session.project, name, timeout=timeout, keeps_on=keep))


@app.command()
def wait(
    context: typer.Context,
    name: _Name,
    *,
    goal: Annotated[Goal, typer.Option("--for", help="What to wait for.")] = Goal.READY,
    timeout: _Timeout = "10m",
) -> None:
    """Wait until a request is ready, or deleted.

    Ends with 5 when policy denies it, 7 when it failed, 8 when time ran out, 9 when somebody
    must approve first.
    """
    session = session_of(context)
    with connect(session) as client:
        wait_for(session, client, Wish(session.project, name, goal, timeout, is_told=False))
