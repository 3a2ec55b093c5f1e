"""Every fault of a workflow document is found at its place, before anything runs."""

from typing import Any

import pytest

from catalog.errors import Finding
from executors.workflow.check import workflow_findings
from tests.engine import World, document, step, undoable

KINDS = World().kinds()


def findings(doc: Any, *, reads_only: bool = False) -> list[tuple[str, str]]:
    return [(found.pointer, found.code) for found in workflow_findings(doc, KINDS, reads_only=reads_only)]


def first(doc: Any) -> Finding:
    return workflow_findings(doc, KINDS)[0]


def test_a_sound_document_has_no_findings() -> None:
    doc = document(
        undoable("a", retry={"attempts": 5, "initial": "1s"}, timeout="30s", on_unknown="retry"),
        {"id": "b", "uses": "test.do", "with": {"name": "${inputs.name}", "of": "${steps.a.outputs.id}"}},
        outputs={"id": "${steps.b.outputs.id}", "of": "${request.name}"},
        facts={"exists": True, "env": "${destination.config.env}"},
    )
    assert findings(doc) == []


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"kind": "Workflows"}, "/kind", "const"),
        ({"apiVersion": "avow/v2"}, "/apiVersion", "const"),
        ({"metadata": {}}, "/metadata/name", "required"),
        ({"steps": []}, "/steps", "min_items"),
        ({"steps": [step("a")] * 201}, "/steps", "max_items"),
        ({"steps": [step("Not An Id")]}, "/steps/0/id", "pattern"),
        ({"steps": [step("a", needs=["b"])]}, "/steps/0/needs", "unknown_field"),
        ({"steps": [step("a", timeout="soon")]}, "/steps/0/timeout", "pattern"),
        ({"steps": [step("a", timeout="0s")]}, "/steps/0/timeout", "timeout_out_of_range"),
        ({"steps": [undoable("a"), undoable("b", timeout="2d")]}, "/steps/1/timeout", "timeout_out_of_range"),
        ({"steps": [step("a", retry={"max": "2d"})]}, "/steps/0/retry/max", "wait_out_of_range"),
        ({"steps": [step("a", retry={"attempts": 0})]}, "/steps/0/retry/attempts", "minimum"),
        ({"steps": [step("a", retry={"attempts": 10**9})]}, "/steps/0/retry/attempts", "maximum"),
        ({"steps": [step("a", on_unknown="shrug")]}, "/steps/0/on_unknown", "enum"),
        ({"steps": "all of them"}, "/steps", "type"),
        ({"surprise": 1}, "/surprise", "unknown_field"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_document_of_another_shape_is_refused(change: dict[str, Any], pointer: str, code: str) -> None:
    assert (pointer, code) in findings({**document(step("a")), **change})


def test_a_misspelt_field_of_a_step_is_recognised() -> None:
    assert first(document(step("a", time_out="1s"))).fix == "did you mean timeout?"


def test_two_steps_of_one_id_are_refused() -> None:
    assert findings(document(step("a"), step("a"))) == [("/steps/1/id", "duplicate_step")]


def test_an_unknown_step_kind_is_refused_and_a_close_one_offered() -> None:
    found = first(document(step("a", uses="test.undoo")))
    assert (found.pointer, found.code) == ("/steps/0/uses", "unknown_step_kind")
    assert "test.undo" in found.fix


def test_an_unknown_kind_in_a_compensation_is_refused() -> None:
    doc = document(step("a", compensate={"uses": "test.gone"}))
    assert findings(doc) == [("/steps/0/compensate/uses", "unknown_step_kind")]


@pytest.mark.parametrize(
    "reference",
    [
        "${steps.b.outputs.id}",
        "${steps.a.outputs.id}",
        "${steps.z.outputs.id}",
        "${steps.a}",
        "${steps}",
        "${secrets.password}",
        "${request.password}",
        "${request.name.first}",
        "${destination.password}",
        "${contract.digest}",
    ],
)
def test_a_reference_that_cannot_hold_is_refused(reference: str) -> None:
    doc = document({"id": "a", "uses": "test.do", "with": {"name": reference}}, step("b"))
    assert findings(doc) == [("/steps/0/with/name", "unknown_reference")]


def test_a_compensation_may_refer_to_its_own_step() -> None:
    undo = {"uses": "test.undo", "with": {"name": "${steps.a.outputs.id}"}}
    assert findings(document(step("a", compensate=undo))) == []


@pytest.mark.parametrize("text", ["x${inputs.name}", "${inputs.name", "${{ github.ref }}"])
def test_half_a_reference_is_refused(text: str) -> None:
    doc = document({"id": "a", "uses": "test.do", "with": {"name": text}})
    assert findings(doc) == [("/steps/0/with/name", "malformed_reference")]


def test_literal_arguments_are_held_to_the_step_kinds_schema() -> None:
    doc = document({"id": "a", "uses": "test.do", "with": {"name": 7, "size": "xl", "sise": "s"}})
    assert set(findings(doc)) == {
        ("/steps/0/with/name", "type"),
        ("/steps/0/with/size", "enum"),
        ("/steps/0/with/sise", "unknown_field"),
    }


def test_a_missing_argument_is_named() -> None:
    assert findings(document({"id": "a", "uses": "test.do"})) == [("/steps/0/with/name", "required")]


def test_what_a_reference_will_bring_is_not_judged_yet() -> None:
    doc = document({"id": "a", "uses": "test.do", "with": {"name": "${inputs.n}", "size": "${inputs.s}"}})
    assert findings(doc) == []


def test_an_unknown_argument_is_refused_even_as_a_reference() -> None:
    doc = document({"id": "a", "uses": "test.do", "with": {"name": "a", "sise": "${inputs.s}"}})
    assert findings(doc) == [("/steps/0/with/sise", "unknown_field")]


def test_a_workflow_named_observe_may_only_look() -> None:
    assert findings(document(step("a"), name="observe")) == [("/steps/0/uses", "writes_in_observe")]
    assert findings(document(step("a", uses="test.look"), name="observe")) == []


def test_a_workflow_run_to_look_may_only_look() -> None:
    doc = document(undoable("a", uses="test.look"))
    assert findings(doc, reads_only=True) == [("/steps/0/compensate", "writes_in_observe")]
