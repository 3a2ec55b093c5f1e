"""`avow apply`: makes what files declare so, and says what changed.

Everything is read before anything is sent. Projects come first, then destinations, then
requests, each after those that it uses, so that one file may hold all of them. Applying twice
changes nothing: the server compares, and the same revision before and after means that nothing
changed.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any

import typer

from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.local import text_of, told_as_failure
from platform_api.cli.manifests import Manifest, ManifestKind, read_manifests
from platform_api.cli.output import Document, show
from platform_api.cli.session import Session, new_app, session_of

app = new_app()

_ORDER = list(ManifestKind)
_STDIN = Path("-")
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
# What a file may leave unsaid stays as it is; what it says replaces the whole.
_KEPT = {
    ManifestKind.REQUEST: ("environment", "owner", "labels", "uses"),
    ManifestKind.DESTINATION: ("labels", "config", "projects", "capacity", "cordoned"),
}


@app.command()
def apply(
    context: typer.Context,
    *,
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="File, folder of files, or - for stdin. Repeatable."),
    ] = None,
    plan: Annotated[str, typer.Option("--plan", help="Do what a kept plan says: avow plan --save.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Make what files declare so: kinds Project, Destination and Request."""
    session = session_of(context)
    if bool(file) is bool(plan):
        raise Failure(
            ExitCode.USAGE,
            "Name files to apply, or a plan.",
            fix="avow apply -f FILE, or avow apply --plan ID",
        )
    if plan:
        _submit(session, plan, dry_run=dry_run)
        return
    manifests = _read(file or ())
    results = []
    with connect(session) as client:
        for manifest in manifests:
            result = _applied(client, session, manifest, dry_run=dry_run)
            results.append(result)
            if session.is_table:
                session.terminal.answer(f"{result['kind'].lower()} {result['name']} {result['result']}")
    if not session.is_table:
        show(session, results)


def _submit(session: Session, plan: str, *, dry_run: bool) -> None:
    query = {"dry_run": True} if dry_run else {}
    with connect(session) as client:
        where = path("projects", session.project, "plans", plan, "submit")
        answer = client.send("POST", where, query=query).document
    if not session.is_table:
        show(session, answer)
    elif dry_run:
        session.terminal.answer(f"plan {plan} is as it was made: {answer.get('action')} would begin")
    else:
        session.terminal.answer(f"request {answer.get('name')} accepted")
        session.terminal.tell(f"Follow it: avow watch {answer.get('name')}")


def _read(files: Sequence[Path]) -> list[Manifest]:
    found: list[Manifest] = []
    for file in _unfolded(files):
        text = sys.stdin.read() if file == _STDIN else text_of(file)
        with told_as_failure():
            found += read_manifests(text, str(file))
    return sorted(_users_last(found), key=lambda manifest: _ORDER.index(manifest.kind))


def _users_last(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return manifests with each request after those of them that it uses."""
    places = dict(enumerate(manifests))
    needs = {
        place: [other for other, each in places.items() if other != place and each.name in _used(manifest)]
        for place, manifest in places.items()
    }
    try:
        return [places[place] for place in TopologicalSorter(needs).static_order()]
    except CycleError:
        return list(manifests)  # the server says what is wrong with a ring


def _used(manifest: Manifest) -> list[str]:
    uses = manifest.body.get("uses")
    named = [use.get("request") for use in uses if isinstance(use, dict)] if isinstance(uses, list) else []
    return [str(name) for name in named]


def _unfolded(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        inside = (
            sorted(path for path in file.glob("*") if path.suffix in _SUFFIXES) if file.is_dir() else [file]
        )
        if not inside:
            raise Failure(ExitCode.USAGE, f"{file} holds no file to apply.", fix="name a .yaml or .json file")
        yield from inside


def _applied(client: Client, session: Session, manifest: Manifest, *, dry_run: bool) -> Document:
    where = _list_of(session, manifest)
    query = {"dry_run": True} if dry_run else {}
    held = client.find(f"{where}/{manifest.name}")
    if held is None:
        made = client.send("POST", where, manifest.body | {"name": manifest.name}, query=query)
        return _result(manifest, "created", made.document, dry_run=dry_run)
    if manifest.kind is ManifestKind.PROJECT:
        return _result(manifest, "unchanged", held.document, dry_run=dry_run)
    body = {
        name: held.document[name] for name in _KEPT[manifest.kind] if held.document.get(name)
    } | manifest.body
    after = client.send("PUT", f"{where}/{manifest.name}", body, query=query, etag=held.etag)
    is_same = _is_said(body, held.document) if dry_run else after.etag == held.etag
    return _result(manifest, "unchanged" if is_same else "changed", after.document, dry_run=dry_run)


def _is_said(body: Mapping[str, Any], held: Document) -> bool:
    # A dry run answers with a plan, which has no revision to compare.
    return all(held.get(name) == value for name, value in body.items())


def _result(manifest: Manifest, result: str, document: Document, *, dry_run: bool) -> Document:
    said = f"would be {result}" if dry_run and result != "unchanged" else result
    return {"kind": str(manifest.kind), "name": manifest.name, "result": said, "document": document}


def _list_of(session: Session, manifest: Manifest) -> str:
    match manifest.kind:
        case ManifestKind.PROJECT:
            return path("projects")
        case ManifestKind.DESTINATION:
            return path("destinations")
        case ManifestKind.REQUEST:
            return path("projects", manifest.project or session.project, "requests")
