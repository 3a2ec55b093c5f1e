"""Random contracts that need one another, and random children: against slow and obvious answers."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from catalog.composing import child_order
from catalog.contract import Child
from catalog.dependencies import Key, Need, Shelf, available, circle, clashes, fitting, lacks
from catalog.ids import ContractName
from catalog.ranges import parse_range
from catalog.request import Phase, Request
from executors.port import ContractRef
from reconciler.composition import PARENT_LABEL, Deed, composition, parting
from reconciler.relation import Member
from tests.factories import START, a_contract, a_request

NAMES = ("a", "b", "c", "d", "e")
VERSIONS = ("1.0.0", "1.1.0", "2.0.0")
RANGES = ("^1.0.0", "~1.0.0", "1.1.0", "^2.0.0", ">=1.1.0", "*", "^3.0.0")
GRID = [f"{major}.{minor}.{patch}" for major, minor, patch in product(range(5), range(3), range(2))]

needs = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(RANGES)), max_size=3).map(
    lambda pairs: [Need(name, wanted, f"requires/{at}") for at, (name, wanted) in enumerate(pairs)]
)
shelves = st.dictionaries(
    st.sampled_from(NAMES), st.dictionaries(st.sampled_from(VERSIONS), needs, max_size=3), max_size=5
)
graphs = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3)).map(
    lambda graph: {name: [each for each in below if each in graph] for name, below in graph.items()}
)


def keys(shelf: Shelf) -> list[Key]:
    return [(name, version) for name in shelf for version in shelf[name]]


def candidates(shelf: Shelf, need: Need) -> list[Key]:
    """Return the versions within a need's range, by trying each."""
    wanted = parse_range(need.versions)
    return [key for key in keys(shelf) if key[0] == need.contract and key[1] in wanted]


def can_serve(shelf: Shelf, key: Key, trail: frozenset[Key] = frozenset()) -> bool:
    """Say whether there is a tree of versions below this one that ends without repeating itself."""
    if key in trail:
        return False
    return all(
        any(can_serve(shelf, each, trail | {key}) for each in candidates(shelf, need))
        for need in shelf[key[0]][key[1]]
    )


def reach(shelf: Shelf, key: Key) -> set[Key]:
    """Return all versions that lie below one."""
    found: set[Key] = set()
    waiting = [key]
    while waiting:
        name, version = waiting.pop()
        below = {each for need in shelf[name][version] for each in candidates(shelf, need)}
        waiting += below - found
        found |= below
    return found


@given(shelves)
@example({"a": {"1.0.0": [Need("b", "*", "x")]}, "b": {"1.0.0": [Need("a", "*", "x")], "2.0.0": []}})
def test_exactly_those_are_available_below_which_everything_is_there(shelf: Shelf) -> None:
    assert available(shelf) == {key for key in keys(shelf) if can_serve(shelf, key)}


@given(shelves)
@example(
    {
        "a": {"1.0.0": [Need("c", "*", "x")], "1.1.0": [Need("a", "~1.0.0", "x")]},
        "b": {"1.0.0": [Need("a", "^1.0.0", "x")]},
    }
)
def test_what_is_lacking_is_said_exactly_where_it_is_and_ends_at_something_unpublished(shelf: Shelf) -> None:
    serving = available(shelf)
    for name, version in keys(shelf):
        found = lacks(shelf, shelf[name][version])
        assert bool(found) == ((name, version) not in serving)
        for lack in found:
            in_ring = any(key in reach(shelf, key) for key in keys(shelf))
            assert in_ring or not fitting(shelf, lack.root)


@given(shelves)
def test_publishing_more_never_takes_anything_away(shelf: Shelf) -> None:
    for name, version in keys(shelf):
        fewer = {each: dict(versions) for each, versions in shelf.items()}
        del fewer[name][version]
        assert available(fewer) <= available(shelf)


