"""`avow get`, `status` and `why`: looking, and changing nothing."""

from collections.abc import Iterator
from typing import Annotated

import typer

from catalog.clock import utc_now
from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.inputs import pairs
from platform_api.cli.kinds import Kind, item_path, kind_named, list_path
from platform_api.cli.output import Document, show
from platform_api.cli.session import Session, new_app, session_of
from platform_api.cli.standing import deprecation_line, status_lines, tree_lines, why_lines
from platform_api.cli.tables import plain, table

app = new_app()

MOST = 1000
_RUN = "run_"
_PER_PAGE = 500

_Narrow = Annotated[str, typer.Option(help="Only these.", show_default=False)]


@app.command()
def get(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="requests, contracts, runs, drift, ...; also in the singular.")],
    name: Annotated[
        str, typer.Argument(help="Of one; contracts also as NAME@VERSION.", show_default=False)
    ] = "",
    *,
    request: Annotated[
        str, typer.Option("--request", "-r", help="Only what belongs to this request.", show_default=False)
    ] = "",
    phase: _Narrow = "",
    contract: _Narrow = "",
    owner: _Narrow = "",
    env: _Narrow = "",
    destination: _Narrow = "",
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; repeatable.")] = None,
    search: Annotated[str, typer.Option(help="Part of the name.", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = MOST,
) -> None:
    """List things of a kind, or show one.

    Kinds: projects, contracts, capabilities, requests, plans, runs, approvals, dead-letters,
    breakers, delegations, destinations, resources, drift, policies, decisions, tokens, audit,
    events.
    """
    session, wanted = session_of(context), kind_named(kind)
    filters = {
        "phase": phase,
        "contract": contract,
        "owner": owner,
        "environment": env,
        "destination": destination,
        "labels": ",".join(f"{key}={value}" for key, value in pairs(label or [], "--label").items()),
        "q": search,
    }
    query = _query(wanted, session, {key: value for key, value in filters.items() if value})
    if request and wanted.of_request:
        query.pop("project", None)  # the address says it already
    with connect(session) as client:
        if name and not (wanted.needs_request and not name.startswith(_RUN)):
            _answer(session, wanted, _one(client, session, wanted, name))
            return
        where = list_path(wanted, session.project, request or name)
        found = list(_listed(client, wanted, where, query, limit + 1 if limit else 0))
    _answer(session, wanted, found[:limit] if limit else found)
    if limit and len(found) > limit:
        session.terminal.tell(f"There are more than {limit}: see all with --limit 0.")


@app.command()
def status(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The request.")],
    *,
    tree: Annotated[bool, typer.Option("--tree", help="Down to its runs and their steps.")] = False,
) -> None:
    """Show where a request stands."""
    session = session_of(context)
    with connect(session) as client:
        where = path("projects", session.project, "requests", name)
        request = client.get(where).document
        if tree:
            request["runs"] = [_with_steps(client, run) for run in client.pages(f"{where}/runs", limit=5)]
        if session.is_table:
            request = client.with_commits(request)
    if not session.is_table:
        show(session, request)
        return
    for line in tree_lines(request, utc_now()) if tree else status_lines(request, utc_now()):
        session.terminal.answer(line)


@app.command()
def why(context: typer.Context, name: Annotated[str, typer.Argument(help="The request.")]) -> None:
    """Say why a request is not ready, whose move it is and what to do."""
    session = session_of(context)
    with connect(session) as client:
        found = client.get(path("projects", session.project, "requests", name, "why")).document
    if not session.is_table:
        show(session, found)
        return
    for line in why_lines(found, utc_now()):
        session.terminal.answer(line)


def _query(kind: Kind, session: Session, filters: dict[str, str]) -> dict[str, str | int]:
    strange = [name for name in filters if name not in kind.filters]
    if strange:
        known = ", ".join(kind.filters) or "nothing"
        raise Failure(ExitCode.USAGE, f"{kind.name} cannot be narrowed by {strange[0]}, only by {known}.")
    query: dict[str, str | int] = {**filters}
    return query | {"project": session.project} if kind.by_project else query


def _listed(
    client: Client, kind: Kind, where: str, query: dict[str, str | int], limit: int
) -> Iterator[Document]:
    if kind.name == "policies":
        found = client.get(where).document
        engine, modules = found.get("engine"), found.get("modules")
        said = plain([engine.get("name"), engine.get("version")]) if isinstance(engine, dict) else ""
        for name in modules if isinstance(modules, list) else ():
            yield {"name": name, "engine": said.replace(",", " "), "revision": found.get("revision")}
    else:
        size = min(limit, _PER_PAGE) if limit else _PER_PAGE
        paged: dict[str, str | int] = {} if kind.is_whole else {"page_size": size}
        yield from client.pages(where, query | paged, limit)


def _one(client: Client, session: Session, kind: Kind, name: str) -> Document:
    if kind.has_item:
        return client.get(item_path(kind, session.project, name)).document
    query = _query(kind, session, {})
    named = (
        each
        for each in _listed(client, kind, list_path(kind, session.project), query, 0)
        if name in (each.get("name"), each.get("id"), str(each.get("seq")))
    )
    found = next(named, None)
    if found is None:
        raise Failure(
            ExitCode.NOT_FOUND, f"There is no {kind.name} entry {name}.", fix=f"see avow get {kind.name}"
        )
    return found


def _with_steps(client: Client, run: Document) -> Document:
    steps = client.find(path("runs", str(run.get("id")), "steps"))
    return run if steps is None else run | {"steps": steps.document.get("items")}


def _answer(session: Session, kind: Kind, found: Document | list[Document]) -> None:
    if not session.is_table:
        show(session, found)
        return
    rows = [found] if isinstance(found, dict) else found
    if not rows:
        session.terminal.tell(f"There are no {kind.name} here.")
        return
    terminal = session.terminal
    for line in table(kind.heads, [_row(row) for row in rows], utc_now(), terminal.room(terminal.out)):
        terminal.answer(line)
    for row in rows:
        for line in deprecation_line(row, utc_now()) if kind.name == "requests" else ():
            terminal.tell(f"{row.get('name')}: {line.strip()}")


def _row(document: Document) -> Document:
    # A contract over all its versions is shown by its newest one.
    newest = document.get("newest")
    return document | newest if isinstance(newest, dict) else document
