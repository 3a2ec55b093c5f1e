"""A run that waits for a signal is sent one by those who may steer it, and goes on with what it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executors import runs
from executors.workflow.executor import MAX_MAIL
from tests.asking import a_person
from tests.operations import a_run
from tests.stage import PATH, Stage, open_stage

WAIT = {"id": "ready", "wait": {"signal": "go"}}
GO = {"name": "go", "payload": {"host": "db-1"}}


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database_url, tmp_path) as opened:
        a_person(opened.doors, "anna", "security", token="anna-s")
        yield opened


@pytest.fixture
def waiting(stage: Stage) -> str:
    """Let a run come to its wait, and return its id."""
    stage.publish(WAIT)
    stage.request()
    [approval] = stage.asked()
    stage.vote("anna-s", approval)
    assert stage.world.done() == ["before"]
    run_id = stage.doors("dora", "GET", f"{PATH}/runs").json()["items"][0]["id"]
    assert isinstance(run_id, str)
    return run_id


@pytest.fixture
def quiet(sqlite_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Give a stage for what is decided at the door, whatever the database."""
    with open_stage(sqlite_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def resting(quiet: Stage) -> str:
    """Return the id of a run that nobody drives."""
    return a_run(quiet.doors, "shop", quiet.doors.submit()["uid"])


def send(stage: Stage, run_id: str, body: Any = GO, who: str = "dora", query: str = "", **sent: Any) -> Any:
    return stage.doors(who, "POST", f"/v1/runs/{run_id}/signals{query}", body, **sent)


def mail(stage: Stage, run_id: str) -> list[str]:
    with stage.doors.platform.db.read() as tx:
        return [letter.kind for letter in runs.letters(tx, run_id, 0)]


def test_the_wait_goes_on_with_what_is_sent(stage: Stage, waiting: str) -> None:
    answer = send(stage, waiting)
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/runs/{waiting}")
    stage.settle()
    assert stage.world.done() == ["before", "after"]
    assert stage.shown()["phase"] == "ready"
    journal = stage.doors("dora", "GET", f"/v1/runs/{waiting}/events").json()["items"]
    [received] = [entry["body"] for entry in journal if entry["type"] == "SignalReceived"]
    assert (received["name"], received["payload"]) == ("go", {"host": "db-1"})
    trail = stage.doors("admin", "GET", "/v1/audit?project=shop&page_size=500").json()["items"]
    [told] = [entry for entry in trail if entry["action"] == "run.signalled"]
    assert (told["actor"], told["subject"], told["detail"]["signal"]) == ("dora", f"run/{waiting}", "go")


def test_why_names_the_command_that_sends_it(stage: Stage, waiting: str) -> None:
    why = stage.why()
    assert (why["reason"], why["waiting_on"]["kind"]) == ("Waiting", "requester")
    assert f"avow runs signal {waiting} go" in why["next_action"]
    stage.doors("dora", "POST", f"/v1/runs/{waiting}/pause")
    stage.settle()
    assert "avow runs signal" not in stage.why()["next_action"], "what is held goes on with no signal"


def test_one_that_comes_before_its_wait_counts(stage: Stage) -> None:
    stage.publish(WAIT)
    stage.request()
    run_id = stage.doors("dora", "GET", f"{PATH}/runs").json()["items"][0]["id"]
    assert send(stage, run_id).status_code == 202
    [approval] = stage.asked()
    stage.vote("anna-s", approval)
    assert stage.world.done() == ["before", "after"]


def test_under_one_key_it_is_sent_once(quiet: Stage, resting: str) -> None:
    key = {"Idempotency-Key": "once"}
    first = send(quiet, resting, headers=key)
    again = send(quiet, resting, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert mail(quiet, resting) == ["signal"]
    other = send(quiet, resting, GO | {"payload": {}}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_dry_run_sends_nothing(quiet: Stage, resting: str) -> None:
    before = quiet.doors.rows()
    answer = send(quiet, resting, query="?dry_run=true")
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert (mail(quiet, resting), quiet.doors.rows()) == ([], before)
    refused = send(quiet, resting, {"name": "GO"}, query="?dry_run=true")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_signal")


def test_only_those_send_it_who_may_steer_the_run(quiet: Stage, resting: str) -> None:
    assert send(quiet, resting, who="paul").json()["code"] == "role_missing"
    assert send(quiet, resting, who="paul", body={"name": "GO"}).json()["code"] == "role_missing"
    assert send(quiet, resting, who="erin").json()["code"] == "run_not_found"
    assert mail(quiet, resting) == []


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"name": "Go!", "payload": {}}, "invalid_signal", "/name"),
        ({"name": "", "payload": {}}, "invalid_signal", "/name"),
        ({"name": "go", "payload": {"a": "x" * 70_000}}, "invalid_signal", "/payload"),
        ({"name": "go", "payload": [1]}, "invalid_body", "/payload"),
        ({"payload": {}}, "invalid_body", "/name"),
        ({"name": "go", "at": "now"}, "invalid_body", "/at"),
    ],
)
def test_what_is_no_signal_is_refused_with_its_place(
    quiet: Stage, resting: str, body: Any, code: str, pointer: str
) -> None:
    refused = send(quiet, resting, body)
    [place] = refused.json()["errors"]
    assert (refused.status_code, refused.json()["code"], place["pointer"]) == (422, code, pointer)
    assert mail(quiet, resting) == []


def test_what_is_over_takes_none(stage: Stage, waiting: str) -> None:
    send(stage, waiting)
    stage.settle()
    late = send(stage, waiting)
    assert (late.status_code, late.json()["code"]) == (409, "run_ended")
    assert "avow get runs" in late.json()["fix"]


def test_a_run_is_not_flooded(quiet: Stage, resting: str) -> None:
    with quiet.doors.platform.db.write() as tx:
        for number in range(MAX_MAIL):
            runs.post(tx, f"key-{resting}", "signal", {"n": number}, now=quiet.doors.clock())
    refused = send(quiet, resting)
    assert (refused.status_code, refused.json()["code"]) == (409, "mailbox_full")
    assert len(mail(quiet, resting)) == MAX_MAIL
