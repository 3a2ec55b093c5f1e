"""Small pieces of work on git that several tests do: commit, put, open a clone, ask git itself."""

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from executors.repository import Access, Commit, Repository

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AUTHOR = "Avow <avow@localhost>"


def commit(changes: Mapping[str, bytes | None], message: str = "change") -> Commit:
    """Return a commit of these changes."""
    return Commit(changes, message, AUTHOR, AT)


def put(repository: Repository, changes: Mapping[str, bytes | None], message: str = "change") -> str:
    """Commit and push onto what the branch holds now, and return the commit."""
    tip = repository.fetch()
    (sha,) = repository.build([commit(changes, message)], tip)
    repository.push(sha, tip)
    return sha


def git(folder: Path, *arguments: str) -> str:
    """Return what git itself says about a bare repository."""
    done = subprocess.run(
        ["git", "--git-dir", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def opened(tmp_path: Path, url: str, **changes: Any) -> Repository:
    """Open a clone in a test's own folder."""
    return Repository.open(tmp_path / "clone", url, "main", Access(**changes))


def open_files() -> int:
    """Count the descriptors that this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def git_children() -> list[str]:
    """Name the programs of git among our descendants, the dead that nobody fetched included."""
    return [child.name() for child in psutil.Process().children(recursive=True) if "git" in child.name()]
