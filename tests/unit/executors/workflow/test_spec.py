"""A workflow document becomes values, with the defaults that its schema publishes."""

from executors.retry import Backoff, Jitter, RetryPolicy
from executors.workflow.check import SCHEMA
from executors.workflow.spec import (
    MAX_PARALLEL,
    TIMEOUT_SECONDS,
    UNDO_RETRY,
    Action,
    Each,
    OnUnknown,
    parse_workflow,
)
from tests.workflows import document, step, undoable


def test_steps_keep_their_order() -> None:
    workflow = parse_workflow(document(step("b"), step("a"), step("c")))
    assert list(workflow.steps) == ["b", "a", "c"]


def test_a_step_that_says_nothing_gets_the_published_defaults() -> None:
    action = parse_workflow(document(step("a"))).steps["a"].do
    assert isinstance(action, Action)
    assert action.retry == RetryPolicy(3, Backoff.EXPONENTIAL, 1, 30, Jitter.FULL)
    assert action.timeout_seconds == 60
    assert action.on_unknown is OnUnknown.OBSERVE


def test_the_defaults_in_the_schema_are_the_ones_in_use() -> None:
    defs = SCHEMA["$defs"]
    assert isinstance(defs, dict)
    retry = {name: part.get("default") for name, part in defs["retry"]["properties"].items()}
    assert retry == {
        "attempts": 3,
        "backoff": "exponential",
        "initial": "1s",
        "max": "30s",
        "jitter": "full",
        "on": None,
    }
    assert defs["step"]["properties"]["max_parallel"]["default"] == MAX_PARALLEL
    assert defs["step"]["properties"]["timeout"]["default"] == f"{TIMEOUT_SECONDS:g}s"
    assert defs["step"]["properties"]["on_unknown"]["default"] == OnUnknown.OBSERVE


def test_what_a_step_says_is_taken() -> None:
    retry = {"attempts": 5, "backoff": "fixed", "initial": "200ms", "max": "2m", "jitter": "none"}
    action = parse_workflow(document(step("a", retry=retry, timeout="5m", on_unknown="halt"))).steps["a"].do
    assert isinstance(action, Action)
    assert action.retry == RetryPolicy(5, Backoff.FIXED, 0.2, 120, Jitter.NONE)
    assert action.timeout_seconds == 300
    assert action.on_unknown is OnUnknown.HALT


def test_a_compensation_is_tried_longer_than_a_step() -> None:
    undo = parse_workflow(document(undoable("a"))).steps["a"].undo
    assert undo is not None
    assert undo.uses == "test.undo"
    assert undo.retry == UNDO_RETRY


def test_a_step_without_compensation_has_no_undo() -> None:
    assert parse_workflow(document(step("a"))).steps["a"].undo is None


def test_a_step_needs_the_one_before_it_unless_it_says_otherwise() -> None:
    steps = parse_workflow(
        document(step("a"), step("b"), step("c", needs=[]), step("d", needs=["b", "c"]))
    ).steps
    assert [each.needs for each in steps.values()] == [(), ("a",), (), ("b", "c")]


def test_a_workflow_knows_who_waits_for_whom() -> None:
    workflow = parse_workflow(document(step("a"), step("b", needs=["a"]), step("c", needs=["a", "b"])))
    assert workflow.wanted_by == {"a": ("b", "c"), "b": ("c",), "c": ()}


def test_a_for_each_holds_its_list_and_how_many_at_a_time() -> None:
    assert parse_workflow(document(step("a", for_each=["x"], max_parallel=3))).steps["a"].each == Each(
        ["x"], 3
    )
