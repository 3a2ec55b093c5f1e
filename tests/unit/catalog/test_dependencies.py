"""What contracts need of one another: available, missing, in a ring, in contradiction."""

import pytest

from catalog.dependencies import (
    Need,
    Shelf,
    available,
    circle,
    lacks,
    needs_of,
    relation_findings,
)
from tests.factories import a_contract

SPEC = "contract.yaml#/spec"


def need(contract: str, versions: str = "^1.0.0", place: str = "requires/0") -> Need:
    """Return a need."""
    return Need(contract, versions, place)


def test_required_contracts_and_children_are_needs_alike() -> None:
    contract = a_contract(
        requires=[{"contract": "network", "version": "^2.0.0"}],
        children=[{"name": "cache", "contract": "redis", "version": "1.x"}],
    )
    assert needs_of(contract) == (
        Need("network", "^2.0.0", "requires/0"),
        Need("redis", "1.x", "children/0", "cache"),
    )


def test_what_needs_nothing_is_available() -> None:
    assert available({"network": {"1.0.0": []}}) == {("network", "1.0.0")}


@pytest.mark.parametrize(
    ("published", "serving"),
    [([], 0), (["1.9.0"], 0), (["2.0.0"], 1), (["1.9.0", "2.5.0"], 1)],
    ids=["nothing", "older", "fitting", "both"],
)
def test_a_need_is_met_by_a_published_version_within_its_range(published: list[str], serving: int) -> None:
    versions: dict[str, list[Need]] = {version: [] for version in published}
    shelf: Shelf = {"service": {"1.0.0": [need("network", "^2.0.0")]}, "network": versions}
    assert [name for name, _ in available(shelf)].count("service") == serving


def test_what_needs_something_unavailable_is_unavailable_through_any_number_of_others() -> None:
    shelf: Shelf = {
        "service": {"1.0.0": [need("database")]},
        "database": {"1.0.0": [need("network")]},
        "network": {"1.0.0": [need("dns", "^3.0.0")]},
        "dns": {"2.0.0": []},
    }
    assert available(shelf) == {("dns", "2.0.0")}
    [lack] = lacks(shelf, [need("database")])
    assert lack.root == need("dns", "^3.0.0")
    assert lack.message == (
        "database 1.0.0 is not available: it needs network ^1.0.0; "
        "network 1.0.0 is not available: it needs dns ^3.0.0; "
        "dns ^3.0.0 is not published; there is 2.0.0"
    )


def test_an_older_version_that_can_serve_meets_a_need_where_the_newest_cannot() -> None:
    shelf: Shelf = {"database": {"1.0.0": [], "1.1.0": [need("network")]}, "network": {}}
    assert lacks(shelf, [need("database")]) == ()


def test_contracts_that_need_one_another_are_a_ring_and_none_of_them_is_available() -> None:
    shelf: Shelf = {"a": {"1.0.0": [need("b")]}, "b": {"1.0.0": [need("a", "1.x")]}}
    assert available(shelf) == frozenset()
    [finding] = relation_findings(shelf, ("a", "1.0.0"), SPEC)
    assert (finding.code, finding.pointer) == ("dependency_cycle", f"{SPEC}/requires/0/version")
    assert "a needs b ^1.0.0, b needs a 1.x" in finding.message
    assert lacks(shelf, [need("a")]), "a ring on the shelf must not stop the explanation"


def test_a_need_of_another_version_of_itself_is_no_ring() -> None:
    shelf: Shelf = {"a": {"1.0.0": [], "2.0.0": [need("b")]}, "b": {"1.0.0": [need("a", "^1.0.0")]}}
    assert circle(shelf, ("a", "2.0.0")) == ()
    assert ("a", "2.0.0") in available(shelf)


def test_a_ring_that_only_one_of_several_versions_closes_is_found() -> None:
    shelf: Shelf = {
        "a": {"1.0.0": [need("b")]},
        "b": {"1.0.0": [], "1.1.0": [need("a")]},
    }
    assert [each.contract for each in circle(shelf, ("b", "1.1.0"))] == ["a", "b"]
    assert circle(shelf, ("b", "1.0.0")) == ()


def test_ranges_without_a_common_version_contradict_one_another_at_any_distance() -> None:
    shelf: Shelf = {
        "service": {"1.0.0": [need("dns", "^1.0.0"), need("network", "^2.0.0", "requires/1")]},
        "network": {"2.0.0": [], "2.3.0": [need("zone")]},
        "zone": {"1.0.0": [need("dns", "^2.0.0")]},
        "dns": {"1.0.0": [], "2.0.0": []},
    }
    [finding] = relation_findings(shelf, ("service", "1.0.0"), SPEC)
    assert (finding.code, finding.pointer) == ("dependency_conflict", f"{SPEC}/requires/1/version")
    assert finding.message == (
        "no version of dns can do for both: service needs dns ^1.0.0 and zone 1.0.0 needs dns ^2.0.0"
    )


@pytest.mark.parametrize(
    ("one", "other"), [("^1.0.0", ">=1.9.0-rc.1 <1.9.0"), ("<1.0.1", ">1.0.0")], ids=["pre-releases", "gap"]
)
def test_ranges_with_no_version_between_their_ends_contradict_one_another(one: str, other: str) -> None:
    shelf: Shelf = {"service": {"1.0.0": [need("dns", one), need("dns", other, "requires/1")]}, "dns": {}}
    [finding] = relation_findings(shelf, ("service", "1.0.0"), SPEC)
    assert finding.code == "dependency_conflict"


def test_ranges_that_overlap_do_not_contradict_one_another() -> None:
    shelf: Shelf = {
        "service": {"1.0.0": [need("dns", ">=1.0.0 <3.0.0"), need("network", "^1.0.0", "requires/1")]},
        "network": {"1.0.0": [need("dns", "^2.0.0")]},
    }
    assert relation_findings(shelf, ("service", "1.0.0"), SPEC) == ()
