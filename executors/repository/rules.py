"""What may be handed to git: addresses, branch names, commit ids and people's names.

Git gives meaning to more text than it seems to: `ext::` addresses run programs, a leading
dash is an option, a user name in an address ends up in logs. Everything from outside is
judged here, before git sees it; what is refused is named, what is allowed is passed on
unchanged. Paths are judged by `executors.paths`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from catalog.errors import Invalid

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*\Z|\[[0-9A-Fa-f:.]+\]\Z")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}\Z")
_PERSON = re.compile(r"(?P<name>[^<>\x00-\x1f\x7f]{1,100}) <(?P<mail>[^<>\s\x00-\x1f\x7f]{1,200})>\Z")
_SHA = re.compile(r"[0-9a-f]{40}\Z")


@dataclass(frozen=True, slots=True)
class RemoteRules:
    """Which remotes may be spoken to.

    Attributes:
        hosts: hosts that may be private or be spoken to without encryption.
        file_roots: folders below which `file://` remotes are allowed; none by default.
    """

    hosts: Collection[str] = LOOPBACK
    file_roots: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Remote:
    """An address that was found fit."""

    url: str
    scheme: str
    host: str
    port: int


def check_url(url: str, rules: RemoteRules) -> Remote:
    """Return the remote that an address names, or refuse it.

    Raises:
        Invalid: `git_url_refused`; the address is not repeated, it may hold a password.
    """
    if re.search(r"[\x00-\x20\x7f\\]|::(?!\S*\])", url) or not url.isascii():
        raise _refused("it holds characters or a form that no plain address needs")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("it is not a well-formed address") from error
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _refused("it has a query or a fragment")
    if parts.scheme == "file":
        return _check_file(url, parts.netloc, parts.path, rules)
    if parts.scheme not in DEFAULT_PORTS:
        raise _refused("only https, http, ssh and file addresses are allowed")
    host = _check_authority(parts.scheme, parts.netloc)
    if parts.scheme == "http" and host.strip("[]").lower() not in rules.hosts:
        raise _refused("http is only for hosts that the installation lists")
    _check_remote_path(parts.path)
    return Remote(url, parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])


def _check_authority(scheme: str, netloc: str) -> str:
    user, at, rest = netloc.rpartition("@")
    if at and (scheme != "ssh" or _USER.match(user) is None):
        raise _refused("credentials do not belong into an address")
    host = re.sub(r":[0-9]{1,5}\Z", "", rest)
    if _HOST.match(host) is None:
        raise _refused("its host is not a host name")
    return host


def _check_remote_path(path: str) -> None:
    plain = unquote(path)
    if not plain.startswith("/") or plain.startswith("/-") or ".." in PurePosixPath(plain).parts:
        raise _refused("its path is not a plain path")
    if re.search(r"[\x00-\x1f\x7f\\]", plain):
        raise _refused("its path holds control characters")


def _check_file(url: str, netloc: str, path: str, rules: RemoteRules) -> Remote:
    if netloc or "%" in path or ".." in PurePosixPath(path).parts or not path.startswith("/"):
        raise _refused("its path is not a plain path")
    place = Path(path).resolve()
    if not any(place.is_relative_to(root.resolve()) and place != root.resolve() for root in rules.file_roots):
        raise _refused("it is outside the folders that the installation allows")
    return Remote(url, "file", "", 0)


def check_branch(name: str) -> str:
    """Return the branch name unchanged, or refuse it.

    Raises:
        Invalid: `git_branch_refused`.
    """
    awkward = ("..", "//", "/.", "@{", "./", ".lock/")
    if _BRANCH.match(name) and not name.endswith((".", "/", ".lock")) and not any(a in name for a in awkward):
        return name
    raise Invalid("git_branch_refused", "This is not a plain branch name.", fix="choose a name such as main")


def check_ref(text: str) -> str:
    """Return the name of a branch, tag or commit unchanged, or refuse it.

    Raises:
        Invalid: `git_ref_refused`.
    """
    try:
        return check_branch(text)
    except Invalid as error:
        fix = "name a branch such as main, a tag, or a full commit id"
        raise Invalid("git_ref_refused", "This is not a plain name of a branch or tag.", fix=fix) from error


def is_sha(text: str) -> bool:
    """Say whether a text is a full commit id."""
    return _SHA.match(text) is not None


def check_sha(text: str) -> str:
    """Return the commit id unchanged, or refuse it.

    Raises:
        Invalid: `git_commit_refused`.
    """
    if _SHA.match(text):
        return text
    raise Invalid("git_commit_refused", "This is not a full commit id.")


def check_person(text: str) -> str:
    """Return `Name <mail>` unchanged, or refuse it.

    Raises:
        Invalid: `git_author_refused`.
    """
    if _PERSON.match(text):
        return text
    raise Invalid("git_author_refused", "An author is written as Name <mail>.")


def _refused(reason: str) -> Invalid:
    return Invalid(
        "git_url_refused", f"This git address is not allowed: {reason}.", fix="use an https address"
    )
