"""`avow contract publish`: shows what a version changes and whom it touches, then asks, then publishes."""

from typing import Annotated

import typer

from platform_api.cli.client import connect, path
from platform_api.cli.impacts import impact_lines
from platform_api.cli.origins import origin_of
from platform_api.cli.output import Document, show
from platform_api.cli.publish import (
    FROM_GIT,
    IMPACT,
    CanaryOption,
    SignatureOption,
    check_compatible,
    check_harmless,
    published_line,
    said_beside,
)
from platform_api.cli.session import session_of


def publish(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help=f"A folder, a .tar.gz or .zip file, or {FROM_GIT}."),
    ],
    *,
    canary: CanaryOption = None,
    signature: SignatureOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask, be it that requests break or are denied.")
    ] = False,
) -> None:
    """Show compatibility and impact of a version, ask, and publish it.

    In a script it does not ask, and ends with 6 when requests would break or be denied.
    """
    session = session_of(context)
    body = origin_of(source).body | said_beside(canary, signature)
    with connect(session) as client:
        impact = client.send("POST", path("contracts", "impact"), body, query=IMPACT).document
        for line in impact_lines(impact, source):
            session.terminal.tell(line)
        check_compatible([source], [impact])
        if not yes:
            if session.may_ask:
                typer.confirm("Publish it?", abort=True, err=True)
            else:
                check_harmless([impact])
        published = client.send("POST", path("contracts"), pinned(body, impact)).document
    if session.is_table:
        session.terminal.answer(published_line(published))
    else:
        show(session, published)


def pinned(body: Document, impact: Document) -> Document:
    """Return what is published: the commit that was shown, wherever the branch is by now."""
    named, seen = (_git(document) for document in (body, impact))
    if not (named and isinstance(seen.get("commit"), str)):
        return body
    return {**body, "source": {"git": {**named, "ref": seen["commit"]}}}


def _git(document: Document) -> Document:
    source = document.get("source")
    git = source.get("git") if isinstance(source, dict) else None
    return git if isinstance(git, dict) else {}
