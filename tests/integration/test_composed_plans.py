"""Plans of requests that are made of requests, or wait: whom they ask and what they begin in the end."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.asking import a_person
from tests.village import WHERE, Village, bundle, open_village

DRY = f"{WHERE}?dry_run=true"
PLANS = "/v1/projects/shop/plans"
ANYTIME = {"If-Match": "*"}


@pytest.fixture
def village(database_url: str, tmp_path: Path) -> Iterator[Village]:
    with open_village(database_url, tmp_path) as opened:
        a_person(opened.doors, "sue", "security")
        a_person(opened.doors, "olga", "ops")
        opened.offer("base")
        asking(opened, "asking", "ops")
        asking(opened, "site", "security", children=[child("b", "base"), child("a", "asking", needs=["b"])])
        yield opened


def child(name: str, contract: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "contract": contract, "version": "^1.0.0"} | more


def asking(village: Village, name: str, group: str, version: str = "1.0.0", **spec: Any) -> None:
    """Publish a contract whose provision asks a group."""
    outputs = "${steps.make.outputs.id}"
    files = bundle((name, version, "team-data"), "${inputs.size}", outputs, **spec)
    document = json.loads(files["provision.yaml"])
    document["steps"].insert(0, {"id": "sign", "approval": {"groups": [group]}})
    files["provision.yaml"] = json.dumps(document)
    answer = village.doors("pia", "POST", "/v1/contracts", {"files": files})
    assert answer.status_code == 201, answer.text
    village.settle()


def plan(village: Village, name: str = "ada", **more: Any) -> Any:
    answer = village.doors("dora", "POST", DRY, {"name": name, "contract": "site"} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def approve_all(village: Village) -> list[tuple[str, list[str]]]:
    """Approve until nobody is asked any more, and return who was asked for what."""
    asked = []
    while village.asked():
        [approval] = village.asked()
        groups = approval["asked"]["groups"]
        asked.append((approval["request"], groups))
        assert village.vote("sue" if groups == ["security"] else "olga", approval).status_code == 202
        village.settle()
    return asked


def told(plan: Any) -> list[tuple[str, list[str]]]:
    """Return whom a plan says to be asked, for children first."""
    found = [(each["request"], each["approvals"]) for each in plan["children"]]
    rows = [*found, ("ada", plan["approvals"])]
    return [(name, approval["groups"]) for name, approvals in rows for approval in approvals]


def test_a_plan_names_all_that_is_then_asked_of_parent_and_children(village: Village) -> None:
    found = plan(village)
    assert (found["action"], found["follows"]) == ("compose", "provision")
    assert [each["id"] for each in found["steps"]] == ["sign", "make"]
    assert [(each["deed"], each["request"], each["operation"]) for each in found["children"]] == [
        ("make", "ada-b", "provision"),
        ("make", "ada-a", "provision"),
    ]
    assert [each["id"] for each in found["children"][1]["steps"]] == ["sign", "make"]
    assert found["estimate"] == {"reason": "no provision of this contract has succeeded lately"}

    village.ask("ada", "site")
    assert approve_all(village) == told(found) == [("ada-a", ["ops"]), ("ada", ["security"])]
    assert plan(village, "bob")["estimate"]["work"]["runs"] == 1
    assert plan(village, "bob")["children"][0]["estimate"]["work"]["runs"] == 1


WAITS: dict[str, tuple[dict[str, Any], str]] = {
    "what it uses": ({"uses": [{"request": "other"}]}, "UsedNotReady"),
    "a contract": ({"contract": "needy"}, "RequirementMissing"),
    "a place": ({"contract": "placed"}, "NoDestination"),
}


@pytest.mark.parametrize(("wish", "reason"), WAITS.values(), ids=WAITS)
def test_a_plan_of_what_has_to_wait_says_what_follows(
    village: Village, wish: dict[str, Any], reason: str
) -> None:
    asking(village, "needy", "security", requires=[{"contract": "nowhere", "version": "^1.0.0"}])
    village.ask("other", "base")
    village.doors("dora", "POST", f"{WHERE}/other/actions/pause")
    files = bundle(("placed", "1.0.0", "team-data"), "s", "${steps.make.outputs.id}")
    contract = json.loads(files["contract.yaml"])
    contract["spec"]["placement"] = {"match": {"kind": "moon"}}
    files["contract.yaml"] = json.dumps(contract)
    assert village.doors("pia", "POST", "/v1/contracts", {"files": files}).status_code == 201

    found = plan(village, **wish)
    assert (found["action"], found["reason"], found["follows"]) == ("wait", reason, "provision")
    assert found["steps"][-1]["id"] == "make"
    assert found["estimate"] == {"reason": "no provision of this contract has succeeded lately"}


def test_a_plan_of_a_change_names_the_children_that_it_changes(village: Village) -> None:
    village.offer(
        "pair", children=[child("b", "base", inputs={"size": "${inputs.size}"}), child("c", "base")]
    )
    village.ask("ada", "pair")
    body = {"inputs": {"size": "l"}}
    answer = village.doors("dora", "PATCH", f"{WHERE}/ada?dry_run=true", body, headers=ANYTIME)
    found = answer.json()
    [changed] = found["children"]
    assert (found["action"], found["follows"]) == ("compose", "update")
    assert (changed["request"], changed["operation"]) == ("ada-b", "update")
    assert changed["changes"] == [{"path": "/inputs/size", "before": "s", "after": "l"}]


def test_a_plan_of_a_change_that_only_children_carry_out_says_so(village: Village) -> None:
    village.offer("pair", children=[child("b", "base")])
    village.ask("ada", "pair")
    body = {"labels": {"tier": "web"}}
    answer = village.doors("dora", "PATCH", f"{WHERE}/ada?dry_run=true", body, headers=ANYTIME)
    found = answer.json()
    assert (found["action"], "follows" in found) == ("compose", False)
    assert [(each["request"], each["outcome"]) for each in found["children"]] == [("ada-b", "unchanged")]
    assert found["estimate"] == {"reason": "nothing of its own would be begun"}


def test_a_plan_of_a_deletion_names_the_children_in_the_order_in_which_they_go(village: Village) -> None:
    village.ask("ada", "site")
    approve_all(village)
    answer = village.doors("dora", "DELETE", f"{WHERE}/ada?dry_run=true", headers=ANYTIME)
    found = answer.json()
    assert found["action"] == "delete"
    assert [(each["deed"], each["request"], each["operation"]) for each in found["children"]] == [
        ("give_back", "ada-a", "delete"),
        ("give_back", "ada-b", "delete"),
    ]


def test_a_plan_is_stale_once_a_child_would_be_made_from_another_version(village: Village) -> None:
    kept = village.doors(
        "dora", "POST", PLANS, {"operation": "create", "name": "ada", "contract": "site"}
    ).json()
    village.offer("base", "1.1.0")
    answer = village.doors("dora", "POST", f"{PLANS}/{kept['id']}/submit")
    assert answer.json()["code"] == "plan_stale"
    assert {each["pointer"] for each in answer.json()["changes"]} == {
        "/children/ada-b/contract/version",
        "/children/ada-b/contract/digest",
    }


def test_the_plan_of_a_childs_deletion_is_refused(village: Village) -> None:
    village.ask("ada", "site")
    answer = village.doors("dora", "POST", PLANS, {"operation": "delete", "name": "ada-b"})
    assert (answer.status_code, answer.json()["code"]) == (409, "owned_by_parent")
