"""The three harnesses find workflows that do not stand them, of every sort of step."""

from typing import Any

import pytest

from catalog.digest import JsonObject
from executors.port import Effect
from executors.step import StepCall, StepKind
from executors.workflow.rehearsal.script import Given
from executors.workflow.rehearsal.stage import Play
from tests.engine import World
from tests.property.harness import fail_at_each_step, repeat_each_step, repeat_each_undo
from tests.workflows import document, step, undoable

LOOKED_UP_BY_CHECK: JsonObject = {"type": "object", "properties": {"name": {}, "check": {}}}


class Unchecked:
    """A kind whose effect can only be looked up when the call says how."""

    name = "test.blind"
    effect = Effect.WRITE
    schema = LOOKED_UP_BY_CHECK

    def run(self, call: StepCall) -> JsonObject:
        raise NotImplementedError

    def observe(self, call: StepCall) -> JsonObject | None:
        raise NotImplementedError


def playing(*steps: dict[str, Any], **more: Any) -> Play:
    kinds: dict[str, StepKind] = {**World().kinds(), "test.blind": Unchecked()}
    return Play(document(*steps, **more), kinds)


GIVEN = Given(inputs={"names": ["x", "y", "z"]})
ASK = {"id": "ok", "approval": {"groups": ["sec"], "quorum": 2}}
WAIT = {"id": "w", "wait": {"signal": "go"}}
MANY = undoable("many", for_each="${inputs.names}", max_parallel=2)
SUB = {"id": "sub", "workflow": "inner.yaml", "for_each": ["p", "q"]}
INNER = document(undoable("a"), undoable("b", needs=[]), name="inner")


def sound() -> Play:
    return playing(undoable("first"), MANY, SUB, ASK, WAIT, step("last"), workflows={"inner.yaml": INNER})


def test_a_sound_workflow_of_every_sort_of_step_stands_all_three() -> None:
    for harness in (repeat_each_step, fail_at_each_step, repeat_each_undo):
        assert list(harness(sound(), GIVEN)) == []


def test_a_step_that_cannot_be_looked_up_does_not_stand_being_broken_off() -> None:
    complaints = list(repeat_each_step(playing(step("a", "test.blind")), GIVEN))
    assert len(complaints) == 4
    assert complaints[1].startswith("a broken off after its effect: it ends stuck")


def test_a_step_without_a_second_try_does_not_stand_failing_once() -> None:
    complaints = list(repeat_each_step(playing(step("a", retry={"attempts": 1})), GIVEN))
    assert any(each.startswith("a failing once: it ends failed") for each in complaints)


def test_a_workflow_that_fails_undisturbed_is_told_as_such() -> None:
    [complaint] = repeat_each_step(playing(step("a", **{"if": "inputs.none == 1"})), GIVEN)
    assert complaint.startswith("undisturbed it ends failed")


@pytest.mark.parametrize(
    "undo",
    [
        {"uses": "test.undo", "with": {"name": "${inputs.never}"}},
        {"uses": "test.undo", "with": {"name": "${steps.a.outputs.id}", "size": "${inputs.names}"}},
    ],
    ids=["unresolved", "unfit"],
)
def test_an_undoing_that_cannot_be_called_is_found(undo: dict[str, Any]) -> None:
    complaints = list(fail_at_each_step(playing(step("a", compensate=undo), step("b")), GIVEN))
    assert complaints[0].startswith("b failed: it ends stuck")


def test_an_undoing_that_cannot_be_looked_up_does_not_stand_being_broken_off() -> None:
    undo = {"uses": "test.blind", "with": {"name": "a"}}
    complaints = list(repeat_each_undo(playing(step("a", compensate=undo), step("b")), GIVEN))
    assert "undoing a broken off before its effect: it ends stuck" in complaints[0]
