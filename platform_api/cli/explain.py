"""`avow explain`: the manual of a capability, or of one of its fields."""

from typing import Annotated

import typer

from platform_api.cli.client import connect, path
from platform_api.cli.explain_lines import capability_lines, field_document, field_lines
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.fields import find_field
from platform_api.cli.output import show
from platform_api.cli.session import new_app, session_of

app = new_app()


@app.command()
def explain(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="NAME[.FIELD][@VERSION]", help="A capability; a field by its dotted path."),
    ],
    *,
    docs: Annotated[bool, typer.Option("--docs", help="What its publishers wrote about it.")] = False,
) -> None:
    """Explain a capability, or one of its fields: postgres-database.connections."""
    session, (named, _, version) = session_of(context), what.partition("@")
    name, _, field = named.partition(".")
    if not name:
        raise Failure(ExitCode.USAGE, "Name a capability.", fix="see avow get capabilities")
    within = ("versions", version) if version else ()
    with connect(session) as client:
        capability = client.get(path("capabilities", name, *within)).document
    found = find_field(capability, field) if field else None
    if not session.is_table:
        show(session, capability if found is None else field_document(capability, found))
        return
    terminal, room = session.terminal, session.terminal.room(session.terminal.out)
    if docs:
        terminal.answer(str(capability.get("docs") or "There is no documentation.").rstrip("\n"))
        return
    manual = capability_lines(capability, room, is_pinned=bool(version))
    for line in manual if found is None else field_lines(capability, found, room):
        terminal.answer(line)
