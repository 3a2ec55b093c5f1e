"""A run that is tried again is held to what any pass is held to: policy, what is wanted, and who holds it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policy.engine import PolicyBundle
from reconciler import operations
from reconciler.operation import Operation
from tests.asking import a_person
from tests.engine import cannot_tell, document, fails_for_good, step, undoable
from tests.factories import contract_document, contract_files
from tests.stage import CONTRACT, PATH, Stage, open_stage

LETTERS = "/v1/dead-letters"


@pytest.fixture
def stage(sqlite_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(sqlite_url, tmp_path) as opened:
        failed(opened)
        yield opened


@pytest.fixture
def either(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Give the same on both databases."""
    with open_stage(database_url, tmp_path) as opened:
        failed(opened)
        yield opened


def failed(stage: Stage) -> None:
    """Let a delivery fail after what was approved; the approval stands."""
    a_person(stage.doors, "anna", "security", token="anna-s")
    publish(stage)
    stage.world.script["after"] = [fails_for_good]
    stage.request()
    [approval] = stage.asked()
    stage.vote("anna-s", approval)
    assert (stage.shown()["phase"], stage.world.done()) == ("failed", ["before"])


def publish(stage: Stage, version: str = "1.0.0") -> None:
    """Publish a contract that undoes nothing, so that what people approved still holds when it goes on."""
    ask = {"id": "sign-off", "approval": {"groups": ["security"]}}
    provision = document(step("before"), ask, step("after"), outputs={"host": "h"}, facts={"exists": True})
    look = document(
        {"id": "look", "uses": "test.look", "with": {"name": "look"}},
        name="observe",
        facts={"exists": "${steps.look.outputs.exists}"},
    )
    documents = {"provision": provision, "update": provision, "observe": look}
    documents["delete"] = document(undoable("away"), name="delete")
    files = contract_files(
        contract_document(CONTRACT, version),
        {f"{name}.yaml": json.dumps(each) for name, each in documents.items()},
    )
    answer = stage.doors("pia", "POST", "/v1/contracts", {"files": files})
    assert answer.status_code == 201, answer.text


def run_id(stage: Stage) -> str:
    return str(stage.doors("dora", "GET", f"{PATH}/runs").json()["items"][0]["id"])


def retry(stage: Stage, run: str = "", query: str = "") -> Any:
    answer = stage.doors("dora", "POST", f"/v1/runs/{run or run_id(stage)}/retry{query}")
    stage.settle()
    return answer


def refused(stage: Stage) -> tuple[int, str, str]:
    """Try it again, see that nothing was done, and return status, code and fix."""
    before, run = stage.world.done(), run_id(stage)
    answer = retry(stage)
    told = answer.json()
    assert (stage.world.done(), run_id(stage)) == (before, run)
    return answer.status_code, told.get("code", ""), told.get("fix", "")


def newest(stage: Stage) -> Operation:
    with stage.doors.platform.db.read() as tx:
        found = operations.newest(tx, stage.shown()["uid"])
    assert found is not None
    return found


def decided(stage: Stage) -> list[Any]:
    return list(stage.doors("dora", "GET", f"{PATH}/decisions?page_size=100").json()["items"])


def test_policy_is_asked_what_it_was_asked_when_the_operation_began_and_its_answer_is_kept(
    either: Stage,
) -> None:
    engine, before = either.doors.engine, newest(either)
    [first] = [each for each in engine.asked if each["enforcement_point"] == "plan"]
    engine.asked.clear()
    assert retry(either).status_code == 202
    [again] = [each for each in engine.asked if each["enforcement_point"] == "plan"]
    assert {**again, "now": None} == {**first, "now": None}
    after = newest(either)
    assert (after.id, after.decision_id != before.decision_id) == (before.id, True)
    assert after.decision_id in [each["id"] for each in decided(either)]
    trail = either.doors("admin", "GET", "/v1/audit?project=shop&page_size=500").json()["items"]
    [told] = [entry for entry in trail if entry["action"] == "run.retried"]
    assert told["detail"]["decision"] == after.decision_id
    assert (either.world.done(), either.shown()["phase"]) == (["before", "after"], "ready")


def test_what_policy_denies_by_now_is_not_tried_again(either: Stage) -> None:
    either.doors.engine.deny = ["not any more"]
    status, code, _ = refused(either)
    assert (status, code) == (403, "policy_denied")
    [newest_decision, *_] = decided(either)
    assert (newest_decision["outcome"], newest_decision["enforcement_point"]) == ("deny", "plan")
    trail = either.doors("admin", "GET", "/v1/audit?project=shop&page_size=500").json()["items"]
    assert (trail[-1]["action"], trail[-1]["actor"]) == ("request.denied", "dora")
    either.doors.engine.deny = []
    assert retry(either).status_code == 202


def test_without_an_answer_of_policy_nothing_goes_on(stage: Stage) -> None:
    stage.doors.engine.is_down = True
    assert refused(stage)[:2] == (503, "policy_unavailable")


