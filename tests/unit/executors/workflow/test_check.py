"""Every fault of a workflow document is found at its place, before anything runs."""

import json
from typing import Any

import pytest

from catalog.errors import Finding, Invalid
from executors.workflow.check import workflow_findings
from executors.workflow.linkage import linked
from tests.engine import World
from tests.workflows import document, step, undoable

KINDS = World().kinds()


def findings(doc: Any, *, reads_only: bool = False) -> list[tuple[str, str]]:
    return [(found.pointer, found.code) for found in workflow_findings(doc, KINDS, reads_only=reads_only)]


def wait(**asked: Any) -> dict[str, Any]:
    return {"id": "w", "wait": asked}


def ask(**asked: Any) -> dict[str, Any]:
    return {"id": "ok", "approval": asked}


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


SHAPES: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "Workflows"}, "/kind", "const"),
    ({"apiVersion": "avow/v2"}, "/apiVersion", "const"),
    ({"metadata": {}}, "/metadata/name", "required"),
    ({"steps": []}, "/steps", "min_items"),
    ({"steps": [step("a")] * 201}, "/steps", "max_items"),
    ({"steps": [step("Not An Id")]}, "/steps/0/id", "pattern"),
    ({"steps": [step("a", needs=["b"])]}, "/steps/0/needs/0", "unknown_need"),
    ({"steps": [step("a", needs="b")]}, "/steps/0/needs", "type"),
    ({"steps": [step("a", depends_on=["b"])]}, "/steps/0/depends_on", "unknown_field"),
    ({"steps": [{"id": "a"}]}, "/steps/0", "not_one_thing"),
    ({"steps": [step("a", wait={"timer": "1s"})]}, "/steps/0", "not_one_thing"),
    ({"steps": [step("a", max_parallel=2)]}, "/steps/0/max_parallel", "misplaced_field"),
    ({"steps": [step("a", for_each={"a": 1})]}, "/steps/0/for_each", "type"),
    ({"steps": [step("a", for_each="x")]}, "/steps/0/for_each", "not_a_list"),
    ({"steps": [step("a", for_each=[1] * 1001)]}, "/steps/0/for_each", "max_items"),
    ({"steps": [step("a", for_each=[1], max_parallel=101)]}, "/steps/0/max_parallel", "maximum"),
    ({"steps": [step("a", deadline="367d")]}, "/steps/0/deadline", "deadline_out_of_range"),
    ({"steps": [step("a", deadline="0s")]}, "/steps/0/deadline", "deadline_out_of_range"),
    ({"steps": [step("a", on_unknown="compensate")]}, "/steps/0/on_unknown", "nothing_undoes_it"),
    ({"steps": [step("a", retry={"on": []})]}, "/steps/0/retry/on", "min_items"),
    ({"steps": [wait()]}, "/steps/0/wait", "not_one_thing"),
    ({"steps": [wait(timer="1s", signal="go")]}, "/steps/0/wait", "not_one_thing"),
    ({"steps": [wait(timer="1s", timeout="1s")]}, "/steps/0/wait/timeout", "misplaced_field"),
    ({"steps": [wait(timer="999999d")]}, "/steps/0/wait/timer", "wait_out_of_range"),
    ({"steps": [wait(until="tomorrow")]}, "/steps/0/wait/until", "format"),
    ({"steps": [wait(until="2030-01-01T00:00:00")]}, "/steps/0/wait/until", "format"),
    ({"steps": [wait(until="2030-01-01 00:00:00+00:00")]}, "/steps/0/wait/until", "format"),
    ({"steps": [wait(until="2030-W01-1T00:00+00:00")]}, "/steps/0/wait/until", "format"),
    ({"steps": [wait(timer="1s") | {"retry": {}}]}, "/steps/0/retry", "misplaced_field"),
    ({"steps": [wait(timer="1s") | {"with": {}}]}, "/steps/0/with", "misplaced_field"),
    ({"steps": [ask()]}, "/steps/0/approval", "nobody_asked"),
    ({"steps": [ask(groups=[], assignees=[])]}, "/steps/0/approval", "nobody_asked"),
    ({"steps": [ask(assignees=["a"], quorum=2)]}, "/steps/0/approval/quorum", "quorum_out_of_reach"),
    ({"steps": [ask(assignees=["a", "a"], quorum=2)]}, "/steps/0/approval/quorum", "quorum_out_of_reach"),
    ({"steps": [ask(groups="sec")]}, "/steps/0/approval/groups", "not_a_list"),
    ({"steps": [ask(groups=["g"], expires="0s")]}, "/steps/0/approval/expires", "wait_out_of_range"),
    (
        {"steps": [ask(groups=["g"], on_expiry="escalate")]},
        "/steps/0/approval/on_expiry",
        "nobody_to_ask",
    ),
    ({"steps": [ask(groups=["g"]) | {"timeout": "1s"}]}, "/steps/0/timeout", "misplaced_field"),
    (
        {"steps": [step("a", rate={"key": "k", "limit": 1, "per": "2d"})]},
        "/steps/0/rate/per",
        "wait_out_of_range",
    ),
    (
        {"steps": [step("a", concurrency={"key": "${steps.b.outputs}"})]},
        "/steps/0/concurrency/key",
        "unknown_reference",
    ),
    ({"rate": {"key": "k", "limit": 1, "per": "0s"}}, "/rate/per", "wait_out_of_range"),
    ({"concurrency": {"key": "${steps.a.outputs.id}"}}, "/concurrency/key", "unknown_reference"),
    ({"metadata": {"name": "x", "priority": "utmost"}}, "/metadata/priority", "enum"),
    ({"steps": [step("a", timeout="soon")]}, "/steps/0/timeout", "pattern"),
    ({"steps": [step("a", timeout="0s")]}, "/steps/0/timeout", "timeout_out_of_range"),
    ({"steps": [undoable("a"), undoable("b", timeout="2d")]}, "/steps/1/timeout", "timeout_out_of_range"),
    ({"steps": [step("a", retry={"max": "2d"})]}, "/steps/0/retry/max", "wait_out_of_range"),
    ({"steps": [step("a", retry={"attempts": 0})]}, "/steps/0/retry/attempts", "minimum"),
    ({"steps": [step("a", retry={"attempts": 10**9})]}, "/steps/0/retry/attempts", "maximum"),
    ({"steps": [step("a", on_unknown="shrug")]}, "/steps/0/on_unknown", "enum"),
    ({"steps": "all of them"}, "/steps", "type"),
    ({"surprise": 1}, "/surprise", "unknown_field"),
]


