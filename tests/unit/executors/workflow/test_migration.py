"""A parked run goes over to another definition: what is checked, and how it goes on."""

from typing import Any

import pytest

from executors.port import RunState
from executors.workflow.act import Held, step_key
from executors.workflow.events import Side
from executors.workflow.exchange import Cancel, Done, Pause, Signal
from executors.workflow.milestones import MailDropped
from executors.workflow.state import Phase
from tests.migrations import migrate, refusals
from tests.play import UNKNOWN, Play, transient
from tests.workflows import document, step, undoable

SIGNAL = {"id": "go", "wait": {"signal": "go"}}
APPROVAL = {"id": "ok", "approval": {"groups": ["sec"]}}


def waiting(*, after: dict[str, Any] | None = None) -> tuple[Play, dict[str, Any]]:
    """Return a run that has reserved and bought and now waits, with its definition."""
    old = document(undoable("reserve"), undoable("buy"), after or SIGNAL, step("ship"))
    play = Play(old)
    play.answer(Done({"id": "r1"}), Done({"id": "b1"}))
    return play, old


def keys(play: Play) -> list[str]:
    """Return the idempotency keys of the calls that are under way."""
    held = Held("run_1", "shop", "req_1", "key-1", "sha256:0", 1, play.course, play.run)
    return [step_key(held, call.step, call.side) for call in play.decision.calls]


def test_what_was_done_keeps_its_outputs_under_its_new_name() -> None:
    play, old = waiting()
    ship = step("ship") | {"with": {"name": "ship", "of": "${steps.hold.outputs.id}"}}
    new = document(undoable("hold"), undoable("buy"), SIGNAL, ship)
    assert migrate(play, old, new, {"reserve": "hold"}) == ["Migrated"]
    play.send(Signal, "go", {})
    assert play.begun() == ["ship"]
    assert play.run.of("hold", Side.DO).outputs == {"id": "r1"}
    play.reply("ship")
    assert play.end().state is RunState.SUCCEEDED


def test_a_run_that_was_migrated_is_undone_by_its_new_definition_in_the_old_order() -> None:
    play, old = waiting()
    new = document(undoable("hold"), undoable("pay"), SIGNAL)
    migrate(play, old, new, {"reserve": "hold", "buy": "pay"})
    play.send(Cancel, "enough")
    assert play.begun() == ["-pay"]
    play.reply("pay")
    assert play.begun() == ["-hold"]


def test_a_new_step_is_done_when_its_turn_comes() -> None:
    play, old = waiting()
    new = document(undoable("reserve"), undoable("buy"), SIGNAL, step("scan"), step("ship"))
    migrate(play, old, new)
    play.send(Signal, "go", {})
    assert play.begun() == ["scan"]


def test_a_step_without_needs_is_begun_as_soon_as_the_run_was_migrated() -> None:
    play, old = waiting()
    new = document(undoable("reserve"), undoable("buy"), SIGNAL, step("ship"), step("note", needs=[]))
    migrate(play, old, new)
    assert play.begun() == ["note"]


def test_a_name_that_another_step_used_is_used_again_under_another_key() -> None:
    play, old = waiting()
    first = Play(document(step("buy")))
    new = document(undoable("reserve"), undoable("pay"), SIGNAL, step("buy"))
    assert migrate(play, old, new, {"buy": "pay"}) == ["Migrated"]
    play.send(Signal, "go", {})
    assert play.begun() == ["buy"]
    assert keys(play) != keys(first)


def test_swapped_names_never_share_a_key() -> None:
    old = document(undoable("a"), undoable("b"), SIGNAL, undoable("last"))
    play = Play(old)
    used = [*keys(play)]
    play.answer(Done({}))
    used += keys(play)
    play.answer(Done({}))
    new = document(undoable("b"), undoable("a"), SIGNAL, undoable("last"))
    migrate(play, old, new, {"a": "b", "b": "a"})
    play.send(Cancel, "enough")
    used += keys(play)
    play.reply("a")
    used += keys(play)
    assert len(set(used)) == 4
    assert play.begun() == ["-b"]


