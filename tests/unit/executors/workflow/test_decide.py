"""What the core decides, played through on a virtual clock with scripted answers."""

from collections.abc import Iterable

import pytest

from catalog.digest import Json
from executors.port import RunState
from executors.workflow.answers import MAX_CRASHES, MAX_LOOKS
from executors.workflow.decide import decide, settle
from executors.workflow.events import Accepted, Ended, Side
from executors.workflow.exchange import (
    Absent,
    Call,
    Cancel,
    Claimed,
    Course,
    Decision,
    Done,
    Moment,
    News,
    Outcome,
    Returned,
    Signal,
    Verb,
)
from executors.workflow.spec import parse_workflow
from executors.workflow.state import fold
from tests.play import PERMANENT, REJECTED, STEADY, UNKNOWN, Play, transient
from tests.workflows import VirtualClock, document, step, undoable


def three() -> Play:
    return Play(document(undoable("a"), undoable("b"), undoable("c", retry=STEADY)))


def test_steps_are_done_one_after_the_other() -> None:
    play = three()
    seen = []
    for _ in range(3):
        seen.append(play.wants())
        play.answer(Done())
    assert seen == [("a", "do", "run"), ("b", "do", "run"), ("c", "do", "run")]
    assert play.end().state is RunState.SUCCEEDED


def test_a_steps_end_and_the_next_ones_start_are_one_decision() -> None:
    play = three()
    assert [type(event).__name__ for event in play.answer(Done()).decision.events] == [
        "AttemptSucceeded",
        "AttemptStarted",
    ]


def test_a_call_is_announced_before_it_is_made() -> None:
    play = three()
    assert [type(event).__name__ for event in play.events] == ["AttemptStarted"]
    assert play.call() == Call("a", Side.DO, Verb.RUN, 1)


def test_outputs_and_facts_are_what_the_workflow_says() -> None:
    play = Play(
        document(step("a"), outputs={"id": "${steps.a.outputs.id}"}, facts={"size": "${inputs.size}"})
    )
    play.answer(Done({"id": 7}))
    assert play.end().outputs == {"id": 7}
    assert play.end().facts == {"size": "s"}


def test_a_workflow_that_promises_what_no_step_gave_fails_and_is_undone() -> None:
    play = Play(document(undoable("a"), outputs={"id": "${steps.a.outputs.id}"}))
    play.answer(Done({}))
    assert play.wants() == ("a", "undo", "run")
    play.answer(Done())
    assert play.end().state is RunState.FAILED
    assert "${steps.a.outputs.id} has no value" in play.end().message


def test_a_passing_failure_is_tried_again_after_growing_waits() -> None:
    play = Play(document(step("a", retry=STEADY)))
    waits = [play.answer(transient()).wait(), play.answer(transient()).wait()]
    assert waits == [1, 2]
    assert play.call().attempt == 3
    play.answer(Done())
    assert play.end().state is RunState.SUCCEEDED


def test_the_other_side_may_ask_for_a_longer_wait_within_reason() -> None:
    play = Play(document(step("a", retry=STEADY)))
    assert play.answer(transient(after=20)).wait() == 20
    assert play.answer(transient(after=10**9)).wait() == 3600


def test_before_its_time_a_retry_is_only_waited_for() -> None:
    play = Play(document(step("a", retry=STEADY))).answer(transient())
    due_at = play.decision.due_at
    play.clock.advance(0.5)
    assert play.hear(Claimed()) == Decision(play.run, due_at=due_at)


def test_the_last_failure_is_given_up_on_and_what_was_done_is_undone_in_reverse() -> None:
    play = three().answer(Done(), Done(), transient())
    play.wait()
    play.answer(transient())
    play.wait()
    play.answer(transient())
    order = []
    while play.run.ended is None:
        order.append(play.wants())
        play.answer(Done())
    assert order == [("b", "undo", "run"), ("a", "undo", "run")]
    assert (play.end().state, play.end().step) == (RunState.FAILED, "c")
    assert play.end().message == "c failed: it is busy"


def test_a_lasting_failure_is_not_tried_again() -> None:
    play = three().answer(Done(), PERMANENT)
    assert play.wants() == ("a", "undo", "run")


def test_a_step_without_compensation_is_left_as_it_is() -> None:
    play = Play(document(step("a"), undoable("b"), step("c"))).answer(Done(), Done(), PERMANENT)
    assert play.wants() == ("b", "undo", "run")
    play.answer(Done())
    assert play.end().state is RunState.FAILED


def test_an_answer_that_cannot_be_used_is_undone_because_its_step_happened() -> None:
    play = three().answer(Done(), REJECTED)
    assert play.wants() == ("b", "undo", "run")
    play.answer(Done())
    assert play.wants() == ("a", "undo", "run")