@pytest.mark.parametrize(
    ("change", "pointer", "code"), SHAPES, ids=[f"{n}{at} {code}" for n, (_, at, code) in enumerate(SHAPES)]
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
        "${children}",
        "${children.db}",
        "${children.db.inputs.size}",
    ],
)
def test_a_reference_that_cannot_hold_is_refused(reference: str) -> None:
    doc = document({"id": "a", "uses": "test.do", "with": {"name": reference}}, step("b"))
    assert findings(doc) == [("/steps/0/with/name", "unknown_reference")]


def test_what_children_hand_back_is_reached_everywhere() -> None:
    inner = document({"id": "b", "uses": "test.do", "with": {"name": "${children.db.outputs.host}"}})
    whole = document(
        {"id": "a", "uses": "test.do", "with": {"name": "x", "of": "${children.db.outputs}"}},
        {"id": "in", "workflow": "inner.yaml"},
        workflows={"inner.yaml": inner},
    )
    assert findings(whole) == []


def test_a_compensation_may_refer_to_its_own_step() -> None:
    undo = {"uses": "test.undo", "with": {"name": "${steps.a.outputs.id}"}}
    assert findings(document(step("a", compensate=undo))) == []


@pytest.mark.parametrize("own", ["${steps.b.outputs.id}", "${steps.b.outputs}", "${steps.b.state}"])
@pytest.mark.parametrize("more", [{}, {"for_each": [1, 2]}], ids=["once", "for each"])
def test_what_nobody_may_know_of_is_not_undone_by_its_own_outputs(own: str, more: dict[str, Any]) -> None:
    undo = {"uses": "test.undo", "with": {"name": "x", "of": [own]}}
    doc = document(step("a"), step("b", compensate=undo, on_unknown="compensate", **more))
    assert findings(doc) == [("/steps/1/compensate/with/of/0", "nothing_undoes_it")]
    undo["with"] = {"name": "${steps.a.outputs.id}"}
    assert findings(doc) == []


