"""The next move where others are concerned: contracts, used requests, children, users."""

from dataclasses import replace
from typing import Any

import pytest

from catalog.conditions import Condition, Status, Type
from catalog.contract import Child, OperationName
from catalog.fleet import Presence
from catalog.ids import ContractName
from catalog.request import Phase
from reconciler.composition import PARENT_LABEL
from reconciler.plan import Move, Situation, plan
from reconciler.relation import Member, Obstacle, Relations
from tests.factories import (
    START,
    a_contract,
    a_delivered_request,
    a_request,
    a_situation,
    an_observation,
    an_operation,
)

MISSING = Obstacle(Type.AVAILABLE, Status.FALSE, "RequirementMissing", "m", "network ^2.0.0")
NOT_READY = Obstacle(Type.AVAILABLE, Status.FALSE, "UsedNotReady", "m", "net")
LABELS = {"tier": "backend", PARENT_LABEL: "orders-db"}
GONE = Condition(Type.OBSERVED, Status.TRUE, "Gone", "it was seen gone", START, 1)


def child(phase: Phase = Phase.READY, **fields: Any) -> Relations:
    """Return relations to one child that is as it is wished."""
    values = {"name": "orders-db-net", "version": "*", "labels": LABELS, "phase": phase} | fields
    held = a_request("req_net", **values)
    wanted = Child("net", ContractName(held.contract), "*", {"size": "s"})
    ref = a_situation().contract_ref
    return Relations(members=(Member("net", held.name, wanted, a_contract(), ref, held),))


def delivered(relations: Relations, presence: Presence = Presence.PRESENT, **fields: Any) -> Situation:
    """Return the situation of something that was delivered, with its children, as it is wanted."""
    found = a_situation(
        a_delivered_request(**fields), observation=an_observation(presence), relations=relations
    )
    applied = found.request.applied
    assert applied is not None
    applied = replace(applied, desired_digest=found.desired_digest, children=found.children)
    return replace(found, request=replace(found.request, applied=applied))


def moved(situation: Situation) -> tuple[Move, OperationName | None, str]:
    found = plan(situation, START)
    return found.move, found.operation, found.reason


@pytest.mark.parametrize("relations", [Relations(lacking=MISSING), Relations(awaited=NOT_READY)])
def test_nothing_is_begun_before_what_it_rests_on_is_there(relations: Relations) -> None:
    obstacle = relations.lacking or relations.awaited
    assert obstacle is not None
    assert moved(a_situation(relations=relations)) == (Move.WAIT, None, obstacle.reason)
    found = delivered(relations)
    wanted = replace(found, request=replace(found.request, inputs={"size": "l"}))
    assert moved(wanted) == (Move.WAIT, None, obstacle.reason), "a change is begun no sooner"


@pytest.mark.parametrize("relations", [Relations(lacking=MISSING), Relations(awaited=NOT_READY)])
def test_what_was_delivered_is_mended_and_deleted_whatever_is_missing(relations: Relations) -> None:
    drifted = replace(delivered(relations), observation=an_observation(facts={"exists": True, "size": "x"}))
    assert moved(drifted) == (Move.OPERATE, OperationName.REPAIR, "Drifted")
    changed = replace(drifted, request=replace(drifted.request, inputs={"size": "l"}))
    assert moved(changed) == (Move.OPERATE, OperationName.REPAIR, "Drifted")
    going = delivered(relations, deletion_requested_at=START)
    assert moved(going) == (Move.OPERATE, OperationName.DELETE, "DeletionRequested")


def test_children_come_before_the_parents_own_provision() -> None:
    absent = replace(child().members[0], held=None)
    assert moved(a_situation(relations=Relations(members=(absent,))))[0] is Move.COMPOSE
    assert moved(a_situation(relations=child(Phase.PROGRESSING))) == (Move.WAIT, None, "ChildNotReady")
    assert moved(a_situation(relations=child())) == (Move.OPERATE, OperationName.PROVISION, "NotDelivered")


def test_no_child_is_made_while_a_requirement_is_missing() -> None:
    absent = replace(child().members[0], held=None)
    relations = Relations(lacking=MISSING, members=(absent,))
    assert moved(a_situation(relations=relations)) == (Move.WAIT, None, "RequirementMissing")


def test_what_a_child_hands_back_anew_is_delivered() -> None:
    assert moved(delivered(child()))[0] is Move.NOTHING
    before = delivered(child())
    after = replace(before, relations=child(outputs={"id": "another"}))
    assert moved(after) == (Move.OPERATE, OperationName.UPDATE, "DesiredChanged")


def test_mending_and_taking_down_speak_of_the_children_as_they_were() -> None:
    situation = replace(delivered(child(outputs={"id": "old"})), relations=child(outputs={"id": "new"}))
    assert situation.children_for(OperationName.UPDATE) == {"net": {"id": "new"}}
    for name in (OperationName.REPAIR, OperationName.DELETE, OperationName.OBSERVE):
        assert situation.children_for(name) == {"net": {"id": "old"}}


def test_a_parent_goes_itself_before_its_children_and_is_forgotten_after_them() -> None:
    going = delivered(child(), deletion_requested_at=START)
    assert moved(going) == (Move.OPERATE, OperationName.DELETE, "DeletionRequested")
    absent = replace(going, observation=an_observation(Presence.ABSENT))
    assert moved(absent) == (Move.RELEASE, None, "Gone")
    released = replace(
        absent, request=replace(absent.request, conditions={Type.OBSERVED: GONE}), observation=None
    )
    assert moved(released) == (Move.COMPOSE, None, "ChildrenLeaving")
    leaving = replace(released, relations=child(Phase.DELETING, deletion_requested_at=START))
    assert moved(leaving) == (Move.WAIT, None, "ChildrenLeaving")
    gone = replace(released, relations=Relations(members=(replace(child().members[0], held=None),)))
    assert moved(gone) == (Move.FORGET, None, "Gone")


def test_a_failed_look_at_a_released_parent_does_not_keep_its_children() -> None:
    going = delivered(
        child(), Presence.UNKNOWN, deletion_requested_at=START, conditions={Type.OBSERVED: GONE}
    )
    assert moved(going)[0] is Move.COMPOSE


@pytest.mark.parametrize("fields", [{}, {"paused": True}], ids=["free", "paused"])
def test_a_deletion_that_waits_begins_when_nothing_uses_it_any_more(fields: dict[str, Any]) -> None:
    queued = {"deletion_queued_at": START} | fields
    used, unused = Relations(is_used=True), Relations(is_used=False)
    assert moved(delivered(unused, **queued)) == (Move.GIVE_BACK, None, "DeletionRequested")
    assert moved(delivered(used, **queued))[0] is not Move.GIVE_BACK
    assert moved(delivered(unused, **fields))[0] is not Move.GIVE_BACK, "nobody asked for it"


def test_an_operation_remembers_what_children_had_handed_back() -> None:
    plan_document = {"inputs": {}, "children": {"net": {"id": "x"}, "odd": 3}}
    assert an_operation(plan=plan_document).children == {"net": {"id": "x"}}
    assert an_operation(plan={"inputs": {}}).children == {}
