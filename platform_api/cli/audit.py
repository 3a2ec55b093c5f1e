"""`avow audit`: checks that nobody changed a project's audit trail.

The server recomputes the chain. A chain that was rewritten as a whole, or cut at its end,
shows only against a head that was kept elsewhere: every commit that Avow writes to git
carries one, and `--head` takes it.
"""

from typing import Annotated

import typer

from platform_api.cli.client import Client, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.output import Document, show
from platform_api.cli.session import new_app, session_of

app = new_app()

_PER_PAGE = 500


@app.command()
def audit(
    context: typer.Context,
    *,
    head: Annotated[
        str, typer.Option(metavar="'SEQ HASH'", help="An Avow-Audit-Head that git kept.", show_default=False)
    ] = "",
) -> None:
    """Check that nobody changed a project's audit trail; avow get audit shows it.

    Ends with 7 when somebody did.
    """
    session = session_of(context)
    with connect(session) as client:
        found = client.get(path("audit", "verify"), {"project": session.project}).document
        fault = _fault(found) or (_strange_head(client, session.project, head) if head else "")
    if not session.is_table:
        show(session, found)
    elif not fault:
        end = found["head"]
        kept = "; the head that was kept elsewhere is in it" if head else ""
        session.terminal.answer(
            f"audit trail of {session.project} is intact: {end['seq']} entries, head {end['hash']}{kept}"
        )
    if fault:
        raise Failure(
            ExitCode.FAILED,
            f"The audit trail of {session.project} is not intact: {fault}.",
            fix="compare it with git and with a backup: avow get audit",
        )


def _fault(found: Document) -> str:
    if found.get("is_intact"):
        return ""
    return f"entry {found.get('first_bad_seq')}: {found.get('reason') or 'it does not fit'}"


def _strange_head(client: Client, project: str, head: str) -> str:
    seq, _, kept = head.strip().partition(" ")
    if not seq.isdecimal() or not kept:
        raise Failure(ExitCode.USAGE, "--head takes a number and a hash.", fix="write --head '5 sha256:...'")
    entries = client.pages(path("audit"), {"project": project, "page_size": _PER_PAGE})
    entry: Document = next((each for each in entries if each.get("seq") == int(seq)), {})
    if not entry:
        return f"entry {seq} is missing, and git has seen it"
    return "" if entry.get("hash") == kept else f"entry {seq} is another than the one that git has seen"
