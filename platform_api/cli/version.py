"""`avow version`: which version this command is, and which the server is."""

from importlib import metadata

import typer

from platform_api.cli.client import connect
from platform_api.cli.failure import Failure
from platform_api.cli.output import show
from platform_api.cli.session import new_app, session_of

app = new_app()

OUT_OF_REACH = "does not answer"


@app.command()
def version(context: typer.Context) -> None:
    """Show the version of this command and of the server."""
    session = session_of(context)
    with connect(session) as client:
        try:
            server = str(client.get("/version").document.get("version"))
        except Failure:
            server = OUT_OF_REACH
    if session.is_table:
        session.terminal.answer(f"avow    {own_version()}")
        session.terminal.answer(f"server  {server}  ({session.url})")
    else:
        show(session, {"name": own_version(), "server": server, "url": session.url})


def own_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return metadata.version("avow")
    except metadata.PackageNotFoundError:
        return "0+source"
