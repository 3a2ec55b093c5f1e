"""What a workflow would do, told beforehand, is what the engine then does."""

from typing import Any

import pytest

from catalog.digest import JsonObject
from executors.workflow.outline import ComingApproval, Outline, asks_people, outline, workflow_of
from tests.workflows import document, step, undoable

CONTEXT: JsonObject = {
    "inputs": {"size": "s", "team": ["ops"], "names": ["a", "b"]},
    "request": {"name": "orders", "environment": "prod"},
    "destination": {"name": "pg-1"},
    "contract": {"name": "db", "version": "1.0.0"},
    "outputs": {},
}


def outlined(*steps: dict[str, Any], files: dict[str, str] | None = None, **more: Any) -> Outline:
    workflow = workflow_of(document(*steps, **more), files or {})
    assert workflow is not None
    return outline(workflow, CONTEXT)


def ask(id_: str = "ask", **more: Any) -> dict[str, Any]:
    """Return a step that asks people; `if_` stands for `if`."""
    asked = {name: value for name, value in more.items() if name not in ("if_", "needs", "for_each")}
    rest = {name.rstrip("_"): value for name, value in more.items() if name not in asked}
    return {"id": id_, "approval": asked or {"groups": ["security"]}, **rest}


def test_steps_form_the_graph_that_runs() -> None:
    found = outlined(
        undoable("a"),
        step("b", needs=["a"]),
        step("c", needs=["a"], for_each="${inputs.names}"),
        {"id": "w", "wait": {"timer": "1s"}, "needs": ["b", "c"]},
    ).steps

    assert [(each.id, each.uses, each.needs, each.has_undo) for each in found] == [
        ("a", "test.do", (), True),
        ("b", "test.do", ("a",), False),
        ("c", "test.do", ("a",), False),
        ("w", "wait", ("b", "c"), False),
    ]
    assert [each.each for each in found] == ["", "", "${inputs.names}", ""]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('request.environment == "prod"', True),
        ('request.environment == "dev"', False),
        ('inputs.size == "s" && contract.version == "1.0.0"', True),
        ('steps.a.outputs.id == "x"', None),
        ('inputs.missing == "x"', None),
    ],
)
def test_a_condition_is_worked_out_as_far_as_it_is_known(condition: str, holds: bool | None) -> None:  # noqa: FBT001  # a table's column
    found = outlined(step("a"), ask(if_=condition))

    assert found.steps[1].condition == condition
    assert found.steps[1].holds is holds
    assert [each.is_certain for each in found.approvals] == ([] if holds is False else [holds is True])


def test_an_approval_tells_of_whom_how_many_and_how_long() -> None:
    asked = {"groups": "${inputs.team}", "assignees": ["vera"], "quorum": 2, "expires": "3d"}
    [found] = outlined({"id": "ask", "approval": asked}).approvals

    assert found == ComingApproval("ask", ("ops",), ("vera",), 2, "3d", "reject", (), is_certain=True)


def test_what_an_approval_takes_from_a_step_is_shown_as_it_stands() -> None:
    [found] = outlined(step("a"), ask(groups="${steps.a.outputs.groups}")).approvals

    assert found.groups == ("${steps.a.outputs.groups}",)


def test_what_is_asked_for_each_of_a_list_is_not_certain() -> None:
    [found] = outlined(ask(for_each="${inputs.names}")).approvals

    assert not found.is_certain


INNER = """
apiVersion: avow/v1
kind: Workflow
metadata: {name: inner}
steps:
  - {id: pause, wait: {timer: 1s}}
  - {id: ask, if: 'inputs.of == "s"', approval: {groups: [net]}}
"""


def nested(**more: Any) -> dict[str, Any]:
    return {"id": "net", "workflow": "inner.yaml", "with": {"of": "${inputs.size}"}, **more}


def test_steps_of_a_sub_workflow_are_named_as_in_a_run_and_its_inputs_are_known() -> None:
    found = outlined(nested(), files={"inner.yaml": INNER})

    assert [(each.id, each.uses, each.needs) for each in found.steps] == [
        ("net", "workflow inner.yaml", ()),
        ("net/pause", "wait", ()),
        ("net/ask", "approval", ("net/pause",)),
    ]
    [asked] = found.approvals
    assert (asked.step, asked.conditions, asked.is_certain) == ("net/ask", ('inputs.of == "s"',), True)


def test_an_approval_rests_on_the_conditions_around_it() -> None:
    maybe = outlined(step("a"), nested(**{"if": "steps.a.outputs.ok"}), files={"inner.yaml": INNER})
    [asked] = maybe.approvals
    assert (asked.conditions, asked.is_certain) == (("steps.a.outputs.ok", 'inputs.of == "s"'), False)

    never = outlined(nested(**{"if": "inputs.size == 'm'"}), files={"inner.yaml": INNER})
    assert never.approvals == ()
    assert [each.id for each in never.steps] == ["net"]


def test_what_a_sub_workflow_is_given_by_a_step_is_not_known() -> None:
    later = nested(**{"with": {"of": "${steps.a.outputs.size}"}})
    [asked] = outlined(step("a"), later, files={"inner.yaml": INNER}).approvals

    assert not asked.is_certain


def test_a_definition_in_another_format_has_no_outline() -> None:
    assert workflow_of({"image": "terraform:1.9"}, {}) is None
    assert workflow_of(document(nested()), {}) is None, "a file that is not there"


def test_it_is_known_whether_anybody_is_asked_at_all() -> None:
    quiet, loud = workflow_of(document(step("a")), {}), workflow_of(document(nested()), {"inner.yaml": INNER})
    assert quiet is not None
    assert loud is not None
    assert (asks_people(quiet), asks_people(loud)) == (False, True)