@pytest.mark.parametrize("until", ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00.5+01:00", "${inputs.when}"])
def test_a_wait_lasts_until_a_time_or_what_a_reference_says(until: str) -> None:
    assert findings(document(wait(until=until))) == []


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


# ------------------------------------------------------------------------------------ graph


def test_a_graph_that_goes_in_circles_is_refused_and_the_circle_named() -> None:
    doc = document(step("a"), step("b", needs=["d"]), step("c", needs=["b"]), step("d", needs=["c"]))
    found = first(doc)
    assert (found.pointer, found.code) == ("/steps/1/needs", "cycle")
    assert found.message == "they need one another in a circle: b needs d needs c needs b"


def test_a_step_that_needs_itself_is_a_circle() -> None:
    assert findings(document(step("a", needs=["a"]))) == [("/steps/0/needs", "cycle")]


def test_a_reference_to_a_step_that_need_not_have_run_is_refused() -> None:
    beside = {"id": "b", "uses": "test.do", "with": {"name": "${steps.a.outputs.id}"}, "needs": []}
    doc = document(step("a"), beside)
    assert findings(doc) == [("/steps/1/with/name", "unknown_reference")]
    assert "add a to its needs" in first(doc).fix


def test_a_reference_over_several_needs_holds() -> None:
    last = {"id": "d", "uses": "test.do", "with": {"name": "${steps.a.outputs.id}"}, "needs": ["b", "c"]}
    assert findings(document(step("a"), step("b", needs=["a"]), step("c", needs=["a"]), last)) == []


def test_a_later_step_in_the_text_may_be_needed() -> None:
    one = {"id": "a", "uses": "test.do", "with": {"name": "${steps.z.outputs.id}"}, "needs": ["z"]}
    assert findings(document(one, step("z", needs=[]))) == []


# -------------------------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("steps.a.outputs.id ==", "expression_syntax"),
        ("steps.a.outputs.id == 1 " + "+ 1" * 400, "max_length"),
        ("(" * 13 + "true" + ")" * 13, "expression_too_deep"),
        ("inputs.x.map(a, inputs.x.map(b, inputs.x.exists(c, c == a + b)))", "expression_too_costly"),
        ("now() > 1", "unknown_function"),
        ("env.HOME == '/'", "unknown_reference"),
        ("steps.z.outputs.id == 1", "unknown_reference"),
        ("steps['z'].outputs.id == 1", "unknown_reference"),
        ("size(steps) > 1", "unknown_reference"),
        ("request.password == ''", "unknown_reference"),
        ("item == 1", "unknown_reference"),
        ("index > 1", "unknown_reference"),
    ],
)
def test_a_condition_that_cannot_hold_is_refused(condition: str, code: str) -> None:
    doc = document(step("a"), step("b", **{"if": condition}))
    assert findings(doc) == [("/steps/1/if", code)]


def test_a_sound_condition_has_no_findings() -> None:
    conditions = ["has(steps.a.outputs) && steps.a.state == 'done'", "request.labels.tier in ['a', 'b']"]
    assert (
        findings(document(step("a"), *(step(f"b{n}", **{"if": one}) for n, one in enumerate(conditions))))
        == []
    )


