"""An executor's word is checked against the contract before it counts."""

from datetime import timedelta
from typing import Any

import pytest

from catalog.contract import OperationName
from executors.port import RunReport, RunState
from executors.workflow.ballot import Outcome as Answer
from executors.workflow.ballot import Task, closed, opened
from executors.workflow.inbox import Approval
from reconciler.operation import LONGEST_RETRY, OperationState
from reconciler.outcome import (
    MESSAGE_LENGTH,
    Outcome,
    finished,
    next_attempt,
    outcome_of,
    readable,
    undecided,
)
from tests.factories import START, a_contract, an_operation

DELIVERED: dict[str, Any] = {"outputs": {"host": "h"}, "facts": {"exists": True, "size": "s"}}


def judged(name: OperationName = OperationName.PROVISION, **report: Any) -> Outcome:
    succeeded = RunReport(RunState.SUCCEEDED, **(DELIVERED | report))
    return outcome_of(an_operation(name), succeeded, a_contract())


def test_a_promise_that_was_kept_is_a_success() -> None:
    outcome = judged(outputs={"host": "h", "password": "secret://shop/x"})
    assert outcome.is_success
    assert outcome.outputs == {"host": "h", "password": "secret://shop/x"}
    assert outcome.facts == DELIVERED["facts"]


@pytest.mark.parametrize(
    ("report", "place"),
    [
        ({"outputs": {}}, "/outputs/host"),
        ({"outputs": {"host": 5}}, "/outputs/host"),
        ({"outputs": {"host": "h", "more": 1}}, "/outputs/more"),
        ({"outputs": {"host": "h", "password": "hunter2"}}, "/outputs/password"),
        ({"outputs": {"host": "h\x00"}}, "/outputs/host"),
        ({"facts": {}}, "/facts/exists"),
        ({"facts": {"exists": False}}, "/facts/exists"),
        ({"facts": {"exists": 1}}, "/facts/exists"),
        ({"facts": {"exists": True, "note": "\ud800"}}, "/facts/note"),
        ({"facts": {"exists": True, "load": float("nan")}}, "/facts/load"),
    ],
)
def test_a_broken_promise_is_a_failure_that_names_the_place(report: dict[str, Any], place: str) -> None:
    outcome = judged(**report)
    assert (outcome.state, outcome.reason) == (OperationState.FAILED, "InvalidOutput")
    assert place in outcome.message
    assert "hunter2" not in outcome.message
    assert not outcome.outputs
    assert not outcome.facts


@pytest.mark.parametrize(
    ("state", "result", "reason"),
    [
        (RunState.FAILED, OperationState.FAILED, "OperationFailed"),
        (RunState.CANCELLED, OperationState.FAILED, "OperationFailed"),
        (RunState.STUCK, OperationState.STUCK, "Stuck"),
    ],
)
def test_what_did_not_succeed_is_told_with_its_cause(
    state: RunState, result: OperationState, reason: str
) -> None:
    for message in ("the disk is full", ""):
        outcome = outcome_of(an_operation(), RunReport(state, message=message), a_contract())
        assert (outcome.state, outcome.reason) == (result, reason)
        assert outcome.message.startswith(message)
        assert outcome.message


def test_a_secret_in_clear_is_found_wherever_the_contract_marks_it() -> None:
    secret = {"type": "string", "x-sensitive": True}
    outputs = {"type": "object", "properties": {"users": {"items": {"$ref": "#/$defs/user"}}, "ca": {}}}
    user = {"properties": {"name": {}, "password": secret}}
    contract = a_contract(outputs=outputs | {"$defs": {"user": user}})
    for password, reason in (("hunter2", "InvalidOutput"), (None, "InvalidOutput")):
        users = [{"name": "a", "password": password}]
        report = RunReport(RunState.SUCCEEDED, outputs={"users": users}, facts={"exists": True})
        outcome = outcome_of(an_operation(), report, contract)
        assert (outcome.reason, "hunter2" in outcome.message) == (reason, False)
    plain = RunReport(
        RunState.SUCCEEDED, outputs={"users": [{"name": "a"}], "ca": "x"}, facts={"exists": True}
    )
    assert outcome_of(an_operation(), plain, contract).is_success


