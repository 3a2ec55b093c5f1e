"""Bundles out of git repositories: from where, and what is kept of where.

`publish` is handed the files, as if they had been sent. An operator says from where bundles may be
fetched; without his word that is nowhere, because a server inside sees repositories that those
who ask it do not. The rules about addresses hold besides, as for everything that goes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from catalog.bundle import MAX_BUNDLE_BYTES, MAX_FILE_BYTES, MAX_FILES
from catalog.errors import Denied, Finding, Invalid
from catalog.provenance import Source
from executors.deadline import Deadline
from executors.network import Resolve, system_resolve
from executors.repository import Absent, Access, Broken, Limits, RemoteRules, Snapshot, Visit
from executors.repository.rules import DEFAULT_PORTS, LOOPBACK
from executors.scratch import scratch

SECONDS = 45.0
"""For all of it; a client of ours waits a minute."""

_LIMITS = Limits(MAX_FILES, MAX_FILE_BYTES, MAX_BUNDLE_BYTES)
_CACHE = "__pycache__"


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of a bundle, with where they were found."""

    files: dict[str, str]
    source: Source


@dataclass(frozen=True, slots=True)
class Sources:
    """The repositories of one installation that bundles may come from.

    Attributes:
        directory: for short-lived clones.
        allowed: beginnings of addresses, each up to the end of a path segment; none allows none.
        hosts: hosts that may be private, beside loopback.
    """

    directory: Path = Path()
    allowed: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    resolve: Resolve = system_resolve

    def fetch(self, url: str, ref: str, path: str) -> Fetched:
        """Return the bundle in a folder of a repository, as it is at a branch, tag or commit.

        Raises:
            Denied: `git_source_refused`, `address_refused`, `git_refused`.
            Invalid: `git_source_not_found`, `git_source_broken`; `invalid_bundle`, and what
                `executors.repository` refuses.
            Unavailable: `git_unreachable` and its like.
        """
        self._check_allowed(url)
        snapshot = self._snapshot(url, ref, path.strip("/"))
        files = dict(_text(name, content) for name, content in snapshot.files.items() if _counts(name))
        return Fetched(files, Source(url, ref, path.strip("/"), snapshot.commit))

    def _snapshot(self, url: str, ref: str, path: str) -> Snapshot:
        access = Access(
            rules=RemoteRules(frozenset({*LOOPBACK, *self.hosts}), _roots(url)),
            patience=Deadline(SECONDS).remaining,
            resolve=self.resolve,
        )
        try:
            with scratch(self.directory, "source-") as folder:
                return Visit(folder / "clone", url, access).snapshot(ref, path, _LIMITS)
        except Absent as error:
            fix = "check the address; a private repository needs to be readable for the server"
            raise Invalid("git_source_not_found", error.message, fix=fix) from error
        except Broken as error:
            fix = "check the repository with git fsck"
            raise Invalid(
                "git_source_broken", "What the repository holds cannot be read.", fix=fix
            ) from error

    def _check_allowed(self, url: str) -> None:
        if not any(_is_within(url, beginning) for beginning in self.allowed):
            message = "Bundles are not fetched from this address here."
            fix = "publish the files instead; or have the operators add it to AVOW_BUNDLE_SOURCES"
            raise Denied("git_source_refused", message, fix=fix)


def sources_of(directory: Path, allowed: Sequence[str], hosts: Sequence[str]) -> Sources:
    """Return the sources that settings ask for.

    Raises:
        Invalid: `invalid_settings`, with every beginning that is none.
    """
    fix = "write https://host/path/, or file:///path/"
    findings = [
        Finding("AVOW_BUNDLE_SOURCES", "invalid_setting", f"{beginning} is no beginning of an address", fix)
        for beginning in allowed
        if not _is_beginning(beginning)
    ]
    if findings:
        raise Invalid("invalid_settings", "Avow cannot start with these settings.", findings=findings)
    return Sources(directory, tuple(allowed), tuple(hosts))


def _is_beginning(text: str) -> bool:
    try:
        place = _place(text)
    except ValueError:
        return False
    is_remote = place.scheme in ("https", "http") and bool(place.host)
    return is_remote or (place.scheme == "file" and not place.host and len(place.path) > 1)


def _is_within(url: str, beginning: str) -> bool:
    try:
        asked, known = _place(url), _place(beginning)
        if (asked.scheme, asked.host, asked.port) != (known.scheme, known.host, known.port):
            return False
        if asked.scheme == "file":
            return Path(*asked.path).resolve().is_relative_to(Path(*known.path).resolve())
    except ValueError:
        return False
    return asked.path[: len(known.path)] == known.path and ".." not in asked.path


@dataclass(frozen=True, slots=True)
class _Place:
    """An address taken apart, so that two are compared by what they mean."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]


def _place(url: str) -> _Place:
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("an address has no user, query or fragment")
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    path = PurePosixPath(unquote(parts.path)).parts
    return _Place(parts.scheme, (parts.hostname or "").rstrip("."), port, path)


def _roots(url: str) -> tuple[Path, ...]:
    # That it lies where it may was asked before, of the place that links lead to.
    parts = urlsplit(url)
    return (Path(parts.path).resolve().parent,) if parts.scheme == "file" else ()


def _counts(name: str) -> bool:
    return _CACHE not in name.split("/")


def _text(name: str, content: bytes) -> tuple[str, str]:
    try:
        return name, content.decode("utf-8")
    except UnicodeDecodeError as error:
        finding = Finding(name, "not_text", "only UTF-8 text files are allowed", "remove the file")
        raise Invalid("invalid_bundle", "The bundle cannot be read.", findings=(finding,)) from error
