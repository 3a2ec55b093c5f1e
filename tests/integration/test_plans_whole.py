"""Plans with the real engine behind the door: what they foretell is what then happens."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.asking import a_person
from tests.doors import wanted
from tests.engine import step, undoable
from tests.integration.test_versions import publish
from tests.stage import CONTRACT, Stage, open_stage

PLANS = "/v1/projects/shop/plans"
IN_PROD = 'request.environment == "prod"'


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database_url, tmp_path) as opened:
        a_person(opened.doors, "sue", "security")
        yield opened


def plan(stage: Stage, name: str = "orders", **more: Any) -> Any:
    """Return the plan of a request that is not there yet."""
    where = "/v1/projects/shop/requests?dry_run=true"
    answer = stage.doors("dora", "POST", where, wanted(name, contract=CONTRACT, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def asked(stage: Stage) -> list[tuple[str, list[str]]]:
    return [(each["step"], each["asked"]["groups"]) for each in stage.asked()]


def test_a_plan_names_the_approvals_that_are_then_asked_for(stage: Stage) -> None:
    stage.publish(
        {"id": "prod", "if": IN_PROD, "approval": {"groups": ["ops"], "quorum": 2, "expires": "3d"}},
        quorum=1,
    )
    found = plan(stage, environment="dev")
    assert [(each["step"], each["is_certain"]) for each in found["approvals"]] == [("sign-off", True)]
    assert [each["id"] for each in found["steps"]] == ["before", "sign-off", "prod", "after"]
    assert [each.get("holds") for each in found["steps"]] == [None, None, False, None]
    assert found["steps"][2]["if"] == IN_PROD
    assert [each["needs"] for each in found["steps"]] == [[], ["before"], ["sign-off"], ["prod"]]
    assert [each["compensate"] for each in found["steps"]] == [True, False, False, True]
    assert stage.asked() == [], "a plan asks nobody"

    stage.request(environment="dev")
    assert asked(stage) == [("sign-off", ["security"])]


def test_in_another_environment_the_plan_and_the_run_ask_more(stage: Stage) -> None:
    stage.publish({"id": "prod", "if": IN_PROD, "approval": {"groups": ["ops"], "expires": "3d"}})
    found = plan(stage, environment="prod")
    assert [(each["step"], each["groups"]) for each in found["approvals"]] == [
        ("sign-off", ["security"]),
        ("prod", ["ops"]),
    ]
    assert found["approvals"][1] | {"step": "", "groups": []} == {
        "step": "",
        "groups": [],
        "assignees": [],
        "quorum": 1,
        "expires": "3d",
        "on_expiry": "reject",
        "conditions": [IN_PROD],
        "is_certain": True,
    }


def test_an_estimate_rests_on_what_was_and_counts_the_waiting_for_people_apart(stage: Stage) -> None:
    stage.publish({"id": "rest", "wait": {"timer": "30s"}})
    reason = plan(stage)["estimate"]
    assert reason == {"reason": "no provision of this contract has succeeded lately"}
    for number in range(3):
        stage.request(f"r{number}")
        [approval] = stage.asked()
        stage.sleep(timedelta(hours=2))
        vote(stage, approval)
        stage.sleep(timedelta(seconds=31))
        assert stage.shown(f"r{number}")["phase"] == "ready"

    estimate = plan(stage)["estimate"]
    assert (estimate["work"]["runs"], estimate["people"]["runs"]) == (3, 3)
    assert 30 <= estimate["work"]["p50_seconds"] < 60
    assert 7200 <= estimate["people"]["p50_seconds"] < 7260
    again = stage.doors(
        "dora",
        "PATCH",
        "/v1/projects/shop/requests/r0?dry_run=true",
        {"inputs": {"size": "m"}},
        headers={"If-Match": "*"},
    ).json()
    assert again["action"] == "update"
    assert again["estimate"] == {"reason": "no update of this contract has succeeded lately"}


def vote(stage: Stage, approval: Any) -> None:
    answer = stage.vote("sue", approval)
    assert answer.status_code == 202, answer.text


def test_a_plan_of_a_change_shows_what_would_be_different_from_what_is_delivered(stage: Stage) -> None:
    publish_quiet(stage)
    stage.request(labels={"tier": "web"})
    where = "/v1/projects/shop/requests/orders?dry_run=true"
    change = {"inputs": {"size": "m"}, "labels": {"tier": None}, "owner": "team-a"}
    found = stage.doors("dora", "PATCH", where, change, headers={"If-Match": "*"}).json()
    assert found["changes"] == [
        {"path": "/owner", "before": None, "after": "team-a"},
        {"path": "/labels/tier", "before": "web", "after": None},
        {"path": "/inputs/size", "before": "s", "after": "m"},
    ]


def publish_quiet(stage: Stage) -> None:
    """Publish a contract that asks nobody."""
    publish(stage, undoable("a"), step("b"))


def test_a_kept_plan_is_delivered_as_it_was_shown(stage: Stage) -> None:
    publish_quiet(stage)
    body = {"operation": "create", **wanted("orders", contract=CONTRACT)}
    kept = stage.doors("dora", "POST", PLANS, body).json()
    stage.settle()
    assert stage.world.done() == [], "a plan delivers nothing"

    submitted = stage.doors("dora", "POST", f"{PLANS}/{kept['id']}/submit")
    assert submitted.status_code == 202
    stage.settle()
    assert (stage.shown()["phase"], stage.world.done()) == ("ready", ["a", "b"])
    assert stage.shown()["destination"] == kept["plan"]["placement"]["destination"]


def test_a_plan_is_stale_once_what_is_there_needs_another_operation(stage: Stage) -> None:
    publish_quiet(stage)
    stage.doors.submit("orders", contract=CONTRACT)
    body = {"operation": "update", **wanted("orders", contract=CONTRACT, inputs={"size": "m"})}
    kept = stage.doors("dora", "POST", PLANS, body).json()
    assert kept["action"] == "provision"
    stage.settle()
    answer = stage.doors("dora", "POST", f"{PLANS}/{kept['id']}/submit")
    assert answer.json()["changes"] == [{"pointer": "/action", "before": "provision", "after": "update"}]