def test_an_open_approval_is_voided_and_asked_anew_under_the_new_terms() -> None:
    play, old = waiting(after=APPROVAL)
    new = document(undoable("reserve"), undoable("buy"), {"id": "ok", "approval": {"groups": ["ops"]}})
    play.clock.advance(5)
    contract = {"name": "shop", "version": "2.0.0", "digest": "sha256:2"}
    assert migrate(play, old, new, contract=contract) == ["ApprovalClosed", "Migrated"]
    assert play.told() == ["ApprovalOpened"]
    play.vote("ok", "ann")
    assert play.phase("ok") is Phase.ASKING, "a vote of a group that is not asked any more counts"
    play.vote("ok", "bob", groups=("ops",))
    assert play.phase("ok") is Phase.DONE


def test_an_approval_under_the_old_definition_counts_only_when_that_is_said() -> None:
    old = document(APPROVAL, SIGNAL)
    play = Play(old)
    play.vote("ok", "ann")
    new = document(APPROVAL, SIGNAL, step("more"))
    assert refusals(play, old, new) == [("/mapping/ok", "approved_for_another")]
    assert migrate(play, old, new, keeps_approvals=True) == ["Migrated"]


def test_a_run_with_a_step_under_way_is_not_migrated() -> None:
    old = document(step("a"), step("b"))
    play = Play(old)
    assert refusals(play, old, document(step("a"))) == [("", "run_not_parked")]
    assert migrate(play, old, document(step("a"))) == ["MailDropped"]
    assert isinstance(play.decision.events[0], MailDropped)
    play.reply("a")
    assert play.wants()[0] == "b"


def test_a_run_whose_step_may_have_happened_is_not_migrated() -> None:
    old = document(step("a", retry={"attempts": 3, "initial": "1s"}))
    play = Play(old)
    play.answer(UNKNOWN)
    if play.decision.calls:  # the first look comes at once
        play.answer(UNKNOWN)
    assert refusals(play, old, old) == [("", "outcome_unknown")]


def test_a_step_between_two_attempts_goes_on_under_its_new_name() -> None:
    old = document(step("a", retry={"attempts": 3, "initial": "1s", "jitter": "none"}))
    play = Play(old)
    play.answer(transient())
    new = document(step("b", retry={"attempts": 3, "initial": "1s", "jitter": "none"}))
    migrate(play, old, new, {"a": "b"})
    play.wait()
    assert play.wants() == ("b", "do", "run")
    assert play.call().attempt == 2


def test_a_cancelled_run_is_not_migrated() -> None:
    play, old = waiting()
    play.send(Cancel, "enough")
    assert refusals(play, old, old) == [("", "run_going_back")]


def test_a_paused_run_is_migrated_and_stays_paused() -> None:
    old = document(step("a"), step("b"))
    play = Play(old)
    play.send(Pause, "wait")
    play.reply("a")
    new = document(step("a"), step("c"))
    migrate(play, old, new)
    assert play.run.is_paused
    assert play.begun() == []


@pytest.mark.parametrize(
    ("steps", "mapping", "pointer", "code"),
    [
        pytest.param(
            [undoable("buy"), SIGNAL],
            {},
            "/mapping/reserve",
            "begun_step_missing",
            id="a done step is missing",
        ),
        pytest.param(
            [undoable("buy"), SIGNAL],
            {"reserve": None},
            "/mapping/reserve",
            "begun_step_given_up",
            id="a done step is given up",
        ),
        pytest.param(
            [undoable("reserve", uses="test.look"), undoable("buy"), SIGNAL],
            {},
            "/mapping/reserve",
            "other_sort",
            id="another step kind",
        ),
        pytest.param(
            [step("reserve"), undoable("buy"), SIGNAL],
            {},
            "/mapping/reserve",
            "compensation_missing",
            id="what undid it is gone",
        ),
        pytest.param(
            [undoable("reserve"), undoable("buy"), {"id": "go", "wait": {"signal": "other"}}],
            {},
            "/mapping/go",
            "other_wait",
            id="an open wait for another signal",
        ),
        pytest.param(
            [undoable("reserve"), undoable("buy"), {"id": "go", "wait": {"timer": "1h"}}],
            {},
            "/mapping/go",
            "other_wait",
            id="an open wait for a time",
        ),
        pytest.param(
            [undoable("reserve"), step("first"), undoable("buy"), SIGNAL],
            {},
            "/steps/2/needs",
            "order_broken",
            id="a done step needs one that is to come",
        ),
        pytest.param(
            [undoable("reserve"), undoable("buy"), SIGNAL],
            {"resrve": "buy"},
            "/mapping/resrve",
            "unknown_step",
            id="a step that the old definition has not",
        ),
        pytest.param(
            [undoable("reserve"), undoable("buy"), SIGNAL],
            {"ship": "shop"},
            "/mapping/ship",
            "unknown_step",
            id="a step that the new definition has not",
        ),
        pytest.param(
            [undoable("reserve"), undoable("buy"), SIGNAL],
            {"buy": "reserve"},
            "/mapping/buy",
            "mapping_not_unique",
            id="two steps become one",
        ),
        pytest.param(
            [
                undoable("reserve"),
                undoable("buy"),
                SIGNAL,
                {"id": "x", "uses": "test.do", "with": {"name": "${steps.buy.outputs.nr}"}},
            ],
            {},
            "/steps/3/with/name",
            "unresolved_reference",
            id="what is to come refers to what was not handed back",
        ),
        pytest.param(
            [
                undoable("reserve"),
                undoable("buy"),
                SIGNAL,
                step("x") | {"with": {"name": "${inputs.colour}"}},
            ],
            {},
            "/steps/3/with/name",
            "unresolved_reference",
            id="what is to come refers to an input that is not there",
        ),
    ],
)
def test_a_mapping_is_refused_with_the_place_and_the_reason(
    steps: list[dict[str, Any]], mapping: dict[str, str | None], pointer: str, code: str
) -> None:
    play, old = waiting()
    assert refusals(play, old, document(*steps), mapping) == [(pointer, code)]


