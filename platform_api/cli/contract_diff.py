"""`avow contract diff`: what is different between two versions of a contract, and whom it breaks.

Each side is a folder, an archive, or NAME@VERSION, which a server is asked for. They are compared
here, by the catalogue's own part that publishing asks too.
"""

from pathlib import Path
from typing import Annotated

import typer

from catalog.bundle import Bundle, bundle_from_files
from catalog.compat.change import Change
from catalog.compat.compare import compare
from catalog.compat.versions import allows, least_version
from platform_api.cli.client import connect, path
from platform_api.cli.compatibility_lines import compared_lines
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.local import show, told_as_failure
from platform_api.cli.origins import files_at
from platform_api.cli.output import Document
from platform_api.cli.session import session_of

_SIDE = "A folder, an archive, or NAME@VERSION of what is published."


def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help=_SIDE)],
    new: Annotated[str, typer.Argument(help=_SIDE)],
) -> None:
    """Compare two versions of a contract: what changed, whom it breaks, which version is due.

    Ends with 7 when the new version is too low for that.
    """
    first, second = _bundle(context, old), _bundle(context, new)
    if first.contract.name != second.contract.name:
        said = f"{old} is {first.contract.name}, and {new} is {second.contract.name}."
        raise Failure(ExitCode.USAGE, said, fix="compare two versions of one contract")
    told = _compared(first, second)
    show(context, told, compared_lines(told, first.contract.name), items=told["changes"])
    if not told["enough"]:
        raise typer.Exit(ExitCode.FAILED)


def _bundle(context: typer.Context, side: str) -> Bundle:
    name, at, version = side.rpartition("@")
    is_published = bool(at) and "/" not in side and not Path(side).exists()
    files = _published(context, name, version) if is_published else files_at(Path(side))
    with told_as_failure():
        return bundle_from_files(files)


def _published(context: typer.Context, name: str, version: str) -> dict[str, str]:
    with connect(session_of(context)) as client:
        found = client.get(path("contracts", name, "versions", version)).document.get("files")
    return {str(file): str(text) for file, text in found.items()} if isinstance(found, dict) else {}


def _compared(old: Bundle, new: Bundle) -> Document:
    found = compare(old.contract, new.contract, old_policy=old.policy, new_policy=new.policy)
    before, after = old.contract.version, new.contract.version
    is_enough = allows(before, after, found.bump)
    told = {
        "name": new.contract.name,
        "from_version": before,
        "to_version": after,
        "due": found.bump.name.lower(),
        "enough": is_enough,
        "changes": [_change(each) for each in found.changes],
    }
    return told if is_enough else told | {"publish_as": least_version(before, found.bump)}


def _change(change: Change) -> Document:
    told = {
        "pointer": change.pointer,
        "code": change.code,
        "breaks": change.effect.value,
        "due": change.bump.name.lower(),
        "detail": change.message,
        "before": change.before,
        "after": change.after,
    }
    return told | ({"fix": change.fix} if change.fix else {})
