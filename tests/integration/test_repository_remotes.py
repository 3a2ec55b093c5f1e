"""The git door before remotes that misbehave, and what it never lets out or in."""

import base64
import logging
from pathlib import Path

import pytest

from catalog.errors import Denied, Unavailable
from executors.repository import (
    Absent,
    Credentials,
    Refused,
    RemoteRules,
    Unsure,
)
from tests.git_work import commit, git, git_children, open_files, opened, put
from tests.rough_network import lossy, redirecting, silent
from tests.services.git_http import GitHost
from tests.services.ports import free_port


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


def test_a_hook_of_the_remote_that_says_no_is_a_refusal(tmp_path: Path, git_http: GitHost) -> None:
    repository = opened(tmp_path, git_http.new_repository("orders.git"))
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