def test_an_uncertain_effect_is_looked_up_at_once() -> None:
    play = three().answer(UNKNOWN)
    assert play.wants() == ("a", "do", "look")


def test_what_a_look_finds_counts_as_done() -> None:
    play = three().answer(UNKNOWN, Done({"id": 1}))
    assert play.wants() == ("b", "do", "run")
    assert play.run.of("a", Side.DO).outputs == {"id": 1}


def test_what_a_look_finds_missing_is_tried_again_as_a_failure() -> None:
    play = Play(document(step("a", retry=STEADY))).answer(UNKNOWN, Absent())
    assert play.wait() == 1
    assert play.wants() == ("a", "do", "run")


def test_a_look_that_cannot_tell_is_repeated_and_then_a_person_is_needed() -> None:
    play = three().answer(Done(), Done(), UNKNOWN)
    looks = 0
    while play.run.ended is None:
        play.answer(UNKNOWN)
        looks += 1
        if play.run.ended is None:
            play.wait()
    assert looks == MAX_LOOKS
    assert play.end().state is RunState.STUCK
    assert "it is not known whether c took effect" in play.end().message


def test_a_stuck_run_undoes_nothing_because_nobody_knows_what_stands() -> None:
    play = Play(document(undoable("a"), undoable("b", on_unknown="halt"))).answer(Done(), UNKNOWN, UNKNOWN)
    assert play.end().state is RunState.STUCK
    assert not any(event for event in play.events if getattr(event, "side", None) is Side.UNDO)


def test_on_unknown_halt_stops_at_the_first_look_that_cannot_tell() -> None:
    play = Play(document(step("a", on_unknown="halt"))).answer(UNKNOWN, UNKNOWN)
    assert play.end().state is RunState.STUCK


def test_on_unknown_retry_tries_again_under_the_same_key() -> None:
    play = Play(document(step("a", on_unknown="retry", retry=STEADY))).answer(UNKNOWN, UNKNOWN)
    play.wait()
    assert play.wants() == ("a", "do", "run")
    play.answer(UNKNOWN, UNKNOWN)
    play.wait()
    play.answer(UNKNOWN, UNKNOWN)
    assert play.end().state is RunState.STUCK


def blind() -> Play:
    """Return a run whose step b was tried again although the first attempt may have happened."""
    steps = undoable("a"), undoable("b", on_unknown="retry", retry={**STEADY, "attempts": 2})
    return Play(document(*steps)).answer(Done(), UNKNOWN, UNKNOWN)


def test_cancel_waits_for_a_blind_retry_because_the_first_attempt_may_have_happened() -> None:
    play = blind()
    play.hear(Cancel(1, "why"))
    play.wait()
    assert play.wants() == ("b", "do", "run")
    play.answer(Done())
    assert play.wants() == ("b", "undo", "run")


@pytest.mark.parametrize("outcome", [transient(), PERMANENT], ids=["for now", "for good"])
def test_a_failed_blind_retry_does_not_settle_what_the_first_attempt_did(outcome: Outcome) -> None:
    play = blind()
    play.wait()
    play.answer(outcome)
    assert play.wants() == ("b", "do", "look")
    assert play.answer(Done()).end().state is RunState.SUCCEEDED


@pytest.mark.parametrize("outcome", [transient(), PERMANENT], ids=["for now", "for good"])
def test_once_a_look_settles_the_doubt_a_failed_blind_retry_is_a_failure(outcome: Outcome) -> None:
    play = blind()
    play.wait()
    play.answer(outcome, Absent())
    assert play.wants() == ("a", "undo", "run")


def test_a_doubt_that_nothing_settles_needs_a_person() -> None:
    play = blind()
    play.wait()
    play.answer(transient(), UNKNOWN)
    assert play.end().state is RunState.STUCK


def test_a_new_holder_looks_up_what_the_lost_one_had_begun() -> None:
    play = three()
    play.hear(Claimed())
    assert play.wants() == ("a", "do", "look")


def test_what_a_lost_worker_did_not_get_to_is_done_at_once_and_costs_no_attempt() -> None:
    play = Play(document(step("a", retry={"attempts": 1})))
    play.hear(Claimed())
    play.answer(Absent())
    assert play.wants() == ("a", "do", "run")


def test_a_step_that_keeps_killing_its_workers_is_given_up_as_poison() -> None:
    play = three().answer(Done())
    for _ in range(MAX_CRASHES - 1):
        play.hear(Claimed())
        play.answer(Absent())
    play.hear(Claimed())
    assert play.wants() == ("b", "undo", "run"), "it may have happened, so it is undone first"
    play.answer(Done(), Done())
    assert play.end().state is RunState.FAILED
    assert "the worker was lost 3 times" in play.end().message


