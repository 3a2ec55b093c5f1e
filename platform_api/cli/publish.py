"""`avow publish`: sends contract bundles to the server, which checks and keeps them for ever.

A bundle is read by the catalogue's own reader, so that what cannot be published is refused
here with the same words. Publishing the same content again changes nothing.
"""

from pathlib import Path
from typing import Annotated

import typer

from catalog.bundle import read_files
from platform_api.cli.client import connect, path
from platform_api.cli.local import told_as_failure
from platform_api.cli.output import Document, show
from platform_api.cli.session import new_app, session_of

app = new_app()


@app.command()
def publish(
    context: typer.Context,
    *,
    folder: Annotated[list[Path], typer.Argument(help="Folders that hold a contract.yaml.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check them.")] = False,
) -> None:
    """Publish contracts from their folders."""
    session = session_of(context)
    with told_as_failure():
        bundles = [read_files(each) for each in folder]
    published: list[Document] = []
    with connect(session) as client:
        for files in bundles:
            query = {"dry_run": True} if dry_run else {}
            answer = client.send("POST", path("contracts"), {"files": files}, query=query)
            published.append(answer.document)
            if session.is_table:
                session.terminal.answer(_said(answer.document))
    if not session.is_table:
        show(session, published)


def _said(document: Document) -> str:
    result = "published" if document.get("is_new") else "unchanged"
    if document.get("dry_run"):
        result = "can be published"
    return f"contract {document.get('name')} {document.get('version')} {result}  {document.get('digest', '')}"