def test_within_a_list_the_item_is_known_and_without_it_is_not() -> None:
    each = step("b", for_each=["x"], **{"if": "item != 'y' && index < 5"}) | {"with": {"name": "${item}"}}
    assert findings(document(step("a"), each)) == []
    assert findings(document(step("a", for_each="${item.list}"))) == [
        ("/steps/0/for_each", "unknown_reference")
    ]


def test_a_field_of_a_list_of_outputs_is_refused_and_the_index_offered() -> None:
    last = {"id": "b", "uses": "test.do", "with": {"name": "${steps.a.outputs.host}"}}
    found = first(document(step("a", for_each=["x"]), last))
    assert (found.pointer, found.fix) == ("/steps/1/with/name", "write ${steps.a.outputs.0.host}")


def test_an_instance_undoes_itself_by_its_own_outputs() -> None:
    undo = {"uses": "test.undo", "with": {"name": "${steps.a.outputs.id}", "of": "${item}"}}
    assert findings(document(step("a", for_each=["x"], compensate=undo))) == []


# ------------------------------------------------------------------------------ sub-workflows


def running(*files: str) -> dict[str, Any]:
    return document(*({"id": f"s{number}", "workflow": file} for number, file in enumerate(files)))


def text_of(doc: dict[str, Any]) -> str:
    return json.dumps(doc)


def filed(doc: dict[str, Any], **files: dict[str, Any] | str) -> list[tuple[str, str]]:
    texts = {f"{name}.yaml": part if isinstance(part, str) else text_of(part) for name, part in files.items()}
    return [(found.pointer, found.code) for found in workflow_findings(doc, KINDS, files=texts)]


def test_a_sub_workflow_is_read_from_the_bundle_and_checked_too() -> None:
    assert filed(running("inner.yaml"), inner=document(step("a"))) == []
    broken = document(step("a", uses="test.gone"), name="inner")
    assert filed(running("inner.yaml"), inner=broken) == [
        ("/workflows/inner.yaml/steps/0/uses", "unknown_step_kind")
    ]


def test_a_sub_workflow_that_is_not_there_is_refused() -> None:
    assert filed(running("inner.yaml"), other=document(step("a"))) == [
        ("/steps/0/workflow", "unknown_workflow")
    ]


def test_a_sub_workflow_that_cannot_be_read_is_refused_with_file_and_line() -> None:
    assert filed(running("inner.yaml"), inner="a: 1\nb: *c\n") == [("inner.yaml:2", "yaml_alias")]


def test_a_sub_workflow_of_another_shape_is_refused() -> None:
    pointers = dict(filed(running("inner.yaml"), inner={"kind": "Workflow"}))
    assert pointers["/workflows/inner.yaml/steps"] == "required"


@pytest.mark.parametrize(
    "file", ["../x.yaml", "/etc/x.yaml", "https://e.example/x.yaml", "a//b.yaml", "x.json"]
)
def test_only_files_of_the_bundle_are_run(file: str) -> None:
    assert findings(running(file)) == [("/steps/0/workflow", "pattern")]


def test_sub_workflows_that_run_in_circles_are_refused_and_the_circle_named() -> None:
    texts = {"a.yaml": text_of(running("b.yaml")), "b.yaml": text_of(running("a.yaml"))}
    [found] = workflow_findings(running("a.yaml"), KINDS, files=texts)
    assert found.code == "cycle"
    assert found.message == "files run one another in a circle: a.yaml runs b.yaml runs a.yaml"


def test_sub_workflows_over_more_than_five_levels_are_refused() -> None:
    chain = {f"f{n}": running(f"f{n + 1}.yaml") for n in range(5)} | {"f5": document(step("a"))}
    assert filed(running("f1.yaml"), **chain) == []
    assert filed(running("f0.yaml"), **chain) == [("/steps", "nested_too_deep")]


def test_files_that_run_files_that_run_files_are_counted_without_being_followed_one_by_one() -> None:
    chain = {f"f{n}": running(*([f"f{n + 1}.yaml"] * 200)) for n in range(4)} | {"f4": document(step("a"))}
    assert filed(running("f0.yaml"), **chain) == [("/steps", "too_many_steps")]