def test_a_worker_lost_in_a_look_counts_too() -> None:
    play = three()
    for _ in range(MAX_CRASHES):
        play.hear(Claimed())
    assert play.wants() == ("a", "undo", "run")


def test_an_undo_is_retried_and_looked_up_like_a_step() -> None:
    play = Play(document(undoable("a"), step("b"))).answer(Done(), PERMANENT, transient())
    play.wait()
    play.answer(UNKNOWN)
    assert play.wants() == ("a", "undo", "look")
    play.answer(Done())
    assert play.end().state is RunState.FAILED


@pytest.mark.parametrize("outcome", [PERMANENT, REJECTED], ids=["refused", "unusable answer"])
def test_an_undo_that_fails_needs_a_person_and_stops_there(outcome: Outcome) -> None:
    play = three().answer(Done(), Done(), PERMANENT, outcome)
    assert (play.end().state, play.end().step) == (RunState.STUCK, "b")
    assert "undoing b failed" in play.end().message


def test_cancel_undoes_what_was_done_and_begins_nothing_new() -> None:
    play = three()
    play.hear(Returned(play.call(), Done()), Cancel(1, "changed my mind"))
    assert play.wants() == ("a", "undo", "run")
    play.answer(Done())
    assert play.end() == Ended(play.clock(), RunState.CANCELLED, "", "changed my mind")


def test_cancel_waits_for_the_call_under_way() -> None:
    play = three()
    assert play.hear(Cancel(1, "why")).calls == ()
    assert play.run.ended is None
    play.hear(Returned(Call("a", Side.DO, Verb.RUN, 1), Done()))
    assert play.wants() == ("a", "undo", "run")


def test_cancel_before_the_first_step_ends_the_run_at_once() -> None:
    course = Course(parse_workflow(document(step("a"))), {})
    run = fold([(1, Accepted(VirtualClock()()))])
    decision = decide(course, run, [Claimed(), Cancel(1, "why")], Moment(VirtualClock()(), lambda: 0.5, 1))
    assert decision.run.ended is not None
    assert decision.run.ended.state is RunState.CANCELLED


def test_cancel_during_a_wait_does_not_try_again() -> None:
    play = three().answer(Done(), transient())
    play.hear(Cancel(1, "why"))
    assert play.wants() == ("a", "undo", "run")


def test_cancel_waits_until_an_uncertain_effect_is_known() -> None:
    play = three().answer(UNKNOWN)
    look = play.call()
    play.hear(Returned(look, UNKNOWN), Cancel(1, "why"))
    play.wait()
    assert play.wants() == ("a", "do", "look")
    play.answer(Done())
    assert play.wants() == ("a", "undo", "run")


def test_cancel_after_a_failure_does_not_change_why_it_ends() -> None:
    play = three().answer(Done(), PERMANENT)
    play.hear(Returned(play.call(), Done()), Cancel(1, "why"))
    assert play.end().state is RunState.FAILED


def test_a_signal_that_nobody_waits_for_is_kept_and_changes_nothing() -> None:
    play = three()
    wanted = play.call()
    payload: dict[str, Json] = {"x": 1}
    play.hear(Signal(1, "go", payload))
    assert play.run.signals[0].payload == payload
    play.hear(Returned(wanted, Done()))
    assert play.wants() == ("b", "do", "run")


def stale_answers(call: Call) -> Iterable[Call]:
    yield Call(call.step, call.side, call.verb, call.attempt + 1)
    yield Call(call.step, call.side, Verb.LOOK, call.attempt)
    yield Call(call.step, Side.UNDO, call.verb, call.attempt)
    yield Call("c", call.side, call.verb, call.attempt)


def test_an_answer_to_a_call_that_is_not_under_way_changes_nothing() -> None:
    play = three()
    before = play.run
    for stale in stale_answers(play.call()):
        assert play.hear(Returned(stale, Done())) == Decision(before)


def test_an_answer_that_comes_twice_counts_once() -> None:
    play = three()
    first = play.call()
    play.answer(Done())
    before = play.run
    assert play.hear(Returned(first, Done())) == Decision(before)


def test_news_after_the_end_change_nothing() -> None:
    play = three().answer(Done(), Done())
    last = play.call()
    play.answer(Done())
    over = play.run
    news: list[News] = [Claimed(), Returned(last, UNKNOWN), Cancel(1, "late"), Signal(1, "late", {})]
    assert play.hear(*news) == Decision(over)


def test_a_stopping_worker_writes_answers_down_and_begins_nothing() -> None:
    play = three()
    settled = settle(play.course, play.run, [Returned(play.call(), Done())], play.moment())
    assert [type(event).__name__ for event in settled.events] == ["AttemptSucceeded"]
    assert settled.calls == ()
