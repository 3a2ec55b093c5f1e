"""What only the twin can do: play every way in which an executor may answer."""

import pytest

from catalog.errors import Unavailable
from executors.port import RunState
from executors.twin import Answer, Line, Twin
from tests.engine import VirtualClock, counting_mint, order


def a_twin(*answers: Answer) -> Twin:
    twin = Twin(VirtualClock(), counting_mint())
    twin.script("provision", *answers)
    return twin


def test_answers_are_given_in_turn_and_the_last_one_repeats() -> None:
    twin = a_twin(Answer({"n": 1}), Answer({"n": 2}))
    reports = [twin.start(order({}, key=f"key-{number}")) for number in range(3)]
    assert [report.outputs for report in reports] == [{"n": 1}, {"n": 2}, {"n": 2}]


def test_an_operation_without_a_script_succeeds() -> None:
    assert a_twin().start(order({}, operation="update")).state is RunState.SUCCEEDED


def test_a_line_that_breaks_before_leaves_no_run() -> None:
    twin = a_twin(Answer(line=Line.BREAKS_BEFORE), Answer())
    with pytest.raises(Unavailable):
        twin.start(order({}))
    assert twin.observe("key-1") is None
    assert twin.start(order({})).state is RunState.SUCCEEDED


def test_a_line_that_breaks_after_leaves_a_run_to_be_found() -> None:
    twin = a_twin(Answer({"id": 1}, line=Line.BREAKS_AFTER))
    with pytest.raises(Unavailable):
        twin.start(order({}))
    report = twin.observe("key-1")
    assert report is not None
    assert report.outputs == {"id": 1}


def test_a_stuck_run_undoes_nothing() -> None:
    twin = a_twin(Answer(steps=("a", "b"), failure="in use", state=RunState.STUCK))
    assert twin.start(order({})).state is RunState.STUCK
    assert twin.effects == [("req_1", "do", "a")]


def test_an_end_is_told_once() -> None:
    told: list[str] = []
    twin = Twin(VirtualClock(), counting_mint(), lambda project, request: told.append(f"{project}/{request}"))
    twin.script("provision", Answer(held=True))
    twin.start(order({}))
    assert told == []
    twin.release("key-1")
    twin.release("key-1")
    assert told == ["shop/req_1"]


def test_signals_are_kept_and_orders_remembered() -> None:
    twin = a_twin(Answer(held=True))
    twin.start(order({}))
    twin.signal("key-1", "go", {"x": 1})
    assert [value.idempotency_key for value in twin.orders] == ["key-1"]
    assert twin.signals("key-1") == [("go", {"x": 1})]
