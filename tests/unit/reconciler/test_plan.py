"""The next move, question by question, in the order in which a person would ask."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalog.conditions import Condition, Status, Type
from catalog.contract import OperationName
from catalog.fleet import Presence
from executors.port import ContractRef
from reconciler.drift import MISSING, Difference
from reconciler.operation import Operation, OperationState
from reconciler.placement import Placed
from reconciler.plan import REPAIRS_THAT_HOLD, STILL_SEEN, Move, Plan, Situation, plan, plan_digest
from reconciler.upgrade import Trouble
from tests.factories import (
    START,
    a_contract,
    a_delivered_request,
    a_destination,
    a_request,
    a_situation,
    an_applied,
    an_observation,
    an_operation,
)

SOON = START + timedelta(seconds=30)
NOWHERE = Placed(None, is_needed=True, message="no destination fits")


def planned(situation: Situation) -> Plan:
    return plan(situation, START)


def delivered(presence: Presence = Presence.PRESENT, **fields: Any) -> Situation:
    """Return the situation of a request that was delivered and just looked at."""
    values = {"observation": an_observation(presence)} | fields
    return a_situation(values.pop("request", a_delivered_request()), **values)


def failed(name: OperationName = OperationName.PROVISION, **fields: Any) -> Operation:
    values = {
        "state": OperationState.FAILED,
        "reason": "OperationFailed",
        "message": "no",
        "next_attempt_at": SOON,
    }
    return an_operation(name, **(values | fields))


def deleting(presence: Presence | None = Presence.PRESENT, **fields: Any) -> Situation:
    request = a_delivered_request(deletion_requested_at=START, **fields.pop("request", {}))
    observation = None if presence is None else an_observation(presence)
    return a_situation(request, **({"observation": observation} | fields))


def released(**fields: Any) -> Situation:
    gone = Condition(Type.OBSERVED, Status.TRUE, "Gone", "it was seen gone", START, 1)
    return deleting(Presence.ABSENT, request={"conditions": {Type.OBSERVED: gone}}, **fields)


SEEN_CHANGED = an_observation(facts={"exists": True, "size": "m"})

MISFIT = Trouble(Type.AVAILABLE, "InputsDoNotFit", "its inputs do not fit 2.0.0")
STRICTER = a_contract(
    inputs={
        "type": "object",
        "additionalProperties": False,
        "properties": {"size": {"enum": ["xl"]}, "backups": {"default": True}},
    }
)

OPERATING: dict[str, tuple[Situation, OperationName, str]] = {
    "new": (a_situation(), OperationName.PROVISION, "NotDelivered"),
    "failed before, and its time has come": (
        a_situation(last=failed(next_attempt_at=START)),
        OperationName.PROVISION,
        "NotDelivered",
    ),
    "failed, but something else is wanted now": (
        a_situation(a_request(inputs={"size": "l"}), last=failed()),
        OperationName.PROVISION,
        "NotDelivered",
    ),
    "other inputs": (
        delivered(request=replace(a_delivered_request(), inputs={"size": "l"})),
        OperationName.UPDATE,
        "DesiredChanged",
    ),
    "other inputs, unseen": (
        delivered(Presence.UNKNOWN, request=replace(a_delivered_request(), inputs={"size": "l"})),
        OperationName.UPDATE,
        "DesiredChanged",
    ),
    "another version": (
        delivered(contract_ref=ContractRef("postgres-database", "1.1.0", "sha256:new")),
        OperationName.UPDATE,
        "DesiredChanged",
    ),
    "other inputs, and gone": (
        delivered(Presence.ABSENT, request=replace(a_delivered_request(), inputs={"size": "l"})),
        OperationName.PROVISION,
        "Missing",
    ),
    "drifted": (delivered(observation=SEEN_CHANGED), OperationName.REPAIR, "Drifted"),
    "gone": (delivered(Presence.ABSENT), OperationName.PROVISION, "Missing"),
    "drifted, a repair failed, and its time has come": (
        delivered(observation=SEEN_CHANGED, last=failed(OperationName.REPAIR, next_attempt_at=START)),
        OperationName.REPAIR,
        "Drifted",
    ),
    "deletion wanted": (deleting(), OperationName.DELETE, "DeletionRequested"),
    "deletion wanted while paused": (
        deleting(request={"paused": True}),
        OperationName.DELETE,
        "DeletionRequested",
    ),
    "deletion wanted while the contract is held and nowhere fits": (
        deleting(contract_paused=True, placed=NOWHERE),
        OperationName.DELETE,
        "DeletionRequested",
    ),
    "deletion wanted after a provision failed": (
        deleting(last=failed()),
        OperationName.DELETE,
        "DeletionRequested",
    ),
    "a teardown failed, and its time has come": (
        deleting(last=failed(OperationName.DELETE, next_attempt_at=START)),
        OperationName.DELETE,
        "DeletionRequested",
    ),
}

WAITING: dict[str, tuple[Situation, str]] = {
    "paused": (a_situation(a_request(paused=True)), "Paused"),
    "paused and drifted": (
        delivered(request=a_delivered_request(paused=True), observation=SEEN_CHANGED),
        "Paused",
    ),
    "contract held": (delivered(observation=SEEN_CHANGED, contract_paused=True), "ContractPaused"),
    "nowhere to go": (a_situation(placed=NOWHERE), "NoDestination"),
    "failed a moment ago": (a_situation(last=failed()), "OperationFailed"),
    "failed for good": (a_situation(last=failed(next_attempt_at=None)), "OperationFailed"),
    "stuck": (
        a_situation(last=failed(state=OperationState.STUCK, reason="Stuck", next_attempt_at=None)),
        "Stuck",
    ),
    "not to be seen": (delivered(Presence.UNKNOWN), "ObserveFailed"),
    "not looked at": (delivered(observation=None), "ObserveFailed"),
    "drift that is only reported": (
        delivered(observation=SEEN_CHANGED, current=a_contract(drift={"mode": "observe"})),
        "DriftReported",
    ),
    "absence that is only reported": (
        delivered(Presence.ABSENT, current=a_contract(drift={"mode": "observe"})),
        "DriftReported",
    ),
    "repairs that do not hold": (
        delivered(observation=SEEN_CHANGED, repairs=REPAIRS_THAT_HOLD),
        "RepairsDoNotHold",
    ),
    "deleting, not to be seen": (deleting(Presence.UNKNOWN), "ObserveFailed"),
    "deleting, not looked at": (deleting(None), "ObserveFailed"),
    "a teardown failed a moment ago": (deleting(last=failed(OperationName.DELETE)), "OperationFailed"),
    "taken down, still seen": (
        deleting(last=an_operation(OperationName.DELETE, state=OperationState.SUCCEEDED, finished_at=START)),
        "TakenDown",
    ),
    "gone, git not yet written": (released(pending_writes=1), "WritePending"),
}


@pytest.mark.parametrize(("situation", "operation", "reason"), OPERATING.values(), ids=OPERATING)
def test_what_there_is_to_do_is_done(situation: Situation, operation: OperationName, reason: str) -> None:
    found = planned(situation)
    assert (found.move, found.operation, found.reason) == (Move.OPERATE, operation, reason)
    assert found.message


@pytest.mark.parametrize(("situation", "reason"), WAITING.values(), ids=WAITING)
def test_what_has_to_wait_says_for_what(situation: Situation, reason: str) -> None:
    found = planned(situation)
    assert (found.move, found.operation, found.reason) == (Move.WAIT, None, reason)
    assert found.message


def test_what_is_as_it_should_be_needs_nothing() -> None:
    assert planned(delivered()).move is Move.NOTHING
    assert planned(delivered(last=failed(desired_digest="sha256:old"))).move is Move.NOTHING


def test_a_deletion_is_released_once_seen_gone_and_forgotten_once_git_knows() -> None:
    assert planned(deleting(Presence.ABSENT)).move is Move.RELEASE
    assert planned(released(pending_writes=1)).move is Move.WAIT
    assert planned(released()).move is Move.FORGET


def test_what_was_never_begun_needs_no_look_to_be_gone() -> None:
    situation = a_situation(a_request(deletion_requested_at=START))
    assert planned(situation).move is Move.RELEASE


def test_what_was_begun_and_never_finished_is_looked_at_before_it_counts_as_gone() -> None:
    request = a_request(deletion_requested_at=START)
    assert planned(a_situation(request, was_touched=True)).reason == "ObserveFailed"
    seen = a_situation(request, was_touched=True, observation=an_observation())
    assert planned(seen).operation is OperationName.DELETE


def test_waiting_after_a_failure_ends_at_its_time_and_not_before() -> None:
    situation = a_situation(last=failed())
    assert planned(situation).again_at == SOON
    assert plan(situation, SOON - timedelta(microseconds=1)).move is Move.WAIT
    assert plan(situation, SOON).move is Move.OPERATE


def test_what_was_taken_down_and_is_still_seen_is_taken_down_again_after_a_while() -> None:
    done = an_operation(OperationName.DELETE, state=OperationState.SUCCEEDED, finished_at=START)
    situation = deleting(last=done)
    assert planned(situation).again_at == START + STILL_SEEN
    assert plan(situation, START + STILL_SEEN).operation is OperationName.DELETE


def test_repairs_are_counted_and_not_changes_that_people_asked_for() -> None:
    changed = replace(a_delivered_request(), inputs={"size": "l"})
    situation = delivered(request=changed, repairs=REPAIRS_THAT_HOLD)
    assert planned(situation).operation is OperationName.UPDATE
    assert planned(delivered(observation=SEEN_CHANGED, repairs=REPAIRS_THAT_HOLD - 1)).move is Move.OPERATE


def test_a_change_is_shown_input_by_input() -> None:
    request = replace(a_delivered_request(), inputs={"size": "l", "backups": False})
    newer = ContractRef("postgres-database", "1.1.0", "sha256:new")
    found = planned(delivered(request=request, contract_ref=newer))
    assert found.changes == (
        Difference("/contract/version", "1.0.0", "1.1.0"),
        Difference("/inputs/backups", True, False),  # noqa: FBT003  # values of a document
        Difference("/inputs/size", "s", "l"),
    )
    assert found.message == "what is wanted changed: /contract/version, /inputs/backups, /inputs/size"


def test_a_move_to_another_place_is_a_change_of_what_is_wanted() -> None:
    elsewhere = Placed(a_destination("pg-2"), is_needed=True, message="there")
    found = planned(delivered(placed=elsewhere))
    assert (found.operation, found.message) == (OperationName.UPDATE, "what is wanted changed: placement")


def test_a_default_that_is_spelled_out_changes_nothing() -> None:
    request = replace(a_delivered_request(), inputs={"size": "s", "backups": True})
    assert planned(delivered(request=request)).move is Move.NOTHING


def test_mending_and_taking_down_work_with_what_was_delivered() -> None:
    situation = delivered(request=replace(a_delivered_request(), inputs={"size": "l"}))
    before = an_applied().inputs
    assert situation.inputs_for(OperationName.REPAIR) == before
    assert situation.inputs_for(OperationName.DELETE) == before
    assert situation.inputs_for(OperationName.UPDATE) == {"size": "l", "backups": True}
    assert a_situation().inputs_for(OperationName.DELETE) == {"size": "s", "backups": True}


def test_ignored_drift_is_neither_shown_nor_repaired() -> None:
    ignoring = a_contract(drift={"ignore": [{"path": "/size", "reason": "resized by hand"}]})
    situation = delivered(observation=SEEN_CHANGED, current=ignoring)
    assert situation.drifted == ()
    assert planned(situation).move is Move.NOTHING


def test_a_plans_document_holds_everything_that_policy_may_ask_about() -> None:
    situation = delivered(observation=SEEN_CHANGED)
    document = planned(situation).document(situation)
    assert document == {
        "move": "operate",
        "operation": "repair",
        "reason": "Drifted",
        "message": "changed outside the platform: /size",
        "generation": 1,
        "contract": {
            "name": "postgres-database",
            "version": "1.0.0",
            "digest": situation.contract_ref.digest,
        },
        "destination": "pg-1",
        "changes": [{"path": "/size", "before": "s", "after": "m"}],
    }
    assert plan_digest(document) != plan_digest({**document, "destination": None})


def test_a_fact_that_appeared_or_vanished_is_drift() -> None:
    situation = delivered(observation=an_observation(facts={"exists": True, "owner": "x"}))
    assert situation.drifted == (Difference("/owner", MISSING, "x"), Difference("/size", "s", MISSING))


def test_what_is_delivered_is_kept_true_while_the_version_that_is_wished_does_not_take_the_inputs() -> None:
    assert planned(delivered(trouble=MISFIT)).reason == "InSync"
    assert planned(delivered(trouble=MISFIT, observation=SEEN_CHANGED)).operation is OperationName.REPAIR


def test_what_is_delivered_is_kept_true_whatever_its_own_contract_would_say_of_the_inputs_now() -> None:
    assert planned(delivered(contract=STRICTER)).reason == "InSync"
