"""`avow runs`: hold runs, let them go on, try them again, send them signals; move parked ones over."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from catalog.documents import read_yaml
from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.inputs import strict_json
from platform_api.cli.local import told_as_failure
from platform_api.cli.output import Document, show
from platform_api.cli.session import Session, new_app, session_of

app = new_app()
runs = new_app()
app.add_typer(runs, name="runs", help="Steer single runs.", no_args_is_help=True)


@runs.callback()
def runs_() -> None:
    """Steer single runs."""


@runs.command()
def pause(context: typer.Context, run: Annotated[str, typer.Argument(help="The run.")]) -> None:
    """Hold a run: what is under way ends, nothing more begins."""
    _steer(session_of(context), run, "pause", "is held")


@runs.command()
def resume(context: typer.Context, run: Annotated[str, typer.Argument(help="The run.")]) -> None:
    """Let a held run go on."""
    _steer(session_of(context), run, "resume", "goes on")


@runs.command()
def retry(context: typer.Context, run: Annotated[str, typer.Argument(help="The run.")]) -> None:
    """Let a failed or stuck run go on from where it failed."""
    _steer(session_of(context), run, "retry", "is tried again")


@runs.command()
def signal(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run.")],
    name: Annotated[str, typer.Argument(help="The signal, as the workflow's wait names it.")],
    *,
    payload: Annotated[
        str, typer.Option(metavar="JSON|@FILE", help="What to send along: a JSON object.", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only see whether it would be taken.")] = False,
) -> None:
    """Send a run a named event; the wait for it goes on with the payload."""
    session = session_of(context)
    body = {"name": name, "payload": _payload(payload)}
    query = {"dry_run": True} if dry_run else {}
    with connect(session) as client:
        sent = client.send("POST", path("runs", run, "signals"), body, query=query).document
    if session.is_table:
        said = "would be sent" if dry_run else "was sent"
        session.terminal.answer(f"{name} {said} to run {run}")
    else:
        show(session, sent)


def _payload(given: str) -> dict[str, Any]:
    fix = "write --payload '{\"ready\": true}', or --payload @FILE"
    text = _text(Path(given[1:]), "--payload") if given.startswith("@") else given or "{}"
    try:
        found = strict_json(text)
    except ValueError as error:
        raise Failure(ExitCode.USAGE, f"The payload is not JSON: {error}.", fix=fix) from error
    if not isinstance(found, dict):
        raise Failure(ExitCode.USAGE, "A payload is one JSON object.", fix=fix)
    return found


def _steer(session: Session, run: str, action: str, said: str) -> None:
    with connect(session) as client:
        steered = client.send("POST", path("runs", run, action)).document
    if session.is_table:
        session.terminal.answer(f"run {run} {said}")
    else:
        show(session, steered)


_Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OLD=NEW", help="A step's new name; OLD= gives it up. Repeatable."),
]


@runs.command()
def migrate(
    context: typer.Context,
    which: Annotated[str, typer.Argument(help="A run's id, or NAME@VERSION for all of its parked runs.")],
    *,
    to: Annotated[str, typer.Option(help="The version to go over to.", show_default=False)] = "",
    definition: Annotated[
        Path | None, typer.Option(help="Or a workflow file of its own; for admins.", show_default=False)
    ] = None,
    renamed: _Map = None,
    keep_approvals: Annotated[
        bool, typer.Option("--keep-approvals", help="What people approved holds for the new one as well.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check, and say what would be.")] = False,
) -> None:
    """Let parked runs follow another definition; what was done is kept, under its new name."""
    session = session_of(context)
    body = _goal(to, definition) | {
        "mapping": dict(_renaming(text) for text in renamed or []),
        "keep_approvals": keep_approvals,
    }
    query = {"dry_run": True} if dry_run else {}
    with connect(session) as client:
        if "@" in which:
            _tell(session, list(_all(client, which, body, query)), is_dry=dry_run)
            return
        moved = client.send("POST", path("runs", which, "migrate"), body, query=query).document
    if session.is_table:
        session.terminal.answer(_said(moved, is_dry=dry_run))
    else:
        show(session, moved)


def _all(client: Client, which: str, body: dict[str, Any], query: dict[str, Any]) -> Iterator[Document]:
    if "definition" in body:
        raise Failure(ExitCode.USAGE, "All runs of a version go over to a version.", fix="write --to VERSION")
    name, _, version = which.partition("@")
    where, after = path("contracts", name, "versions", version, "migrate"), ""
    while True:
        report = client.send("POST", where, body | {"after": after}, query=query).document
        items = report.get("items")
        yield from (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
        after = str(report.get("after") or "")
        if not after:
            return


def _tell(session: Session, found: list[Document], *, is_dry: bool) -> None:
    if not session.is_table:
        show(session, found)
        return
    for item in found:
        session.terminal.answer(_said(item, is_dry=is_dry))
        for finding in _findings(item):
            fix = f" ({finding.get('fix')})" if finding.get("fix") else ""
            session.terminal.answer(f"  {finding.get('pointer') or '-'}  {finding.get('message')}{fix}")
    refused = sum(item.get("outcome") == "refused" for item in found)
    session.terminal.tell(f"{len(found) - refused} go over, {refused} stay.")


def _findings(item: Document) -> list[Document]:
    found = item.get("findings")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _said(moved: Document, *, is_dry: bool) -> str:
    if moved.get("outcome") == "refused":
        return f"run {moved.get('run_id')} stays"
    return f"run {moved.get('run_id')} {'can go over' if is_dry else 'goes over'}"


def _goal(version: str, definition: Path | None) -> dict[str, Any]:
    if bool(version) is (definition is not None):
        raise Failure(
            ExitCode.USAGE, "Where to is not clear.", fix="write --to VERSION, or --definition FILE"
        )
    if definition is None:
        return {"contract_version": version}
    with told_as_failure():
        return {"definition": read_yaml(_text(definition, "--definition"), str(definition))}


def _text(file: Path, option: str) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(ExitCode.USAGE, f"{file} cannot be read.", fix=f"check {option}") from error


def _renaming(text: str) -> tuple[str, str | None]:
    old, is_there, new = text.partition("=")
    if not old or not is_there:
        raise Failure(ExitCode.USAGE, f"--map {text} does not say what becomes what.", fix="write --map a=b")
    return old, new or None
