"""Nothing shows ready while any part of it is not, and whatever is not ready says why.

Every state that the model world can be brought into is walked, with its conditions, its
phase and its explanation; and the sources are read for reasons that no walk has met.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from inspect import getsource
from itertools import pairwise
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog import conversion
from catalog.conditions import NEEDED, Status, Type
from catalog.request import FAILURES, Phase
from executors.port import RunReport, RunState
from reconciler import (
    acting,
    composition,
    explain,
    outcome,
    plan,
    reconcile,
    record,
    relation,
    status,
    upgrade,
)
from reconciler.explain import Mover
from reconciler.status import Statements
from tests.factories import START, a_request, an_operation
from tests.model_world import EVENTS, World

HOLDS = ["", "paused", "deleting"]
PROVEN = frozenset({Type.APPLIED, Type.OBSERVED, Type.IN_SYNC, Type.WRITTEN})

happenings = st.lists(st.sampled_from(sorted(EVENTS)), max_size=15)


def states(names: Sequence[str]) -> Iterator[World]:
    """Yield the world after every pass and after every change in between."""
    world = World()
    world.go_by()
    yield world
    for name in names:
        if world.is_over:
            return
        EVENTS[name](world)
        yield world
        world.go_by()
        yield world


def lived(names: Sequence[str]) -> World:
    """Return the world after all of it."""
    *_, last = states(names)
    return last


@settings(max_examples=120)
@given(happenings)
@example(["git is written", "the contract is held", "wants a large one"])
@example(["git is written", "wants a large one", "git refuses"])
@example(["git is written", "the look fails"])
@example(["git is written", "policy is silent", "somebody tampers"])
def test_what_shows_ready_is_delivered_seen_in_sync_and_written(names: list[str]) -> None:
    for world in states(names):
        request = world.request
        ready = request.conditions.get(Type.READY)
        assert ready is not None
        assert (request.phase is Phase.READY) == ready.is_true
        if not ready.is_true:
            continue
        assert all(request.conditions[each].is_true for each in NEEDED if each in request.conditions)
        assert {*NEEDED} - {Type.COMPOSED} <= request.conditions.keys()
        assert not request.paused
        assert request.deletion_requested_at is None
        assert request.applied is not None
        assert request.applied.inputs["size"] == request.inputs["size"]
        assert world.unwritten == 0


@settings(max_examples=80)
@given(happenings.map(lambda names: ["git is written", *names]))
def test_ready_is_lost_in_the_pass_that_meets_the_failure(names: list[str]) -> None:
    world = World()
    for _ in range(2):
        world.go_by()
        world.write_git()
    for name in names:
        if world.is_over:
            return
        EVENTS[name](world)
        world.go_by()
        is_ready = world.request.conditions[Type.READY].is_true
        drifted = (
            world.thing is None or world.request.applied is None or world.thing != world.request.applied.facts
        )
        members = world.relations.members
        held_up = any(each.held and each.held.phase is not Phase.READY for each in members)
        held_up = held_up or world.relations.lacking is not None
        assert not (is_ready and (drifted or world.unwritten or not world.look_works or held_up))


@settings(max_examples=120)
@given(happenings)
@example(["deletes", "the look fails"])
@example(["git is written", "somebody removes it", "deletes", "git refuses"])
def test_whatever_is_not_ready_says_why_since_when_whose_move_it_is_and_what_to_do(names: list[str]) -> None:
    world = lived(names)
    operation = world.operations[-1] if world.operations else None
    for request, now in world.saved:
        found = explain.explain(request, "team-data", operation, now + timedelta(minutes=1))
        assert found.phase is request.phase
        assert found.reason
        assert found.message
        assert found.next_action
        assert "{" not in found.next_action
        assert START <= found.since <= now
        is_done = request.phase in (Phase.READY, Phase.DELETED)
        assert (found.waiting_on.kind is Mover.NOBODY) == is_done
        assert (found.retry_at is None) == is_done
        assert all(each.reason and each.message for each in request.conditions.values())


@settings(max_examples=80)
@given(happenings.map(lambda names: ["git is written", *names[:8], "deletes", *names[8:]]))
def test_a_deletion_is_never_explained_by_drift(names: list[str]) -> None:
    for request, now in lived(names).saved:
        if request.is_deleting:
            found = explain.explain(request, "team-data", None, now)
            assert found.reason not in {"Drifted", "Missing", "DriftReported", "RepairsDoNotHold", "Paused"}
            assert not found.differences


@settings(max_examples=100)
@given(happenings)
def test_since_moves_only_when_a_status_does(names: list[str]) -> None:
    saved = [request.conditions for request, _now in lived(names).saved]
    for before, after in pairwise(saved):
        for type_ in before.keys() & after.keys():
            has_moved = after[type_].since != before[type_].since
            assert not has_moved or after[type_].status is not before[type_].status


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(NEEDED), st.sampled_from(Status)), st.sampled_from(HOLDS))
def test_ready_follows_from_the_others_and_from_nothing_else(statuses: dict[Type, Status], held: str) -> None:
    request = a_request(paused=held == "paused", deletion_requested_at=START if held == "deleting" else None)
    say = Statements(request, START).say
    stated = {type_: say(type_, each, f"{type_}Because", "a sentence") for type_, each in statuses.items()}
    lie = say(Type.READY, Status.TRUE, "Delivered", "set by hand")
    ready = status.with_ready(request, {**stated, Type.READY: lie}, START)[Type.READY]
    if ready.is_true:
        assert not held
        assert all(each is Status.TRUE for each in statuses.values())
        assert statuses.keys() >= PROVEN
    elif set(statuses.values()) == {Status.TRUE} and not held:
        assert not statuses.keys() >= PROVEN


STATING: list[ModuleType] = [status, acting, plan, outcome, reconcile, record, relation, composition]
STATING += [upgrade, conversion]
ALWAYS_TRUE = frozenset(
    {"Published", "Chosen", "NotNeeded", "PolicyAllowed", "NothingToAllow", "Seen", "InSync", "Written"}
    | {"ChildrenReady", "ChildrenStay"}
)
"""Reasons that only ever go with a condition that holds, so nobody has to be told what to do."""

NO_REASONS = frozenset(
    {"PhaseChanged", "OperationSucceeded", "DriftFound", "OperationBegun", "VersionResolved"}  # of events
    | {"ActionRequested", "ActionSucceeded"}
)


def words(module: ModuleType) -> set[str]:
    """Return every CamelCase text in a module that could be a reason."""
    tree = ast.parse(getsource(module))
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if text.isidentifier() and text[0].isupper() and not text.isupper()}


@pytest.mark.parametrize("module", STATING, ids=lambda module: module.__name__)
def test_every_reason_in_the_sources_has_a_next_move(module: ModuleType) -> None:
    unanswered = words(module) - explain.REASONS - ALWAYS_TRUE - NO_REASONS
    # Conditions are annotated by their type names in `catalog.conditions`, not by texts here.
    assert unanswered == set()


def test_the_reading_of_the_sources_finds_reasons() -> None:
    assert {"Accepted", "NoDestination", "WritebackFailed"} <= words(status)
    assert {"RepairsDoNotHold", "NotDelivered"} <= words(plan)
    assert {"PolicyDenied"} <= words(record)


def test_every_reason_with_a_next_move_is_stated_somewhere() -> None:
    stated = set().union(*(words(module) for module in STATING))
    without_condition = {"Deleted", "DeletionQueued", "ActionFailed", "ActionStuck", plan.GONE}
    assert stated | without_condition >= explain.REASONS


@pytest.mark.parametrize("state", list(RunState))
def test_every_state_of_a_run_can_be_explained(state: RunState) -> None:
    operation = an_operation(run_id="run-1")
    request = a_request()
    conditions = status.under_way(request, operation, RunReport(state, message="m", step="s"), START)
    found = explain.explain(replace(request, conditions=conditions), "team-data", operation, START)
    assert found.next_action
    assert found.waiting_on.kind in (Mover.EXECUTOR, Mover.OPERATOR)


def test_every_reason_that_counts_as_a_failure_can_be_explained_or_is_not_stated() -> None:
    stated = set().union(*(words(module) for module in STATING))
    assert FAILURES & stated <= explain.REASONS


def test_modules_that_state_reasons_are_all_read() -> None:
    package = import_module("reconciler")
    assert package.__doc__
    for name in ("observe", "preview", "situation", "orders", "operation", "placement"):
        assert not words(import_module(f"reconciler.{name}")) & (explain.REASONS - {"Drifted", "Missing"})
