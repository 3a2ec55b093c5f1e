"""The git door against real git, over HTTP and over files."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.errors import Invalid
from executors.repository import (
    Access,
    Broken,
    Rejected,
    RemoteRules,
    Repository,
    blob_id,
    trailer,
)
from tests.git_work import AT, AUTHOR, commit, git, put
from tests.services.git_http import GitHost


@pytest.fixture(params=["http", "file"])
def url(request: pytest.FixtureRequest, git_http: GitHost) -> str:
    served = git_http.new_repository("orders.git")
    return served if request.param == "http" else f"file://{git_http.root}/orders.git"


@pytest.fixture
def access(git_http: GitHost) -> Access:
    return Access(RemoteRules(file_roots=(git_http.root,)))


@pytest.fixture
def repository(tmp_path: Path, url: str, access: Access) -> Iterator[Repository]:
    with Repository.open(tmp_path / "clone", url, "main", access) as opened:
        yield opened


Opens = Callable[[str], Repository]


@pytest.fixture
def another(tmp_path: Path, url: str, access: Access) -> Opens:
    """Open further clones of the same remote."""
    return lambda name: Repository.open(tmp_path / name, url, "main", access)


def test_a_branch_that_nobody_pushed_has_no_tip(repository: Repository) -> None:
    assert repository.fetch() is None
    assert repository.tip is None
    assert list(repository.log(5)) == []


def test_what_was_pushed_is_read_back_by_another_clone(repository: Repository, another: Opens) -> None:
    sha = put(repository, {"a.txt": b"one\n", 'dir/say "hi" é.txt': b"\0\xff"}, "first\n\nAvow-Key: k1\n")
    other = another("other")
    assert other.fetch() == sha
    assert other.tree(sha) == {"a.txt": blob_id(b"one\n"), 'dir/say "hi" é.txt': blob_id(b"\0\xff")}
    assert other.read(sha, 'dir/say "hi" é.txt') == b"\0\xff"
    assert other.read(sha, "missing") is None
    assert other.read(sha, "dir") is None
    (logged,) = other.log(5)
    assert (logged.sha, logged.author, logged.committed_at) == (sha, AUTHOR, AT)
    assert trailer(logged.message, "Avow-Key") == "k1"


def test_many_commits_go_in_one_stream_and_one_push(repository: Repository, git_http: GitHost) -> None:
    commits = [commit({f"f{number % 7}": b"%d" % number}, f"change {number}") for number in range(100)]
    shas = repository.build(commits, repository.fetch())
    repository.push(shas[-1], None)
    assert len(set(shas)) == 100
    messages = git(git_http.root / "orders.git", "log", "--reverse", "--format=%s", "main").splitlines()
    assert messages == [f"change {number}" for number in range(100)]
    git(git_http.root / "orders.git", "fsck", "--strict")


def test_building_twice_gives_the_same_commit(repository: Repository) -> None:
    assert repository.build([commit({"a": b"1"})], None) == repository.build([commit({"a": b"1"})], None)


def test_a_deletion_removes_the_path_and_nothing_beside_it(repository: Repository) -> None:
    put(repository, {"d/a": b"1", "d/b": b"2", "e": b"3"})
    sha = put(repository, {"d/a": None, "never-there": None})
    assert set(repository.tree(sha)) == {"d/b", "e"}


def test_a_push_on_a_branch_that_moved_is_rejected_and_loses_nothing(
    repository: Repository, another: Opens
) -> None:
    base = put(repository, {"a": b"1"})
    (late,) = repository.build([commit({"b": b"late"})], base)
    foreign = put(another("other"), {"c": b"foreign"})
    with pytest.raises(Rejected):
        repository.push(late, base)
    assert repository.fetch() == foreign
    merged = put(repository, {"b": b"late"})
    assert set(repository.tree(merged)) == {"a", "b", "c"}


def test_a_branch_that_must_not_exist_is_not_overwritten(repository: Repository, another: Opens) -> None:
    (mine,) = repository.build([commit({"a": b"mine"})], repository.fetch())
    theirs = put(another("other"), {"a": b"theirs"})
    with pytest.raises(Rejected):
        repository.push(mine, None)
    assert repository.fetch() == theirs


def test_a_rewound_branch_is_not_wound_forward_again(repository: Repository, git_http: GitHost) -> None:
    first = put(repository, {"a": b"1"})
    second = put(repository, {"a": b"2"})
    (third,) = repository.build([commit({"a": b"3"})], second)
    git(git_http.root / "orders.git", "update-ref", "refs/heads/main", first)
    with pytest.raises(Rejected):
        repository.push(third, second)
    assert repository.fetch() == first


def test_a_commit_that_would_drop_others_is_never_pushed(repository: Repository) -> None:
    base = put(repository, {"a": b"1"})
    (unrelated,) = repository.build([commit({"b": b"2"})], None)
    with pytest.raises(Rejected):
        repository.push(unrelated, base)
    assert repository.fetch() == base


def test_of_many_writers_every_commit_survives(another: Opens) -> None:
    def write(number: int) -> None:
        clone = another(f"writer-{number}")
        for turn in range(3):
            while True:
                try:
                    put(clone, {f"{number}-{turn}": b"x"})
                    break
                except Rejected:
                    continue

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = another("reader")
    assert set(reader.tree(reader.fetch() or "")) == {f"{n}-{t}" for n in range(3) for t in range(3)}


def test_a_clone_that_is_opened_again_knows_where_it_was(
    repository: Repository, another: Opens, tmp_path: Path
) -> None:
    sha = put(repository, {"a": b"1"})
    assert another("clone").tip == sha
    assert oct((tmp_path / "clone").stat().st_mode)[-3:] == "700"


def test_a_clone_for_another_remote_starts_anew(
    repository: Repository, git_http: GitHost, tmp_path: Path
) -> None:
    put(repository, {"a": b"1"})
    other = Repository.open(tmp_path / "clone", git_http.new_repository("other.git"), "main")
    assert other.tip is None
    assert other.fetch() is None


def test_a_directory_that_holds_something_else_is_not_touched(
    tmp_path: Path, url: str, access: Access
) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(Invalid, match="not empty"):
        Repository.open(tmp_path, url, "main", access)
    assert (tmp_path / "thesis.txt").exists()


def test_a_shallow_clone_reads_and_pushes(
    tmp_path: Path, repository: Repository, url: str, access: Access
) -> None:
    for number in range(5):
        put(repository, {"a": b"%d" % number})
    shallow = Repository.open(tmp_path / "shallow", url, "main", Access(access.rules, depth=1))
    shallow.fetch()
    assert len(shallow.log(10)) == 1
    sha = put(shallow, {"b": b"x"})
    repository.fetch()
    assert [logged.sha for logged in repository.log(1)] == [sha]
    assert len(repository.log(10)) == 6


@pytest.mark.parametrize(
    "damage",
    [
        lambda clone: (
            [path.write_bytes(b"garbage") for path in clone.rglob("*.pack")]
            + [path.chmod(0o600) or path.write_bytes(b"garbage") for path in clone.glob("objects/??/*")]
        ),
        lambda clone: [path.unlink() for path in clone.glob("objects/??/*")],
        lambda clone: (clone / "HEAD").unlink(),
        lambda clone: (clone / "config").write_text("[broken"),
    ],
    ids=["garbage", "missing-objects", "no-head", "bad-config"],
)
def test_a_damaged_clone_says_so_and_is_made_anew(
    repository: Repository, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    sha = put(repository, {"a": b"1"})
    damage(tmp_path / "clone")
    with pytest.raises(Broken):
        repository.tree(sha)
    repository.reclone()
    assert repository.tip == sha
    assert repository.read(sha, "a") == b"1"
    put(repository, {"b": b"2"})


def test_a_lock_that_a_killed_git_left_is_damage_too(repository: Repository, tmp_path: Path) -> None:
    sha = put(repository, {"a": b"1"})
    (tmp_path / "clone/refs/avow/remote.lock").touch()
    with pytest.raises(Broken):
        put(repository, {"a": b"2"})
    repository.reclone()
    assert put(repository, {"a": b"3"}) != sha


def test_a_damaged_clone_is_made_anew_when_it_is_opened(
    repository: Repository, another: Opens, tmp_path: Path
) -> None:
    sha = put(repository, {"a": b"1"})
    (tmp_path / "clone/HEAD").unlink()
    reopened = another("clone")
    assert reopened.tip is None
    assert reopened.fetch() == sha


def test_a_file_beyond_the_cap_is_not_read_into_memory(repository: Repository) -> None:
    sha = put(repository, {"big": b"x" * (9 * 1024 * 1024)})
    with pytest.raises(Invalid, match="8 MiB"):
        repository.read(sha, "big")


def test_a_link_never_looks_like_a_file_of_the_same_content(
    repository: Repository, git_http: GitHost
) -> None:
    put(repository, {"a": b"target"})
    bare = git_http.root / "orders.git"
    link = f"120000 blob {blob_id(b'target')}\ta\n"
    made = subprocess.run(
        ["git", "--git-dir", str(bare), "mktree"], input=link, text=True, capture_output=True, check=True
    )
    sha = git(
        bare, "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", made.stdout.strip(), "-m", "l"
    )
    git(bare, "update-ref", "refs/heads/main", sha)
    assert repository.tree(repository.fetch() or "") == {"a": f"120000:{blob_id(b'target')}"}


def test_tidying_keeps_everything_that_was_read_and_pushed(repository: Repository) -> None:
    shas = [put(repository, {"a": b"%d" % number}) for number in range(3)]
    repository.tidy()
    assert [repository.read(sha, "a") for sha in shas] == [b"0", b"1", b"2"]
    put(repository, {"a": b"more"})
