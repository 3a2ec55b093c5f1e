"""`avow publish`: sends contract bundles to the server, which checks and keeps them for ever.

A folder or an archive is read by the catalogue's own readers, so that what cannot be published
is refused here with the same words. Publishing the same content again changes nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from platform_api.cli.client import Query, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.impacts import LISTED, count_of, impact_lines
from platform_api.cli.inputs import strict_json
from platform_api.cli.local import text_of
from platform_api.cli.origins import origin_of
from platform_api.cli.output import Document, show
from platform_api.cli.session import Session, new_app, session_of

app = new_app()

_TOLD = ("breaks", "denied")
"""What is listed: the rest is counted."""
FROM_GIT = "git+https://host/repository.git@REF#folder"
CanaryOption = Annotated[
    int | None,
    typer.Option(min=0, max=100, help="How many requests of a hundred follow it; all unless said."),
]
SignatureOption = Annotated[
    Path | None,
    typer.Option("--signature", metavar="FILE", help="What avow contract sign made of the bundle."),
]
IMPACT: Query = {"page_size": LISTED, "outcome": _TOLD}
"""What is asked of an impact that a person will read."""


@app.command()
def publish(
    context: typer.Context,
    *,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help=f"Folders, .tar.gz or .zip files, or {FROM_GIT}."),
    ],
    canary: CanaryOption = None,
    signature: SignatureOption = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Nobody can ask for it yet, and you may replace it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check them.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show what it would do to the requests that are there.")
    ] = False,
) -> None:
    """Publish contracts from folders, archives or git.

    With --plan it ends with 6 when the version is too low, or requests would break or be denied.
    """
    session = session_of(context)
    if signature is not None and len(sources) > 1:
        fix = "publish them one by one"
        raise Failure(ExitCode.USAGE, "A signature is of one bundle, and here are several.", fix=fix)
    bundles = [origin_of(each) for each in sources]
    extra = said_beside(canary, signature) | ({"draft": True} if draft else {})
    bodies = [each.body | extra for each in bundles]
    if plan:
        _plan(session, sources, bodies)
        return
    published: list[Document] = []
    with connect(session) as client:
        for body in bodies:
            query = {"dry_run": True} if dry_run else {}
            answer = client.send("POST", path("contracts"), body, query=query)
            published.append(answer.document)
            if session.is_table:
                session.terminal.answer(published_line(answer.document))
            if signature is not None and "signature" not in answer.document:
                session.terminal.tell("The signature was not verified: the server trusts no keys.")
    if not session.is_table:
        show(session, published)


def _plan(session: Session, sources: Sequence[str], bodies: Sequence[Document]) -> None:
    query: Query = IMPACT if session.is_table else {"format": "json"}
    found: list[Document] = []
    with connect(session) as client:
        for source, body in zip(sources, bodies, strict=True):
            found.append(client.send("POST", path("contracts", "impact"), body, query=query).document)
            for line in impact_lines(found[-1], source) if session.is_table else ():
                session.terminal.answer(line)
    if not session.is_table:
        show(session, found)
    check_compatible(sources, found)
    check_harmless(found)


def said_beside(canary: int | None, signature: Path | None) -> Document:
    """Return what is sent with a bundle."""
    said: Document = {} if signature is None else {"signature": _envelope(signature)}
    return said | ({} if canary is None else {"canary": canary})


def check_compatible(sources: Sequence[str], impacts: Sequence[Document]) -> None:
    """Fail when a version is too low for what it changes, for then it would be refused."""
    too_low = [source for source, each in zip(sources, impacts, strict=True) if not _is_compatible(each)]
    if too_low:
        said = f"{', '.join(too_low)} would be refused: the version is too low. Nothing was published."
        raise Failure(ExitCode.CONFLICT, said, fix="raise metadata.version, or mend what is named")


def check_harmless(impacts: Sequence[Document]) -> None:
    """Fail when any request would break or be denied."""
    broken, denied = (sum(count_of(each, name) for each in impacts) for name in ("breaks", "denied"))
    if broken or denied:
        said = f"{broken} requests would break, and {denied} be denied. Nothing was published."
        raise Failure(ExitCode.CONFLICT, said, fix="mend the version, or tell those who own the requests")


def _is_compatible(impact: Document) -> bool:
    compatibility = impact.get("compatibility")
    return not isinstance(compatibility, dict) or bool(compatibility.get("compatible"))


def published_line(document: Document) -> str:
    """Return what became of a bundle that was sent."""
    said = "stored as a draft" if document.get("state") == "draft" else "published"
    result = said if document.get("is_new") else "unchanged"
    if document.get("dry_run"):
        result = "can be published"
    head = f"contract {document.get('name')} {document.get('version')} {result}"
    return f"{head}  {document.get('digest', '')}{_signed(document)}{_fetched(document)}"


def _signed(document: Document) -> str:
    signature = document.get("signature")
    return f"  signed by {str(signature.get('key_id'))[:12]}" if isinstance(signature, dict) else ""


def _fetched(document: Document) -> str:
    source = document.get("source")
    git = source.get("git") if isinstance(source, dict) else None
    return f"  from commit {str(git.get('commit'))[:12]}" if isinstance(git, dict) else ""


def _envelope(file: Path) -> object:
    try:
        return strict_json(text_of(file))
    except ValueError as error:
        fix = "name what avow contract sign wrote"
        raise Failure(ExitCode.USAGE, f"{file} is no signature: {error}.", fix=fix) from error
