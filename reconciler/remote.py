"""Which branch a git writer writes, how fast, and under which lease.

Built by the wiring, used by `reconciler.writeback`. One remote may be spelt in many ways; the
lease must not be, or two writers would each believe to be the only one.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from executors.repository import Access
from executors.retry import RetryPolicy

_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
_RACE = RetryPolicy(initial_seconds=0.05, max_seconds=2.0)
_FAILURE = RetryPolicy(initial_seconds=1.0, max_seconds=60.0)


@dataclass(frozen=True, slots=True)
class Remote:
    """Which branch is written, through which clone, and in whose name.

    Attributes:
        directory: for the clone; nobody else may use it, not another process either.
        author: `Name <mail>`.
        access: how the remote is reached; its `depth` must stay None, because our own commits
            are looked for in the past.
    """

    directory: Path
    url: str
    branch: str
    author: str = "Avow <avow@localhost>"
    access: Access = field(default_factory=Access)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how patient a writer is.

    Attributes:
        linger_seconds: how long it waits after a ring for more to come, so that pushes are few.
        commits_per_push: one commit per change, so many with one push.
        check_seconds: how often the branch is compared with what was written.
        poll_seconds: how long a lost ring can delay a change.
        lease_seconds: how long a dead writer keeps the others waiting.
        race: the wait after somebody else was faster.
        races: so often in a row that it is not a race, but a branch that cannot be moved.
        failure: the wait while the remote does not answer or takes nothing.
        refusals: so many changes refused one after the other mean that it is not the changes.
        keep: how long written rows are kept.
        tidy_pushes: after so many pushes the clone is packed.
    """

    linger_seconds: float = 0.2
    commits_per_push: int = 100
    check_seconds: float = 60.0
    poll_seconds: float = 2.0
    lease_seconds: float = 3.0
    race: RetryPolicy = _RACE
    races: int = 5
    failure: RetryPolicy = _FAILURE
    refusals: int = 3
    keep: timedelta = timedelta(days=7)
    tidy_pushes: int = 500


def lease_name(url: str, branch: str) -> str:
    """Return the name under which writers of one branch of one remote elect each other."""
    return f"git:{branch}:{remote_digest(url).removeprefix('sha256:')[:32]}"


def normalised(url: str) -> str:
    """Return one spelling for all the addresses that surely mean the same repository."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme.lower())) else f":{parts.port}"
    path = unquote(parts.path).rstrip("/").removesuffix(".git")
    return f"{parts.scheme.lower()}://{host}{port}{path}"


def remote_digest(url: str) -> str:
    """Return what stands for a remote in rows and names, where its address need not be repeated."""
    return "sha256:" + hashlib.sha256(normalised(url).encode("utf-8")).hexdigest()
