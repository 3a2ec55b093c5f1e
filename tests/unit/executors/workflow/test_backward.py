"""How a run with several things under way is brought to a halt and undone."""

import pytest

from executors.port import RunState
from executors.workflow.exchange import Absent, Cancel, Claimed, Done
from executors.workflow.state import Phase
from tests.play import PERMANENT, STEADY, UNKNOWN, Play, transient
from tests.workflows import document, step, undoable


def beside(**more: object) -> Play:
    """Return a run with three steps under way at a time."""
    return Play(
        document(*(undoable(name, needs=[], **more) for name in "abc"), step("z", needs=["a", "b", "c"]))
    )


def test_a_failure_waits_for_what_is_under_way_and_undoes_that_too() -> None:
    play = beside().reply({"b": PERMANENT})
    assert play.begun() == []
    assert play.reply("c").begun() == []
    assert play.reply("a").begun() == ["-a"], "the last to be done is undone first"
    assert play.reply("a").begun() == ["-c"]
    assert play.reply("c").end().step == "b"


def test_the_first_failure_is_the_one_that_is_told() -> None:
    play = beside().reply({"b": PERMANENT}).reply({"a": PERMANENT}).reply({"c": PERMANENT})
    assert play.end().message == "b failed: it refuses"


def test_what_is_uncertain_beside_a_failure_is_looked_up_first() -> None:
    play = beside().reply({"a": UNKNOWN})
    assert play.wants() == ("a", "do", "look")
    play.reply("c").reply({"b": PERMANENT})
    assert play.begun() == []
    assert play.reply({"a": Done()}).begun() == ["-a"]


def test_what_is_found_missing_beside_a_failure_is_not_tried_again() -> None:
    play = beside(retry=STEADY).reply({"a": UNKNOWN}).reply("c").reply({"b": PERMANENT})
    assert play.reply({"a": Absent()}).begun() == ["-c"]
    assert play.phase("a") is Phase.DROPPED


def test_a_step_that_waits_to_be_tried_again_is_given_up() -> None:
    play = beside(retry=STEADY).reply({"a": transient()}).reply("c").reply({"b": PERMANENT})
    assert play.begun() == ["-c"]


def test_nobody_knowing_of_one_step_stops_the_run_once_the_others_have_answered() -> None:
    play = beside(on_unknown="halt").reply({"a": UNKNOWN}).reply({"a": UNKNOWN})
    assert play.run.ended is None
    assert play.reply("b", "c").end().state is RunState.STUCK
    assert play.end().step == "a"


def test_on_unknown_compensate_undoes_what_nobody_knows_of_with_the_rest() -> None:
    play = Play(document(undoable("a"), undoable("b", on_unknown="compensate"))).reply("a").answer(UNKNOWN)
    for _ in range(4):
        play.answer(UNKNOWN)
        play.wait()
    assert play.answer(UNKNOWN).begun() == ["-b"]
    assert play.reply("b").begun() == ["-a"]
    assert play.reply("a").end().state is RunState.FAILED


def test_a_cancel_waits_for_every_call_under_way() -> None:
    play = beside().send(Cancel, "why").reply("a", "b")
    assert play.begun() == []
    assert play.reply({"c": PERMANENT}).run.compensation is not None
    assert play.begun() == ["-b"]
    assert play.reply("b", "a").end().state is RunState.FAILED, "a failure tells more than a cancel"


def test_undoing_goes_on_where_a_lost_worker_left_it() -> None:
    play = beside().reply("a", "b").reply({"c": PERMANENT})
    assert play.begun() == ["-b"]
    play.hear(Claimed())
    assert play.wants() == ("b", "undo", "look")
    assert play.reply({"b": Absent()}).wants() == ("b", "undo", "run")
    assert play.reply("b").begun() == ["-a"]


def test_a_lost_worker_had_everything_under_way() -> None:
    play = beside()
    play.hear(Claimed())
    assert [(call.step, call.verb.value) for call in play.decision.calls] == [
        (name, "look") for name in "abc"
    ]


@pytest.mark.parametrize("size", [1, 40])
def test_undoing_is_in_reverse_order_of_completion_whatever_its_length(size: int) -> None:
    names = [f"s{number}" for number in range(size)]
    play = Play(document(*(undoable(name, needs=[]) for name in names), step("z", needs=names)))
    play.reply(*names).reply({"z": PERMANENT})
    undone = []
    while play.run.ended is None:
        undone += play.begun()
        play.reply(*play.open)
    assert undone == [f"-{name}" for name in reversed(names)]
