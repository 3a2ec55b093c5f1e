"""What a stranger does to a repository: clone, change, push. Plain git, none of Avow's code."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

STRANGER = {
    "GIT_AUTHOR_NAME": "A Stranger",
    "GIT_AUTHOR_EMAIL": "stranger@example.org",
    "GIT_COMMITTER_NAME": "A Stranger",
    "GIT_COMMITTER_EMAIL": "stranger@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


def git(*arguments: str, cwd: Path | None = None) -> str:
    """Run git and return what it printed."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **STRANGER},
    )
    return done.stdout


def show(repository: Path, path: str, branch: str = "main") -> str | None:
    """Return a file's content on a branch; None when it is not there."""
    done = subprocess.run(
        ["git", "show", f"{branch}:{path}"], cwd=repository, check=False, capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else None


def log(repository: Path, branch: str = "main") -> list[str]:
    """Return the whole messages of a branch's commits, oldest first."""
    raw = git("log", "--reverse", "--format=%B%x00", branch, cwd=repository)
    return [message.strip() for message in raw.split("\0") if message.strip()]


def push(remote: Path, folder: Path, changes: Mapping[str, str | None], branch: str = "main") -> None:
    """Clone, change files (None removes one), commit and push, as somebody else would."""
    git("clone", "--quiet", "--branch", branch, str(remote), str(folder))
    for path, content in changes.items():
        if content is None:
            git("rm", "--quiet", path, cwd=folder)
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
            git("add", path, cwd=folder)
    git("commit", "--quiet", "-m", "a stranger was here", cwd=folder)
    git("push", "--quiet", "origin", branch, cwd=folder)