def test_an_answer_that_nests_for_ever_is_a_broken_promise() -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = {"a": deep}
    assert judged(outputs={"host": deep}).reason == "InvalidOutput"
    assert judged(facts={"exists": True, "deep": deep}).reason == "InvalidOutput"


def test_a_teardown_promises_nothing_back() -> None:
    outcome = judged(OperationName.DELETE, outputs={"nonsense": 1}, facts={})
    assert outcome.is_success
    assert (outcome.outputs, outcome.facts) == ({}, {})


def test_a_report_is_made_readable_before_it_is_stored() -> None:
    report = readable(
        RunReport(RunState.FAILED, run_id="r" * 300, message="\x00" + "m" * 5000, step="s\udc00")
    )
    assert report.message == "\ufffd" + "m" * (MESSAGE_LENGTH - 1)
    assert report.step == "s\ufffd"
    assert report.run_id == "r" * 200


def test_a_finished_operation_keeps_why_it_began_or_says_why_it_failed() -> None:
    done = finished(an_operation(reason="Drifted"), judged(), START, None)
    assert (done.state, done.reason, done.finished_at) == (OperationState.SUCCEEDED, "Drifted", START)
    assert done.outputs == {"host": "h"}
    again_at = START + timedelta(seconds=5)
    failed = finished(an_operation(reason="Drifted"), judged(facts={}), START, again_at)
    assert (failed.state, failed.reason, failed.next_attempt_at) == ("failed", "InvalidOutput", again_at)


def test_a_failure_is_tried_again_and_what_is_stuck_is_not() -> None:
    failed = judged(facts={})
    at = next_attempt(failed, a_contract(), 3, 0.5, START)
    assert at is not None
    assert START < at <= START + LONGEST_RETRY
    stuck = outcome_of(an_operation(), RunReport(RunState.STUCK), a_contract())
    assert next_attempt(stuck, a_contract(), 1, 0.5, START) is None
    not_retried = a_contract(reconcile={"retry_failed": False})
    assert next_attempt(failed, not_retried, 1, 0.5, START) is None


def an_ended_approval(answer: Answer) -> Approval:
    """Return an approval that ended like this."""
    standing = closed(opened(Task(START, "sha256:x")), answer, START, "rejected by anna: too open")
    return Approval("apr_1", "shop", "req_1", "run_1", "provision", 1, "sign-off", 0, standing)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer.REJECTED, "ApprovalRejected"), (Answer.EXPIRED, "ApprovalExpired")],
)
def test_what_people_refused_is_not_asked_for_again_by_itself(answer: Answer, reason: str) -> None:
    failed = outcome_of(an_operation(), RunReport(RunState.FAILED, message="failed"), a_contract())
    refused = undecided(failed, an_ended_approval(answer))
    assert (refused.state, refused.reason) == (OperationState.FAILED, reason)
    assert refused.message == "sign-off: rejected by anna: too open"
    assert next_attempt(refused, a_contract(), 1, 0.5, START) is None
    assert next_attempt(failed, a_contract(), 1, 0.5, START) is not None


def test_an_approval_that_was_given_or_void_explains_no_failure() -> None:
    failed = outcome_of(an_operation(), RunReport(RunState.FAILED, message="failed"), a_contract())
    for answer in (Answer.APPROVED, Answer.VOIDED):
        assert undecided(failed, an_ended_approval(answer)) == failed
    assert undecided(failed, None) == failed
    stuck = outcome_of(an_operation(), RunReport(RunState.STUCK), a_contract())
    assert undecided(stuck, an_ended_approval(Answer.REJECTED)) == stuck
