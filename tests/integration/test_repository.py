"""The git door against real git, over HTTP and over files."""

import base64
import hashlib
import logging
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from catalog.errors import Denied, Invalid, Unavailable
from executors.repository import (
    Absent,
    Access,
    Broken,
    Commit,
    Credentials,
    Owner,
    Refused,
    Rejected,
    RemoteRules,
    Repository,
    Shelf,
    Unsure,
    blob_id,
    trailer,
)
from tests.rough_network import lossy, redirecting, silent
from tests.services.git_http import GitHost
from tests.services.ports import free_port

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AUTHOR = "Avow <avow@localhost>"


def commit(changes: Mapping[str, bytes | None], message: str = "change") -> Commit:
    return Commit(changes, message, AUTHOR, AT)


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


def put(repository: Repository, changes: Mapping[str, bytes | None], message: str = "change") -> str:
    tip = repository.fetch()
    (sha,) = repository.build([commit(changes, message)], tip)
    repository.push(sha, tip)
    return sha


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "--git-dir", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


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


# --- remotes that misbehave -----------------------------------------------------------------


def opened(tmp_path: Path, url: str, **changes: Any) -> Repository:
    return Repository.open(tmp_path / "clone", url, "main", Access(**changes))


def test_a_remote_that_is_not_there_may_be_tried_later(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        opened(tmp_path, f"http://127.0.0.1:{free_port()}/x.git").fetch()
    assert refused.value.code == "git_unreachable"


def test_a_repository_that_is_not_there_is_absent(tmp_path: Path, git_http: GitHost) -> None:
    for url in (f"{git_http.url}/none.git", f"file://{git_http.root}/none.git"):
        with pytest.raises(Absent):
            opened(tmp_path, url, rules=RemoteRules(file_roots=(git_http.root,))).fetch()


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (404, Absent), (500, Unavailable), (503, Unavailable)],
)
def test_an_error_status_becomes_the_error_that_fits(
    tmp_path: Path, git_http: GitHost, status: int, error: type[Exception]
) -> None:
    git_http.answer_next_with(status)
    with pytest.raises(error):
        opened(tmp_path, git_http.new_repository("x.git")).fetch()


def test_a_hook_of_the_remote_that_says_no_is_a_refusal(repository: Repository, git_http: GitHost) -> None:
    hook = git_http.root / "orders.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no pushes on \x1b[31mFriday' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Refused) as refused:
        put(repository, {"a": b"1"})
    assert refused.value.message.isprintable()
    assert repository.fetch() is None


def test_a_server_that_never_answers_is_left_at_the_time_limit(tmp_path: Path) -> None:
    with silent() as port, pytest.raises(Unavailable) as refused:
        opened(tmp_path, f"http://127.0.0.1:{port}/x.git", patience=lambda: 0.5).fetch()
    assert refused.value.code == "git_timeout"
    assert git_children() == []


def test_a_push_whose_answer_got_lost_is_known_to_have_landed(tmp_path: Path, git_http: GitHost) -> None:
    git_http.new_repository("x.git")
    with lossy(git_http.url) as passage:
        repository = opened(tmp_path, f"{passage.url}/x.git")
        (sha,) = repository.build([commit({"a": b"1"})], repository.fetch())
        passage.loses = lambda method, path: method == "POST" and path.endswith("git-receive-pack")
        repository.push(sha, None)
    assert git(git_http.root / "x.git", "rev-parse", "main") == sha
    assert repository.tip == sha


def test_a_push_that_nobody_can_be_asked_about_is_unsure(tmp_path: Path, git_http: GitHost) -> None:
    git_http.new_repository("x.git")
    with lossy(git_http.url) as passage:
        repository = opened(tmp_path, f"{passage.url}/x.git")
        (sha,) = repository.build([commit({"a": b"1"})], repository.fetch())
        passage.loses = lambda method, path: method == "POST" or "git-upload-pack" in path
        with pytest.raises(Unsure):
            repository.push(sha, None)
        passage.loses = lambda method, path: False
        assert repository.fetch() == sha


def test_a_push_that_never_arrived_is_known_not_to_have_landed(tmp_path: Path, git_http: GitHost) -> None:
    repository = opened(tmp_path, git_http.new_repository("x.git"))
    (sha,) = repository.build([commit({"a": b"1"})], repository.fetch())
    git_http.answer_next_with(503)
    with pytest.raises(Unavailable) as refused:
        repository.push(sha, None)
    assert not isinstance(refused.value, Unsure)
    repository.push(sha, None)
    assert repository.fetch() == sha


def test_a_redirect_is_not_followed(tmp_path: Path, git_http: GitHost) -> None:
    url = git_http.new_repository("x.git")
    with redirecting(url) as elsewhere, pytest.raises(Refused):
        opened(tmp_path, f"{elsewhere}/x.git").fetch()


def test_a_private_address_is_not_connected_to_unless_it_is_listed(tmp_path: Path) -> None:
    with silent() as port, pytest.raises(Denied) as refused:
        opened(tmp_path, f"https://127.0.0.1:{port}/x.git", rules=RemoteRules(hosts=())).fetch()
    assert refused.value.code == "address_refused"


def test_git_connects_to_the_address_that_was_judged(tmp_path: Path, git_http: GitHost) -> None:
    # The name does not exist; that git reaches the host shows that it did not look it up again.
    git_http.new_repository("x.git")
    port = git_http.url.rpartition(":")[2]
    rules = RemoteRules(hosts=("git.avow.invalid",))
    url = f"http://git.avow.invalid:{port}/x.git"
    repository = opened(tmp_path, url, rules=rules, resolve=lambda host, port: ("127.0.0.1",))
    put(repository, {"a": b"1"})
    assert git(git_http.root / "x.git", "rev-parse", "main") == repository.tip


