"""Conditions say what is known, and `Ready` is what follows from them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalog.conditions import Condition, Status, Type
from catalog.contract import OperationName
from catalog.fleet import Presence
from catalog.request import Phase, Request, phase_of
from executors.port import RunReport, RunState
from reconciler import status
from reconciler.operation import OperationState
from reconciler.placement import Placed
from reconciler.plan import Situation, plan
from reconciler.relation import Obstacle, Relations
from reconciler.upgrade import Trouble
from tests.factories import (
    START,
    a_delivered_request,
    a_request,
    a_situation,
    an_observation,
    an_operation,
)

LATER = START + timedelta(minutes=5)
UNSEEN = an_observation(Presence.UNKNOWN, message="no answer")
ABSENT = an_observation(Presence.ABSENT)
CHANGED = an_observation(facts={"exists": True})
LACKING = Relations(lacking=Obstacle(Type.AVAILABLE, Status.FALSE, "RequirementMissing", "m", "net"))
TRUE, FALSE, UNKNOWN = Status.TRUE, Status.FALSE, Status.UNKNOWN


def standing(situation: Situation, write_error: str = "") -> dict[Type, Condition]:
    return status.standing(situation, plan(situation, LATER), write_error, LATER)


def seen(request: Request | None = None, presence: Presence = Presence.PRESENT, **fields: Any) -> Situation:
    values = {"observation": an_observation(presence)} | fields
    return a_situation(request or a_delivered_request(), **values)


def told(condition: Condition) -> tuple[Status, str]:
    return condition.status, condition.reason


def ready_request() -> Request:
    return replace(a_delivered_request(), conditions=standing(seen()))


def test_what_is_delivered_seen_in_sync_and_written_is_ready() -> None:
    conditions = standing(seen())
    assert {type_: told(each) for type_, each in conditions.items()} == {
        Type.AVAILABLE: (TRUE, "Published"),
        Type.PLACED: (TRUE, "Chosen"),
        Type.ALLOWED: (TRUE, "NothingToAllow"),
        Type.APPLIED: (TRUE, "Delivered"),
        Type.OBSERVED: (TRUE, "Seen"),
        Type.IN_SYNC: (TRUE, "InSync"),
        Type.WRITTEN: (TRUE, "Written"),
        Type.READY: (TRUE, "Delivered"),
    }
    assert phase_of(a_delivered_request(), conditions) is Phase.READY


def test_a_request_that_was_just_accepted_is_not_ready_and_says_so() -> None:
    for request in (a_request(), ready_request()):
        conditions = status.accepted(request, LATER)
        assert told(conditions[Type.APPLIED]) == (UNKNOWN, "Accepted")
        assert told(conditions[Type.READY]) == (FALSE, "Accepted")


@pytest.mark.parametrize(
    ("fields", "type_", "expected"),
    [
        ({"observation": UNSEEN}, Type.OBSERVED, (UNKNOWN, "ObserveFailed")),
        ({"observation": ABSENT, "repairs": 9}, Type.IN_SYNC, (FALSE, "RepairsDoNotHold")),
        ({"observation": CHANGED, "repairs": 9}, Type.IN_SYNC, (FALSE, "RepairsDoNotHold")),
        ({"observation": ABSENT, "contract_paused": True}, Type.IN_SYNC, (FALSE, "Drifted")),
        ({"pending_writes": 1}, Type.WRITTEN, (UNKNOWN, "WritePending")),
        ({"placed": Placed(None, is_needed=True, message="full")}, Type.PLACED, (FALSE, "NoDestination")),
        (
            {"trouble": Trouble(Type.AVAILABLE, "InputsDoNotFit", "m"), "relations": LACKING},
            Type.AVAILABLE,
            (FALSE, "InputsDoNotFit"),
        ),
    ],
)
def test_whatever_fails_is_stated_and_takes_ready_with_it(
    fields: dict[str, Any], type_: Type, expected: tuple[Status, str]
) -> None:
    conditions = standing(seen(ready_request(), **fields))
    assert told(conditions[type_]) == expected
    assert told(conditions[Type.READY])[0] is FALSE


def test_a_git_that_refuses_is_told_from_one_that_is_slow() -> None:
    conditions = standing(seen(pending_writes=1), "push was rejected")
    assert told(conditions[Type.WRITTEN]) == (FALSE, "WritebackFailed")
    assert conditions[Type.WRITTEN].message == "push was rejected"
    assert told(standing(seen(), "an old error")[Type.WRITTEN]) == (TRUE, "Written")


def test_a_change_that_waits_behind_a_held_contract_is_not_shown_as_delivered() -> None:
    changed = replace(ready_request(), inputs={"size": "l"}, generation=2)
    conditions = standing(seen(changed, contract_paused=True))
    assert told(conditions[Type.APPLIED]) == (UNKNOWN, "ContractPaused")
    assert told(conditions[Type.READY]) == (FALSE, "ContractPaused")


def test_a_failure_is_shown_until_it_does_not_matter_any_more() -> None:
    failed = an_operation(
        OperationName.REPAIR, state=OperationState.FAILED, reason="OperationFailed", message="no"
    )
    drifted = an_observation(facts={"exists": True, "size": "x"})
    assert told(standing(seen(last=failed, observation=drifted))[Type.APPLIED]) == (FALSE, "OperationFailed")
    retried = replace(failed, next_attempt_at=START)
    assert told(standing(seen(last=retried))[Type.APPLIED]) == (TRUE, "Delivered")
    other = replace(failed, desired_digest="sha256:old")
    assert told(standing(seen(last=other))[Type.APPLIED]) == (TRUE, "Delivered")


def test_a_place_that_is_not_needed_any_more_does_not_hold_anything_up() -> None:
    nowhere = Placed(None, is_needed=True, message="full")
    before = replace(a_delivered_request(), conditions=standing(seen(placed=nowhere)))
    after = standing(seen(before, placed=Placed(None, is_needed=False, message="needs none")))
    assert told(after[Type.PLACED]) == (TRUE, "NotNeeded")


def test_a_delivery_is_not_ready_on_the_word_of_an_old_look_and_an_old_commit() -> None:
    done = an_operation(OperationName.UPDATE, state=OperationState.SUCCEEDED)
    conditions = status.ended(ready_request(), done, LATER)
    assert told(conditions[Type.APPLIED]) == (TRUE, "Delivered")
    assert told(conditions[Type.OBSERVED]) == (UNKNOWN, "LookPending")
    assert told(conditions[Type.WRITTEN]) == (UNKNOWN, "WritePending")
    assert told(conditions[Type.READY]) == (FALSE, "LookPending")


def test_an_operation_that_failed_says_why() -> None:
    failed = an_operation(state=OperationState.FAILED, reason="InvalidOutput", message="no host")
    conditions = status.ended(a_request(), failed, LATER)
    assert told(conditions[Type.APPLIED]) == (FALSE, "InvalidOutput")
    assert conditions[Type.READY].message == "no host"


def test_a_provision_that_fails_while_deletion_is_wanted_is_no_reason_to_give_up_waiting() -> None:
    request = a_request(deletion_requested_at=START)
    failed = an_operation(state=OperationState.FAILED, reason="OperationFailed", message="no")
    assert told(status.ended(request, failed, LATER)[Type.APPLIED]) == (UNKNOWN, "DeletionRequested")
    unseen = seen(request, last=failed, was_touched=True, observation=UNSEEN)
    assert told(standing(unseen)[Type.APPLIED]) == (UNKNOWN, "ObserveFailed")
    torn = replace(failed, name=OperationName.DELETE)
    assert told(status.ended(request, torn, LATER)[Type.APPLIED]) == (FALSE, "OperationFailed")


def test_a_provision_that_ends_while_deletion_is_wanted_is_not_called_taken_down() -> None:
    request = a_request(deletion_requested_at=START)
    done = an_operation(state=OperationState.SUCCEEDED)
    assert told(status.ended(request, done, LATER)[Type.APPLIED]) == (TRUE, "Delivered")
    torn_down = replace(done, name=OperationName.DELETE)
    conditions = status.ended(request, torn_down, LATER)
    assert told(conditions[Type.APPLIED]) == (UNKNOWN, "TakenDown")
    assert told(conditions[Type.READY])[0] is FALSE


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (RunState.PENDING, "Operating"),
        (RunState.RUNNING, "Operating"),
        (RunState.RETRYING, "Retrying"),
        (RunState.WAITING, "Waiting"),
        (RunState.COMPENSATING, "Compensating"),
        (RunState.UNKNOWN, "ExecutorSilent"),
    ],
)
def test_an_operation_under_way_says_how_it_stands(state: RunState, reason: str) -> None:
    report = RunReport(state, message="the disk is full", step="format", attempts=2)
    conditions = status.under_way(ready_request(), an_operation(), report, LATER)
    assert told(conditions[Type.APPLIED]) == (UNKNOWN, reason)
    assert told(conditions[Type.READY]) == (FALSE, reason)


def test_an_operation_that_begins_is_allowed_and_not_ready() -> None:
    drifted = seen(ready_request(), observation=an_observation(facts={"exists": True, "size": "x"}))
    conditions = status.begun(drifted, plan(drifted, LATER), LATER)
    assert told(conditions[Type.ALLOWED]) == (TRUE, "PolicyAllowed")
    assert told(conditions[Type.APPLIED]) == (UNKNOWN, "Operating")
    assert told(conditions[Type.IN_SYNC]) == (FALSE, "Drifted")
    assert told(conditions[Type.READY]) == (FALSE, "Operating")


@pytest.mark.parametrize(("reason", "stated"), [("PolicyDenied", FALSE), ("PolicyUnavailable", UNKNOWN)])
def test_a_refusal_blocks_whatever_was_ready(reason: str, stated: Status) -> None:
    conditions = status.refused(ready_request(), reason, "not encrypted", LATER)
    assert told(conditions[Type.ALLOWED]) == (stated, reason)
    assert told(conditions[Type.READY]) == (FALSE, reason)
    assert phase_of(a_request(), conditions) is Phase.BLOCKED


def test_a_paused_request_is_not_ready_although_all_is_well() -> None:
    paused = replace(ready_request(), paused=True)
    assert told(standing(seen(paused))[Type.READY]) == (FALSE, "Paused")


@pytest.mark.parametrize("presence", [Presence.PRESENT, Presence.ABSENT])
def test_what_is_taken_down_is_not_kept_in_sync(presence: Presence) -> None:
    drifted = seen(ready_request(), Presence.ABSENT)
    before = replace(ready_request(), conditions=standing(drifted), deletion_requested_at=START)
    conditions = standing(seen(before, presence))
    assert Type.IN_SYNC not in conditions
    assert told(conditions[Type.READY])[0] is FALSE


def test_gone_is_stated_until_it_is_forgotten() -> None:
    request = a_delivered_request(deletion_requested_at=START)
    for pending in (0, 1, 0):
        situation = seen(request, Presence.ABSENT, pending_writes=pending)
        request = replace(request, conditions=standing(situation))
        assert told(request.conditions[Type.OBSERVED]) == (TRUE, "Gone")


def test_the_headline_is_readys_message() -> None:
    assert status.headline(ready_request()) == "delivered, in sync, and in git"
    assert status.headline(a_request()) == "pending"


def test_an_operation_that_waits_for_people_says_for_whom() -> None:
    request, operation = a_request(), an_operation()
    waiting = RunReport(RunState.WAITING, step="sign-off", message="...")
    conditions = status.under_way(request, operation, waiting, LATER, "approval by group security")
    assert told(conditions[Type.APPLIED]) == (UNKNOWN, "WaitingForApproval")
    assert conditions[Type.READY].message == "provision waits for approval by group security"
    assert phase_of(request, conditions) is Phase.PROGRESSING
    running = RunReport(RunState.RUNNING)
    conditions = status.under_way(request, operation, running, LATER, "approval by group security")
    assert told(conditions[Type.APPLIED]) == (UNKNOWN, "Operating")


@pytest.mark.parametrize("reason", ["ApprovalRejected", "ApprovalExpired"])
def test_what_people_refused_has_failed(reason: str) -> None:
    refused = an_operation(state=OperationState.FAILED, reason=reason, message="rejected by anna")
    conditions = status.ended(a_request(), refused, LATER)
    assert told(conditions[Type.APPLIED]) == (FALSE, reason)
    assert phase_of(a_request(), conditions) is Phase.FAILED


def test_what_was_given_up_for_something_newer_has_not_failed() -> None:
    given_up = an_operation(state=OperationState.FAILED, reason="OperationFailed", superseded=True)
    conditions = status.ended(a_request(), given_up, LATER)
    assert told(conditions[Type.APPLIED]) == (UNKNOWN, "DesiredChanged")
