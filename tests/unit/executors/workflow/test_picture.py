"""A picture shows everything that a workflow says about its order, and always the same.

The bundle in `tests/bundles/picture` has one of everything; the pictures beside it are what
they should be. To draw them anew after a deliberate change:
`avow workflow graph tests/bundles/picture --as tree > tests/bundles/picture/provision.txt`.
"""

from pathlib import Path

import pytest

from catalog.bundle import read_files
from executors.workflow.authoring.folder import assembled, folder_of
from executors.workflow.picture.chart import Chart, chart_of
from executors.workflow.picture.dot import dot
from executors.workflow.picture.mermaid import mermaid
from executors.workflow.picture.tree import tree
from tests.workflows import document, step

ROOT = Path(__file__).parents[4]
BUNDLE = ROOT / "tests/bundles/picture"
SHIPPED = sorted([*ROOT.glob("catalog/library/*/"), *ROOT.glob("deploy/examples/*/contract/"), BUNDLE])


def drawn(folder: Path, file: str = "provision.yaml") -> Chart:
    found = folder_of(read_files(folder))
    return chart_of(assembled(found.workflows[file], found))


@pytest.mark.parametrize(("form", "file"), [(tree, "txt"), (mermaid, "mmd"), (dot, "dot")])
def test_a_picture_is_what_is_kept_beside_the_bundle(form: object, file: str) -> None:
    assert callable(form)
    assert form(drawn(BUNDLE)) + "\n" == (BUNDLE / f"provision.{file}").read_text("utf-8")


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_tree_is_no_wider_than_the_terminal(folder: Path, width: int) -> None:
    for file in folder_of(read_files(folder)).workflows:
        lines = tree(drawn(folder, file), width).splitlines()
        assert max(map(len, lines)) <= width
        assert "".join(lines).isascii()


def test_every_step_need_and_undo_is_in_every_form() -> None:
    text = {form: form(drawn(BUNDLE)) for form in (tree, mermaid, dot)}
    for name in ("network", "reserve", "plan", "agreed", "host", "settled", "told"):
        assert all(name in drawn_text for drawn_text in text.values())
    assert "undone in this order: host > network/reserve" in text[tree]
    assert "s_host -.-> s_host_x" in text[mermaid]
    assert '"host" -> "host!undo" [style=dashed];' in text[dot]


def test_steps_of_odd_names_stay_apart_in_mermaid() -> None:
    ids = ["end", "a-b", "a_b", "a_db", "a__b"]
    text = mermaid(chart_of(document(*(step(each) for each in ids))))
    names = [line.split("[")[0].strip() for line in text.splitlines() if "test.do" in line]
    assert len(set(names)) == len(ids)
    assert not [name for name in names if "--" in name or name == "end"]


def test_what_a_document_says_cannot_break_out_of_its_place() -> None:
    hostile = step("a", **{"if": 'inputs.x == "\\"]\\n  b --> c"'})
    chart = chart_of(document(hostile))
    assert len(mermaid(chart).splitlines()) == len(mermaid(chart_of(document(step("a")))).splitlines())
    assert len(dot(chart).splitlines()) == len(dot(chart_of(document(step("a")))).splitlines())


def test_a_step_listed_before_what_it_needs_stands_after_it() -> None:
    late = chart_of(document(step("b", needs=["a"]), step("a", needs=[])))
    lines = [line.split()[2] for line in tree(late).splitlines()[1:] if "test.do" in line]
    assert lines == ["a", "b"]


def test_workflows_that_run_one_another_in_a_circle_are_drawn_once() -> None:
    call = {"id": "a", "workflow": "x.yaml"}
    inner = document({"id": "b", "workflow": "x.yaml"}, name="x")
    chart = chart_of(document(call, name="y", workflows={"x.yaml": inner}))
    assert tree(chart).count("runs x.yaml") == 2


def test_people_who_are_known_only_later_are_shown_as_the_reference_that_names_them() -> None:
    owners = "${steps.look.outputs.owners}"
    asking = {"id": "agreed", "needs": ["look"], "approval": {"assignees": owners, "groups": ["dba"]}}
    text = tree(chart_of(document(step("look"), asking)))
    assert f"{owners} or group dba" in text
