"""From a request to its delivery over people: door, engine and reconciler together."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler import workqueue
from tests.asking import a_person
from tests.stage import PATH, Stage, open_stage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database_url, tmp_path) as opened:
        for person in ("anna", "bob"):
            a_person(opened.doors, person, "security", token=f"{person}-s")
        a_person(opened.doors, "cora", "ciso")
        yield opened


def edited(stage: Stage, **inputs: Any) -> None:
    patch = {"inputs": inputs}
    answer = stage.doors("dora", "PATCH", PATH, patch, headers={"If-Match": "*"})
    assert answer.status_code == 202, answer.text
    stage.settle()


def kinds(stage: Stage) -> list[str]:
    events = stage.doors("dora", "GET", f"{PATH}/events?page_size=200").json()["items"]
    return [event["kind"] for event in events]


def trail(stage: Stage, approval: Any) -> list[str]:
    entries = stage.doors("admin", "GET", "/v1/audit?project=shop&page_size=500").json()["items"]
    return [entry["action"] for entry in entries if entry["subject"] == f"approval/{approval['id']}"]


def test_what_is_approved_is_delivered_and_all_of_it_is_told(stage: Stage) -> None:
    stage.publish(quorum=2, expires="3d")
    stage.request()
    assert stage.world.done() == ["before"]
    [approval] = stage.asked("anna-s", "inbox=mine")
    detail = stage.doors("anna-s", "GET", f"/v1/approvals/{approval['id']}").json()
    assert (detail["plan"]["reason"], detail["plan"]["inputs"]["size"]) == ("NotDelivered", "s")
    assert detail["decision_id"].startswith("dec_")
    assert stage.vote("anna-s", approval).status_code == 202
    assert stage.why()["message"] == "it waits for approval by group security (1 of 2 votes)"
    assert stage.vote("bob-s", approval).status_code == 202
    assert stage.world.done() == ["before", "after"]
    assert stage.shown()["phase"] == "ready"
    told = kinds(stage)
    assert [kind for kind in told if "Approv" in kind] == [
        "ApprovalOpened",
        "WaitingForApproval",
        "ApprovalVoted",
        "ApprovalVoted",
        "ApprovalClosed",
    ]
    assert trail(stage, approval) == ["approval.voted", "approval.voted", "approval.approved"]


def test_why_says_who_is_waited_for_since_when_and_what_to_do(stage: Stage) -> None:
    stage.publish(expires="3d")
    stage.request()
    stage.sleep(5 * HOUR)
    [approval] = stage.asked()
    why = stage.why()
    assert (why["reason"], why["since"]) == ("WaitingForApproval", approval["opened_at"])
    assert why["waiting_on"] == {"kind": "approver", "ref": approval["id"], "owner": "group security"}
    assert approval["id"] in why["next_action"]
    applied = next(each for each in stage.shown()["conditions"] if each["type"] == "Applied")
    assert (applied["status"], applied["reason"]) == ("Unknown", "WaitingForApproval")


def test_what_is_rejected_is_undone_and_not_asked_for_again_by_itself(stage: Stage) -> None:
    stage.publish()
    stage.request()
    [approval] = stage.asked()
    stage.vote("anna-s", approval, "reject", "open to the internet")
    assert stage.world.done() == ["before", "-before"]
    shown = stage.shown()
    assert shown["phase"] == "failed"
    why = stage.why()
    assert (why["reason"], why["waiting_on"]["kind"]) == ("ApprovalRejected", "requester")
    assert "rejected by anna: open to the internet" in why["message"]
    stage.sleep(30 * DAY)
    assert stage.asked() == []
    stage.doors("dora", "POST", f"{PATH}/actions/reconcile")
    stage.settle()
    [again] = stage.asked()
    assert (again["id"] != approval["id"], again["votes"]) == (True, [])


def test_an_edit_voids_what_is_asked_and_its_votes_are_gone(stage: Stage) -> None:
    stage.publish(quorum=2)
    stage.request()
    [old] = stage.asked()
    stage.vote("anna-s", old)
    edited(stage, size="l")
    assert stage.world.done() == ["before", "-before", "before"]
    [new] = stage.asked()
    assert (new["id"] != old["id"], new["binding"] != old["binding"], new["votes"]) == (True, True, [])
    ended = stage.doors("anna-s", "GET", f"/v1/approvals/{old['id']}").json()
    assert (ended["state"], len(ended["votes"])) == ("voided", 1)
    late = stage.vote("bob-s", old)
    assert (late.status_code, late.json()["code"]) == (409, "approval_closed")
    assert stage.shown()["phase"] == "progressing", "an edit is no failure"
    for who in ("anna-s", "bob-s"):
        assert stage.vote(who, new).status_code == 202
    assert stage.shown()["applied"]["inputs"]["size"] == "l"
    assert trail(stage, old) == ["approval.voted", "approval.voided"]


def test_a_vote_between_the_edit_and_its_pass_is_refused(stage: Stage) -> None:
    stage.publish()
    stage.request()
    [approval] = stage.asked()
    patch = {"inputs": {"size": "l"}}
    stage.doors("dora", "PATCH", PATH, patch, headers={"If-Match": "*"})
    body = {"verdict": "approve", "binding": approval["binding"]}
    refused = stage.doors("anna-s", "POST", f"/v1/approvals/{approval['id']}/votes", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_outdated")


def test_labels_do_not_void_and_their_editor_is_a_requester_of_the_next(stage: Stage) -> None:
    stage.publish()
    stage.request()
    [approval] = stage.asked()
    stage.doors("admin", "PATCH", PATH, {"labels": {"tier": "web"}}, headers={"If-Match": "*"})
    stage.settle()
    assert [each["id"] for each in stage.asked()] == [approval["id"]]
    edited(stage, size="l")
    [new] = stage.asked()
    assert new["requesters"] == ["dora", "admin"]


def test_a_new_contract_version_voids_what_followers_are_asked(stage: Stage) -> None:
    stage.publish()
    stage.request()
    [old] = stage.asked()
    stage.publish(version="1.1.0", quorum=2)
    stage.settle()
    [new] = stage.asked()
    assert (new["id"] != old["id"], new["quorum"]) == (True, 2)


def test_a_new_policy_voids_what_is_asked(stage: Stage) -> None:
    stage.publish()
    stage.request()
    [old] = stage.asked()
    admission: Any = stage.doors.platform.admission
    admission.organisation = type(admission.organisation)(revision="sha256:" + "9" * 64, modules=(), data={})
    body = {"verdict": "approve", "binding": old["binding"]}
    refused = stage.doors("anna-s", "POST", f"/v1/approvals/{old['id']}/votes", body)
    assert refused.json()["code"] == "approval_outdated"
    stage.sleep(2 * HOUR)
    [new] = stage.asked()
    assert new["id"] != old["id"]
    assert stage.vote("anna-s", new).status_code == 202
    assert stage.shown()["phase"] == "ready"


def test_a_deletion_voids_what_is_asked(stage: Stage) -> None:
    stage.publish()
    stage.request()
    [approval] = stage.asked()
    stage.doors("dora", "DELETE", PATH, headers={"If-Match": "*"})
    stage.settle()
    assert stage.asked() == []
    assert trail(stage, approval) == ["approval.voided"]
    assert stage.world.done()[:2] == ["before", "-before"]


def test_reminders_escalation_and_expiry_come_in_their_time(stage: Stage) -> None:
    stage.publish(expires="3d", remind="1d", escalate={"after": "2d", "to": ["ciso"]})
    stage.request()
    [approval] = stage.asked()
    stage.sleep(DAY)
    assert [each["reminders"] for each in stage.asked()] == [1]
    assert stage.asked("cora", "inbox=mine") == []
    stage.sleep(DAY)
    [asked] = stage.asked("cora", "inbox=mine")
    assert asked["whom"] == "group security or group ciso"
    assert asked["escalated_at"] > asked["opened_at"]
    stage.sleep(DAY)
    assert stage.asked() == []
    assert stage.why()["reason"] == "ApprovalExpired"
    assert stage.world.done() == ["before", "-before"]
    assert trail(stage, approval) == ["approval.escalated", "approval.expired"]
    told = kinds(stage)
    assert told.count("ApprovalReminded") == 2
    assert told.count("ApprovalEscalated") == 1


def test_time_does_not_run_out_while_the_run_is_paused(stage: Stage) -> None:
    stage.publish(expires="3d")
    stage.request()
    [approval] = stage.asked()
    run = f"/v1/runs/{approval['run_id']}"
    assert stage.doors("dora", "POST", f"{run}/pause").status_code == 202
    stage.settle()
    stage.sleep(4 * DAY)
    [paused] = stage.asked()
    assert paused.get("expires_at") is None
    claim = stage.doors("anna-s", "POST", f"/v1/approvals/{approval['id']}/claim", {"minutes": 60})
    assert claim.status_code == 202, claim.text
    assert stage.doors("dora", "POST", f"{run}/resume").status_code == 202
    stage.settle()
    [resumed] = stage.asked()
    assert resumed["expires_at"] > approval["expires_at"]
    assert stage.vote("anna-s", resumed).status_code == 202
    assert stage.shown()["phase"] == "ready"


def test_a_vote_in_a_long_pause_counts_and_what_follows_waits_for_its_end(stage: Stage) -> None:
    stage.publish(expires="3d")
    stage.request()
    [approval] = stage.asked()
    run = f"/v1/runs/{approval['run_id']}"
    stage.doors("dora", "POST", f"{run}/pause")
    stage.settle()
    stage.sleep(4 * DAY)
    assert stage.vote("anna-s", approval).status_code == 202
    assert stage.world.done() == ["before"]
    stage.doors("dora", "POST", f"{run}/resume")
    stage.settle()
    assert stage.shown()["phase"] == "ready"


def test_an_expiry_that_escalates_asks_others_and_lasts_as_long_again(stage: Stage) -> None:
    stage.publish(expires="1d", on_expiry="escalate", escalate={"after": "30d", "to": ["ciso"]})
    stage.request()
    [approval] = stage.asked()
    stage.sleep(DAY)
    [longer] = stage.asked("cora", "inbox=mine")
    assert longer["expires_at"] > approval["expires_at"]
    assert stage.vote("cora", longer).status_code == 202
    assert stage.shown()["phase"] == "ready"


def test_a_quiet_approval_is_looked_at_once_in_a_while_and_not_all_the_time(stage: Stage) -> None:
    stage.publish()
    stage.request()
    with stage.doors.platform.db.read() as tx:
        due_at = workqueue.next_due(tx)
    assert due_at is not None
    assert due_at > stage.doors.clock() + HOUR / 2


def test_a_run_that_asks_nobody_is_left_alone_by_an_edit_until_it_has_ended(stage: Stage) -> None:
    """Only what people were asked is void; work under way is finished, and then changed."""
    stage.publish({"id": "wait", "wait": {"timer": "1h"}})
    stage.request()
    [approval] = stage.asked()
    stage.vote("anna-s", approval)
    edited(stage, size="l")
    assert stage.world.done() == ["before"]
    stage.sleep(2 * HOUR)
    assert stage.world.done()[:2] == ["before", "after"]
    assert [each["generation"] for each in stage.asked()] == [2]
