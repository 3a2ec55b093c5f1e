"""Where secrets rest, and the references that stand for them everywhere else.

A reference is `secret://file/<project>/<request uid>/<name>` (made for a request, kept in a
private directory) or `secret://env/<NAME>` (given by whoever runs Avow; only names that begin
with `AVOW_SECRET_`). References are what the database, git and outputs hold; values exist in
the executing process only, for as long as a call needs them. A file secret opens only for a
call of its own project.
"""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from catalog.errors import Denied, Invalid, NotFound

ENVIRONMENT_PREFIX = "AVOW_SECRET_"
REFERENCE_PATTERN = r"^secret://(file(/[a-z0-9][a-z0-9_-]{0,62}){3}|env/AVOW_SECRET_[A-Z0-9_]{1,64})$"
_REFERENCE = re.compile(REFERENCE_PATTERN.removesuffix("$") + r"\Z")
_SEGMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
_LARGEST = 64 * 1024


class SecretStore(Protocol):
    """Someone who keeps secrets; file and environment today, a vault behind the same verbs."""

    def create_once(self, project: str, request_uid: str, name: str, make: Callable[[], str]) -> str:
        """Return the reference of a request's secret, made now if there is none yet."""
        ...

    def find(self, project: str, request_uid: str, name: str) -> str | None:
        """Return the reference of a request's secret, None when there is none."""
        ...

    def resolve(self, reference: str, project: str) -> str:
        """Return the value, for a call of this project.

        Raises:
            Invalid, NotFound, Denied: not a reference, nothing there, another project's.
        """
        ...

    def delete(self, project: str, request_uid: str, name: str) -> None:
        """Forget a request's secret; nothing happens when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class LocalSecrets:
    """Secrets in a private directory and in the environment of the process.

    Attributes:
        directory: made with mode 700; nobody else may write there.
        environment: what the process was started with; names without the prefix are not looked at.
    """

    directory: Path
    environment: Mapping[str, str]

    def create_once(self, project: str, request_uid: str, name: str, make: Callable[[], str]) -> str:
        """Return the reference, after writing the value if none was there.

        Of two that create at once, one wins and both get its reference: the finished file is
        linked to its name, and linking refuses to replace.
        """
        path = self._path(project, request_uid, name)
        if not path.exists():
            self._make_private(path.parent)
            _write_once(path, make().encode("utf-8"))
        return reference_of(project, request_uid, name)

    def find(self, project: str, request_uid: str, name: str) -> str | None:
        """Return the reference when the secret's file is there."""
        exists = self._path(project, request_uid, name).exists()
        return reference_of(project, request_uid, name) if exists else None

    def resolve(self, reference: str, project: str) -> str:
        """Return the value that a reference stands for."""
        if _REFERENCE.match(reference) is None:
            raise Invalid("secret_reference_invalid", "This is not a reference to a secret.")
        provider, _, rest = reference.removeprefix("secret://").partition("/")
        if provider == "env":
            return self._from_environment(rest)
        owner, request_uid, name = rest.split("/")
        if owner != project:
            raise Denied("secret_of_another_project", "The secret belongs to another project.")
        return self._from_file(self._path(owner, request_uid, name))

    def delete(self, project: str, request_uid: str, name: str) -> None:
        """Remove the file, what an interrupted writer left beside it, and the folder once empty."""
        path = self._path(project, request_uid, name)
        for leftover in path.parent.glob(f".{name}.*"):
            leftover.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: other secrets of the request
            path.parent.rmdir()

    def _path(self, project: str, request_uid: str, name: str) -> Path:
        segments = (project, request_uid, name)
        if any(_SEGMENT.match(segment) is None for segment in segments):
            raise Invalid("secret_name_invalid", "A secret's name is lower-case letters, digits, - and _.")
        return self.directory.joinpath(*segments)

    def _make_private(self, folder: Path) -> None:
        for part in (self.directory, folder.parent, folder):
            part.mkdir(mode=0o700, parents=part == self.directory, exist_ok=True)

    def _from_environment(self, name: str) -> str:
        value = self.environment.get(name)
        if not value:
            raise NotFound(
                "secret_missing", f"The environment has no {name}.", fix=f"start Avow with {name} set"
            )
        return value

    def _from_file(self, path: Path) -> str:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFound("secret_missing", "There is no secret under this reference.") from error
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_LARGEST).decode("utf-8")


def reference_of(project: str, request_uid: str, name: str) -> str:
    """Return the reference of a secret made for a request."""
    return f"secret://file/{project}/{request_uid}/{name}"


def _write_once(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # somebody else was first; theirs stands
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _flush_directory(path.parent)


def _flush_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
