"""Which failures are tried again."""

import pytest

from executors.port import RunState
from executors.workflow.events import Failure, FailureKind
from executors.workflow.exchange import Absent, Done, Failed, Outcome
from tests.play import PERMANENT, STEADY, UNKNOWN, Play, transient
from tests.workflows import document, step

GONE = Failed(Failure(FailureKind.PERMANENT, "http_410", "it is gone"))


def trying(*on: str) -> Play:
    return Play(document(step("a", retry={**STEADY, "on": list(on)})))


def is_tried_again(play: Play, outcome: Outcome) -> bool:
    return play.answer(outcome).run.ended is None


def test_without_a_list_every_passing_failure_is_tried_again_and_no_lasting_one() -> None:
    assert is_tried_again(Play(document(step("a", retry=STEADY))), transient())
    assert not is_tried_again(Play(document(step("a", retry=STEADY))), PERMANENT)


@pytest.mark.parametrize(
    ("on", "outcome", "again"),
    [
        ("transient", transient(), True),
        ("transient", PERMANENT, False),
        ("busy", transient(), True),
        ("other", transient(), False),
        ("http_410", GONE, True),
        ("transient", GONE, False),
        ("unknown", transient(), False),
    ],
)
def test_a_list_says_which_failures_are_tried_again(on: str, outcome: Outcome, *, again: bool) -> None:
    assert is_tried_again(trying(on), outcome) is again


@pytest.mark.parametrize(("on", "again"), [("unknown", True), ("line_broke", True), ("transient", False)])
def test_what_was_unknown_and_did_not_happen_is_tried_again_if_the_list_says_so(
    on: str, *, again: bool
) -> None:
    play = trying(on).answer(UNKNOWN)
    assert is_tried_again(play, Absent()) is again


def test_a_lasting_failure_that_is_on_the_list_has_as_many_tries_as_others() -> None:
    play = trying("http_410").answer(GONE)
    play.wait()
    play.answer(GONE)
    play.wait()
    assert play.answer(GONE).end().state is RunState.FAILED


@pytest.mark.parametrize("tried", [0, 1, 2])
def test_a_call_that_a_stopping_worker_left_out_costs_no_try(tried: int) -> None:
    tries = 3
    play = Play(document(step("a", retry={**STEADY, "attempts": tries})))
    for _ in range(tried):
        play.answer(transient())
        play.wait()
    play.answer(Absent())
    assert play.wants() == ("a", "do", "run"), "at once"
    for _ in range(tries - tried - 1):
        play.answer(transient())
        play.wait()
    assert play.answer(transient()).end().state is RunState.FAILED
    assert play.events[-1] == play.end()


def test_a_call_that_was_left_out_leaves_it_open_whether_one_before_it_happened() -> None:
    play = Play(document(step("a", retry=STEADY, on_unknown="retry"))).answer(UNKNOWN, UNKNOWN)
    play.wait()
    play.answer(Absent())
    play.answer(PERMANENT)
    assert play.wants() == ("a", "do", "look")


def test_a_step_may_still_succeed_on_its_last_try() -> None:
    play = trying("busy").answer(transient())
    play.wait()
    assert play.answer(Done()).end().state is RunState.SUCCEEDED
