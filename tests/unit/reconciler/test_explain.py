"""Why a request is not ready: the condition that speaks first, and whose move it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from catalog.conditions import Condition, Status, Type
from catalog.request import Phase, Request
from reconciler.drift import Difference
from reconciler.explain import REASONS, Explanation, Mover, explain
from reconciler.operation import Operation
from tests.factories import START, a_request, an_operation

DUE = START + timedelta(minutes=10)


def stated(reason: str, type_: Type = Type.APPLIED, status: Status = Status.FALSE) -> Request:
    condition = Condition(type_, status, reason, f"because of {reason}", START, 1)
    return a_request(conditions={type_: condition}, phase=Phase.PROGRESSING)


def told(
    request: Request, operation: Operation | None = None, differences: tuple[Difference, ...] = ()
) -> Explanation:
    return explain(request, "team-data", operation, DUE, differences)


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_has_a_mover_and_a_next_action_without_gaps(reason: str) -> None:
    found = told(stated(reason))
    assert (found.reason, found.message, found.since) == (reason, f"because of {reason}", START)
    assert found.next_action
    assert "{" not in found.next_action
    assert (found.retry_at is None) == (found.waiting_on.kind is Mover.NOBODY)


def test_a_request_of_which_nothing_is_known_yet_was_accepted() -> None:
    found = told(a_request())
    assert (found.reason, found.waiting_on.kind, found.since) == ("Accepted", Mover.PLATFORM, START)
    assert found.next_action == "wait: avow wait orders-db"


def test_the_owner_is_named_when_it_is_the_owners_move() -> None:
    found = told(stated("InvalidOutput"))
    assert found.waiting_on.kind is Mover.OWNER
    assert (found.waiting_on.owner, found.waiting_on.ref) == ("team-data", "postgres-database 1.0.0")


def test_the_requester_is_named_when_it_is_the_requesters_move() -> None:
    found = told(stated("PolicyDenied", Type.ALLOWED))
    assert (found.waiting_on.kind, found.waiting_on.owner) == (Mover.REQUESTER, "team-orders")


def test_the_run_is_named_while_an_executor_works() -> None:
    request = stated("Operating", status=Status.UNKNOWN)
    assert told(request, operation=an_operation(run_id="run-7")).waiting_on.ref == "run-7"
    operation = an_operation()
    assert told(request, operation=operation).waiting_on.ref == operation.id


def test_the_next_attempt_is_told_before_the_next_look() -> None:
    request = stated("OperationFailed")
    assert told(request).retry_at == DUE
    operation = an_operation(next_attempt_at=START + timedelta(seconds=3))
    assert told(request, operation=operation).retry_at == START + timedelta(seconds=3)


def test_a_pause_is_told_before_what_it_holds_and_a_deletion_before_the_pause() -> None:
    paused = replace(stated("OperationFailed"), paused=True)
    assert told(paused).reason == "Paused"
    assert told(replace(paused, deletion_requested_at=START)).reason == "OperationFailed"


def test_a_tombstone_says_that_it_is_one() -> None:
    found = told(replace(stated("OperationFailed"), deleted_at=DUE, phase=Phase.DELETED))
    assert (found.reason, found.waiting_on.kind, found.since) == ("Deleted", Mover.NOBODY, DUE)


def test_differences_are_shown_when_drift_is_the_reason_and_else_not() -> None:
    difference = Difference("/size", "s", "m")
    drifted = stated("Drifted", Type.IN_SYNC)
    assert told(drifted, differences=(difference,)).differences == (difference,)
    assert told(stated("OperationFailed"), differences=(difference,)).differences == ()


def test_the_earliest_unmet_condition_speaks() -> None:
    denied, drifted = stated("PolicyDenied", Type.ALLOWED), stated("Drifted", Type.IN_SYNC)
    both = replace(denied, conditions={**drifted.conditions, **denied.conditions})
    assert told(both).reason == "PolicyDenied"


def test_drift_of_a_held_request_is_shown_because_nothing_is_done_about_it() -> None:
    difference = Difference("/size", "s", "m")
    held = replace(stated("Drifted", Type.IN_SYNC), paused=True)
    found = told(held, differences=(difference,))
    assert (found.reason, found.differences) == ("Paused", (difference,))
