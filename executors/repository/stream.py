"""Commits as git's import stream, and blob ids, without asking git.

Pure: the same commits give the same bytes, and a blob id tells what git will call a content
before it has seen it. That is how the writers know that nothing changed.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.errors import Invalid
from executors.paths import check_paths
from executors.repository.rules import check_person

MAX_MESSAGE_BYTES = 64 * 1024
_ESCAPES = {'"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit to be made.

    Attributes:
        changes: new content by path; None deletes. Paths that are not named stay as they are.
        author: `Name <mail>`; author and committer are one.
        committed_at: passed in, so that building twice gives the same commit id.
    """

    changes: Mapping[str, bytes | None]
    message: str
    author: str
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Logged:
    """One commit that was made."""

    sha: str
    message: str
    author: str
    committed_at: datetime


def blob_id(content: bytes) -> str:
    """Return the id that git gives to a content (SHA-1 object format)."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def trailer(message: str, name: str) -> str | None:
    """Return the value of a trailer (`Name: value` in the last paragraph), None without it."""
    last = message.rstrip().rpartition("\n\n")[2]
    for line in reversed(last.splitlines()):
        key, colon, value = line.partition(": ")
        if colon and key == name:
            return value.strip()
    return None


def with_trailers(message: str, trailers: Mapping[str, str]) -> str:
    """Return the message with a last paragraph of trailers."""
    lines = "".join(f"{name}: {value}\n" for name, value in trailers.items())
    return f"{message.rstrip()}\n\n{lines}"


def check_commit(commit: Commit) -> None:
    """Refuse a commit that git would misread or that nobody could check out.

    Raises:
        Invalid: `path_refused`, `git_author_refused`, `git_message_refused`.
    """
    check_paths(commit.changes)
    check_person(commit.author)
    if "\0" in commit.message or len(commit.message.encode()) > MAX_MESSAGE_BYTES:
        raise Invalid("git_message_refused", "A commit message is text of at most 64 KiB.")


def import_stream(commits: Sequence[Commit], parent: str | None, ref: str) -> Iterator[bytes]:
    """Yield the stream that builds the commits, one after the other, into a scratch ref.

    Each commit's id is asked for right after it, so git answers with one id per line.
    """
    yield b"feature done\n"
    for number, commit in enumerate(commits, start=1):
        check_commit(commit)
        yield _head(commit, ref, number)
        if number == 1 and parent is not None:
            yield f"from {parent}\n".encode()
        for path, content in commit.changes.items():
            yield from _change(path, content)
        yield f"\nget-mark :{number}\n".encode()
    yield b"done\n"


def _head(commit: Commit, ref: str, number: int) -> bytes:
    message = commit.message.encode()
    stamp = f"{commit.author} {int(commit.committed_at.timestamp())} +0000"
    head = f"commit {ref}\nmark :{number}\nauthor {stamp}\ncommitter {stamp}\ndata {len(message)}\n"
    return head.encode() + message + b"\n"


def _change(path: str, content: bytes | None) -> Iterator[bytes]:
    quoted = '"' + "".join(_ESCAPES.get(character, character) for character in path) + '"'
    if content is None:
        yield f"D {quoted}\n".encode()
        return
    yield f"M 100644 inline {quoted}\ndata {len(content)}\n".encode()
    yield content
    yield b"\n"
