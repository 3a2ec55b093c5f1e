"""Contracts that need one another, by the door: published, shown, and requests that wait for them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.village import Village, open_village

NETWORK = [{"contract": "network", "version": "^2.0.0"}]


@pytest.fixture
def village(database_url: str, tmp_path: Path) -> Iterator[Village]:
    with open_village(database_url, tmp_path) as opened:
        yield opened


def contract(village: Village, name: str) -> Any:
    """Return a contract as it is shown."""
    return village.doors("dora", "GET", f"/v1/contracts/{name}").json()


def test_a_contract_whose_requirement_is_missing_is_published_and_shown_unavailable(village: Village) -> None:
    assert village.offer("database", requires=NETWORK).status_code == 201
    shown = contract(village, "database")
    assert shown["available"] is False
    [needed] = shown["requires"]
    assert (needed["contract"], needed["version"], needed["state"]) == ("network", "^2.0.0", "missing")
    assert "network ^2.0.0 is not published" in needed["message"]
    version = village.doors("dora", "GET", "/v1/contracts/database/versions/1.0.0").json()
    assert (version["available"], version["requires"]) == (False, [needed])


def test_a_published_requirement_shows_who_needs_it_and_makes_them_available(village: Village) -> None:
    village.offer("database", requires=NETWORK)
    village.offer("network", "2.1.0")
    assert contract(village, "network")["required_by"] == [
        {"contract": "database", "version": "1.0.0", "requires": "^2.0.0"}
    ]
    shown = contract(village, "database")
    assert (shown["available"], shown["requires"][0]["state"]) == (True, "available")


def test_a_requirement_that_lacks_something_itself_is_unavailable_and_not_missing(village: Village) -> None:
    village.offer("network", "2.0.0", requires=[{"contract": "dns", "version": "*"}])
    village.offer("database", requires=NETWORK)
    [needed] = contract(village, "database")["requires"]
    assert needed["state"] == "unavailable"
    assert "dns * is not published" in needed["message"]


def test_a_request_on_an_unavailable_contract_waits_and_goes_on_by_itself(village: Village) -> None:
    village.offer("database", requires=NETWORK)
    shown = village.ask("orders", "database")
    assert shown["phase"] == "pending"
    available = village.condition("orders", "Available")
    assert (available["status"], available["reason"]) == ("False", "RequirementMissing")
    why = village.why("orders")
    assert why["waiting_on"] == {"kind": "platform-operator", "ref": "network ^2.0.0"}
    assert "network ^2.0.0" in why["message"]
    assert village.things.story == []

    village.offer("network", "2.0.0")
    assert village.shown("orders")["phase"] == "ready"
    assert village.things.story == ["+orders"]


def test_the_owner_of_what_is_missing_has_the_next_move(village: Village) -> None:
    village.offer("network", "1.0.0", who="admin")
    village.offer("database", requires=NETWORK)
    village.ask("orders", "database")
    waiting = village.why("orders")["waiting_on"]
    assert waiting == {"kind": "contract-owner", "ref": "network ^2.0.0", "owner": "team-admin"}


def test_publishing_wakes_those_that_need_it_through_others(village: Village) -> None:
    village.offer("network", "2.0.0", requires=[{"contract": "dns", "version": "1.x"}])
    village.offer("database", requires=NETWORK)
    village.ask("orders", "database")
    assert village.why("orders")["waiting_on"]["ref"] == "dns 1.x"
    village.offer("dns", "1.4.0")
    assert village.shown("orders")["phase"] == "ready"


def test_a_requirement_that_disappears_stops_new_operations_and_leaves_what_is_there(
    village: Village,
) -> None:
    village.offer("network", "2.0.0")
    village.offer("database", requires=NETWORK)
    village.ask("orders", "database")
    village.withdraw("network", "2.0.0")
    shown = village.shown("orders")
    assert (shown["phase"], village.condition("orders", "Available")["reason"]) == (
        "blocked",
        "RequirementMissing",
    )
    assert village.things.there == {"orders": "s"}

    village.change("orders", inputs={"size": "l"})
    assert village.things.there == {"orders": "s"}, "a change is a new operation"

    village.delete("orders")
    assert village.things.there == {}
    assert village.doors("dora", "GET", "/v1/projects/shop/requests/orders").status_code == 410


def test_what_was_delivered_is_mended_although_a_requirement_disappeared(village: Village) -> None:
    village.offer("network", "2.0.0")
    village.offer("database", requires=NETWORK)
    village.ask("orders", "database")
    village.withdraw("network", "2.0.0")
    village.things.there.clear()
    village.doors("dora", "POST", "/v1/projects/shop/requests/orders/actions/reconcile")
    village.settle()
    assert village.things.there == {"orders": "s"}


def test_an_upgrade_of_a_requirement_beside_the_old_one_changes_nothing(village: Village) -> None:
    village.offer("network", "2.0.0")
    village.offer("database", requires=NETWORK)
    village.ask("orders", "database")
    village.offer("network", "3.0.0")
    assert contract(village, "database")["available"] is True
    assert village.shown("orders")["phase"] == "ready"
    assert village.things.story == ["+orders"]


def test_the_second_of_two_contracts_that_close_a_ring_is_refused(village: Village) -> None:
    village.offer("database", requires=NETWORK)
    rows = village.doors.rows()
    answer = village.offer("network", "2.0.0", requires=[{"contract": "database", "version": "1.x"}])
    assert (answer.status_code, answer.json()["code"]) == (422, "dependency_cycle")
    [place] = answer.json()["errors"]
    assert place["pointer"] == "contract.yaml#/spec/requires/0/version"
    assert "network needs database 1.x, database needs network ^2.0.0" in place["detail"]
    assert village.doors.rows() == rows


def test_children_close_a_ring_as_requirements_do(village: Village) -> None:
    village.offer("site", children=[{"name": "db", "contract": "database", "version": "*"}])
    answer = village.offer("database", requires=[{"contract": "site", "version": "*"}])
    assert (answer.status_code, answer.json()["code"]) == (422, "dependency_cycle")


def test_ranges_that_cannot_be_met_together_are_refused_with_both(village: Village) -> None:
    village.offer("zone", "1.0.0", requires=[{"contract": "dns", "version": "^2.0.0"}])
    requires = [{"contract": "dns", "version": "^1.0.0"}, {"contract": "zone", "version": "*"}]
    answer = village.offer("database", requires=requires)
    assert (answer.status_code, answer.json()["code"]) == (422, "dependency_conflict")
    [place] = answer.json()["errors"]
    assert place["pointer"] == "contract.yaml#/spec/requires/1/version"
    assert "database needs dns ^1.0.0 and zone 1.0.0 needs dns ^2.0.0" in place["detail"]


def test_a_plan_for_an_unavailable_contract_says_that_it_would_wait(village: Village) -> None:
    village.offer("database", requires=NETWORK)
    body = {"name": "orders", "contract": "database"}
    plan = village.doors("dora", "POST", "/v1/projects/shop/requests?dry_run=true", body).json()
    assert (plan["action"], plan["reason"]) == ("wait", "RequirementMissing")
