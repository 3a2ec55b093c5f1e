"""`git.inspect` by destination and name: how an observe workflow looks before anything is known."""

from pathlib import Path
from typing import Any

import pytest

from catalog.schema import violations
from executors.repository import blob_id
from executors.step import Permanent, StepCall
from executors.steps import StepSettings
from executors.steps.git.files import CommitFiles
from executors.steps.git.look import Inspect
from executors.steps.git.repositories import CreateRepository
from tests.services.git_http import GitHost
from tests.step_calls import step_call, step_settings

NOTHING = {"exists": False, "present": False, "commit": None, "files": {"a": None}}


@pytest.fixture
def settings(tmp_path: Path, git_http: GitHost) -> StepSettings:
    return step_settings(tmp_path, repository_roots=(git_http.root,))


def calling(
    git_http: GitHost, key: str = "key-1", more: dict[str, Any] | None = None, **who: Any
) -> StepCall:
    destination = {"root": str(git_http.root), "url": git_http.url, "catalogue_url": "http://127.0.0.1:1"}
    return step_call({"destination": destination, "name": "orders"} | (more or {}), key=key, **who)


def looking(git_http: GitHost, **who: Any) -> StepCall:
    return calling(git_http, more={"paths": ["a"]}, **who)


def test_a_repository_that_was_never_made_is_not_there(settings: StepSettings, git_http: GitHost) -> None:
    assert Inspect(settings).run(looking(git_http)) == NOTHING


def test_the_request_s_repository_is_found_by_its_name(settings: StepSettings, git_http: GitHost) -> None:
    made: Any = CreateRepository(settings).run(calling(git_http))
    assert Inspect(settings).run(looking(git_http)) == NOTHING | {"exists": True}
    files = {"url": made["url"], "files": {"a": "x"}, "message": "Add a"}
    commit = CommitFiles(settings).run(step_call(files))["commit"]
    looked = {"exists": True, "present": True, "commit": commit, "files": {"a": blob_id(b"x")}}
    assert Inspect(settings).run(looking(git_http)) == looked


def test_a_repository_of_somebody_else_is_not_there(settings: StepSettings, git_http: GitHost) -> None:
    CreateRepository(settings).run(calling(git_http))
    assert Inspect(settings).run(looking(git_http, request_uid="req_other")) == NOTHING
    assert Inspect(settings).run(looking(git_http, project="bank")) == NOTHING


def test_a_folder_that_is_not_allowed_is_refused_and_not_taken_for_absence(
    settings: StepSettings, git_http: GitHost
) -> None:
    call = calling(git_http, more={"destination": {"root": "/etc", "url": git_http.url}})
    with pytest.raises(Permanent) as refused:
        Inspect(settings).run(call)
    assert refused.value.code == "git_root_refused"


@pytest.mark.parametrize(
    ("given", "is_fit"),
    [
        ({"url"}, True),
        ({"destination", "name"}, True),
        (set(), False),
        ({"destination"}, False),
        ({"url", "destination", "name"}, False),
    ],
    ids=["url", "name", "neither", "half", "both"],
)
def test_a_look_names_a_url_or_a_destination_with_a_name(
    git_http: GitHost,
    given: set[str],
    is_fit: bool,  # noqa: FBT001 - a column of the table
) -> None:
    every: dict[str, Any] = {"url": "https://git.example/x.git", **calling(git_http).arguments}
    found = violations(Inspect.schema, {name: every[name] for name in given})
    assert (not found) is is_fit