def test_too_many_files_are_refused() -> None:
    files = {f"f{n}": document(step("a")) for n in range(21)}
    assert filed(running(*(f"{name}.yaml" for name in files)), **files) == [("/steps", "too_many_workflows")]


def test_names_within_names_must_fit_where_they_are_stored() -> None:
    long = "x" * 60
    inner = document({"id": long, "workflow": "b.yaml"})
    outer = document({"id": long, "workflow": "a.yaml"})
    last = document({"id": long, "workflow": "c.yaml"})
    assert filed(outer, a=inner, b=last, c=document(step(long))) == [("/steps", "name_too_long")]


def test_a_sub_workflow_sees_neither_the_last_outputs_nor_the_steps_around_it() -> None:
    inner = document(
        {"id": "a", "uses": "test.do", "with": {"name": "${outputs.id}", "of": "${steps.s0.outputs}"}}
    )
    assert filed(running("inner.yaml"), inner=inner) == [
        ("/workflows/inner.yaml/steps/0/with/name", "unknown_reference"),
        ("/workflows/inner.yaml/steps/0/with/of", "unknown_reference"),
    ]


def test_what_governs_a_whole_run_does_not_stand_in_a_sub_workflow() -> None:
    inner = document(step("a"), concurrency={"key": "k"})
    assert filed(running("inner.yaml"), inner=inner) == [
        ("/workflows/inner.yaml/concurrency", "misplaced_field")
    ]


def test_a_workflow_that_carries_its_sub_workflows_needs_no_files() -> None:
    doc = running("inner.yaml") | {"workflows": {"inner.yaml": document(step("a"))}}
    assert findings(doc) == []
    assert linked(doc, {}) == doc


def test_a_workflow_is_made_whole_with_all_that_it_runs() -> None:
    inner, innermost = running("innermost.yaml"), document(step("a"))
    files = {"inner.yaml": text_of(inner), "innermost.yaml": text_of(innermost), "not.yaml": "never read"}
    doc = running("inner.yaml")
    assert linked(doc, files) == {**doc, "workflows": {"inner.yaml": inner, "innermost.yaml": innermost}}
    alone = document(step("a"))
    assert linked(alone, files) is alone
    with pytest.raises(Invalid):
        linked(doc, {})


def test_a_look_that_runs_others_only_looks_and_does_not_wait() -> None:
    inner = document(step("a"), wait(timer="1s"))
    doc = running("inner.yaml") | {"metadata": {"name": "observe"}}
    assert filed(doc, inner=inner) == [
        ("/workflows/inner.yaml/steps/0/uses", "writes_in_observe"),
        ("/workflows/inner.yaml/steps/1/wait", "waits_in_observe"),
    ]


# ------------------------------------------------------------------------------ hostile ones


def test_a_hundred_thousand_steps_are_refused_without_being_judged_one_by_one() -> None:
    found = workflow_findings(document(*[{"id": "a", "uses": "x"}] * 100_000), KINDS)
    assert ("/steps", "max_items") in [(each.pointer, each.code) for each in found]
    assert len(found) <= 100


def test_a_document_of_a_megabyte_is_refused() -> None:
    doc = document({"id": "a", "uses": "test.do", "with": {"name": "x" * (1024 * 1024)}})
    assert findings(doc) == [("", "document_too_large")]


def test_ten_thousand_levels_are_refused() -> None:
    deep: Any = "x"
    for _ in range(10_000):
        deep = [deep]
    doc = document({"id": "a", "uses": "test.do", "with": {"name": deep}})
    assert {code for _, code in findings(doc)} == {"too_deep"}


def test_every_finding_says_what_to_do() -> None:
    doc = document(
        {"id": "a"}, step("b", needs=["q"]), wait(), ask(), step("c", **{"if": "x"}), step("d", timeout="0s")
    )
    found = workflow_findings(doc, KINDS)
    assert len(found) == 6
    assert all(each.fix and each.message for each in found)
