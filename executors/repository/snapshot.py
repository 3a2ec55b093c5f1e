"""The files of a folder at one commit of a remote, fetched once and kept nowhere.

For content that strangers keep in a repository of theirs, such as contract bundles. A branch, a
tag or a commit id is asked for by its full name, so that what is fetched is what was meant; what
it was at that moment is told as a commit id. Nothing is checked out: blobs are read, links and
submodules are refused, and what is too large is refused before it is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import Finding, Invalid, Unavailable
from executors.paths import path_fault
from executors.repository.access import Access, transport
from executors.repository.clone import spooled
from executors.repository.command import Answer, Command
from executors.repository.errors import Broken, judged
from executors.repository.rules import Remote, check_ref, check_url, is_sha

_HERE = "refs/avow/source"
_PLAIN = frozenset({"100644", "100755", "100664"})
_NOT_GIVEN = ("not our ref", "unadvertised object", "couldn't find remote ref")
_NAMESPACES = ("refs/heads/", "refs/tags/")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be read."""

    files: int
    file_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was there.

    Attributes:
        commit: the id of the commit that was looked at.
        files: content by path within the folder.
    """

    commit: str
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _Blob:
    path: str
    sha: str
    size: int


class Visit:
    """One look at a remote, through an empty folder of our own that the caller removes.

    Args:
        directory: must not exist.

    Raises:
        Invalid: `git_url_refused`.
    """

    def __init__(self, directory: Path, url: str, access: Access) -> None:
        self._remote: Remote = check_url(url, access.rules)
        self._directory = directory
        self._access = access

    def snapshot(self, ref: str, path: str, limits: Limits) -> Snapshot:
        """Return the files below a folder.

        Args:
            ref: a branch, a tag, or a full commit id.
            path: the folder; empty for everything.

        Raises:
            Invalid: `git_ref_refused`, `git_path_refused`, `git_ref_not_found`, `git_path_not_found`,
                `invalid_bundle` for what is no plain file or too large.
            Unavailable, Absent, Refused, Broken: see `executors.repository.errors`.
        """
        check_ref(ref)
        fault = path_fault(path) if path else ""
        if fault:
            fix = "name a folder of the repository, such as contracts/service"
            raise Invalid("git_path_refused", f"This is no plain path: {fault}.", fix=fix)
        self._directory.mkdir(mode=0o700)
        self._plainly(["init", "--quiet", "--bare", "--template="])
        commit = self._fetched(ref)
        tree = self._tree(f"{commit}:{path}")
        blobs = self._blobs(tree, limits)
        return Snapshot(commit, dict(self._contents(blobs)))

    def _tree(self, named: str) -> str:
        found = self._local().run(["rev-parse", "--verify", "--quiet", named], self._seconds())
        sha = found.out.decode("ascii", "replace").strip()
        is_tree = found.succeeded and self._plainly(["cat-file", "-t", sha]).strip() == b"tree"
        if not is_tree:
            message = "There is no folder of this path at that commit."
            raise Invalid("git_path_not_found", message, fix="name a folder of the repository")
        return sha

    def _fetched(self, ref: str) -> str:
        name = ref if is_sha(ref) else self._full_name(ref)
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", "--no-recurse-submodules"]
        answer = self._online(["fetch", *options, "--", self._remote.url, f"+{name}:{_HERE}"])
        if not answer.succeeded:
            if any(phrase in answer.err for phrase in _NOT_GIVEN):
                raise _no_ref()
            raise judged(answer.err, Unavailable)
        commit = self._local().run(
            ["rev-parse", "--verify", "--quiet", f"{_HERE}^{{commit}}"], self._seconds()
        )
        if not commit.succeeded:
            raise _no_ref()
        return commit.out.decode("ascii").strip()

    def _full_name(self, ref: str) -> str:
        names = [ref] if ref.startswith(_NAMESPACES) else [f"{space}{ref}" for space in _NAMESPACES]
        answer = self._online(["ls-remote", "--quiet", "--", self._remote.url, *names])
        if not answer.succeeded:
            raise judged(answer.err, Unavailable)
        there = {line.partition("\t")[2] for line in answer.out.decode("utf-8", "replace").splitlines()}
        found = [name for name in names if name in there]
        if not found:
            raise _no_ref()
        if len(found) > 1:
            fix = f"write {found[0]} or {found[1]}"
            raise Invalid("git_ref_refused", "There is a branch and a tag of this name.", fix=fix)
        return found[0]

    def _blobs(self, tree: str, limits: Limits) -> list[_Blob]:
        listed = self._plainly(["ls-tree", "-r", "-l", "-z", "--full-tree", tree])
        lines = [line for line in listed.split(b"\0") if line]
        if len(lines) > limits.files:
            raise _refused("", "bundle_too_large", f"more than {limits.files} files", "name a smaller folder")
        blobs = [_blob(line) for line in lines]
        if sum(blob.size for blob in blobs) > limits.total_bytes:
            raise _refused(
                "", "bundle_too_large", f"more than {limits.total_bytes} bytes", "name a smaller folder"
            )
        for blob in blobs:
            if blob.size > limits.file_bytes:
                raise _refused(blob.path, "bundle_too_large", "the file is too large", "leave it out")
        return blobs

    def _contents(self, blobs: Sequence[_Blob]) -> Iterator[tuple[str, bytes]]:
        if not blobs:
            return
        wanted = "".join(f"{blob.sha}\n" for blob in blobs).encode("ascii")
        with spooled([wanted], self._directory) as names:
            answer = self._local().run(["cat-file", "--batch"], self._seconds(), names)
        place = 0
        for blob in blobs:
            head = f"{blob.sha} blob {blob.size}\n".encode("ascii")
            start = place + len(head)
            if answer.out[place:start] != head:
                raise Broken("git_broken", "Git answered something else than the file it was asked for.")
            place = start + blob.size + 1
            yield blob.path, answer.out[start : place - 1]

    def _local(self) -> Command:
        return Command(self._directory)

    def _online(self, arguments: Sequence[str]) -> Answer:
        config = transport(self._remote, self._access)
        return Command(self._directory, self._remote.scheme, config).run(arguments, self._seconds())

    def _plainly(self, arguments: Sequence[str]) -> bytes:
        answer = self._local().run(arguments, self._seconds())
        if not answer.succeeded:
            raise judged(answer.err, Broken)
        return answer.out

    def _seconds(self) -> float:
        return self._access.patience()


def _blob(line: bytes) -> _Blob:
    head, _, name = line.partition(b"\t")
    mode, _kind, sha, size = head.decode("ascii").split()
    try:
        path = name.decode("utf-8")
    except UnicodeDecodeError as error:
        shown = name.decode("utf-8", "backslashreplace")
        raise _refused(shown, "bad_path", "the path is no UTF-8", "rename it") from error
    if mode not in _PLAIN:
        raise _refused(path, "link", "links and submodules are not allowed in a bundle", "commit the file")
    return _Blob(path, sha, int(size))


def _no_ref() -> Invalid:
    message = "The repository has no branch, tag or commit of this name."
    return Invalid("git_ref_not_found", message, fix="name a branch such as main, a tag, or a full commit id")


def _refused(path: str, code: str, message: str, fix: str) -> Invalid:
    finding = Finding(path[:200], code, message, fix)
    return Invalid("invalid_bundle", "The bundle cannot be read.", findings=(finding,))
