"""Bare repositories on a disk of ours: make one, say whose it is, put one away.

The git destination with driver `directory` is a folder of bare repositories that some web
server serves. A repository appears under its name whole or not at all (it is prepared aside
and renamed), and carries a marker that names the request it belongs to. A ref says which
project's it is to whoever can reach it as a remote only; no push moves that ref. Putting away
moves it into `.archive`: what a developer committed is never deleted.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from catalog.digest import Json
from catalog.errors import Invalid
from catalog.ids import is_name
from executors.repository.command import Command
from executors.repository.errors import Broken

ARCHIVE = ".archive"
BRANCH = "main"
MARKS = "refs/avow"
_MARKER = "avow.json"
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a repository is.

    Attributes:
        key: the idempotency key that it was made under.
    """

    key: str
    project: str
    request_uid: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of bare repositories."""

    root: Path

    def place(self, name: str) -> Path:
        """Return where the repository of this name stands or would stand.

        Raises:
            Invalid: `git_name_refused`.
        """
        if not is_name(name):
            raise Invalid(
                "git_name_refused", "A repository's name is lower-case letters, digits and hyphens."
            )
        return self.root / f"{name}.git"

    def owner(self, name: str) -> Owner | None:
        """Return whose the repository is; None when it is not there or carries no marker."""
        try:
            marker = (self.place(name) / _MARKER).read_text(encoding="utf-8")
            return _owner(json.loads(marker))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def exists(self, name: str) -> bool:
        """Say whether anything stands under this name, a dangling link included."""
        return os.path.lexists(self.place(name))

    def create(self, name: str, owner: Owner) -> bool:
        """Make an empty repository; False when the name is taken meanwhile.

        Raises:
            Broken: git could not make it.
        """
        place = self.place(name)
        self.root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".new-{_digest(owner.key)}-", dir=self.root))
        try:
            _prepare(draft, owner)
            draft.rename(place)
        except OSError:
            if self.exists(name):
                return False
            raise
        finally:
            self._sweep(owner.key)
        return True

    def put_away(self, name: str, key: str) -> None:
        """Move the repository into the archive, under a name that the key makes its own."""
        archived = self.archived(name, key)
        archived.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):  # another attempt under this key was faster
            self.place(name).rename(archived)

    def archived(self, name: str, key: str) -> Path:
        """Return where the repository stands once it was put away under this key."""
        return self.root / ARCHIVE / f"{self.place(name).stem}-{_digest(key)}.git"

    def _sweep(self, key: str) -> None:
        # Also takes away what an attempt left behind that was killed under the same key.
        for leftover in self.root.glob(f".new-{_digest(key)}-*"):
            shutil.rmtree(leftover, ignore_errors=True)


def mark_of(project: str) -> str:
    """Return the ref by which a repository says that it was made for a project."""
    return f"{MARKS}/project/{project}"


def _prepare(draft: Path, owner: Owner) -> None:
    draft.chmod(0o755)  # as `git init` would make it: the web server may be another account
    command = Command(draft)
    steps = (
        ["init", "--quiet", "--bare", "--template=", f"--initial-branch={BRANCH}"],
        ["config", "http.receivepack", "true"],
        ["config", "receive.fsckObjects", "true"],
        ["config", "receive.hideRefs", MARKS],
    )
    for arguments in steps:
        _done(command, arguments)
    nothing = _done(command, ["hash-object", "-w", "--no-filters", os.devnull])
    _done(command, ["update-ref", mark_of(owner.project), nothing])
    (draft / "git-daemon-export-ok").touch()
    (draft / _MARKER).write_text(json.dumps(asdict(owner)), encoding="utf-8")


def _done(command: Command, arguments: Sequence[str]) -> str:
    answer = command.run(arguments, _SECONDS)
    if not answer.succeeded:
        raise Broken("git_init_failed", "Git could not make a repository in the destination's folder.")
    return answer.out.decode("ascii", "replace").strip()


def _owner(told: Json) -> Owner | None:
    if not isinstance(told, Mapping):
        return None
    parts = (told.get("key"), told.get("project"), told.get("request_uid"))
    texts = [part for part in parts if isinstance(part, str)]
    return Owner(*texts) if len(texts) == len(parts) else None


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]
