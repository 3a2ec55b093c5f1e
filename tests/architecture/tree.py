"""This repository's files, and throw-away copies of them in which things may be broken.

Used by every architecture test. "Tracked" includes new files that nobody has added yet, so
that a rule is heard before the commit and not after it.
"""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.measure import Module, measure

ROOT = Path(__file__).parents[2]
PACKAGES = ("catalog", "policy", "executors", "reconciler", "platform_api")
NOT_OURS = ("catalog/library/", "catalog/starters/", "deploy/examples/")
GENERATED = "platform_api/migrations/versions/"


def tracked_files() -> list[str]:
    """Return the path of every file that is or may become part of the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted(path for path in set(listing.split("\0")) if path and (ROOT / path).is_file())


def source_modules(root: Path = ROOT) -> list[Module]:
    """Return the measured modules of the five packages; migrations are generated and left out."""
    return _measured(root, (path for package in PACKAGES for path in (root / package).rglob("*.py")))


def other_modules() -> list[Module]:
    """Return the measured modules of the tests and of what else is written in Python."""
    return _measured(ROOT, (path for folder in ("tests", "deploy") for path in (ROOT / folder).rglob("*.py")))


def copy_of_the_source(target: Path) -> Path:
    """Copy what the checkers need into an empty folder and return it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target / name)
    return target


def _measured(root: Path, paths: Iterable[Path]) -> list[Module]:
    named = sorted((path.relative_to(root).as_posix(), path) for path in paths)
    ours = (item for item in named if not item[0].startswith((*NOT_OURS, GENERATED)))
    return [measure(name, path.read_text()) for name, path in ours]
