"""Why a request is not ready: the condition that speaks first, and whose move it is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from catalog.conditions import Condition, Status, Type
from catalog.request import Phase, Request
from reconciler.drift import Difference
from reconciler.explain import REASONS, Asked, Explanation, Mover, WaitingOn, explain
from reconciler.operation import Operation
from reconciler.relation import Obstacle
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


def asked(ref: str = "apr_1") -> Asked:
    return Asked(ref, "group security", "approval by group security", START + timedelta(hours=1))


def test_who_is_asked_is_named_with_since_when_and_what_to_do() -> None:
    request = stated("Waiting", status=Status.UNKNOWN)
    found = explain(request, "team-data", an_operation(), DUE, asked=[asked(), asked("apr_2")])
    assert (found.reason, found.since) == ("WaitingForApproval", START + timedelta(hours=1))
    assert found.message == "it waits for approval by group security; and 1 more"
    assert (found.waiting_on.kind, found.waiting_on.ref) == (Mover.APPROVER, "apr_1")
    assert found.waiting_on.owner == "group security"
    assert found.next_action == "ask group security, who can: avow approve apr_1, or avow reject apr_1"
    assert found.retry_at is None


def test_what_stands_in_the_way_of_the_asking_comes_first() -> None:
    for request in (stated("PolicyDenied", Type.ALLOWED), stated("Stuck"), a_request(paused=True)):
        found = explain(request, "team-data", an_operation(), DUE, asked=[asked()])
        assert found.waiting_on.kind is not Mover.APPROVER


def test_a_signal_that_is_waited_for_is_named_with_the_command_that_sends_it() -> None:
    request, operation = stated("Waiting", status=Status.UNKNOWN), an_operation(run_id="run_1")
    found = explain(request, "team-data", operation, DUE, signal="cutover")
    assert (found.waiting_on.kind, found.waiting_on.ref) == (Mover.REQUESTER, "run_1")
    assert found.next_action == "send it once it is so: avow runs signal run_1 cutover"
    assert explain(request, "team-data", operation, DUE).waiting_on.kind is Mover.EXECUTOR
    failed = explain(stated("OperationFailed"), "team-data", operation, DUE, signal="cutover")
    assert "signal" not in failed.next_action


def test_what_is_stuck_is_told_with_the_run_that_goes_on() -> None:
    found = told(stated("Stuck"), an_operation(run_id="run_1"))
    assert "avow dead-letters retry run_1" in found.next_action
    assert "avow dead-letters retry RUN" in told(stated("Stuck")).next_action


# --- others in the way ------------------------------------------------------------------


def obstructed(reason: str, owner: str = "", behind: Explanation | None = None) -> Explanation:
    type_ = Type.COMPOSED if reason.startswith("Child") else Type.AVAILABLE
    request = stated(reason, type_)
    obstacle = Obstacle(type_, Status.FALSE, reason, f"because of {reason}", "shop-net", owner)
    return explain(request, "team-data", None, DUE, obstacle=obstacle, behind=behind)


def test_whoever_owns_what_is_missing_has_the_next_move_and_else_the_operator() -> None:
    assert obstructed("RequirementMissing", "team-net").waiting_on == WaitingOn(
        Mover.OWNER, "shop-net", "team-net"
    )
    assert obstructed("RequirementMissing").waiting_on.kind is Mover.OPERATOR


@pytest.mark.parametrize("reason", ["UsedNotReady", "ChildNotReady", "ChildHeldUp"])
def test_the_move_is_that_of_the_request_in_the_way(reason: str) -> None:
    behind = told(stated("PolicyDenied", Type.ALLOWED))
    found = obstructed(reason, behind=behind)
    assert found.waiting_on == WaitingOn(Mover.REQUESTER, "shop-net", "team-orders")
    assert found.next_action.endswith("avow why shop-net")
    assert found.retry_at == behind.retry_at


def test_an_obstacle_that_is_not_what_is_stated_explains_nothing() -> None:
    request = stated("OperationFailed")
    obstacle = Obstacle(Type.AVAILABLE, Status.FALSE, "UsedNotReady", "m", "net")
    assert explain(request, "team-data", None, DUE, obstacle=obstacle) == told(request)


def test_a_ready_request_whose_deletion_waits_says_so() -> None:
    ready = Condition(Type.READY, Status.TRUE, "Delivered", "delivered", START, 1)
    request = a_request(conditions={Type.READY: ready}, phase=Phase.READY, deletion_queued_at=DUE)
    found = told(request)
    assert (found.reason, found.since, found.waiting_on.kind) == ("DeletionQueued", DUE, Mover.REQUESTER)
    assert "avow keep orders-db" in found.next_action
