"""Requests that are made of other requests, by the door and with the real engine behind it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog import audit, requests
from tests.village import WHERE, Village, open_village

DATABASE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["net"],
    "properties": {"net": {"type": "string"}, "size": {"enum": ["s", "m"], "default": "s"}},
}
NET = {"name": "net", "contract": "network", "version": "^1.0.0"}
DB = {
    "name": "db",
    "contract": "database",
    "version": "^1.0.0",
    "inputs": {"net": "${children.net.outputs.id}", "size": "${inputs.size}"},
}
"""It comes after `net`, for it takes what that hands back."""


@pytest.fixture
def village(database_url: str, tmp_path: Path) -> Iterator[Village]:
    with open_village(database_url, tmp_path) as opened:
        opened.offer("network")
        opened.offer("database", of="${inputs.net}", inputs=DATABASE)
        yield opened


def site(village: Village, version: str = "1.0.0", *children: Any, **more: Any) -> Any:
    """Publish a contract of these children, of a database on a network unless others are named."""
    made = [*(children or (NET, DB))]
    return village.offer("site", version, of="${children.db.outputs.id}", children=made, **more)


def trail(village: Village, name: str) -> list[tuple[str, str]]:
    """Return who did what to a request."""
    with village.doors.platform.db.read() as tx:
        entries = audit.page(tx, "shop", 0, 500)
    return [(each.actor, each.action) for each in entries if each.subject == f"request/{name}"]


# --- making -----------------------------------------------------------------------------


def test_children_are_made_in_the_order_of_needs_and_the_parent_after_them(village: Village) -> None:
    site(village)
    shown = village.ask("shop-a", "site", owner="team-web", labels={"tier": "web"})
    assert village.things.story == ["+shop-a-net", "+shop-a-db", "+shop-a"]
    assert village.phases() == {"shop-a": "ready", "shop-a-net": "ready", "shop-a-db": "ready"}
    assert village.things.there["shop-a-db"] == "id-of-shop-a-net"
    assert village.things.there["shop-a"] == "id-of-shop-a-db"
    assert village.condition("shop-a", "Composed")["status"] == "True"
    child = village.shown("shop-a-db")
    assert (child["parent"], child["child"], child["version"]) == ("shop-a", "db", "^1.0.0")
    assert (child["environment"], child["owner"]) == (shown["environment"], "team-web")
    assert child["labels"] == {"tier": "web", "avow.dev/parent": "shop-a"}
    assert child["inputs"] == {"net": "id-of-shop-a-net", "size": "s"}


def test_the_children_of_a_request_are_found_by_their_label(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    found = village.doors("dora", "GET", f"{WHERE}?labels=avow.dev/parent=shop-a").json()["items"]
    assert sorted(each["name"] for each in found) == ["shop-a-db", "shop-a-net"]


def test_a_child_is_on_record_in_every_place_like_any_request(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    assert trail(village, "shop-a-net")[0] == ("system:avow", "request.accepted")
    events = village.doors("dora", "GET", f"{WHERE}/shop-a-net/events").json()["items"]
    assert (events[0]["kind"], events[0]["message"]) == (
        "RequestAccepted",
        "shop-a-net was made for shop-a",
    )
    with village.doors.platform.db.read() as tx:
        child = requests.by_name(tx, "shop", "shop-a-net")
        parent = requests.by_name(tx, "shop", "shop-a")
    assert (child.parent_uid, child.created_by, child.requesters) == (parent.uid, "system:avow", ("dora",))
    decisions = village.doors("dora", "GET", f"{WHERE}/shop-a-net/decisions").json()["items"]
    assert [each["operation"] for each in decisions] == ["provision"], "policy is asked about each child"


def test_children_of_children_are_made_and_given_back_alike(village: Village) -> None:
    site(village)
    street = [{"name": "one", "contract": "site", "version": "*"}]
    village.offer("street", of="${children.one.outputs.id}", children=street)
    village.ask("road", "street")
    assert village.things.story == ["+road-one-net", "+road-one-db", "+road-one", "+road"]
    village.delete("road")
    assert village.things.story[4:] == ["-road", "-road-one", "-road-one-db", "-road-one-net"]
    assert village.phases() == {}


def test_a_parent_waits_for_a_child_and_why_points_to_it(village: Village) -> None:
    site(village)
    village.doors.engine.deny = []
    village.doors("pia", "POST", "/v1/contracts/database/actions/pause")
    village.ask("shop-a", "site")
    assert village.things.story == ["+shop-a-net"]
    composed = village.condition("shop-a", "Composed")
    assert composed["reason"] in ("ChildNotReady", "ChildHeldUp")
    why = village.why("shop-a")
    assert (why["reason"], why["waiting_on"]["ref"]) == (composed["reason"], "shop-a-db")
    assert "shop-a-db" in why["message"]
    assert why["next_action"].endswith("avow why shop-a-db")
    village.doors("pia", "POST", "/v1/contracts/database/actions/resume")
    village.settle()
    assert village.shown("shop-a")["phase"] == "ready"


def test_a_child_that_policy_denies_holds_its_parent_up(village: Village) -> None:
    site(village)
    village.doors("dora", "POST", WHERE, {"name": "shop-a", "contract": "site"})
    village.doors.engine.deny = [{"id": "no", "msg": "not here"}]
    village.settle()
    assert village.things.story == []
    assert village.condition("shop-a", "Composed")["reason"] == "ChildHeldUp"
    assert village.shown("shop-a")["phase"] == "blocked"
    why = village.why("shop-a")
    assert why["waiting_on"] == {"kind": "requester", "ref": "shop-a-net"}
    assert "not here" in why["message"]


def test_inputs_that_the_childs_contract_refuses_are_said_on_the_parent(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site", inputs={"size": "l"})
    composed = village.condition("shop-a", "Composed")
    assert (composed["status"], composed["reason"]) == ("False", "ChildMisfit")
    assert "shop-a-db" in composed["message"]
    assert "/inputs/size" in composed["message"]
    assert village.shown("shop-a")["phase"] == "blocked"
    assert village.why("shop-a")["waiting_on"]["kind"] == "contract-owner"
    assert village.phases().keys() == {"shop-a", "shop-a-net"}
    village.change("shop-a", inputs={"size": "m"})
    assert village.shown("shop-a")["phase"] == "ready"


def test_a_name_that_is_taken_is_said_and_waited_for(village: Village) -> None:
    site(village)
    village.ask("shop-a-net", "network")
    village.ask("shop-a", "site")
    assert village.condition("shop-a", "Composed")["reason"] == "ChildNameTaken"
    assert village.things.story == ["+shop-a-net"]
    village.delete("shop-a-net")
    village.doors("dora", "POST", f"{WHERE}/shop-a/actions/reconcile")
    village.settle()
    assert village.shown("shop-a")["phase"] == "ready"
    assert village.shown("shop-a-net")["parent"] == "shop-a"


def test_a_plan_names_the_children_that_would_be_made(village: Village) -> None:
    site(village)
    plan = village.doors("dora", "POST", f"{WHERE}?dry_run=true", {"name": "x", "contract": "site"}).json()
    assert (plan["action"], plan["reason"], plan["message"]) == ("compose", "Composing", "make x-net")


# --- changing ---------------------------------------------------------------------------


def test_a_change_of_the_parent_changes_its_children_first(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    village.change("shop-a", inputs={"size": "m"}, labels={"tier": "web"})
    child = village.shown("shop-a-db")
    assert (child["inputs"]["size"], child["generation"]) == ("m", 2)
    assert village.shown("shop-a-net")["generation"] == 1, "nothing about what it delivers changed"
    assert village.shown("shop-a-net")["labels"]["tier"] == "web"
    assert village.things.story[3:] == ["+shop-a-db", "+shop-a"]
    assert set(village.phases().values()) == {"ready"}


def test_what_a_child_hands_back_anew_reaches_its_siblings_and_its_parent(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    village.offer("network", "1.1.0", gives="another")
    assert village.shown("shop-a-db")["inputs"]["net"] == "another"
    assert village.things.there["shop-a-db"] == "another"
    assert set(village.phases().values()) == {"ready"}
    village.offer("database", "1.1.0", gives="one more", of="x", inputs=DATABASE)
    assert village.things.there["shop-a"] == "one more"
    assert village.things.story[3:] == ["+shop-a-net", *["+shop-a-db", "+shop-a"] * 2]


def test_a_child_follows_the_range_that_its_parents_contract_gives(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    village.offer("network", "2.0.0")
    assert village.shown("shop-a-net")["contract_version"] == "1.0.0"
    village.offer("network", "1.2.0")
    assert village.shown("shop-a-net")["contract_version"] == "1.2.0"


def test_a_child_that_drifts_mends_itself_and_the_parent_is_not_ready_meanwhile(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    village.things.there.pop("shop-a-net")
    village.doors("dora", "POST", f"{WHERE}/shop-a-net/actions/reconcile")
    village.settle()
    assert "shop-a-net" in village.things.there
    assert set(village.phases().values()) == {"ready"}
    told = village.doors("dora", "GET", f"{WHERE}/shop-a/events?page_size=200").json()["items"]
    assert "its child shop-a-net is" in " ".join(each["message"] for each in told)


def test_a_child_that_a_new_version_has_no_more_is_given_back_after_the_parent_has_left_it(
    village: Village,
) -> None:
    site(village)
    village.ask("shop-a", "site")
    alone = DB | {"inputs": {"net": "none"}}
    site(village, "2.0.0", alone)
    assert village.phases() == {"shop-a": "ready", "shop-a-db": "ready"}
    assert village.things.story[3:] == ["+shop-a-db", "+shop-a", "-shop-a-net"]


def test_a_child_that_a_new_version_makes_from_another_contract_is_made_anew(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    village.offer("mesh")
    site(village, "2.0.0", NET | {"contract": "mesh"}, DB)
    assert village.shown("shop-a-net")["contract"] == "mesh"
    assert set(village.phases().values()) == {"ready"}
    assert "-shop-a-net" in village.things.story


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "shop-a-db", None),
        ("DELETE", "shop-a-db?when_unused=true", None),
        ("DELETE", "shop-a-db?dry_run=true", None),
        ("PATCH", "shop-a-db", {"inputs": {"net": "x", "size": "m"}}),
        ("PUT", "shop-a-db", {"contract": "database", "inputs": {"net": "x"}}),
        ("PATCH", "shop-a-db?dry_run=true", {"owner": "x"}),
    ],
    ids=str,
)
def test_people_do_not_change_or_delete_a_child(village: Village, method: str, path: str, body: Any) -> None:
    site(village)
    village.ask("shop-a", "site")
    answer = village.doors("dora", method, f"{WHERE}/{path}", body, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (409, "owned_by_parent")
    assert answer.json()["used_by"] == [{"kind": "request", "ref": "shop-a", "reason": "its child db"}]
    assert "avow status shop-a" in answer.json()["fix"]


# --- going ------------------------------------------------------------------------------


def test_a_parent_goes_before_its_children_and_those_in_reverse(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    village.delete("shop-a")
    assert village.things.story[3:] == ["-shop-a", "-shop-a-db", "-shop-a-net"]
    assert village.phases() == {}
    assert trail(village, "shop-a")[-1] == ("system:avow", "request.deleted")
    gone = [entry for entry in all_trail(village) if entry[1] == "request.deleted"]
    assert [name for name, _ in gone] == ["request/shop-a-db", "request/shop-a-net", "request/shop-a"]


def all_trail(village: Village) -> list[tuple[str, str]]:
    """Return what was done to what."""
    with village.doors.platform.db.read() as tx:
        return [(each.subject, each.action) for each in audit.page(tx, "shop", 0, 500)]


def test_a_parent_is_deleted_in_the_middle_of_being_made(village: Village) -> None:
    site(village)
    village.doors("pia", "POST", "/v1/contracts/database/actions/pause")
    village.ask("shop-a", "site")
    village.delete("shop-a")
    village.doors("pia", "POST", "/v1/contracts/database/actions/resume")
    village.settle()
    assert village.phases() == {}
    assert village.things.there == {}


def test_a_child_that_others_use_keeps_its_parent_until_they_are_gone(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    village.ask("guest", "network", uses=[{"request": "shop-a-net", "reason": "lives there"}])
    answer = village.delete("shop-a")
    assert answer.json()["code"] == "in_use"
    assert answer.json()["used_by"] == [
        {"kind": "request", "ref": "guest", "reason": "uses its child shop-a-net: lives there"}
    ]
    assert village.delete("shop-a", "?when_unused=true").status_code == 202
    late = village.doors(
        "dora", "POST", WHERE, {"name": "late", "contract": "network", "uses": ["shop-a-db"]}
    )
    assert late.json()["code"] == "used_request_leaving"
    village.delete("guest")
    assert village.phases() == {}
    assert village.things.story[-4:] == ["-guest", "-shop-a", "-shop-a-db", "-shop-a-net"]


def test_a_child_that_is_dropped_while_others_use_it_stays_until_they_are_gone(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    village.ask("guest", "network", uses=["shop-a-net"])
    site(village, "2.0.0", DB | {"inputs": {"net": "none"}})
    assert village.shown("shop-a-net")["deletion_queued_at"]
    assert village.shown("shop-a")["phase"] == "ready"
    village.delete("guest")
    assert village.phases() == {"shop-a": "ready", "shop-a-db": "ready"}


def test_a_request_that_uses_a_composed_one_waits_for_all_of_it(village: Village) -> None:
    site(village)
    village.doors("pia", "POST", "/v1/contracts/database/actions/pause")
    village.ask("shop-a", "site")
    village.ask("guest", "network", uses=["shop-a"])
    assert village.condition("guest", "Available")["reason"] == "UsedNotReady"
    village.doors("pia", "POST", "/v1/contracts/database/actions/resume")
    village.settle()
    assert village.things.story == ["+shop-a-net", "+shop-a-db", "+shop-a", "+guest"]


def test_a_parent_cannot_use_its_own_child(village: Village) -> None:
    site(village)
    village.ask("shop-a", "site")
    assert village.change("shop-a", uses=["shop-a-net"]).json()["code"] == "dependency_cycle"


# --- publishing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "code", "fix"),
    [
        ("${children.dbs.outputs.id}", "unknown_child", "children here: net, db"),
        ("${children.db.outputs.host}", "unknown_output", "it promises id"),
        ("${children.db.inputs.net}", "unknown_reference", "write ${children.name.outputs.field}"),
    ],
)
def test_a_workflow_refers_only_to_what_children_hand_back(
    village: Village, reference: str, code: str, fix: str
) -> None:
    answer = village.offer("site", of=reference, children=[NET, DB])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_definition")
    place = answer.json()["errors"][0]
    assert place["pointer"] == "provision.yaml#/steps/0/with/of"
    assert (place["code"], place["fix"]) == (code, fix)


def test_what_a_child_is_given_is_checked_where_its_contract_is_published(village: Village) -> None:
    wrong = DB | {"inputs": {"net": "${children.net.outputs.name}", "sise": "m", "size": "xl"}}
    answer = site(village, "1.0.0", NET, wrong)
    found = {(place["pointer"], place["code"]) for place in answer.json()["errors"]}
    where = "contract.yaml#/spec/children/1/inputs"
    assert found == {
        (f"{where}/net", "unknown_output"),
        (f"{where}/sise", "unknown_field"),
        (f"{where}/size", "enum"),
    }


def test_children_may_be_named_before_their_contracts_are_published(village: Village) -> None:
    child = {"name": "db", "contract": "later", "version": "*", "inputs": {"anything": 1}}
    answer = village.offer("site", of="${children.db.outputs.whatever}", children=[child])
    assert answer.status_code == 201
    village.ask("shop-a", "site")
    assert village.condition("shop-a", "Available")["reason"] == "RequirementMissing"
    assert json.dumps(village.phases()) == '{"shop-a": "pending"}'
