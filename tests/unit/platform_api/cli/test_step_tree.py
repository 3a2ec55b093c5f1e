"""The steps of a plan as a tree: what can begin when, and what is in what."""

from typing import Any

from platform_api.cli.step_tree import step_lines


def step(id_: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "uses": "test.do", "needs": list(needs), "compensate": False} | more


def drawn(*steps: dict[str, Any]) -> str:
    return "\n".join(line.removeprefix("    ") for line in step_lines(steps))


def test_steps_stand_in_the_order_in_which_they_can_begin() -> None:
    assert drawn(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"), step("e", "a")) == (
        "  1 -- a  test.do\n"
        "  2 +- b  test.do\n"
        "  | +- c  test.do\n"
        "  | +- e  test.do\n"
        "  3 -- d  test.do; needs b, c"
    )


def test_what_a_step_needs_is_said_where_it_is_not_all_of_the_number_before() -> None:
    assert drawn(step("a"), step("b"), step("c", "b"), step("d", "a", "b")) == (
        "  1 +- a  test.do\n  | +- b  test.do\n  2 +- c  test.do; needs b\n  | +- d  test.do"
    )


def test_conditions_lists_and_undoing_are_said() -> None:
    asked = step("ask", uses="approval", **{"if": 'request.environment == "prod"', "holds": False})
    later = step("b", "ask", **{"if": "steps.ask.outputs.ok"}, for_each="${inputs.names}", compensate=True)
    assert drawn(asked, later) == (
        '  1 -- ask  approval, if request.environment == "prod": no\n'
        "  2 -- b    test.do, for each of ${inputs.names}, if steps.ask.outputs.ok: shows when it runs, "
        "undone when it fails later"
    )


def test_the_steps_of_a_sub_workflow_stand_below_it() -> None:
    net = step("net", uses="workflow net.yaml")
    assert drawn(net, step("net/a"), step("net/b", "net/a"), step("end", "net")) == (
        "  1 -- net  workflow net.yaml\n      1 -- a  test.do\n      2 -- b  test.do\n  2 -- end  test.do"
    )


def test_a_step_may_need_one_that_is_listed_after_it_or_that_is_nowhere() -> None:
    assert drawn(step("b", "a"), step("a"), step("c", "lost")) == (
        "  1 +- a  test.do\n  | +- c  test.do; needs lost\n  2 -- b  test.do; needs a"
    )
