"""Actions from the door to their end: what is recorded, done, told, and what stays as it was."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog.digest import JsonObject
from policy.engine import PolicyBundle
from reconciler import operations
from tests import acting
from tests.acting import ONE, act, acted, acting_bundle
from tests.engine import fails_for_good
from tests.village import WHERE, Village

DAY = timedelta(days=1)


@pytest.fixture
def village(database_url: str, tmp_path: Path) -> Iterator[Village]:
    with acting.open_ground(database_url, tmp_path) as opened:
        yield opened


def test_an_action_is_done_once_and_told_of_and_what_was_delivered_stays(village: Village) -> None:
    before = village.shown("orders")
    accepted = act(village, inputs={"label": "weekly", "keep": 5}, reason="before the release")
    assert (accepted.status_code, accepted.headers["Location"]) == (202, ONE)
    assert (accepted.json()["phase"], accepted.json()["generation"]) == ("progressing", 1)
    why = village.why()
    assert why["message"] == "the action save begins shortly, asked for by dora: before the release"
    assert why["waiting_on"]["kind"] == "executor"
    village.settle()

    after = village.shown("orders")
    assert village.things.there["weekly"] == [5, "s", "id-of-orders"]
    assert after["phase"] == "ready"
    kept = ("applied", "outputs", "inputs", "generation", "contract_version")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    [run] = [each for each in acting.runs(village) if each["operation"] == "save"]
    assert (run["state"], run["outputs"]) == ("succeeded", {"saved": "id-of-weekly"})
    assert village.why()["reason"] == "Delivered"


def test_who_asked_and_why_stands_in_the_trail_with_what_policy_said(village: Village) -> None:
    acted(village, reason="before the release")
    [asked] = acting.trail(village, "request.action")
    assert asked["actor"] == "dora"
    assert (asked["detail"]["action"], asked["detail"]["reason"]) == ("save", "before the release")
    said = {each["id"]: each for each in village.doors("dora", "GET", f"{ONE}/decisions").json()["items"]}
    points = [said[each]["enforcement_point"] for each in asked["detail"]["decisions"]]
    assert points == ["admission", "plan"]
    [ended] = acting.trail(village, "action.")
    assert (ended["action"], ended["detail"]["action"]) == ("action.succeeded", "save")
    told = acting.events(village)
    assert told[told.index("ActionRequested") :].count("ActionSucceeded") == 1


def test_policy_is_asked_about_the_action_and_its_inputs(village: Village) -> None:
    village.doors.engine.asked.clear()
    act(village, inputs={"label": "weekly"})
    said: list[Any] = village.doors.engine.asked
    admission, plan = said
    for asked in (admission, plan):
        assert asked["operation"] == "save"
        assert asked["action"] == {"name": "save", "inputs": {"label": "weekly", "keep": 3}}
        assert asked["inputs"] == {"size": "s"}
    assert (admission["actor"], admission["plan"]) != (plan["actor"], None)
    assert plan["plan"]["reason"] == "ActionRequested"


def test_what_policy_denies_is_not_begun_and_the_denial_is_kept(village: Village) -> None:
    village.doors.engine.deny = [{"id": "not-now", "msg": "not on a Friday", "path": "/label"}]
    refused = act(village)
    assert (refused.status_code, refused.json()["code"]) == (403, "policy_denied")
    assert refused.json()["errors"][0]["pointer"] == "/inputs/label"
    assert acting.trail(village, "request.denied")[0]["detail"]["operation"] == "save"
    village.doors.engine.deny = []
    village.settle()
    assert "nightly" not in village.things.there
    assert village.shown("orders")["phase"] == "ready"


def test_without_an_answer_of_policy_nothing_is_written(village: Village) -> None:
    village.doors.engine.is_down = True
    before = village.doors.rows()
    refused = act(village)
    assert (refused.status_code, refused.json()["code"]) == (503, "policy_unavailable")
    assert village.doors.rows() == before


def test_an_action_that_fails_leaves_the_request_ready_and_is_not_repeated(village: Village) -> None:
    village.things.script["nightly"] = [fails_for_good]
    after = acted(village)
    assert after["phase"] == "ready"
    why = village.why()
    assert (why["reason"], why["waiting_on"]["kind"]) == ("ActionFailed", "requester")
    assert "the action save failed: save failed: the target refuses" in why["message"]
    assert "avow action orders save" in why["next_action"]
    village.sleep(3 * DAY)
    assert [each["operation"] for each in acting.runs(village)].count("save") == 1
    assert village.why()["reason"] == "ActionFailed"
    village.doors("dora", "POST", f"{ONE}/actions/reconcile")
    village.settle()
    assert village.why()["reason"] == "Delivered", "whoever saw it has taken note"


def test_a_failed_action_does_not_keep_a_change_from_being_delivered(village: Village) -> None:
    village.things.script["nightly"] = [fails_for_good]
    acted(village)
    assert village.change("orders", inputs={"size": "l"}).status_code == 202
    assert village.shown("orders")["applied"]["inputs"] == {"size": "l"}
    assert village.why()["reason"] == "Delivered"


def test_after_a_failure_the_same_can_be_asked_once_more(village: Village) -> None:
    village.things.script["nightly"] = [fails_for_good]
    acted(village)
    acted(village)
    assert "nightly" in village.things.there
    assert village.why()["reason"] == "Delivered"


def test_a_failed_run_of_an_action_can_be_tried_again_as_it_is(village: Village) -> None:
    village.things.script["nightly"] = [fails_for_good]
    acted(village)
    run = acting.runs(village)[0]
    again = village.doors("dora", "POST", f"/v1/runs/{run['id']}/retry")
    assert again.status_code == 202, again.text
    village.settle()
    assert "nightly" in village.things.there
    assert village.why()["reason"] == "Delivered"


def test_an_action_that_takes_the_thing_away_is_found_out_by_the_look_after_it(village: Village) -> None:
    after = acted(village, "lose")
    assert village.things.story == ["+orders", "-orders", "+orders"]
    assert after["phase"] == "ready"
    assert "DriftFound" in acting.events(village)


def test_a_dry_run_shows_the_plan_and_writes_nothing(village: Village) -> None:
    before, shown = village.doors.rows(), village.shown("orders")
    answer = act(village, "sign", query="?dry_run=true", reason="to see")
    plan = answer.json()
    assert (answer.status_code, plan["action"], plan["reason"]) == (200, "sign", "ActionRequested")
    assert [(each["id"], each["uses"]) for each in plan["steps"]] == [
        ("sign-off", "approval"),
        ("signed", "test.do"),
    ]
    assert [(each["groups"], each["is_certain"]) for each in plan["approvals"]] == [(["security"], True)]
    assert plan["policy"]["outcome"] == "allow"
    saving = act(village, query="?dry_run=true").json()
    assert (saving["inputs"], saving["defaults"]) == ({"label": "nightly", "keep": 3}, ["keep"])
    assert (village.doors.rows(), village.shown("orders")) == (before, shown)


def test_a_dry_run_shows_what_policy_denies(village: Village) -> None:
    village.doors.engine.deny = ["not on a Friday"]
    plan = act(village, query="?dry_run=true").json()
    assert (plan["action"], plan["policy"]["outcome"], plan["steps"]) == ("none", "deny", [])


def test_under_one_key_an_action_is_asked_for_once(village: Village) -> None:
    key = {"Idempotency-Key": "once"}
    first = act(village, headers=key)
    assert act(village, headers=key).json() == first.json()
    other = act(village, headers=key, inputs={"label": "weekly"})
    assert other.json()["code"] == "idempotency_key_reused"
    village.settle()
    assert act(village, headers=key).json() == first.json()
    village.settle()
    assert [each["operation"] for each in acting.runs(village)].count("save") == 1


def test_whoever_asks_for_an_action_does_not_approve_it(village: Village) -> None:
    asked = act(village, "sign", who="admin")
    assert asked.status_code == 202, asked.text
    village.settle()
    assert village.why()["reason"] == "WaitingForApproval"
    [approval] = village.asked("admin")
    assert "admin" in approval["requesters"]
    assert village.vote("anna-s", approval).status_code == 202
    assert "sign" in village.things.there
    assert village.shown("orders")["phase"] == "ready"


def test_an_action_that_people_reject_says_so(village: Village) -> None:
    acted(village, "sign")
    [approval] = village.asked("admin")
    village.vote("anna-s", approval, "reject", "not today")
    assert village.shown("orders")["phase"] == "ready"
    assert "rejected by anna: not today" in village.why()["message"]


def test_a_deletion_gives_up_the_action_that_is_under_way(village: Village) -> None:
    acted(village, "sign")
    village.delete("orders")
    assert village.doors("dora", "GET", ONE).status_code == 410
    assert "sign" not in village.things.there


def test_a_change_waits_for_the_action_unless_that_waits_for_people(village: Village) -> None:
    act(village)
    assert village.change("orders", inputs={"size": "m"}).status_code == 202
    assert village.things.there["nightly"] == [3, "s", "id-of-orders"]
    assert village.shown("orders")["applied"]["inputs"] == {"size": "m"}
    acted(village, "sign")
    village.change("orders", inputs={"size": "l"})
    assert village.shown("orders")["applied"]["inputs"] == {"size": "l"}
    assert village.asked("admin") == []


def test_a_pass_that_planned_before_the_action_drops_its_plan(village: Village) -> None:
    """The action is accepted between the plan of an update and its beginning."""
    engine, answers = village.doors.engine, list[Any]()
    evaluate = engine.evaluate

    def meanwhile(bundle: PolicyBundle, document: JsonObject, timeout_seconds: float) -> Any:
        if document["operation"] == "update" and not answers:
            answers.append(act(village))
        return evaluate(bundle, document, timeout_seconds)

    engine.evaluate = meanwhile  # type: ignore[method-assign]  # stands between two moves
    acting.publish(village, acting_bundle("1.1.0"))
    assert [each.status_code for each in answers] == [202]
    finished = [each["operation"] for each in reversed(acting.runs(village))]
    assert finished == ["provision", "save", "update"]
    after = village.shown("orders")
    assert (after["phase"], after["applied"]["contract_version"]) == ("ready", "1.1.0")
    with village.doors.platform.db.read() as tx:
        fences = [each.fence for each in operations.page(tx, after["uid"], None, 10)]
    assert fences == sorted(set(fences), reverse=True), "later is higher"


def test_a_child_can_be_acted_upon_and_its_parent_waits_for_it(village: Village) -> None:
    children = [{"name": "db", "contract": "database", "version": "^1.0.0"}]
    village.offer("shop", children=children)
    assert village.ask("whole", "shop")["phase"] == "ready"
    asked = village.doors("dora", "POST", f"{WHERE}/whole-db/actions/sign")
    assert asked.status_code == 202, asked.text
    village.settle()
    assert village.phases()["whole"] != "ready"
    [approval] = village.asked("admin")
    village.vote("anna-s", approval)
    assert village.phases() == {"orders": "ready", "whole": "ready", "whole-db": "ready"}


def test_what_can_be_asked_is_listed_by_the_version_that_was_delivered(village: Village) -> None:
    listed = village.doors("dora", "GET", f"{ONE}/actions").json()
    assert (listed["contract"], listed["version"]) == ("database", "1.0.0")
    assert [each["name"] for each in listed["items"]] == ["lose", "save", "sign"]
    assert listed["items"][1]["inputs"]["required"] == ["label"]
    capability = village.doors("dora", "GET", "/v1/capabilities/database").json()
    assert capability["actions"] == listed["items"]


def test_a_secret_input_of_an_action_is_in_no_decision(village: Village) -> None:
    reference = "secret://env/AVOW_SECRET_SAVING"
    acted(village, inputs={"label": "nightly", "key": reference})
    decisions = village.doors("dora", "GET", f"{ONE}/decisions").json()["items"]
    stored = [each["input"] for each in decisions if each["operation"] == "save"]
    assert [each["action"]["inputs"]["key"] for each in stored] == [{"$redacted": True}] * 2
    assert reference not in repr(stored)
