"""One look at a remote: what was meant is what is fetched, and nothing odd comes out of it."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from catalog.errors import Invalid, Unavailable
from executors.repository import Access, Limits, Refused, RemoteRules, Snapshot, Visit
from tests.git_work import git_children
from tests.rough_network import redirecting, silent
from tests.services.git_http import GitHost

LIMITS = Limits(files=20, file_bytes=1000, total_bytes=3000)
FILES = {"contract.yaml": b"kind: Contract\n", "docs/README.md": "Größe\r\n".encode(), "empty": b""}


@dataclass
class Workshop:
    """A working tree, pushed to a remote over HTTP."""

    folder: Path
    url: str

    def git(self, *words: str) -> str:
        """Run git in the tree and return what it says."""
        person = ("-c", "user.name=Dev", "-c", "user.email=dev@example.test", "-c", "core.autocrlf=false")
        return self.fed(b"", *person, *words)

    def fed(self, content: bytes, *words: str) -> str:
        """Run git in the tree with something to read."""
        command = ["git", *words]
        ended = subprocess.run(command, cwd=self.folder, input=content, capture_output=True, check=True)
        return ended.stdout.decode().strip()

    def commit(self, files: Mapping[str, bytes], message: str = "x") -> str:
        """Commit these files and return the commit's id."""
        for path, content in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        """Push refs to the remote."""
        self.git("push", "--quiet", "--force", "origin", *(refs or ("main",)))


@pytest.fixture
def workshop(tmp_path: Path, git_http: GitHost) -> Iterator[Workshop]:
    url = git_http.new_repository("a.git")
    made = Workshop(tmp_path / "tree", url)
    made.folder.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("remote", "add", "origin", url)
    yield made
    assert git_children() == []


def look(tmp_path: Path, url: str, ref: str = "main", path: str = "", limits: Limits = LIMITS) -> Snapshot:
    number = len(list(tmp_path.glob("visit-*")))
    return Visit(tmp_path / f"visit-{number}", url, Access(patience=lambda: 20.0)).snapshot(ref, path, limits)


def refusal(tmp_path: Path, url: str, ref: str = "main", path: str = "", limits: Limits = LIMITS) -> str:
    """Return the code of the refusal, or of its one finding."""
    with pytest.raises(Invalid) as refused:
        look(tmp_path, url, ref, path, limits)
    return refused.value.findings[0].code if refused.value.findings else refused.value.code


def test_a_branch_a_tag_and_a_commit_are_what_they_were(workshop: Workshop, tmp_path: Path) -> None:
    first = workshop.commit(FILES)
    workshop.git("tag", "light")
    workshop.git("tag", "--annotate", "v1.0.0", "--message", "one")
    second = workshop.commit({"contract.yaml": b"kind: Contract # 2\n"})
    workshop.git("branch", "feature/x", first)
    workshop.push("main", "feature/x", "light", "v1.0.0")
    now = look(tmp_path, workshop.url)
    assert (now.commit, now.files["contract.yaml"]) == (second, b"kind: Contract # 2\n")
    for ref in ("light", "v1.0.0", "refs/tags/v1.0.0", "feature/x", "refs/heads/feature/x", first):
        assert look(tmp_path, workshop.url, ref) == Snapshot(first, FILES), ref


def test_a_folder_is_a_bundle_of_its_own(workshop: Workshop, tmp_path: Path) -> None:
    workshop.commit({f"contracts/a/{path}": content for path, content in FILES.items()} | {"top": b"x"})
    workshop.push()
    assert look(tmp_path, workshop.url, path="contracts/a").files == FILES
    for path in ("contracts/b", "top", "contracts/a/contract.yaml", "a"):
        assert refusal(tmp_path, workshop.url, path=path) == "git_path_not_found"


def test_a_name_of_a_branch_and_a_tag_has_to_be_written_out(workshop: Workshop, tmp_path: Path) -> None:
    first = workshop.commit(FILES)
    workshop.git("tag", "both")
    workshop.commit({"a": b"1"})
    workshop.git("branch", "both")
    workshop.push("refs/heads/both", "refs/tags/both")
    assert refusal(tmp_path, workshop.url, "both") == "git_ref_refused"
    assert look(tmp_path, workshop.url, "refs/tags/both").commit == first
    assert "a" in look(tmp_path, workshop.url, "refs/heads/both").files


def test_a_name_within_another_name_is_not_taken_for_it(workshop: Workshop, tmp_path: Path) -> None:
    workshop.commit(FILES)
    workshop.push("main:refs/heads/deep/refs/heads/main", "main:refs/heads/deep/main")
    assert refusal(tmp_path, workshop.url, "main") == "git_ref_not_found"