# --- secrets and hardening ------------------------------------------------------------------


def test_credentials_reach_the_server_and_nothing_else(
    tmp_path: Path, git_http: GitHost, caplog: pytest.LogCaptureFixture
) -> None:
    git_http.new_repository("x.git")
    password = "S3CR3T/canary+value"
    encoded = base64.b64encode(f"robot:{password}".encode()).decode()
    caplog.set_level(logging.DEBUG)
    with lossy(git_http.url) as passage:
        repository = opened(tmp_path, f"{passage.url}/x.git", credentials=Credentials("robot", password))
        sha = put(repository, {"a": b"1"})
        git_http.answer_next_with(401)
        with pytest.raises(Refused) as refused:
            repository.fetch()
    assert passage.authorizations == {f"Basic {encoded}"}
    everything = [refused.value.message, repr(refused.value), repr(refused.value.__cause__), caplog.text]
    everything += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    for text in everything:
        assert password not in text
        assert encoded not in text
    assert sha


def test_our_environment_stays_behind(
    tmp_path: Path, git_http: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\nenv >> {canary}\n")
    evil.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[core]\n\tfsmonitor = {evil}\n\thooksPath = {tmp_path}\n[alias]\n\tfetch = !{evil}\n"
    )
    planted = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_ASKPASS": str(evil),
        "GIT_SSH_COMMAND": str(evil),
        "GIT_PROXY_COMMAND": str(evil),
        "GIT_EXTERNAL_DIFF": str(evil),
        "GIT_DIR": "/nowhere",
        "GIT_WORK_TREE": "/nowhere",
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor'='{evil}'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(evil),
        "GIT_TRACE": str(canary),
        "GIT_EXEC_PATH": str(tmp_path),
        "AVOW_SECRET_TOKEN": "S3CR3T",
    }
    git_http.new_repository("x.git")
    hook = git_http.root / "x.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nenv > {tmp_path}/of-the-hook\n")
    hook.chmod(0o755)
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    rules = RemoteRules(file_roots=(git_http.root,))
    put(opened(tmp_path, f"file://{git_http.root}/x.git", rules=rules), {"a": b"1"})
    assert not canary.exists()
    assert "S3CR3T" not in (tmp_path / "of-the-hook").read_text()


def test_no_process_of_git_is_left_after_a_thousand_writes(tmp_path: Path, git_http: GitHost) -> None:
    git_http.new_repository("x.git")
    rules = RemoteRules(file_roots=(git_http.root,))
    repository = opened(tmp_path, f"file://{git_http.root}/x.git", rules=rules)
    descriptors = open_files()
    for turn in range(10):
        tip = repository.fetch()
        shas = repository.build([commit({f"{turn}/{n}": b"x"}) for n in range(100)], tip)
        repository.push(shas[-1], tip)
        repository.read(shas[-1], f"{turn}/1")
    assert len(repository.log(2000)) == 1000
    assert git_children() == []
    assert open_files() <= descriptors


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def git_children() -> list[str]:
    """Name the programs of git among our descendants, the dead that nobody fetched included."""
    return [child.name() for child in psutil.Process().children(recursive=True) if "git" in child.name()]


# --- repositories of our own ----------------------------------------------------------------

OWNER = Owner("key-1", "shop", "req_1")


def test_a_repository_made_on_a_shelf_can_be_pushed_to_over_http(tmp_path: Path, git_http: GitHost) -> None:
    shelf = Shelf(git_http.root)
    assert shelf.create("orders", OWNER)
    assert shelf.owner("orders") == OWNER
    sha = put(opened(tmp_path, f"{git_http.url}/orders.git"), {"a": b"1"})
    assert git(git_http.root / "orders.git", "rev-parse", "HEAD") == sha


def test_of_many_that_make_it_at_once_one_does_and_nothing_is_left_over(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    made: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda n=n: made.append(shelf.create("orders", Owner(f"key-{n}", "shop", f"req_{n}")))
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, False, False, True]
    assert [place.name for place in tmp_path.iterdir()] == ["orders.git"]


def test_what_a_killed_attempt_left_is_swept_by_the_next(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.create("first", OWNER)
    (digest,) = {place.name for place in tmp_path.iterdir()} - {"first.git"} or {""}
    assert digest == ""
    leftover = tmp_path / f".new-{hashlib.sha256(b'key-2').hexdigest()[:16]}-killed"
    (leftover / "objects").mkdir(parents=True)
    shelf.create("second", Owner("key-2", "shop", "req_1"))
    assert sorted(place.name for place in tmp_path.iterdir()) == ["first.git", "second.git"]


def test_what_is_put_away_is_kept(tmp_path: Path, git_http: GitHost) -> None:
    shelf = Shelf(git_http.root)
    shelf.create("orders", OWNER)
    sha = put(opened(tmp_path, f"{git_http.url}/orders.git"), {"a": b"1"})
    shelf.put_away("orders", "undo-1")
    shelf.put_away("orders", "undo-1")
    assert not shelf.exists("orders")
    assert git(shelf.archived("orders", "undo-1"), "rev-parse", "main") == sha


@pytest.mark.parametrize("name", ["..", "a/b", ".archive", "", "A", "x.git", "a\n"], ids=ascii)
def test_a_name_that_could_leave_the_shelf_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        Shelf(tmp_path).create(name, OWNER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("marker", ["", "{", "[]", "{}", '{"key": 1, "project": "a", "request_uid": "b"}'])
def test_a_marker_that_cannot_be_read_is_nobody_s(tmp_path: Path, marker: str) -> None:
    shelf = Shelf(tmp_path)
    shelf.create("orders", OWNER)
    (shelf.place("orders") / "avow.json").write_text(marker)
    assert shelf.owner("orders") is None
