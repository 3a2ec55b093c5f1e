"""An operation's key is one attempt's for ever; waits grow, spread and end."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from catalog.contract import OperationName
from reconciler.operation import (
    FIRST_RETRY,
    LONGEST_RETRY,
    OperationState,
    idempotency_key,
    retry_delay,
)
from tests.factories import an_operation

rolls = st.floats(0, 1, exclude_max=True)


def test_pending_and_running_are_open_and_the_rest_is_not() -> None:
    assert {state for state in OperationState if state.is_open} == {"pending", "running"}


def test_a_key_is_the_same_for_the_same_attempt_and_another_for_any_other() -> None:
    keys = {
        idempotency_key(project, uid, generation, name, attempt)
        for project in ("shop", "bank")
        for uid in ("req_1", "req_2")
        for generation in (1, 11)
        for name in OperationName
        for attempt in (1, 11)
    }
    assert len(keys) == 2 * 2 * 2 * len(OperationName) * 2
    assert len(max(keys, key=len)) <= 100
    again = idempotency_key("shop", "req_1", 1, OperationName.DELETE, 1)
    assert again == idempotency_key("shop", "req_1", 1, OperationName.DELETE, 1)


@given(st.integers(0, 10_000), rolls)
def test_a_wait_lies_between_the_first_and_the_longest(failures: int, roll: float) -> None:
    assert FIRST_RETRY <= retry_delay(failures, roll) <= LONGEST_RETRY


@given(st.integers(1, 30), rolls)
def test_a_further_failure_never_shortens_the_wait(failures: int, roll: float) -> None:
    assert retry_delay(failures + 1, roll) >= retry_delay(failures, roll)


def test_waits_of_what_failed_together_are_spread() -> None:
    assert retry_delay(6, 0.0) == FIRST_RETRY
    assert retry_delay(6, 0.5) == timedelta(seconds=32.5)
    assert retry_delay(20, 0.999) > timedelta(minutes=4)


def test_an_operations_inputs_are_those_of_its_plan() -> None:
    assert an_operation(plan={"inputs": {"size": "s"}}).inputs == {"size": "s"}
    assert an_operation(plan={}).inputs == {}
    assert an_operation(plan={"inputs": "nonsense"}).inputs == {}
