"""Retry decisions: when to try again, and after how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.retry import Again, Backoff, GiveUp, Jitter, RetryPolicy, delay_before, retry_decision

policies = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 100),
    backoff=st.sampled_from(Backoff),
    initial_seconds=st.floats(0, 1000),
    max_seconds=st.floats(0, 1000),
    jitter=st.sampled_from(Jitter),
)
rolls = st.floats(0, 1, exclude_max=True)


def test_the_ceiling_doubles_up_to_the_maximum() -> None:
    policy = RetryPolicy(initial_seconds=1, max_seconds=5, jitter=Jitter.NONE)
    assert [delay_before(attempt, policy, lambda: 0.5) for attempt in (2, 3, 4, 5)] == [1, 2, 4, 5]


def test_a_fixed_backoff_does_not_grow() -> None:
    policy = RetryPolicy(backoff=Backoff.FIXED, initial_seconds=2, jitter=Jitter.NONE)
    assert [delay_before(attempt, policy, lambda: 0.5) for attempt in (2, 9)] == [2, 2]


def test_full_jitter_draws_from_the_whole_wait() -> None:
    policy = RetryPolicy(initial_seconds=4)
    assert delay_before(2, policy, lambda: 0.0) == 0
    assert delay_before(2, policy, lambda: 0.25) == 1


@given(policies, st.integers(2, 10**6), rolls)
def test_no_wait_is_negative_or_longer_than_the_maximum(
    policy: RetryPolicy, attempt: int, roll: float
) -> None:
    assert 0 <= delay_before(attempt, policy, lambda: roll) <= policy.max_seconds


@given(policies, rolls)
def test_there_are_exactly_as_many_tries_as_the_policy_says(policy: RetryPolicy, roll: float) -> None:
    decisions = [retry_decision(policy, failures, lambda: roll) for failures in range(1, policy.attempts + 1)]
    assert [type(decision) for decision in decisions] == [Again] * (policy.attempts - 1) + [GiveUp]


def test_a_first_attempt_has_no_wait_to_ask_for() -> None:
    with pytest.raises(ValueError, match="first attempt"):
        delay_before(1, RetryPolicy(), lambda: 0.0)
