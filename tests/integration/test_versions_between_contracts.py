"""The life of a version seen from beside it: by contracts that need it, users, and capabilities."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.village import WHERE, Village, bundle, open_village

CHILD = {"name": "net", "contract": "network", "version": "^1.0.0"}
CAPABILITY = "/v1/capabilities/network/projects/shop/requests"


@pytest.fixture
def village(database_url: str, tmp_path: Path) -> Iterator[Village]:
    with open_village(database_url, tmp_path) as opened:
        yield opened


def draft(village: Village, name: str, version: str = "1.0.0", **spec: Any) -> Any:
    """Store a draft, settle, and return the answer."""
    files = bundle((name, version, "team-data"), "${inputs.size}", "${steps.make.outputs.id}", **spec)
    answer = village.doors("pia", "POST", "/v1/contracts", {"files": files, "draft": True})
    village.settle()
    return answer


def move(village: Village, name: str, state: str, version: str = "1.0.0") -> None:
    """Move a version in its life, and settle."""
    where = f"/v1/contracts/{name}/versions/{version}/lifecycle"
    answer = village.doors("pia", "PUT", where, {"state": state}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text
    village.settle()


def test_a_draft_meets_no_need_and_a_deprecated_version_does(village: Village) -> None:
    assert draft(village, "network").status_code == 201
    village.offer("database", requires=[{"contract": "network", "version": "^1.0.0"}])
    shown = village.ask("orders", "database")
    assert village.condition("orders", "Available")["reason"] == "RequirementMissing"
    assert shown["phase"] == "pending"
    village.offer("network")
    assert village.shown("orders")["phase"] == "ready"
    move(village, "network", "deprecated")
    village.ask("bills", "database")
    assert village.phases() == {"orders": "ready", "bills": "ready"}


def test_a_child_is_made_from_no_draft_and_keeps_to_a_version_that_is_deprecated(village: Village) -> None:
    village.offer("network")
    village.offer("site", children=[CHILD])
    draft(village, "network", "1.1.0")
    village.ask("shop", "site")
    assert village.shown("shop-net")["contract_version"] == "1.0.0"
    move(village, "network", "deprecated")
    assert (village.shown("shop-net")["contract_version"], village.shown("shop")["phase"]) == (
        "1.0.0",
        "ready",
    )
    village.offer("network", "1.1.0")
    assert village.shown("shop-net")["applied"]["contract_version"] == "1.1.0"
    assert village.shown("shop")["phase"] == "ready"


def test_a_draft_needs_and_counts_for_nobody_until_it_is_published(village: Village) -> None:
    village.offer("network")
    draft(village, "database", requires=[{"contract": "network", "version": "*"}])
    listed = village.doors("dora", "GET", "/v1/contracts/network").json()["required_by"]
    assert listed == []
    draft(village, "database", requires=[{"contract": "network", "version": ">=1.0.0"}])
    village.offer("database", requires=[{"contract": "network", "version": ">=1.0.0"}])
    [needing] = village.doors("dora", "GET", "/v1/contracts/network").json()["required_by"]
    assert "database" in str(needing)


def test_a_draft_that_would_close_a_ring_is_refused(village: Village) -> None:
    village.offer("network", requires=[{"contract": "database", "version": "*"}])
    answer = draft(village, "database", requires=[{"contract": "network", "version": "*"}])
    assert (answer.status_code, answer.json()["code"]) == (422, "dependency_cycle")


def test_a_draft_with_needs_can_be_deleted(village: Village) -> None:
    draft(village, "database", requires=[{"contract": "network", "version": "*"}])
    where = "/v1/contracts/database/versions/1.0.0"
    assert village.doors("pia", "DELETE", where, headers={"If-Match": "*"}).status_code == 204
    assert village.doors("dora", "GET", where).status_code == 404


def test_steering_a_request_between_versions_leaves_its_uses_alone(village: Village) -> None:
    village.offer("network")
    village.offer("database")
    village.ask("net", "network")
    village.ask("orders", "database", uses=["net"])
    village.offer("database", "1.1.0")
    for action in ("pin", "rollback", "upgrade"):
        answer = village.doors("dora", "POST", f"{WHERE}/orders/actions/{action}")
        assert answer.status_code in (200, 202), answer.text
        village.settle()
        assert village.shown("orders")["uses"] == [{"request": "net"}]


def test_a_capability_takes_a_range_and_says_that_the_version_is_deprecated(village: Village) -> None:
    village.offer("network")
    made = village.doors("dora", "POST", CAPABILITY, {"name": "net", "version": "^1.0.0"})
    assert made.status_code == 202, made.text
    village.settle()
    move(village, "network", "deprecated")
    found = village.doors("dora", "GET", f"{CAPABILITY}/net")
    assert found.headers["Deprecation"].startswith("@")
    assert (found.json()["version"], "deprecation" in found.json()) == ("^1.0.0", True)
    [listed] = village.doors("dora", "GET", CAPABILITY).json()["items"]
    assert "deprecation" in listed


def test_what_has_no_version_left_to_ask_for_is_no_capability_in_the_list(village: Village) -> None:
    village.offer("network")
    before = _listed(village)
    draft(village, "database")
    assert _listed(village) == before
    move(village, "network", "deprecated")
    assert _listed(village) == before
    move(village, "network", "retired")
    assert _listed(village) == [each for each in before if each != "network"]
    village.doors("pia", "DELETE", "/v1/contracts/network/versions/1.0.0", headers={"If-Match": "*"})
    assert _listed(village) == [each for each in before if each != "network"]


def _listed(village: Village) -> list[str]:
    return [each["name"] for each in village.doors("dora", "GET", "/v1/capabilities").json()["items"]]
