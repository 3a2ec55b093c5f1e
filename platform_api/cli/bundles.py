"""Which bundles a command means by its paths: read from this disk, nothing else.

A path is a bundle's folder, a folder of bundles, or one file of a bundle. Used by the
commands for authors, which need no server.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.bundle import CONTRACT_FILE, read_files
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.local import text_of, told_as_failure

_YAML = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one bundle.

    Attributes:
        shown: what stands before a file's path when it is named to a person.
        only: the one file that was asked for; empty when all are meant.
    """

    shown: str
    files: dict[str, str]
    only: str = ""


def bundles(paths: Sequence[Path]) -> Iterator[Bundle]:
    """Yield the bundles that paths stand for.

    Raises:
        Failure: there is nothing at a path, or its files cannot be read.
    """
    for path in paths:
        if path.is_file():
            yield _around(path)
        elif path.is_dir():
            for folder in _folders(path):
                yield Bundle(_shown(folder), _files(folder))
        else:
            raise Failure(
                ExitCode.NOT_FOUND, f"There is nothing at {path}.", fix="name a bundle's folder or a workflow"
            )


def _folders(path: Path) -> list[Path]:
    """Return a folder itself, or the bundles below it when it is none."""
    if (path / CONTRACT_FILE).exists() or any(each.suffix in _YAML for each in path.iterdir()):
        return [path]
    below = sorted(each.parent for each in path.rglob(CONTRACT_FILE))
    if not below:
        raise Failure(
            ExitCode.NOT_FOUND, f"There is no bundle in {path}.", fix="name a folder with workflows"
        )
    return below


def _around(file: Path) -> Bundle:
    folder = file.parent
    if (folder / CONTRACT_FILE).exists():
        return Bundle(_shown(folder), _files(folder), file.name)
    beside = {each.name: text_of(each) for each in sorted(folder.iterdir()) if each.suffix in _YAML}
    return Bundle(_shown(folder), {**beside, file.name: text_of(file)}, file.name)


def _files(folder: Path) -> dict[str, str]:
    with told_as_failure():
        return read_files(folder)


def _shown(folder: Path) -> str:
    return "" if folder == Path() else f"{folder.as_posix()}/"