def test_every_problem_is_told_at_once() -> None:
    play, old = waiting()
    new = document(step("reserve"), {"id": "go", "wait": {"timer": "1h"}})
    assert {code for _pointer, code in refusals(play, old, new)} == {
        "compensation_missing",
        "begun_step_missing",
        "other_wait",
    }


def fanned() -> tuple[Play, dict[str, Any]]:
    """Return a run that has made the first of two and waits in each for a signal, with its definition."""
    inner = document(undoable("make"), SIGNAL, step("seal"), name="inner")
    old = document(
        {"id": "each", "workflow": "inner.yaml", "with": {"n": 1}, "for_each": ["x", "y"]},
        workflows={"inner.yaml": inner},
    )
    play = Play(old)
    play.reply("each[0]/make", "each[1]/make")
    return play, old


def test_steps_of_sub_workflows_are_mapped_within_every_instance() -> None:
    play, old = fanned()
    inner = document(undoable("build"), SIGNAL, step("close"), name="inner")
    new = document(
        {"id": "every", "workflow": "part.yaml", "with": {"n": 1}, "for_each": ["x", "y"]},
        workflows={"part.yaml": inner},
    )
    assert migrate(play, old, new, {"each": "every", "each/make": "every/build"}) == ["Migrated"]
    play.send(Signal, "go", {}).send(Signal, "go", {})
    assert sorted(play.open) == ["every[0]/close", "every[1]/close"]
    play.reply("every[0]/close", "every[1]/close")
    assert play.end().state is RunState.SUCCEEDED


def test_a_step_does_not_leave_its_sub_workflow() -> None:
    play, old = fanned()
    inner = document(SIGNAL, name="inner")
    new = document(
        {"id": "each", "workflow": "inner.yaml", "with": {}, "for_each": ["x", "y"]},
        undoable("make"),
        workflows={"inner.yaml": inner},
    )
    found = refusals(play, old, new, {"each/make": "make"})
    assert ("/mapping/each~1make", "step_moved_out") in found


def test_a_skipped_step_may_be_given_up() -> None:
    old = document(step("a", **{"if": "false"}), SIGNAL, step("z"))
    play = Play(old)
    new = document(SIGNAL, step("z"))
    assert migrate(play, old, new, {"a": None}) == ["Migrated"]
    play.send(Signal, "go", {}).reply("z")
    assert play.end().state is RunState.SUCCEEDED


def test_a_run_is_migrated_as_often_as_it_takes() -> None:
    play, old = waiting()
    new = document(undoable("hold"), undoable("buy"), SIGNAL, step("ship"))
    migrate(play, old, new, {"reserve": "hold"})
    assert migrate(play, new, old, {"hold": "reserve"}) == ["Migrated"]
    play.send(Cancel, "enough")
    play.reply("buy")
    assert play.begun() == ["-reserve"]
