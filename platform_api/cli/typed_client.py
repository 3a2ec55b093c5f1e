"""`avow client`: writes a typed Python client for one capability.

What comes out is a small package of its own that needs httpx and pydantic, and nothing of
Avow's. A folder in which something else lies is left alone.
"""

import keyword
from pathlib import Path
from typing import Annotated

import typer

from platform_api.cli.client import connect, path
from platform_api.cli.client_models import models_of
from platform_api.cli.client_package import MARKER, files_of, package_name
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.output import show
from platform_api.cli.session import new_app, session_of

app = new_app()


@app.command()
def client(
    context: typer.Context,
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME[@VERSION]", help="A capability, or one of its versions.")
    ],
    folder: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where to put the package.", show_default=False)
    ],
    package: Annotated[
        str, typer.Option(metavar="NAME", help="What to call the package.", show_default=False)
    ] = "",
) -> None:
    """Write a typed Python client for a capability.

    Without a version, it asks for whatever is the newest when it is used.
    """
    session = session_of(context)
    capability, _, version = name.partition("@")
    target = folder / _checked(package or package_name(capability))
    _check_ours(target)
    within = ("versions", version) if version else ()
    with connect(session) as http:
        document = http.get(path("capabilities", capability, *within, "openapi.json")).document
    files = files_of(document, models_of)
    _write(target, files)
    if not session.is_table:
        info = document["info"]
        written = {"name": target.name, "capability": capability, "version": info["version"]}
        show(session, written | {"folder": str(target), "files": sorted(files)})
        return
    for each in sorted(files):
        session.terminal.answer(str(target / each))
    session.terminal.tell(f"It needs httpx and pydantic. Use it: from {target.name} import ...")


def _checked(package: str) -> str:
    if package.isidentifier() and package.isascii() and not keyword.iskeyword(package):
        return package
    raise Failure(
        ExitCode.USAGE, f"{package} cannot be the name of a package.", fix="write --package my_client"
    )


def _check_ours(target: Path) -> None:
    """Pass a folder that is not there, is empty, or holds a client made before."""
    first = target / "__init__.py"
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if first.is_file() and MARKER in first.read_text("utf-8", errors="replace"):
        return
    raise Failure(
        ExitCode.CONFLICT,
        f"{target} holds something that avow client did not write.",
        fix="name another folder with --output, or another package with --package",
    )


def _write(target: Path, files: dict[str, str]) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (target / name).write_text(text, "utf-8")
    except OSError as error:
        raise Failure(ExitCode.OTHER, f"{target} cannot be written: {error.strerror}.") from error
