"""Expressions that strangers wrote: what they may say, what they cost, and what they answer."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.digest import JsonObject
from catalog.expression import Unanswerable, Unfit, expression
from catalog.expression_work import MAX_ELEMENTS

ROOTS: JsonObject = {
    "inputs": {"size": "s", "count": 3, "on": True, "list": [1, 2, 3], "nothing": None},
    "steps": {"a": {"state": "done", "outputs": {"id": "x"}}, "my-step": {"state": "skipped"}},
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("true", True),
        ("inputs.size == 's' && inputs.count > 2", True),
        ("inputs.on", True),
        ("inputs.nothing == null", True),
        ("has(steps.a.outputs)", True),
        ('has(steps["my-step"].outputs)', False),
        ('steps["my-step"].state == "skipped"', True),
        ("inputs.list.exists(x, x > 2)", True),
        ("size(inputs.list.filter(x, x > 1)) == 2", True),
        ("inputs.size.matches('^[smx]$')", True),
        ("inputs.size in ['m', 'l']", False),
        ("'(((((((((((((' == inputs.size", False),
        (r"""r"\" == inputs.size || true""", True),
        ("true // (((((((((((((((", True),
    ],
)
def test_an_expression_is_answered(text: str, *, answer: bool) -> None:
    assert expression(text).holds(ROOTS) is answer


@pytest.mark.parametrize(
    "text",
    [
        "inputs.size",
        "inputs.gone == 1",
        "inputs.size + 1 == 2",
        "1 / 0 == 1",
        "unknown == 1",
        "inputs.list[9] == 1",
    ],
)
def test_an_expression_without_an_answer_says_so_without_the_values(text: str) -> None:
    with pytest.raises(Unanswerable) as caught:
        expression(text).holds(ROOTS)
    assert "size" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "expression_syntax"),
        ("1 ==", "expression_syntax"),
        ("inputs.?gone == 1", "expression_syntax"),
        ("true" + " " * 1000, "expression_too_long"),
        ("(" * 13 + "true" + ")" * 13, "expression_too_deep"),
        ("[" * 13 + "]" * 13, "expression_too_deep"),
        ('r"\\" == "" || ' + "(" * 13 + "true" + ")" * 13 + ' || "" == ""', "expression_too_deep"),
        ("now() == 1", "unknown_function"),
        ("inputs.list.sort() == []", "unknown_function"),
        (" && ".join(["inputs.list.all(x, true)"] * 5), "expression_too_costly"),
        ("inputs.list.all(a, inputs.list.all(b, inputs.list.all(c, true)))", "expression_too_costly"),
        ("inputs.list.all(x, x.matches('a'))", "expression_too_costly"),
        ("inputs.size.matches(inputs.size)", "expression_too_costly"),
        ("inputs.size.matches('a' + 'b')", "expression_too_costly"),
        ("inputs.size.matches('(a{40}){40}')", "expression_too_costly"),
        (" && ".join(["inputs.size.matches('a{400}')"] * 3), "expression_too_costly"),
    ],
)
def test_an_expression_beyond_its_limits_is_refused(text: str, code: str) -> None:
    with pytest.raises(Unfit) as caught:
        expression(text)
    assert caught.value.code == code
    assert caught.value.fix


def test_what_an_expression_speaks_of_is_known_before_it_is_answered() -> None:
    found = expression('steps.a.outputs.id == "x" && item.on && inputs.list.exists(x, x == index)')
    assert found.roots == {"steps", "item", "inputs", "index"}
    assert found.paths == (("steps", "a", "outputs", "id"), ("item", "on"), ("inputs", "list"), ("index",))


def test_texts_and_elements_are_not_taken_for_names() -> None:
    assert expression("['steps.z'].exists(each, each == 'inputs')").roots == set()


@pytest.mark.parametrize(
    "text", ["inputs.list.exists(a, a == -1)", "inputs.list.exists(a, inputs.list.exists(b, a + b == -1))"]
)
def test_lists_are_walked_only_while_they_are_short(text: str) -> None:
    walk = expression(text)
    assert walk.holds({"inputs": {"list": [1] * 50}}) is False
    with pytest.raises(Unanswerable, match="more than 1000"):
        walk.holds({"inputs": {"list": [1] * (MAX_ELEMENTS + 1)}})


def test_a_long_list_that_is_not_walked_is_no_trouble() -> None:
    values: JsonObject = {"inputs": {"list": [1], "long": [1] * (MAX_ELEMENTS + 1)}}
    assert expression("size(inputs.long) > 9 && inputs.list.exists(a, a == 1)").holds(values)


def test_what_is_no_longer_admitted_has_no_answer() -> None:
    with pytest.raises(Unanswerable, match="written out"):
        expression("inputs.size.matches(inputs.size)").holds(ROOTS)


PIECES = [*"ab.,()[]{}?:+-!\"'\\x 1", "map", "all", "exists", "==", "&&", "in", "null", 'r"', '"""', "0x"]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_whatever_is_written_is_refused_or_answered(text: str) -> None:
    with suppress(Unfit, Unanswerable):
        expression(text).holds({"a": {"b": [1, {"x": 1}]}, "x": "b"})