def test_a_dry_run_is_refused_alike_and_writes_nothing(stage: Stage) -> None:
    before = stage.doors.rows()
    assert retry(stage, query="?dry_run=true").json()["dry_run"] is True
    stage.doors.engine.deny = ["not any more"]
    assert retry(stage, query="?dry_run=true").json()["code"] == "policy_denied"
    assert stage.doors.rows() == before


def test_an_approval_given_under_other_policies_does_not_carry_a_retry(stage: Stage) -> None:
    admission: Any = stage.doors.platform.admission
    admission.organisation = PolicyBundle(revision="sha256:" + "9" * 64, modules=(), data={})
    status, code, fix = refused(stage)
    assert (status, code) == (409, "run_not_retriable")
    assert "avow reconcile orders" in fix
    stage.doors("dora", "POST", f"{PATH}/actions/reconcile")
    stage.settle()
    assert len(stage.asked()) == 1, "people are asked anew"


def test_what_is_not_wanted_any_more_is_not_tried_again(stage: Stage) -> None:
    stage.doors("dora", "PATCH", PATH, {"inputs": {"size": "l"}}, headers={"If-Match": "*"})
    answer = stage.doors("dora", "POST", f"/v1/runs/{run_id(stage)}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "run_not_retriable")


@pytest.mark.parametrize(
    ("who", "held", "let_go"),
    [
        ("dora", f"{PATH}/actions", "avow resume orders"),
        ("pia", f"/v1/contracts/{CONTRACT}/actions", "ask team-data"),
    ],
    ids=["request", "contract"],
)
def test_what_is_held_is_not_tried_again(stage: Stage, who: str, held: str, let_go: str) -> None:
    assert stage.doors(who, "POST", f"{held}/pause").is_success
    stage.settle()
    asked = len(stage.doors.engine.asked)
    status, code, fix = refused(stage)
    assert (status, code, let_go in fix) == (409, "request_not_ready", True)
    assert len(stage.doors.engine.asked) == asked, "it is not even put to policy"
    assert stage.doors(who, "POST", f"{held}/resume").is_success
    assert retry(stage).status_code == 202
    assert stage.world.done() == ["before", "after"]


def test_a_delivery_is_not_tried_again_once_it_is_to_go(stage: Stage) -> None:
    stage.doors("dora", "DELETE", PATH, headers={"If-Match": "*"})
    answer = stage.doors("dora", "POST", f"/v1/runs/{run_id(stage)}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "request_deleting")


def test_a_deletion_is_tried_again_also_of_what_is_held(stage: Stage) -> None:
    retry(stage)
    stage.world.script["away"] = [fails_for_good]
    stage.doors("dora", "POST", f"{PATH}/actions/pause")
    stage.doors("dora", "DELETE", PATH, headers={"If-Match": "*"})
    stage.settle()
    assert newest(stage).name == "delete"
    assert retry(stage).status_code == 202
    assert stage.world.done() == ["before", "after", "away"]


def test_a_change_that_comes_while_policy_is_asked_is_not_overrun(
    either: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, run = either.doors.engine, run_id(either)
    evaluate = engine.evaluate

    def meanwhile(*asked: Any) -> Any:
        monkeypatch.undo()
        either.doors("dora", "PATCH", PATH, {"labels": {"tier": "web"}}, headers={"If-Match": "*"})
        return evaluate(*asked)

    monkeypatch.setattr(engine, "evaluate", meanwhile)
    answer = either.doors("dora", "POST", f"/v1/runs/{run}/retry")
    assert (answer.status_code, answer.json()["code"]) == (412, "revision_changed")
    assert retry(either).status_code == 202


def stuck(stage: Stage) -> str:
    """Let a delivery come to where nobody knows what happened, and return its run."""
    stage.world.script["after"] = [cannot_tell]
    stage.world.looks["after"] = [cannot_tell] * 9
    retry(stage)
    for _ in range(8):
        stage.sleep(timedelta(seconds=30))
    return run_id(stage)


def test_a_dead_letter_that_another_run_followed_is_listed_no_more(either: Stage) -> None:
    old = stuck(either)
    assert [item["run_id"] for item in either.doors("dora", "GET", LETTERS).json()["items"]] == [old]
    assert f"avow dead-letters retry {old}" in either.why()["next_action"]
    either.doors("dora", "POST", f"{PATH}/actions/reconcile")
    either.settle()
    assert run_id(either) != old
    assert either.doors("dora", "GET", LETTERS).json()["items"] == []
    assert retry(either, old).json()["code"] == "run_superseded"


def test_a_dead_letter_is_replayed_under_the_same_rules(stage: Stage) -> None:
    old = stuck(stage)
    stage.doors.engine.deny = ["not any more"]
    assert refused(stage)[:2] == (403, "policy_denied")
    assert [item["run_id"] for item in stage.doors("dora", "GET", LETTERS).json()["items"]] == [old]
