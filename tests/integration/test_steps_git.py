"""The git kinds against a real git host."""

import logging
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from executors.repository import blob_id
from executors.step import OutcomeUnknown, Permanent, StepCall, StepError, Transient
from executors.steps import StepSettings
from executors.steps.git.files import CommitFiles
from executors.steps.git.look import Inspect
from executors.steps.git.repositories import CreateRepository, DeleteRepository
from tests.factories import PROJECT
from tests.rough_network import lossy
from tests.services.git_http import GitHost
from tests.services.ports import free_port
from tests.step_calls import ADMIN_PASSWORD, step_call, step_settings

CI = ".github/workflows/ci.yml"
FILES = {"README.md": "# orders\n", CI: "on: push\n"}


@pytest.fixture
def settings(tmp_path: Path, git_http: GitHost) -> StepSettings:
    return step_settings(tmp_path, repository_roots=(git_http.root,))


@pytest.fixture
def url(git_http: GitHost) -> str:
    return git_http.new_repository("orders.git")


def committing(url: str, **changes: Any) -> dict[str, Any]:
    return {"url": url, "files": FILES, "message": "Set up orders"} | changes


def log(git_http: GitHost, form: str = "%s") -> list[str]:
    done = subprocess.run(
        ["git", "--git-dir", str(git_http.root / "orders.git"), "log", f"--format={form}", "main"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def foreign(git_http: GitHost, path: str, content: str, message: str = "by hand") -> None:
    """Commit as a developer would, with the remote's own git."""
    stream = (
        f"commit refs/heads/main\ncommitter Dev <dev@x> 1700000000 +0000\ndata {len(message)}\n{message}\n"
    )
    stream += f"from refs/heads/main^0\nM 100644 inline {path}\ndata {len(content)}\n{content}\n"
    command = ["git", "--git-dir", str(git_http.root / "orders.git"), "fast-import", "--quiet"]
    subprocess.run(command, input=stream, text=True, check=True)


def test_files_are_committed_with_the_key_as_a_trailer(
    settings: StepSettings, url: str, git_http: GitHost
) -> None:
    outputs = CommitFiles(settings).run(step_call(committing(url), key="key-7"))
    assert outputs["files"] == {path: blob_id(content.encode()) for path, content in FILES.items()}
    assert log(git_http, "%H") == [outputs["commit"]]
    assert "Avow-Key: key-7" in log(git_http, "%B")
    assert list(settings.directory.iterdir()) == []


def test_the_same_content_is_not_committed_again(settings: StepSettings, url: str, git_http: GitHost) -> None:
    first = CommitFiles(settings).run(step_call(committing(url), key="key-1"))
    second = CommitFiles(settings).run(step_call(committing(url), key="key-2"))
    assert second == first
    assert len(log(git_http)) == 1


def test_a_second_attempt_does_not_undo_what_came_after_the_first(
    settings: StepSettings, url: str, git_http: GitHost
) -> None:
    kind, call = CommitFiles(settings), step_call(committing(url))
    first = kind.run(call)
    foreign(git_http, "README.md", "# improved\n")
    assert kind.run(call) == first
    assert kind.observe(call) == first
    assert log(git_http) == ["by hand", "Set up orders"]


def test_commits_of_others_are_kept(settings: StepSettings, url: str, git_http: GitHost) -> None:
    CommitFiles(settings).run(step_call(committing(url), key="key-1"))
    foreign(git_http, "src/main.py", "print()\n")
    CommitFiles(settings).run(step_call(committing(url, files={"README.md": "# v2\n"}), key="key-2"))
    looked = Inspect(settings).run(step_call({"url": url, "paths": ["src/main.py", "README.md"]}))
    assert looked["files"] == {"src/main.py": blob_id(b"print()\n"), "README.md": blob_id(b"# v2\n")}
    assert len(log(git_http)) == 3


def test_of_many_commits_at_once_each_lands_once(settings: StepSettings, url: str, git_http: GitHost) -> None:
    kind = CommitFiles(settings)
    failures: list[StepError] = []

    def run(number: int) -> None:
        call = step_call(
            committing(url, files={f"{number}.txt": "x"}, message=f"change {number}"), key=f"key-{number}"
        )
        try:
            kind.run(call)
        except Transient as error:  # five lost races; the engine would try again
            failures.append(error)
            kind.run(call)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(log(git_http)) == [f"change {number}" for number in range(4)]


def test_null_deletes_a_file(settings: StepSettings, url: str) -> None:
    CommitFiles(settings).run(step_call(committing(url), key="key-1"))
    outputs = CommitFiles(settings).run(step_call(committing(url, files={"README.md": None}), key="key-2"))
    assert outputs["files"] == {"README.md": None}
    assert Inspect(settings).run(step_call({"url": url, "paths": ["README.md"]}))["files"] == {
        "README.md": None
    }


def test_a_push_whose_fate_is_unknown_is_found_by_looking(
    settings: StepSettings, url: str, git_http: GitHost
) -> None:
    kind = CommitFiles(settings)
    with lossy(git_http.url) as passage:
        pushed: list[str] = []

        def loses(method: str, path: str) -> bool:
            pushed.extend([path] if method == "POST" and path.endswith("git-receive-pack") else [])
            return bool(pushed)

        passage.loses = loses
        call = step_call(committing(f"{passage.url}/orders.git"))
        with pytest.raises(OutcomeUnknown):
            kind.run(call)
        with pytest.raises(OutcomeUnknown):
            kind.observe(call)
        passage.loses = lambda method, path: False
        outputs = kind.observe(call)
    assert outputs is not None
    assert log(git_http, "%H") == [outputs["commit"]]


def test_nothing_committed_is_observed_as_nothing(
    settings: StepSettings, url: str, git_http: GitHost
) -> None:
    call = step_call(committing(url))
    assert CommitFiles(settings).observe(call) is None
    gone = step_call(committing(f"{git_http.url}/gone.git"))
    assert CommitFiles(settings).observe(gone) is None


@pytest.mark.parametrize(
    "path", ["../x", ".git/config", "/etc/passwd", ".GIT/hooks/x", "a\nb", ".gitmodules"], ids=ascii
)
def test_a_path_outside_is_refused_before_anything_is_pushed(
    settings: StepSettings, url: str, git_http: GitHost, path: str
) -> None:
    with pytest.raises(Permanent) as refused:
        CommitFiles(settings).run(step_call(committing(url, files={path: "x", "ok": "y"})))
    assert refused.value.code == "path_refused"
    assert not list((git_http.root / "orders.git/refs/heads").iterdir())


def test_a_message_cannot_forge_our_trailers(settings: StepSettings, url: str) -> None:
    with pytest.raises(Permanent) as refused:
        CommitFiles(settings).run(step_call(committing(url, message="x\n\nAvow-Key: of-another-step")))
    assert refused.value.code == "message_refused"


VECTORS = [
    "ext::sh -c touch% canary",
    "--upload-pack=touch canary",
    "--receive-pack=touch canary",
    "-c core.sshCommand=touch",
    "ssh://-oProxyCommand=touch canary/x",
    "file:///etc",
    "fd::3",
    "https://x@127.0.0.1/x",
    "http://127.0.0.1/x --upload-pack=touch",
    "http://127.0.0.1/x\n--exec",
    "/etc/passwd",
    "http://169.254.169.254/latest",
]


@pytest.mark.parametrize("vector", VECTORS, ids=ascii)
def test_a_hostile_address_runs_nothing(
    settings: StepSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vector: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind, arguments in ((CommitFiles, committing(vector)), (Inspect, {"url": vector})):
        with pytest.raises(Permanent) as refused:
            kind(settings).run(step_call(arguments))
        assert refused.value.code == "git_url_refused"
    assert not list(tmp_path.rglob("*canary*"))


@pytest.mark.parametrize(
    "branch", ["--output=canary", "-x", "a b", "main:refs/heads/other", "+main", "a\nb", "HEAD^{}"], ids=ascii
)
def test_a_hostile_branch_runs_nothing(settings: StepSettings, url: str, branch: str) -> None:
    with pytest.raises(Permanent) as refused:
        CommitFiles(settings).run(step_call(committing(url, branch=branch)))
    assert refused.value.code == "git_branch_refused"


def test_a_remote_that_is_away_may_be_tried_later(settings: StepSettings) -> None:
    url = f"http://127.0.0.1:{free_port()}/x.git"
    for kind, arguments in ((CommitFiles, committing(url)), (Inspect, {"url": url})):
        with pytest.raises(Transient):
            kind(settings).run(step_call(arguments))


def test_a_file_content_that_is_no_text_is_refused(settings: StepSettings, url: str) -> None:
    with pytest.raises(Permanent, match="Unicode"):
        CommitFiles(settings).run(step_call(committing(url, files={"a": "\ud800"})))


def test_a_password_is_sent_and_never_said(
    settings: StepSettings, git_http: GitHost, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = {"username": "robot", "password": "secret://env/AVOW_SECRET_ADMIN"}
    with lossy(git_http.url) as passage:
        call = step_call(committing(f"{passage.url}/orders.git", credentials=credentials))
        CommitFiles(settings).run(call)
        assert all(seen.startswith("Basic ") for seen in passage.authorizations)
        git_http.answer_next_with(403)
        with pytest.raises(Permanent) as refused:
            CommitFiles(settings).run(call)
    assert ADMIN_PASSWORD not in f"{refused.value!r} {refused.value.message} {caplog.text}"


def test_paths_that_are_to_go_are_taken_away_and_nothing_else(
    settings: StepSettings, url: str, git_http: GitHost
) -> None:
    CommitFiles(settings).run(step_call(committing(url), key="key-1"))
    removing = {"url": url, "remove": ["README.md", "never-there"], "message": "Tidy up"}
    outputs = CommitFiles(settings).run(step_call(removing, key="key-2"))
    assert outputs["files"] == {"README.md": None, "never-there": None}
    looked = Inspect(settings).run(step_call({"url": url, "paths": list(FILES)}))
    assert looked["files"] == {**dict.fromkeys(FILES), CI: blob_id(FILES[CI].encode())}
    assert CommitFiles(settings).run(step_call(removing, key="key-3")) == outputs
    assert len(log(git_http)) == 2


def test_a_path_is_not_put_and_taken_away_at_once(settings: StepSettings, url: str) -> None:
    with pytest.raises(Permanent) as refused:
        CommitFiles(settings).run(step_call(committing(url, remove=["README.md"])))
    assert refused.value.code == "path_refused"


# --- only what is the project's ---------------------------------------------------------------


@pytest.fixture
def made(settings: StepSettings, git_http: GitHost) -> str:
    """Give a repository that was made for a request of the project."""
    destination = {"root": str(git_http.root), "url": git_http.url}
    call = step_call({"destination": destination, "name": "orders"}, request_uid="req_of_a_service")
    return str(CreateRepository(settings).run(call)["url"])


def test_what_was_made_for_the_project_may_be_written_by_another_request_of_it(
    settings: StepSettings, made: str
) -> None:
    CommitFiles(settings).run(step_call(committing(made, own=True)))
    looked = Inspect(settings).run(step_call({"url": made, "paths": ["README.md"], "own": True}))
    assert looked["present"] is True


def test_another_project_neither_writes_nor_sees_it_nor_finds_out_that_it_is_there(
    settings: StepSettings, made: str, git_http: GitHost
) -> None:
    CommitFiles(settings).run(step_call(committing(made, own=True)))
    for url in (made, f"{git_http.url}/none.git"):
        looked = Inspect(settings).run(
            step_call({"url": url, "own": True, "paths": ["README.md"]}, project="b")
        )
        assert looked == {"exists": False, "present": False, "commit": None, "files": {"README.md": None}}
        with pytest.raises(Permanent) as refused:
            CommitFiles(settings).run(step_call(committing(url, own=True), project="b"))
        assert (refused.value.code, refused.value.message) == (
            "not_of_this_project",
            "This project has no repository there.",
        )
    assert len(log(git_http)) == 1


def test_a_repository_that_nobody_of_ours_made_is_no_project_s(settings: StepSettings, url: str) -> None:
    with pytest.raises(Permanent) as refused:
        CommitFiles(settings).run(step_call(committing(url, own=True)))
    assert refused.value.code == "not_of_this_project"


@pytest.mark.parametrize(
    "ref", ["refs/avow/project/b", "refs/heads/refs/avow/project/b", "refs/tags/refs/avow/project/b"]
)
def test_who_pushes_cannot_give_a_repository_to_another_project(
    settings: StepSettings, made: str, tmp_path: Path, ref: str
) -> None:
    CommitFiles(settings).run(step_call(committing(made)))
    clone = str(tmp_path / "clone")
    subprocess.run(["git", "clone", "--quiet", made, clone], check=True)
    subprocess.run(["git", "-C", clone, "push", "--quiet", "origin", f"HEAD:{ref}"], check=False)
    with pytest.raises(Permanent):
        CommitFiles(settings).run(step_call(committing(made, own=True), project="b"))


def test_who_pushes_cannot_take_the_mark_away(settings: StepSettings, made: str, tmp_path: Path) -> None:
    CommitFiles(settings).run(step_call(committing(made), key="key-1"))
    clone, mark = str(tmp_path / "clone"), f"refs/avow/project/{PROJECT}"
    subprocess.run(["git", "clone", "--quiet", made, clone], check=True)
    subprocess.run(["git", "-C", clone, "push", "--quiet", "origin", f":{mark}"], check=False)
    CommitFiles(settings).run(step_call(committing(made, own=True, files={"b": "2"}), key="key-2"))


# --- looking --------------------------------------------------------------------------------


def test_a_repository_that_is_gone_does_not_exist(settings: StepSettings, git_http: GitHost) -> None:
    looked = Inspect(settings).run(step_call({"url": f"{git_http.url}/none.git", "paths": ["a"]}))
    assert looked == {"exists": False, "present": False, "commit": None, "files": {"a": None}}


def test_an_empty_repository_exists_without_a_commit(settings: StepSettings, url: str) -> None:
    looked = Inspect(settings).run(step_call({"url": url, "paths": ["a"]}))
    assert looked == {"exists": True, "present": False, "commit": None, "files": {"a": None}}


def test_only_the_asked_paths_are_reported(settings: StepSettings, url: str) -> None:
    commit = CommitFiles(settings).run(step_call(committing(url)))["commit"]
    looked = Inspect(settings).run(step_call({"url": url, "paths": ["README.md", "none"]}))
    files = {"README.md": blob_id(b"# orders\n"), "none": None}
    assert looked == {"exists": True, "present": True, "commit": commit, "files": files}


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_look_that_failed_is_not_taken_for_absence(
    settings: StepSettings, git_http: GitHost, url: str, status: int
) -> None:
    git_http.answer_next_with(status)
    with pytest.raises(StepError):
        Inspect(settings).run(step_call({"url": url}))


# --- repositories on a shelf ----------------------------------------------------------------

Calls = Callable[..., StepCall]


@pytest.fixture
def shelved(git_http: GitHost) -> Calls:
    """Make a call about a repository of the destination."""
    destination = {"driver": "directory", "root": str(git_http.root), "url": git_http.url, "region": "eu"}

    def make(name: str = "orders", key: str = "key-1", **changes: Any) -> StepCall:
        return step_call({"destination": destination, "name": name}, key=key, **changes)

    return make


def test_a_made_repository_is_served_and_takes_commits(settings: StepSettings, shelved: Calls) -> None:
    outputs: Any = CreateRepository(settings).run(shelved())
    commit = CommitFiles(settings).run(step_call(committing(outputs["url"])))["commit"]
    assert Inspect(settings).run(step_call({"url": outputs["url"]}))["commit"] == commit


def test_a_repository_of_somebody_else_is_refused(
    settings: StepSettings, shelved: Calls, git_http: GitHost
) -> None:
    CreateRepository(settings).run(shelved())
    git_http.new_repository("unmarked.git")
    strangers = (
        shelved(key="key-2", request_uid="req_other"),
        shelved(key="key-2", project="bank"),
        shelved("unmarked"),
    )
    for call in strangers:
        with pytest.raises(Permanent) as refused:
            CreateRepository(settings).run(call)
        assert refused.value.code == "already_exists"
        assert CreateRepository(settings).observe(call) is None


def test_the_request_s_own_repository_is_taken_as_it_is(settings: StepSettings, shelved: Calls) -> None:
    first = CreateRepository(settings).run(shelved(key="generation-1"))
    assert CreateRepository(settings).run(shelved(key="generation-2")) == first


def test_deleting_puts_away_and_a_new_one_can_be_made(
    settings: StepSettings, shelved: Calls, git_http: GitHost
) -> None:
    CreateRepository(settings).run(shelved(key="make-1"))
    DeleteRepository(settings).run(shelved(key="undo-1"))
    assert [place.name[:7] for place in (git_http.root / ".archive").iterdir()] == ["orders-"]
    CreateRepository(settings).run(shelved(key="make-2"))
    DeleteRepository(settings).run(shelved(key="undo-1"))
    assert (git_http.root / "orders.git").exists()  # a repeated undo does not reach what came after


def test_deleting_leaves_a_repository_of_somebody_else_alone(
    settings: StepSettings, shelved: Calls, git_http: GitHost
) -> None:
    CreateRepository(settings).run(shelved())
    git_http.new_repository("unmarked.git")
    for call in (shelved(key="u", request_uid="req_other"), shelved("unmarked", key="u")):
        DeleteRepository(settings).run(call)
    assert (git_http.root / "orders.git").exists()
    assert (git_http.root / "unmarked.git").exists()


@pytest.mark.parametrize("root", ["/", "/etc", "{root}/..", "{root}/../elsewhere"])
def test_a_folder_that_is_not_allowed_is_refused(
    settings: StepSettings, git_http: GitHost, root: str
) -> None:
    destination = {"root": root.format(root=git_http.root), "url": git_http.url}
    for kind in (CreateRepository, DeleteRepository):
        with pytest.raises(Permanent) as refused:
            kind(settings).run(step_call({"destination": destination, "name": "orders"}))
        assert refused.value.code == "git_root_refused"


@pytest.mark.parametrize("name", ["..", "../x", "a/b", ".git", "-x", "x.git", ""])
def test_a_name_that_could_leave_the_folder_is_refused(
    settings: StepSettings, shelved: Calls, name: str
) -> None:
    for kind in (CreateRepository, DeleteRepository):
        with pytest.raises(Permanent):
            kind(settings).run(shelved(name))


def test_a_full_or_closed_disk_may_be_tried_later(
    settings: StepSettings, shelved: Calls, git_http: GitHost
) -> None:
    elsewhere = git_http.root / "file"
    elsewhere.write_text("in the way")
    call = shelved()
    blocked = replace(
        call, arguments={**call.arguments, "destination": {"root": str(elsewhere), "url": git_http.url}}
    )
    with pytest.raises(Transient) as refused:
        CreateRepository(settings).run(blocked)
    assert str(git_http.root) not in refused.value.message
