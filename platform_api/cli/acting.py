"""`avow action`: asking something of what was delivered that its contract offers."""

from collections.abc import Iterator
from typing import Annotated

import typer

from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import ExitCode, Failure, finding_lines
from platform_api.cli.inputs import inputs_from
from platform_api.cli.output import Document, show
from platform_api.cli.plans import is_denied, plan_lines, policy_findings
from platform_api.cli.session import Session, new_app, session_of
from platform_api.cli.terminal import columns, one_line
from platform_api.cli.waiting import Wish, wait_for

app = new_app()


@app.command()
def action(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The request.", metavar="REQUEST")],
    which: Annotated[
        str, typer.Argument(help="The action; without it, list them.", metavar="[ACTION]", show_default=False)
    ] = "",
    *,
    set_: Annotated[list[str] | None, typer.Option("--set", help="An input: NAME=VALUE. Repeatable.")] = None,
    set_json: Annotated[
        list[str] | None, typer.Option("--set-json", help="An input: NAME=JSON. Repeatable.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit trail.", show_default=False)] = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="Tell what happens until it is ready again.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is ready again.")] = False,
    timeout: Annotated[
        str, typer.Option(help="How long to watch or wait: 30s, 10m.", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
) -> None:
    """Ask for an action of the request's contract, or list what can be asked."""
    session = session_of(context)
    with connect(session) as client:
        where = path("projects", session.project, "requests", name, "actions")
        if not which:
            _listed(session, client.get(where).document, name)
            return
        schema = _schema(client, where, which) if set_ else {}
        body = {"inputs": inputs_from(set_ or (), set_json or (), {}, schema)} | (
            {"reason": reason} if reason else {}
        )
        at = path("projects", session.project, "requests", name, "actions", which)
        if dry_run:
            _planned(session, client.send("POST", at, body, query={"dry_run": True}).document, name)
            return
        accepted = client.send("POST", at, body).document
        if watch or wait:
            wait_for(session, client, Wish(session.project, name, timeout=timeout, is_told=watch))
        else:
            _accepted(session, accepted, which)


def _schema(client: Client, where: str, which: str) -> Document:
    """Return what an action takes, so that `--set` knows a number from a text; empty when there is none."""
    for each in client.get(where).document.get("items", ()):
        if each.get("name") == which:
            found: Document = each.get("inputs", {})
            return found
    return {}


def _listed(session: Session, found: Document, name: str) -> None:
    if not session.is_table:
        show(session, found)
        return
    for line in _lines(found, name):
        session.terminal.answer(line)


def _lines(found: Document, name: str) -> Iterator[str]:
    items = found.get("items") or []
    if not items:
        yield f"{found.get('contract')} {found.get('version')} has no actions."
        return
    yield from columns([("ACTION", "TAKES", "DESCRIPTION"), *(_row(each) for each in items)])
    yield f"Ask: avow action {name} ACTION --set INPUT=VALUE"


def _row(each: Document) -> tuple[str, str, str]:
    schema = each.get("inputs")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    takes = ", ".join(properties) if isinstance(properties, dict) else ""
    return str(each.get("name")), one_line(takes) or "-", one_line(str(each.get("description", "")))


def _planned(session: Session, plan: Document, name: str) -> None:
    if session.is_table:
        for line in plan_lines(plan, name, {}):
            session.terminal.answer(line)
    else:
        show(session, plan)
    if is_denied(plan):
        findings = [] if session.is_table else list(finding_lines(policy_findings(plan)))
        raise Failure(ExitCode.DENIED, "Policy would deny this. Nothing was done.", details=findings)


def _accepted(session: Session, accepted: Document, which: str) -> None:
    if not session.is_table:
        show(session, accepted)
        return
    name = accepted.get("name")
    session.terminal.answer(f"{which} of {name} begins")
    session.terminal.tell(f"Follow it: avow watch {name}")
