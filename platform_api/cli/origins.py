"""Where `publish` takes a bundle from: a folder, an archive, or a git repository.

Folders and archives are read here, by the catalogue's own readers. A git repository is named to
the server, which fetches it and keeps which commit it was.

    git+https://git.example/platform/contracts.git@v1.2.0#service
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.archive import MAX_PACKED, files_of_archive
from catalog.bundle import read_files
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.local import told_as_failure

_GIT = "git+"
_FIX = "write git+https://host/repository.git@main#folder"


@dataclass(frozen=True, slots=True)
class Origin:
    """What is sent of a bundle: its files, or where the server finds them."""

    body: dict[str, Any]


def origin_of(text: str) -> Origin:
    """Return what a SOURCE on the command line stands for.

    Raises:
        Failure: it cannot be read.
    """
    if text.startswith(_GIT):
        return Origin({"source": {"git": _git(text)}})
    return Origin({"files": files_at(Path(text))})


def files_at(path: Path) -> dict[str, str]:
    """Return the files of a folder or an archive.

    Raises:
        Failure: it cannot be read.
    """
    with told_as_failure():
        return files_of_archive(_bytes(path)) if path.is_file() else read_files(path)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_PACKED + 1)
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}.") from error


def _git(text: str) -> dict[str, str]:
    address, _, path = text.removeprefix(_GIT).partition("#")
    head, slash, tail = address.partition("://")
    host, below, rest = tail.partition("/")
    repository, at, ref = rest.rpartition("@")
    if not (head and slash and below and at and repository and ref):
        raise Failure(ExitCode.USAGE, f"{text} does not say which repository and which commit.", fix=_FIX)
    found = {"url": f"{head}://{host}/{repository}", "ref": ref}
    return found | ({"path": path} if path else {})
