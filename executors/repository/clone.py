"""A private bare clone of one branch of one remote: read, build commits, push.

Used by the git steps and by the reconciler's writer. Nothing here merges, rebases or resets:
a branch is read, commits are streamed onto what was read, and the push only succeeds if the
branch is still there. Commits are built in a scratch ref, so a crash leaves the clone as it
was. One owner per directory; two by accident cost a retry, never a commit.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self, cast

from catalog.errors import Invalid, PlatformError, Unavailable
from executors.redaction import Redactor
from executors.repository.access import Access, transport
from executors.repository.command import Answer, Command
from executors.repository.errors import RACE, Absent, Broken, Refused, Rejected, Unsure, excerpt, judged
from executors.repository.rules import Remote, check_branch, check_sha, check_url
from executors.repository.stream import Commit, Logged, import_stream

SCRATCH = "refs/avow/scratch"
TRACKING = "refs/avow/remote"
MARKER = "avow-clone"
MAX_BLOB_BYTES = 8 * 1024 * 1024


class Repository:
    """One branch of one remote, through a clone of our own."""

    def __init__(self, directory: Path, remote: Remote, branch: str, access: Access) -> None:
        self._directory = directory
        self._remote = remote
        self._branch = branch
        self._access = access
        self._redactor = Redactor()
        if access.credentials is not None:
            self._redactor.learn(access.credentials.password)
            self._redactor.learn(access.credentials.header().rpartition(" ")[2])
        self._local = Command(directory)
        self._bases: dict[str, str | None] = {}
        self._tip: str | None = None

    @classmethod
    def open(
        cls, directory: Path, remote_url: str, branch: str, access: Access | None = None
    ) -> "Repository":
        """Return the clone in a directory, made there if it is not; nothing is fetched yet.

        Raises:
            Invalid: the address or branch is refused, or the directory holds something else.
        """
        access = access or Access()
        remote = check_url(remote_url, access.rules)
        repository = cls(directory, remote, check_branch(branch), access)
        repository._settle()
        return repository

    @property
    def tip(self) -> str | None:
        """Return the commit that the branch was last seen at, None when it was not there."""
        return self._tip

    def fetch(self) -> str | None:
        """Ask the remote and return where the branch is now, None when there is no such branch.

        Raises:
            Unavailable, Absent, Refused, Broken: see `executors.repository.errors`.
        """
        depth = [f"--depth={self._access.depth}"] if self._access.depth else []
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--force", *depth]
        spec = f"+refs/heads/{self._branch}:{TRACKING}"
        answer = self._online(["fetch", *options, "--", self._remote.url, spec])
        if answer.succeeded:
            self._tip = self._read_tip()
        elif "couldn't find remote ref" in answer.err:
            self._plainly(["update-ref", "-d", TRACKING])
            self._tip = None
        else:
            raise self._fault(answer, Unavailable)
        return self._tip

    def bears(self, ref: str) -> bool:
        """Say whether the remote has a ref of exactly this name.

        Raises:
            Unavailable, Absent, Refused: see `executors.repository.errors`.
        """
        answer = self._online(["ls-remote", "--quiet", "--", self._remote.url, ref])
        if not answer.succeeded:
            raise self._fault(answer, Unavailable)
        # Git also lists refs that only end like it, and anybody who pushes may make those.
        return ref in (line.partition("\t")[2] for line in answer.out.decode("utf-8", "replace").splitlines())

    def tree(self, ref: str) -> Mapping[str, str]:
        """Return the blob id of every file of a commit, by path.

        What is not a plain file (a link, a submodule) has its mode in front of the id, so that
        it never equals the id of a content.
        """
        listed = self._plainly(["ls-tree", "-r", "-z", "--full-tree", check_sha(ref)])
        return dict(_entry(line) for line in listed.split(b"\0") if line)

    def read(self, ref: str, path: str) -> bytes | None:
        """Return a file's content at a commit, None when it is not there.

        Raises:
            Invalid: `git_file_too_large`, above 8 MiB.
        """
        if "\n" in path or "\0" in path:
            return None
        with spooled([f"{check_sha(ref)}:{path}\n".encode()], self._directory) as names:
            found = self._plainly(["cat-file", "--batch-check"], names).split()
        if len(found) != 3 or found[1] != b"blob":  # noqa: PLR2004 - "<id> <type> <size>"
            return None
        if int(found[2]) > MAX_BLOB_BYTES:
            raise Invalid("git_file_too_large", "The file in the repository is larger than 8 MiB.")
        return self._plainly(["cat-file", "blob", found[0].decode("ascii")])

    def build(self, commits: Sequence[Commit], parent: str | None) -> list[str]:
        """Build commits on top of each other and return their ids; nothing outside sees them yet.

        Args:
            commits: built in this order by one `git fast-import`.
            parent: what the first stands on; None starts a history.

        Raises:
            Invalid: a path, an author or a message is refused; nothing was built.
        """
        if not commits:
            return []
        base = None if parent is None else check_sha(parent)
        with spooled(import_stream(commits, base, SCRATCH), self._directory) as stream:
            answered = self._plainly(["fast-import", "--quiet", "--force", "--date-format=raw"], stream)
        built = answered.decode("ascii").split()
        if len(built) != len(commits):
            raise Broken("git_broken", "Git built another number of commits than it was given.")
        self._bases = dict.fromkeys(built, parent)
        return built

    def push(self, sha: str, expected: str | None) -> None:
        """Move the remote branch from `expected` to a commit that was built on it, or not at all.

        Args:
            expected: where the branch must be; None when it must not exist.

        Raises:
            Rejected: the branch is elsewhere.
            Unsure: the line broke and the remote cannot be asked where the branch is.
        """
        self._check_descends(check_sha(sha), expected)
        lease = f"--force-with-lease=refs/heads/{self._branch}:{expected or ''}"
        spec = f"{sha}:refs/heads/{self._branch}"
        arguments = ["push", "--porcelain", "--quiet", "--no-verify", lease, "--", self._remote.url, spec]
        try:
            answer = self._online(arguments)
            if not answer.succeeded:
                raise self._push_fault(answer)
        except Unavailable as error:
            self._resolve(sha, expected, error)
        self._plainly(["update-ref", TRACKING, sha])
        self._tip = sha

    def log(self, limit: int) -> Sequence[Logged]:
        """Return the latest commits of the branch as last seen, the newest first."""
        if self._tip is None:
            return []
        form = "--format=%H%x00%an <%ae>%x00%ct%x00%B"
        fields = self._plainly(["log", "-z", form, f"--max-count={limit}", self._tip, "--"]).split(b"\0")
        texts = [field.decode("utf-8", "replace") for field in fields]
        return [_logged(*texts[start : start + 4]) for start in range(0, len(texts) - 3, 4)]

    def tidy(self) -> None:
        """Pack what many small commits left behind; for a quiet moment, never needed."""
        self._plainly(["repack", "-a", "-d", "-q"])

    def reclone(self) -> None:
        """Throw the clone away and make it anew; safe at any time, the remote holds everything.

        Raises:
            Unavailable: it could not be fetched; the clone is empty and can be fetched later.
        """
        self._discard()
        self._settle()
        self.fetch()

    def close(self) -> None:
        """Let go of the clone; no process of git is left in any case."""
        self._bases.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle(self) -> None:
        marker = self._directory / MARKER
        told = f"{self._remote.url}\n{self._branch}\n"
        if marker.exists() and marker.read_text() != told:
            self._discard()
        try:
            if not marker.exists():
                self._make(marker, told)
            self._tip = self._read_tip()
        except Broken:
            self._discard()
            self._make(marker, told)

    def _make(self, marker: Path, told: str) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self._directory.iterdir()):
            fix = "name an empty directory that nothing else uses"
            raise Invalid("git_directory_in_use", "The directory for a git clone is not empty.", fix=fix)
        marker.write_text(told)  # first, so that a crash from here on leaves a directory known as ours
        self._local = Command(self._directory)
        self._plainly(["init", "--quiet", "--bare", "--template=", f"--initial-branch={self._branch}"])

    def _discard(self) -> None:
        # The marker goes last: as long as anything of ours is left, it is known as ours.
        entries = self._directory.iterdir() if self._directory.is_dir() else ()
        for entry in sorted(entries, key=lambda entry: entry.name == MARKER):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        self._tip = None
        self._bases = {}

    def _read_tip(self) -> str | None:
        found = self._plainly(["for-each-ref", "--format=%(objectname)", TRACKING]).decode("ascii").strip()
        return found or None

    def _check_descends(self, sha: str, expected: str | None) -> None:
        # A lease alone would also allow a push that drops commits.
        if expected is None or self._bases.get(sha) == check_sha(expected):
            return
        answer = self._local.run(["merge-base", "--is-ancestor", expected, sha], self._access.patience())
        if not answer.succeeded:
            raise Rejected("git_rejected", "The commit was not built on the commit that the branch is at.")

    def _push_fault(self, answer: Answer) -> PlatformError:
        told = self._redactor.text(answer.out.decode("utf-8", "replace") + answer.err)
        refusals = [line for line in told.splitlines() if line.startswith("!\t")]
        if not refusals:
            return judged(self._redactor.text(answer.err), Unavailable)
        if RACE.search(told):
            return Rejected("git_rejected", "The branch moved on the remote in the meantime.")
        return Refused("git_refused", f"The git remote does not take the push: {excerpt(refusals[0])}")

    def _resolve(self, sha: str, expected: str | None, error: Unavailable) -> None:
        """Ask where the branch is after a push broke off; return if the push had landed."""
        try:
            answer = self._online(
                ["ls-remote", "--quiet", "--", self._remote.url, f"refs/heads/{self._branch}"]
            )
        except Unavailable:
            answer = Answer(1, b"", "")
        if not answer.succeeded:
            raise Unsure(
                "git_push_unknown", f"{error.message} Whether the push landed is not known."
            ) from error
        now = answer.out.decode("ascii", "replace").partition("\t")[0]
        if now == (expected or ""):
            raise error
        if now != sha:
            raise Rejected("git_rejected", "The branch moved on the remote in the meantime.") from error

    def _online(self, arguments: Sequence[str]) -> Answer:
        config = transport(self._remote, self._access)
        return Command(self._directory, self._remote.scheme, config).run(arguments, self._access.patience())

    def _plainly(self, arguments: Sequence[str], feed: BinaryIO | None = None) -> bytes:
        answer = self._local.run(arguments, self._access.patience(), feed)
        if not answer.succeeded:
            raise self._fault(answer, Broken)
        return answer.out

    def _fault(self, answer: Answer, otherwise: type[Unavailable | Broken]) -> PlatformError:
        fault = judged(self._redactor.text(answer.err), otherwise)
        if otherwise is Broken and isinstance(fault, Absent | Refused):
            return Broken("git_broken", fault.message)
        return fault


@contextmanager
def spooled(chunks: Iterable[bytes], directory: Path) -> Iterator[BinaryIO]:
    """Give a file without a name that holds these bytes: a program's input must be a real file."""
    with tempfile.TemporaryFile(dir=directory) as file:
        for chunk in chunks:
            file.write(chunk)
        file.seek(0)
        yield cast("BinaryIO", file)


def _entry(line: bytes) -> tuple[str, str]:
    head, _, path = line.partition(b"\t")
    mode, _, sha = head.decode("ascii").split(" ")
    plain = mode in {"100644", "100755", "100664"}
    return path.decode("utf-8", "backslashreplace"), sha if plain else f"{mode}:{sha}"


def _logged(sha: str, author: str, seconds: str, message: str) -> Logged:
    return Logged(sha.strip(), message, author, datetime.fromtimestamp(int(seconds), UTC))
