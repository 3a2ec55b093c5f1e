"""`avow token create`, `list` and `revoke`.

The text of a new token is all that goes to stdout, so that a script can take it; it is
shown once and never again.
"""

from typing import Annotated

import typer

from catalog.clock import utc_now
from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.kinds import KINDS
from platform_api.cli.output import show
from platform_api.cli.session import new_app, session_of
from platform_api.cli.tables import table

app = new_app()
tokens = new_app()
app.add_typer(tokens, name="token", help="Make, list and revoke access tokens.", no_args_is_help=True)

_ROLES = "admin, publisher:TEAM, developer:PROJECT, approver:PROJECT, auditor:PROJECT; * for all"


@tokens.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What to call it.")],
    *,
    grant: Annotated[list[str], typer.Option(help=f"ROLE:SCOPE; repeatable. {_ROLES}.")],
    subject: Annotated[
        str, typer.Option(help="Who comes with it; the name unless said.", show_default=False)
    ] = "",
    group: Annotated[
        list[str] | None,
        typer.Option(help="A group of whoever comes with it; repeatable."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="How long it is good for.")] = None,
) -> None:
    """Make a token; its text is shown once."""
    session = session_of(context)
    grants = [_grant(text) for text in grant]
    expiry = {} if days is None else {"expires_in_days": days}
    groups = {"groups": group} if group else {}
    body = {"name": name, "subject": subject or name, "grants": grants, **groups, **expiry}
    with connect(session) as client:
        made = client.send("POST", path("tokens"), body).document
    if session.is_table:
        session.terminal.tell(
            f"Token {name} for {body['subject']} ({made.get('id')}); it is not shown again:"
        )
        session.terminal.answer(str(made.get("token", "")))
    else:
        show(session, made)


@tokens.command("list")
def list_(context: typer.Context) -> None:
    """List tokens, without their text."""
    session = session_of(context)
    with connect(session) as client:
        found = list(client.pages(path("tokens")))
    if not session.is_table:
        show(session, found)
        return
    terminal = session.terminal
    for line in table(KINDS["tokens"].heads, found, utc_now(), terminal.room(terminal.out)):
        terminal.answer(line)


@tokens.command()
def revoke(context: typer.Context, token: Annotated[str, typer.Argument(help="Its id or name.")]) -> None:
    """End a token at once."""
    session = session_of(context)
    with connect(session) as client:
        token_id = _id_of(client, token)
        client.send("DELETE", path("tokens", token_id))
    if session.is_table:
        session.terminal.answer(f"token {token} revoked")


def _grant(text: str) -> dict[str, str]:
    role, _, scope = text.partition(":")
    if not scope and role != "admin":
        raise Failure(ExitCode.USAGE, f"--grant {text} has no scope.", fix=f"write {_ROLES}")
    return {"role": role, "scope": scope or "*"}


def _id_of(client: Client, token: str) -> str:
    if token.startswith("tok_"):
        return token
    named = (each for each in client.pages(path("tokens")) if each.get("name") == token)
    found = next(named, None)
    if found is None:
        raise Failure(ExitCode.NOT_FOUND, f"There is no token {token}.", fix="see avow token list")
    return str(found.get("id"))
