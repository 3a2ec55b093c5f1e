"""The work of an expression is bounded before it is done, and never taken for less than it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import expression_work
from catalog.digest import JsonObject
from catalog.expression import Unanswerable, expression
from catalog.expression_patterns import UNICODE_CLASS, pattern_cost
from catalog.expression_work import MAX_STEPS, MAX_WORK


def values(count: int) -> JsonObject:
    names = [f"name-{number}" for number in range(count)]
    long = {"text": "x" * 1_000_000}
    return {"inputs": {"list": names, "objects": [{"name": name, "zone": "eu"} for name in names], **long}}


def work(text: str, count: int) -> int:
    return expression_work.work(expression(text).tokens, values(count))


@pytest.mark.parametrize(
    "text",
    [
        "inputs.list.all(x, x != inputs.text)",
        "inputs.list.exists(x, x in inputs.list)",
        "inputs.objects.map(x, x.name + '-' + x.zone) != []",
        "inputs.objects.filter(x, x.zone == 'eu').exists(x, x.name == 'name-7')",
        "inputs.list.all(x, inputs.objects.exists(y, y.name == x))",
        "inputs.objects.all(x, inputs.objects.all(y, x.name != y.name || x == y))",
        'inputs["list"].exists(x, x == "name-1")',
        "{'a': inputs.list}.a.all(x, x != '')",
        "[inputs.list, inputs.list].all(x, x.all(y, y.size() > 0))",
    ],
)
def test_what_people_write_is_answered(text: str) -> None:
    assert expression(text).holds(values(60)) in {True, False}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("inputs.list.all(x, inputs.list.all(y, x != y))", f"more than {MAX_STEPS}"),
        ("inputs.list.map(x, inputs.list).all(y, y.all(z, z != ''))", "too much work"),
        ("inputs.list.map(x, inputs.list.map(y, inputs.list)) != []", "more than"),
        ("inputs.list.map(x, inputs.list) != []", "too much work"),
        ("inputs.list.map(x, inputs.text + inputs.text) != []", "too much work"),
        ("inputs.list.all(x, inputs.text.contains(x) || (inputs.text + x) == x)", "too much work"),
        ("+".join(["inputs.text"] * 80) + " == ''", "too much work"),
        ("['a']" + f".map(x, {' + '.join(['x'] * 60)})" * 3 + " != []", "too much work"),
        ("['a']" + f".map(x, [{', '.join(['x'] * 60)}])" * 4 + " != []", "too much work"),
    ],
)
def test_what_would_take_too_long_or_too_much_room_is_not_begun(text: str, why: str) -> None:
    with pytest.raises(Unanswerable, match=why):
        expression(text).holds(values(1000))


def test_an_outer_list_inside_lists_within_lists_costs_as_much_as_it_is_long() -> None:
    cubic = "inputs.list.all(x, inputs.list.all(y, inputs.list.size() > 0))"
    assert work(cubic, 40) > 40**3
    assert work(cubic, 80) > 7 * work(cubic, 40)


def test_what_is_collected_is_copied_with_each_element() -> None:
    assert work("inputs.list.map(x, x) != []", 400) > 3 * work("inputs.list.map(x, x) != []", 200)


def test_nothing_is_counted_where_a_list_is_empty_or_a_field_is_missing() -> None:
    nested = "inputs.gone.all(x, inputs.list.map(y, inputs.list) != [])"
    assert work(nested, 1000) < MAX_WORK / 100


def test_what_reads_its_values_once_is_not_measured() -> None:
    assert expression("inputs.name == 'a' && size(inputs.list) > 3").tokens == ()


@given(st.integers(0, 40), st.integers(0, 40))
def test_elements_are_counted_for_each_time_that_they_are_looked_at(outer: int, inner: int) -> None:
    roots: JsonObject = {"a": list(range(outer)), "b": list(range(inner))}
    found = expression("a.all(x, b.all(y, x != y))")
    assert expression_work.work(found.tokens, roots) >= outer * inner


@pytest.mark.parametrize(
    ("pattern", "cost"),
    [
        ("abc", 3),
        ("^[a-z]{1,20}$", 2 + 20 * 5),
        ("(ab){3}", 3 * 3),
        ("(?:(?:a{10}){10}){10}", 10 * (1 + 10 * (1 + 10))),
        ("a{3}{4}", 12),
        ("a{7,}", 7),
        ("a{,7}", 7),
        ("a*b+c?", 6),
        (r"\.{5}", 5),
        (r"\w{5}", 5 * UNICODE_CLASS),
        (r"\p{Greek}{5}", 5 * UNICODE_CLASS),
        (r"[\w(]{5}", 5 * (5 + UNICODE_CLASS)),
        ("(?i)a", 2),
        ("(?x)a {9}", None),
        ("(?P<n>a)", None),
        ("[[:alpha:]]", None),
        ("[]a]", None),
        ("(a", None),
        ("a)", None),
    ],
)
def test_a_pattern_costs_what_it_comes_to_with_repetitions_written_out(
    pattern: str, cost: int | None
) -> None:
    assert pattern_cost(pattern, is_raw=True) == cost


def test_nothing_is_hidden_from_the_cost_of_a_pattern_by_escapes() -> None:
    assert pattern_cost(r"a\\{9}", is_raw=False) == pattern_cost(r"a\{9}", is_raw=True)
    assert pattern_cost(r"a\x7b999}", is_raw=False) is None
