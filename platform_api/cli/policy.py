"""`avow policy impact`: what other policies would say of the requests that are there."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from platform_api.cli.client import Query, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.impacts import LISTED, count_of, impact_lines
from platform_api.cli.inputs import strict_json
from platform_api.cli.local import text_of
from platform_api.cli.output import show
from platform_api.cli.session import new_app, session_of

app = new_app()
policy = new_app()
app.add_typer(policy, name="policy", help="See what other policies would do.", no_args_is_help=True)

_SETTINGS = "settings.json"
_TOLD = ("denied", "warned", "allowed")


@policy.command()
def impact(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="The folder as --policy-dir would take it.", show_default=False)
    ] = None,
    *,
    set_json: Annotated[
        list[str] | None, typer.Option("--set-json", help="A setting to lay over: NAME=JSON. Repeatable.")
    ] = None,
) -> None:
    """Show which live requests these policies would deny, warn of or allow.

    Ends with 5 when they would deny any.
    """
    session = session_of(context)
    body: dict[str, object] = {} if folder is None else {"files": _files(folder)}
    if set_json:
        body["settings"] = dict(_setting(text) for text in set_json)
    query: Query = {"page_size": LISTED, "outcome": _TOLD} if session.is_table else {"format": "json"}
    with connect(session) as client:
        found = client.send("POST", path("policies", "impact"), body, query=query).document
    if session.is_table:
        for line in impact_lines(found, "policies in force" if folder is None else str(folder)):
            session.terminal.answer(line)
    else:
        show(session, found)
    denied = count_of(found, "denied")
    if denied:
        said = f"{denied} requests would be denied. Nothing was changed."
        raise Failure(ExitCode.DENIED, said, fix="mend the policies, or tell those who own the requests")


def _files(folder: Path) -> dict[str, str]:
    names = sorted(name for name in folder.glob("*.rego") if not name.stem.endswith("_test"))
    names += [folder / _SETTINGS] if (folder / _SETTINGS).exists() else []
    if not names:
        raise Failure(ExitCode.USAGE, f"{folder} holds no policies.", fix="name a folder with .rego files")
    return {name.name: text_of(name) for name in names}


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if name and equals:
        with suppress(ValueError):
            return name, strict_json(value)
    fix = "--set-json 'team_prefixes=[\"team-\"]'"
    raise Failure(ExitCode.USAGE, "--set-json takes NAME=JSON.", fix=fix)