def test_what_is_not_there_is_said_so(workshop: Workshop, tmp_path: Path, git_http: GitHost) -> None:
    workshop.commit(FILES)
    workshop.push()
    for ref in ("none", "refs/tags/none"):
        assert refusal(tmp_path, workshop.url, ref) == "git_ref_not_found"
    on_disk = Access(RemoteRules(file_roots=(git_http.root,)))
    for ref in ("0" * 40, "1" * 40):
        with pytest.raises(Invalid) as refused:
            Visit(tmp_path / ref[:8], f"file://{git_http.root}/a.git", on_disk).snapshot(ref, "", LIMITS)
        assert refused.value.code == "git_ref_not_found"
    workshop.git("tag", "blob", workshop.git("rev-parse", "HEAD:contract.yaml"))
    workshop.push("blob")
    assert refusal(tmp_path, workshop.url, "blob") == "git_ref_not_found"


def test_an_empty_repository_has_nothing(workshop: Workshop, tmp_path: Path) -> None:
    assert refusal(tmp_path, workshop.url) == "git_ref_not_found"
    workshop.commit({})
    workshop.push()
    assert look(tmp_path, workshop.url).files == {}


def test_links_and_submodules_are_refused_wherever_they_lead(workshop: Workshop, tmp_path: Path) -> None:
    workshop.commit(FILES)
    (workshop.folder / "link").symlink_to("/etc/passwd")
    workshop.commit({})
    workshop.push()
    assert refusal(tmp_path, workshop.url) == "link"
    (workshop.folder / "link").unlink()
    (workshop.folder / "folder").symlink_to("docs")
    workshop.commit({})
    workshop.push()
    assert refusal(tmp_path, workshop.url, path="folder") == "git_path_not_found"
    (workshop.folder / "folder").unlink()
    head = workshop.commit({})
    workshop.git("update-index", "--add", "--cacheinfo", f"160000,{head},module")
    workshop.git("commit", "--quiet", "--message", "module")
    workshop.push()
    assert refusal(tmp_path, workshop.url) == "link"


def test_too_much_is_refused_before_it_is_read(workshop: Workshop, tmp_path: Path) -> None:
    workshop.commit({"big": b"x" * (LIMITS.file_bytes + 1)})
    workshop.push()
    assert refusal(tmp_path, workshop.url) == "bundle_too_large"
    workshop.git("rm", "--quiet", "big")
    workshop.commit({f"f{number}": b"x" * LIMITS.file_bytes for number in range(4)})
    workshop.push()
    assert refusal(tmp_path, workshop.url) == "bundle_too_large"
    workshop.git("rm", "--quiet", "f0", "f1", "f2", "f3")
    workshop.commit({f"f{number}": b"" for number in range(LIMITS.files + 1)})
    workshop.push()
    assert refusal(tmp_path, workshop.url) == "bundle_too_large"
    assert len(look(tmp_path, workshop.url, limits=Limits(LIMITS.files + 1, 0, 0)).files) == LIMITS.files + 1


def test_a_path_that_is_no_utf8_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    blob = workshop.fed(b"x", "hash-object", "-w", "--stdin")
    tree = workshop.fed(b"100644 blob " + blob.encode() + b"\t\xff\0", "mktree", "-z")
    workshop.push(f"{workshop.git('commit-tree', tree, '-m', 'x')}:refs/heads/main")
    assert refusal(tmp_path, workshop.url) == "bad_path"


def test_bytes_are_what_was_committed_whatever_attributes_say(workshop: Workshop, tmp_path: Path) -> None:
    files = {".gitattributes": b"* text=auto eol=crlf ident\n", "a": b"$Id$\n", "b": bytes(range(256))}
    workshop.commit(files)
    workshop.push()
    stored = look(tmp_path, workshop.url).files
    assert stored["a"] == b"$Id$\n"
    assert (
        stored["b"]
        == subprocess.run(
            ["git", "cat-file", "blob", "HEAD:b"], cwd=workshop.folder, capture_output=True, check=True
        ).stdout
    )


def test_a_remote_that_misbehaves_is_left(workshop: Workshop, tmp_path: Path, git_http: GitHost) -> None:
    workshop.commit(FILES)
    workshop.push()
    with silent() as port, pytest.raises(Unavailable):
        Visit(tmp_path / "s", f"http://127.0.0.1:{port}/a.git", Access(patience=lambda: 0.5)).snapshot(
            "main", "", LIMITS
        )
    for status, family in ((401, Refused), (403, Refused), (500, Unavailable)):
        git_http.answer_next_with(status)
        with pytest.raises(family):
            look(tmp_path, workshop.url)
    with redirecting(workshop.url) as url, pytest.raises(Refused):
        look(tmp_path, f"{url}/a.git")


def test_a_folder_on_disk_is_a_remote_only_where_that_is_allowed(
    workshop: Workshop, tmp_path: Path, git_http: GitHost
) -> None:
    commit = workshop.commit(FILES)
    workshop.push()
    url = f"file://{git_http.root}/a.git"
    with pytest.raises(Invalid) as refused:
        Visit(tmp_path / "closed", url, Access())
    assert refused.value.code == "git_url_refused"
    rules = RemoteRules(file_roots=(git_http.root,))
    assert Visit(tmp_path / "open", url, Access(rules)).snapshot("main", "", LIMITS).commit == commit
