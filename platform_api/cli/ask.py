"""`avow plan` and `request`: seeing what would happen, and asking for it."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import Failure
from platform_api.cli.output import Document, show
from platform_api.cli.plans import denial, is_denied, plan_lines
from platform_api.cli.session import Session, new_app, session_of
from platform_api.cli.waiting import Wish, wait_for
from platform_api.cli.words import Asked, Words, asked

app = new_app()

_Contract = Annotated[str, typer.Argument(help="The contract to ask of.", show_default=False)]
_Name = Annotated[str, typer.Argument(help="What to call it.", show_default=False)]
_Set = Annotated[list[str] | None, typer.Option("--set", help="An input: NAME=VALUE. Repeatable.")]
_SetJson = Annotated[list[str] | None, typer.Option("--set-json", help="An input: NAME=JSON. Repeatable.")]
_File = Annotated[
    Path | None, typer.Option("--file", "-f", help="A declared request; with CONTRACT and NAME, its inputs.")
]
_Env = Annotated[str, typer.Option("--env", help="Its environment; dev unless said.", show_default=False)]
_Owner = Annotated[str, typer.Option(help="The team that answers for it.", show_default=False)]
_Label = Annotated[list[str] | None, typer.Option(help="NAME=VALUE; repeatable.")]
_Version = Annotated[
    str,
    typer.Option(
        help="A version, a range (^1.2.0), stable or canary; else what is newest.", show_default=False
    ),
]
_Uses = Annotated[list[str] | None, typer.Option(help="A request that must be ready before. Repeatable.")]
_Timeout = Annotated[str, typer.Option(help="How long to watch or wait: 30s, 10m.", show_default=False)]


@app.command()
def plan(
    context: typer.Context,
    contract: _Contract = "",
    name: _Name = "",
    *,
    set_: _Set = None,
    set_json: _SetJson = None,
    file: _File = None,
    env: _Env = "",
    owner: _Owner = "",
    label: _Label = None,
    version: _Version = "",
    uses: _Uses = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the plan: avow apply --plan ID.")] = False,
) -> None:
    """Show what a request would do, and do nothing.

    Ends with 5 when policy would deny it.
    """
    session = session_of(context)
    words = Words(
        contract, name, set_ or (), set_json or (), file, env, owner, label or (), version, uses or ()
    )
    with connect(session) as client:
        wanted = asked(client, words, session.project)
        if save:
            _saved(session, wanted, _stored(client, wanted))
        else:
            _planned(session, wanted, _plan(client, wanted))


@app.command()
def request(
    context: typer.Context,
    contract: _Contract = "",
    name: _Name = "",
    *,
    set_: _Set = None,
    set_json: _SetJson = None,
    file: _File = None,
    env: _Env = "",
    owner: _Owner = "",
    label: _Label = None,
    version: _Version = "",
    uses: _Uses = None,
    watch: Annotated[bool, typer.Option("--watch", help="Tell what happens until it is ready.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is ready.")] = False,
    timeout: _Timeout = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="As avow plan.")] = False,
) -> None:
    """Ask for a capability."""
    session = session_of(context)
    words = Words(
        contract, name, set_ or (), set_json or (), file, env, owner, label or (), version, uses or ()
    )
    with connect(session) as client:
        wanted = asked(client, words, session.project)
        if dry_run:
            _planned(session, wanted, _plan(client, wanted))
            return
        if watch and session.is_table:
            _preface(session, client, wanted)
        wish = Wish(wanted.project, wanted.name, timeout=timeout, is_new=True, is_told=watch)
        accepted = client.send("POST", wanted.list_path, wanted.body | {"name": wanted.name}).document
        if watch or wait:
            session.terminal.tell(f"Request {wanted.name} accepted  ({accepted.get('uid')})")
            wait_for(session, client, wish)
        else:
            _accepted(session, accepted)


def _plan(client: Client, wanted: Asked) -> Document:
    held = client.find(wanted.item_path)
    dry = {"dry_run": True}
    if held is None:
        body = wanted.body | {"name": wanted.name}
        return client.send("POST", wanted.list_path, body, query=dry).document
    return client.send("PUT", wanted.item_path, wanted.body, query=dry, etag=held.etag).document


def _stored(client: Client, wanted: Asked) -> Document:
    operation = "create" if client.find(wanted.item_path) is None else "update"
    body = wanted.body | {"operation": operation, "name": wanted.name}
    return client.send("POST", path("projects", wanted.project, "plans"), body).document


def _saved(session: Session, wanted: Asked, stored: Document) -> None:
    found = stored.get("plan")
    _planned(session, wanted, found if isinstance(found, dict) else {}, whole=stored)
    session.terminal.tell(f"Kept until {stored.get('expires_at')}: avow apply --plan {stored.get('id')}")


def _planned(session: Session, wanted: Asked, found: Document, whole: Document | None = None) -> None:
    if session.is_table:
        for line in plan_lines(found, wanted.name, wanted.body):
            session.terminal.answer(line)
    else:
        show(session, whole or found)
    if is_denied(found):
        raise denial(found, is_shown=session.is_table)


def _preface(session: Session, client: Client, wanted: Asked) -> None:
    # Only for the eye: whatever is wrong with it, the request itself is refused for, and says it better.
    with suppress(Failure):
        found = _plan(client, wanted)
        if not is_denied(found):
            for line in plan_lines(found, wanted.name, wanted.body):
                session.terminal.tell(line)


def _accepted(session: Session, document: Document) -> None:
    if not session.is_table:
        show(session, document)
        return
    name = document.get("name")
    session.terminal.answer(f"request {name} accepted")
    session.terminal.tell(f"Follow it: avow watch {name}")