@given(shelves)
def test_a_ring_is_found_exactly_where_a_version_lies_below_itself(shelf: Shelf) -> None:
    for key in keys(shelf):
        ring = circle(shelf, key)
        assert bool(ring) == (key in reach(shelf, key))
        if ring:
            assert key in candidates(shelf, ring[-1])
            assert ring[0] in shelf[key[0]][key[1]]


@given(shelves)
def test_a_contradiction_has_no_version_that_does_for_both_and_none_is_overlooked(shelf: Shelf) -> None:
    for key in keys(shelf):
        found = {frozenset((one.need.versions, other.need.versions)) for one, other in clashes(shelf, key)}
        claimed: dict[str, set[str]] = {}
        for name, wanted in claims_below(shelf, key):
            claimed.setdefault(name, set()).add(wanted)
        expected = {
            frozenset((one, other))
            for those in claimed.values()
            for one, other in product(those, those)
            if not any(version in parse_range(one) and version in parse_range(other) for version in GRID)
        }
        assert found == expected


def claims_below(shelf: Shelf, key: Key) -> Iterable[tuple[str, str]]:
    """Yield what a version and the highest versions below it ask for."""
    seen: set[Key] = set()
    waiting = [key]
    while waiting:
        name, version = waiting.pop()
        if (name, version) in seen:
            continue
        seen.add((name, version))
        for need in shelf[name][version]:
            yield need.contract, need.versions
            waiting += sorted(candidates(shelf, need), key=lambda each: VERSIONS.index(each[1]))[-1:]


@given(graphs)
def test_children_come_after_those_that_they_need_and_only_rings_are_left_out(
    graph: dict[str, Any],
) -> None:
    order = child_order(graph)
    for place, name in enumerate(order):
        assert set(graph[name]) <= set(order[:place])
    left = set(graph) - set(order)
    assert all(set(graph[name]) & left for name in left), "each of them waits for another of them"


FITTING = a_contract(inputs={"type": "object", "additionalProperties": False})
REF = ContractRef(FITTING.name, FITTING.version, "sha256:1")
PARENT = a_request(name="shop", labels={})


def members(graph: dict[str, Any], held: dict[str, Request]) -> list[Member]:
    """Return the children of a graph, in their order, with those that are there."""
    return [
        Member(
            name,
            f"shop-{name}",
            Child(name, ContractName(FITTING.name), "*", {}, tuple(graph[name])),
            FITTING,
            REF,
            held.get(name),
        )
        for name in child_order(graph)
    ]


def a_child(name: str, phase: Phase) -> Request:
    """Return a child as it is wished."""
    labels = {PARENT_LABEL: "shop"}
    fields: dict[str, Any] = {"name": f"shop-{name}", "version": "*", "labels": labels, "inputs": {}}
    return replace(a_request(f"req_{name}", **fields), phase=phase)


@given(graphs, st.randoms(use_true_random=False))
def test_children_are_made_after_and_given_back_before_those_that_they_need(
    graph: dict[str, Any], dice: Any
) -> None:
    held: dict[str, Request] = {}
    while True:
        found = composition(PARENT, {}, members(graph, held), is_delivered=False)
        for errand in found.errands:
            name = errand.member.name
            assert errand.deed is Deed.MAKE
            assert all(held[need].phase is Phase.READY for need in graph[name])
            held[name] = a_child(name, Phase.PROGRESSING)
        waiting = sorted(name for name in held if held[name].phase is not Phase.READY)
        if not waiting:
            break
        name = dice.choice(waiting)  # in any order
        held[name] = a_child(name, Phase.READY)
    assert held.keys() == set(child_order(graph))
    assert found.obstacle is None

    while held:
        leaving = parting(members(graph, held))
        assert leaving.obstacle is not None
        for errand in leaving.errands:
            assert not any(errand.member.name in graph[name] for name in held)
            name = errand.member.name
            held[name] = replace(held[name], deletion_requested_at=START)
        gone = dice.choice(sorted(name for name in held if held[name].is_deleting))
        del held[gone]
    assert parting(members(graph, held)).obstacle is None
