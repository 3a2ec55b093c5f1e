"""Failed upgrades, and steering a single request between versions, by the door and the real reconciler."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog import audit
from reconciler.tables import git_outbox
from tests.engine import fails_for_good
from tests.stage import CONTRACT, PATH, Stage, open_stage
from tests.together import in_threads
from tests.versions_ground import (
    EXPRESSIONS,
    GIB,
    TO_GIB,
    act,
    applied_inputs,
    condition,
    deprecate,
    failing,
    on,
    patch,
    publish,
    refused,
)


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database_url, tmp_path) as opened:
        publish(opened, "1.0.0")
        yield opened


def test_a_failed_upgrade_is_on_record_and_not_tried_again_whatever_the_contract_says(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0", 5)
    publish(stage, "2.0.0", retry=True)
    shown = stage.shown()
    assert (shown["failed_version"], shown["contract_version"]) == ("2.0.0", "1.0.0")
    assert shown["applied"]["contract_version"] == "1.0.0"
    assert shown["phase"] == "failed"
    for _ in range(5):
        stage.sleep(timedelta(hours=1))
    assert stage.world.calls.count(stage.world.calls[-1]) >= 1
    assert [name for _, name, _, _ in stage.world.calls].count("v2-0-0") == 1
    applied = condition(stage, "Applied")
    assert (applied["status"], applied["reason"]) == ("False", "UpgradeFailed")
    assert "the upgrade from 1.0.0 to 2.0.0 failed" in applied["message"]
    why = stage.why()
    assert why["reason"] == "UpgradeFailed"
    assert ("avow reconcile orders" in why["next_action"], "avow rollback orders" in why["next_action"]) == (
        True,
        True,
    )


def test_after_a_failed_upgrade_what_was_delivered_is_still_looked_after(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    stage.world.script["look"] += [lambda _call: {"id": "look", "exists": False}] * 1
    stage.sleep(timedelta(hours=1))
    assert stage.world.done() == ["v1-0-0", "v1-0-0"], "it was gone, and is there again, from what it was"
    assert stage.shown()["failed_version"] == "2.0.0"
    assert condition(stage, "Applied")["reason"] == "UpgradeFailed"


@pytest.mark.parametrize("way", ["reconcile", "upgrade"])
def test_whoever_asks_has_it_tried_again(stage: Stage, way: str) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    answer = act(stage, way)
    assert answer.status_code == 202
    shown = stage.shown()
    assert (shown["phase"], shown["applied"]["contract_version"]) == ("ready", "2.0.0")
    assert ("failed_version" not in shown, shown["previous_version"]) == (True, "1.0.0")


def test_trying_again_that_fails_again_is_on_record_again(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0", 2)
    publish(stage, "2.0.0")
    act(stage, "reconcile")
    assert stage.shown()["failed_version"] == "2.0.0"
    stage.sleep(timedelta(hours=1))
    assert [name for _, name, _, _ in stage.world.calls].count("v2-0-0") == 2


def test_a_change_of_inputs_tries_the_failed_version_with_the_new_ones(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    patch(stage, inputs={"size": "l"})
    assert (on(stage)[2], applied_inputs(stage)["size"]) == ("2.0.0", "l")


def test_a_change_of_labels_does_not(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0", 2)
    publish(stage, "2.0.0")
    assert patch(stage, labels={"a": "b"}).status_code == 200
    assert [name for _, name, _, _ in stage.world.calls].count("v2-0-0") == 1
    assert stage.shown()["failed_version"] == "2.0.0"


def test_a_fixed_version_is_taken_by_itself(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    publish(stage, "2.0.1")
    shown = stage.shown()
    assert (shown["phase"], shown["applied"]["contract_version"]) == ("ready", "2.0.1")
    assert "failed_version" not in shown


def runs_of(stage: Stage) -> int:
    return len(stage.doors("dora", "GET", f"{PATH}/runs").json()["items"])


def test_no_version_that_failed_is_tried_again_when_a_newer_one_failed_as_well(stage: Stage) -> None:
    stage.request()
    for version in ("1.1.0", "1.2.0"):
        failing(stage, version, 5)
        publish(stage, version)
    assert (stage.shown()["failed_version"], runs_of(stage)) == ("1.2.0", 3)
    deprecate(stage, "1.2.0")
    assert "the upgrade from 1.0.0 to 1.1.0 failed" in condition(stage, "Applied")["message"]
    deprecate(stage, "1.2.0", "published")
    stage.sleep(timedelta(hours=1))
    assert (on(stage)[1:], stage.shown()["failed_version"], runs_of(stage)) == (("1.0.0",) * 2, "1.2.0", 3)


def test_whoever_asks_has_every_version_that_failed_tried_again(stage: Stage) -> None:
    stage.request()
    for version in ("1.1.0", "1.2.0"):
        failing(stage, version)
        publish(stage, version)
    deprecate(stage, "1.2.0")
    act(stage, "reconcile")
    assert (on(stage)[2], "failed_version" in stage.shown()) == ("1.1.0", False)
    deprecate(stage, "1.2.0", "published")
    assert on(stage)[2] == "1.2.0"


def test_a_buggy_conversion_leaves_nothing_behind_for_the_fixed_one(stage: Stage) -> None:
    stage.request(inputs={"size": "m"})
    failing(stage, "2.0.0")
    wrong = TO_GIB | {"inputs": EXPRESSIONS | {"gib": "999"}}
    publish(stage, "2.0.0", spec={"inputs": GIB, "conversion": wrong})
    publish(stage, "2.0.1", spec={"inputs": GIB, "conversion": TO_GIB})
    assert applied_inputs(stage) == {"gib": 10, "backups": True}


def test_a_failed_run_that_is_tried_again_ends_the_failed_upgrade(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    [newest, *_] = stage.doors("dora", "GET", f"{PATH}/runs").json()["items"]
    assert stage.doors("dora", "POST", f"/v1/runs/{newest['id']}/retry").status_code == 202
    stage.settle()
    shown = stage.shown()
    assert (shown["phase"], on(stage)[2], "failed_version" in shown) == ("ready", "2.0.0", False)


def test_trying_again_what_mends_the_delivered_does_not_try_the_failed_upgrade(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    stage.world.script["look"] += [lambda _call: {"id": "look", "exists": False}]
    stage.world.script["v1-0-0"] += [fails_for_good]
    stage.sleep(timedelta(hours=1))
    assert stage.world.done() == ["v1-0-0"]
    [newest, *_] = stage.doors("dora", "GET", f"{PATH}/runs").json()["items"]
    assert stage.doors("dora", "POST", f"/v1/runs/{newest['id']}/retry").status_code == 202
    stage.settle()
    assert stage.world.done() == ["v1-0-0", "v1-0-0"]
    assert stage.shown()["failed_version"] == "2.0.0"


@pytest.mark.parametrize("is_deleted", [False, True], ids=["retired", "deleted"])
def test_a_failed_upgrade_to_a_version_that_ended_is_not_tried_again(
    stage: Stage, *, is_deleted: bool
) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    [newest, *_] = stage.doors("dora", "GET", f"{PATH}/runs").json()["items"]
    for state in ("deprecated", "retired"):
        assert deprecate(stage, "2.0.0", state).status_code == 200
    if is_deleted:
        where = f"/v1/contracts/{CONTRACT}/versions/2.0.0"
        assert stage.doors("pia", "DELETE", where, headers={"If-Match": "*"}).status_code == 204
    assert stage.doors("dora", "POST", f"/v1/runs/{newest['id']}/retry").status_code == 409
    stage.sleep(timedelta(hours=1))
    assert (on(stage)[1:], stage.shown()["phase"], runs_of(stage)) == (("1.0.0",) * 2, "ready", 2)


def test_a_run_is_not_tried_again_beside_the_end_of_its_version(stage: Stage) -> None:
    stage.request()
    for number in range(6):
        version = f"2.{number}.0"
        failing(stage, version)
        publish(stage, version)
        [newest, *_] = stage.doors("dora", "GET", f"{PATH}/runs").json()["items"]
        deprecate(stage, version)
        answers = raced(stage, version, newest["id"], retires_first=number % 2 == 0)
        assert sorted(answers) in ([200, 409], [202, 409], [409, 409]), answers
        stage.settle()


def raced(stage: Stage, version: str, run: str, *, retires_first: bool) -> list[int]:
    """Retire a version while a run on it is tried again, and return the status of both answers."""
    answers: list[int] = []

    def one(turn: int) -> None:
        if (turn == 0) is retires_first:
            where = f"/v1/contracts/{CONTRACT}/versions/{version}/lifecycle"
            answer = stage.doors("pia", "PUT", where, {"state": "retired"}, headers={"If-Match": "*"})
        else:
            answer = stage.doors("dora", "POST", f"/v1/runs/{run}/retry")
        answers.append(answer.status_code)

    assert in_threads(2, one) == []
    return answers


def test_a_rollback_after_a_failed_upgrade_stays_on_what_is_delivered(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    answer = act(stage, "rollback")
    assert (answer.status_code, answer.json()["generation"], answer.json()["version"]) == (202, 2, "1.0.0")
    shown = stage.shown()
    assert (shown["phase"], "failed_version" in shown) == ("ready", False)
    assert stage.world.done() == ["v1-0-0"], "nothing had to be done"


def test_a_rollback_after_a_failed_upgrade_takes_the_inputs_along_that_were_delivered(stage: Stage) -> None:
    stage.request(version="1.0.0", inputs={"size": "m"})
    publish(stage, "2.0.0", spec={"inputs": GIB})
    failing(stage, "2.0.0")
    patch(stage, version="2.0.0", inputs={"gib": 5, "size": None})
    assert (stage.shown()["failed_version"], on(stage)[1:]) == ("2.0.0", ("1.0.0", "1.0.0"))
    act(stage, "rollback")
    shown = stage.shown()
    assert (shown["phase"], shown["version"], shown["inputs"]) == (
        "ready",
        "1.0.0",
        {"size": "m", "backups": True},
    )


def test_a_rollback_of_an_upgrade_that_went_well_goes_to_the_version_before(stage: Stage) -> None:
    stage.request(inputs={"size": "m"})
    publish(stage, "2.0.0", spec={"inputs": GIB, "conversion": TO_GIB})
    assert act(stage, "rollback").status_code == 202
    assert on(stage) == ("1.0.0", "1.0.0", "1.0.0")
    assert (applied_inputs(stage), stage.shown()["previous_version"]) == (
        {"size": "m", "backups": True},
        "2.0.0",
    )


def test_there_is_nothing_to_roll_back_and_to_pin_before_anything_was_delivered(stage: Stage) -> None:
    failing(stage, "1.0.0", 9)
    stage.request()
    refused(act(stage, "rollback"), 409, "nothing_to_roll_back")
    refused(act(stage, "pin"), 409, "not_delivered")


def test_a_pinned_request_stays_whatever_is_published(stage: Stage) -> None:
    stage.request()
    answer = act(stage, "pin")
    assert (answer.status_code, answer.json()["version"]) == (202, "1.0.0")
    publish(stage, "2.0.0")
    assert on(stage) == ("1.0.0", "1.0.0", "1.0.0")
    assert stage.world.done() == ["v1-0-0"]
    again = act(stage, "pin")
    assert (again.status_code, again.json()["generation"]) == (200, 2), "pinning again changes nothing"


def test_an_upgrade_moves_a_pin_to_the_newest_version_that_fits_its_inputs(stage: Stage) -> None:
    stage.request(version="1.0.0")
    for version in ("1.1.0", "1.2.0"):
        publish(stage, version)
    publish(stage, "2.0.0", spec={"inputs": GIB})
    publish(stage, "3.0.0", canary=100, spec={"inputs": GIB})
    assert act(stage, "upgrade").json()["version"] == "1.2.0"
    assert on(stage) == ("1.2.0", "1.2.0", "1.2.0")
    refused(act(stage, "upgrade"), 422, "invalid_inputs")


def test_an_upgrade_moves_a_pin_to_a_pre_release_only_once_that_was_promoted(stage: Stage) -> None:
    stage.request(version="1.0.0")
    publish(stage, "2.0.0-rc.1")
    assert act(stage, "upgrade").status_code == 200, "there is nothing to go to"
    publish(stage, "2.0.0", spec={"inputs": GIB})
    refused(act(stage, "upgrade"), 422, "invalid_inputs")
    assert on(stage)[0] == "1.0.0"
    publish(stage, "3.0.0-rc.1")
    where = f"/v1/contracts/{CONTRACT}/versions/3.0.0-rc.1/canary"
    answer = stage.doors("pia", "PUT", where, {"share": 100}, headers={"If-Match": "*"})
    assert answer.is_success, answer.text
    assert act(stage, "upgrade").json()["version"] == "3.0.0-rc.1"


def test_an_upgrade_goes_where_it_is_sent(stage: Stage) -> None:
    stage.request(version="1.0.0")
    publish(stage, "1.1.0")
    publish(stage, "2.0.0")
    assert act(stage, "upgrade", {"to": "1.1.0"}).status_code == 202
    assert on(stage) == ("1.1.0", "1.1.0", "1.1.0")
    act(stage, "upgrade", {"to": "^1.0.0"})
    assert on(stage) == ("^1.0.0", "1.1.0", "1.1.0")
    act(stage, "upgrade", {"to": "stable"})
    assert on(stage) == ("stable", "2.0.0", "2.0.0")
    refused(act(stage, "upgrade", {"to": "9.9.9"}), 404, "contract_not_found")
    refused(act(stage, "upgrade", {"to": "^9.0.0"}), 409, "version_unresolvable")
    assert act(stage, "upgrade", {"to": "soon"}).status_code == 422


def test_an_upgrade_of_what_follows_and_is_fine_changes_nothing(stage: Stage) -> None:
    stage.request()
    rows = stage.doors.rows()
    answer = act(stage, "upgrade")
    assert (answer.status_code, answer.json()["generation"]) == (200, 1)
    assert stage.doors.rows() == rows


def test_an_explicit_move_converts_inputs_that_stay_the_same(stage: Stage) -> None:
    stage.request(version="1.0.0", inputs={"size": "l"})
    publish(stage, "2.0.0", spec={"inputs": GIB, "conversion": TO_GIB})
    act(stage, "upgrade")
    assert (on(stage), applied_inputs(stage)) == (("2.0.0",) * 3, {"gib": 100, "backups": True})


@pytest.mark.parametrize(
    ("action", "body"), [("upgrade", {"to": "2.0.0"}), ("pin", None), ("rollback", None)]
)
def test_each_has_a_plan_which_says_what_would_be_and_writes_nothing(
    stage: Stage, action: str, body: Any
) -> None:
    stage.request()
    publish(stage, "2.0.0", canary=0)
    act(stage, "upgrade", {"to": "2.0.0"})
    act(stage, "upgrade", {"to": "1.0.0"})
    rows, asked = stage.doors.rows(), len(stage.doors.engine.asked)
    plan = act(stage, action, body, "?dry_run=true")
    assert (plan.status_code, plan.json()["dry_run"]) == (200, True)
    moves = action != "pin"
    assert plan.json()["contract"]["version"] == ("2.0.0" if moves else "1.0.0")
    assert plan.json()["action"] == ("update" if moves else "none")
    assert stage.doors.rows() == rows
    assert len(stage.doors.engine.asked) == asked + 1


def test_each_is_a_change_like_any_other(stage: Stage) -> None:
    stage.request()
    publish(stage, "2.0.0", canary=0)
    with stage.doors.platform.db.read() as tx:
        before = len(tx.execute(git_outbox.select()).all())
    act(stage, "upgrade", {"to": "2.0.0"})
    act(stage, "rollback")
    asked: list[Any] = [each for each in stage.doors.engine.asked if each["operation"] == "update"]
    assert [each["enforcement_point"] for each in asked] == ["admission", "plan", "admission", "plan"]
    with stage.doors.platform.db.read() as tx:
        assert len(tx.execute(git_outbox.select()).all()) > before + 1
        trail = audit.page(tx, "shop", 0, 100)
    assert [each.actor for each in trail if each.action == "request.changed"] == ["dora", "dora"]
    key = {"Idempotency-Key": "once"}
    where = f"{PATH}/actions/upgrade"
    first = stage.doors("dora", "POST", where, {"to": "2.0.0"}, headers=key).json()
    assert stage.doors("dora", "POST", where, {"to": "2.0.0"}, headers=key).json() == first


def test_a_request_that_is_being_deleted_goes_nowhere(stage: Stage) -> None:
    stage.request()
    publish(stage, "2.0.0", canary=0)
    stage.doors("dora", "DELETE", PATH, headers={"If-Match": "*"})
    for action, body in (("upgrade", {"to": "2.0.0"}), ("pin", None)):
        answer = stage.doors("dora", "POST", f"{PATH}/actions/{action}", body)
        refused(answer, 409, "request_deleting")


def test_policy_denies_a_move_onto_what_is_deprecated_and_nothing_moves(stage: Stage) -> None:
    publish(stage, "2.0.0")
    stage.request(version="1.0.0")
    deprecate(stage, "2.0.0")
    stage.doors.engine.deny = [{"id": "deprecated", "msg": "2.0.0 is deprecated"}]
    refused_ = act(stage, "upgrade", {"to": "2.0.0"})
    assert (refused_.status_code, refused_.json()["code"]) == (403, "policy_denied")
    asked: Any = stage.doors.engine.asked[-1]["contract"]
    assert (asked["is_new_here"], asked["state"]) == (True, "deprecated")
    assert on(stage) == ("1.0.0", "1.0.0", "1.0.0")


def test_a_version_for_which_inputs_are_written_is_not_deleted(stage: Stage) -> None:
    stage.request(inputs={"size": "m"})
    publish(stage, "2.0.0", canary=0, spec={"inputs": GIB, "conversion": TO_GIB})
    failing(stage, "2.0.0")
    act(stage, "upgrade", {"to": "2.0.0"})
    deprecate(stage, "1.0.0")
    refused(deprecate(stage, "1.0.0", "retired"), 409, "version_in_use")
    act(stage, "reconcile")
    assert on(stage)[2] == "2.0.0"
    assert deprecate(stage, "1.0.0", "retired").status_code == 200
    answer = stage.doors(
        "pia", "DELETE", f"/v1/contracts/{CONTRACT}/versions/1.0.0", headers={"If-Match": "*"}
    )
    assert answer.status_code == 204, answer.text


def test_a_change_of_the_wish_alone_is_another_try(stage: Stage) -> None:
    stage.request()
    failing(stage, "2.0.0")
    publish(stage, "2.0.0")
    assert patch(stage, version="2.0.0").status_code == 202
    assert on(stage) == ("2.0.0", "2.0.0", "2.0.0")


def test_an_upgrade_that_is_under_way_is_taken_back(stage: Stage) -> None:
    stage.request()
    publish(stage, "2.0.0", canary=0)
    stage.doors("dora", "POST", f"{PATH}/actions/upgrade", {"to": "2.0.0"})  # and no pass since
    assert act(stage, "rollback").json()["version"] == "1.0.0"
    assert on(stage) == ("1.0.0", "1.0.0", "1.0.0")
    assert stage.world.done() == ["v1-0-0"]


def test_what_is_mended_meanwhile_leaves_the_inputs_of_the_wish_for_the_version_they_are_for(
    stage: Stage,
) -> None:
    stage.request(version="1.0.0", inputs={"size": "m"})
    publish(stage, "2.0.0", spec={"inputs": GIB, "conversion": TO_GIB})
    failing(stage, "2.0.0")
    patch(stage, version="2.0.0", inputs={"gib": 5, "size": None})
    stage.world.script["look"] += [lambda _call: {"id": "look", "exists": False}]
    stage.sleep(timedelta(hours=1))
    assert (stage.world.done(), on(stage)[2]) == (["v1-0-0", "v1-0-0"], "1.0.0")
    act(stage, "reconcile")
    assert (on(stage)[2], applied_inputs(stage)) == ("2.0.0", {"gib": 5, "backups": False})
