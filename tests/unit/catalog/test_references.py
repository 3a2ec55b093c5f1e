"""References are replaced as whole values, by walking a structure, and never evaluated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.digest import Json
from catalog.references import Reference, Unresolved, malformed, references, resolved

ROOTS: dict[str, Json] = {
    "inputs": {"size": "s", "ports": [80, 443], "deep": {"er": None}},
    "steps": {"a": {"outputs": {"id": 7}}},
}
texts_without_references = st.text().filter(lambda text: "${" not in text)
plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | texts_without_references,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${inputs.size}", "s"),
        ("${inputs.ports}", [80, 443]),
        ("${inputs.ports.1}", 443),
        ("${inputs.deep.er}", None),
        ("${steps.a.outputs.id}", 7),
    ],
)
def test_a_reference_becomes_the_value_with_its_type(text: str, value: Json) -> None:
    assert resolved(text, ROOTS) == value


def test_references_are_found_at_any_depth() -> None:
    assert resolved({"a": [{"b": "${inputs.size}"}]}, ROOTS) == {"a": [{"b": "s"}]}


@pytest.mark.parametrize(
    "text", ["size ${inputs.size}", "${inputs.size} ", "${ inputs.size }", "$inputs.size", "{{7*7}}", "$(id)"]
)
def test_text_around_a_reference_makes_it_plain_text(text: str) -> None:
    assert resolved(text, ROOTS) == text


def test_a_doubled_dollar_writes_a_literal_one() -> None:
    assert resolved("$${inputs.size}", ROOTS) == "${inputs.size}"
    assert resolved("on: $${{ github.ref }}", ROOTS) == "on: ${{ github.ref }}"


@pytest.mark.parametrize(
    "text",
    [
        "${inputs.colour}",
        "${nothing}",
        "${inputs.size.0}",
        "${inputs.ports.2}",
        "${inputs.ports.-1}",
        "${inputs.__class__}",
    ],
)
def test_a_reference_to_nothing_is_refused_by_its_path(text: str) -> None:
    with pytest.raises(Unresolved, match="has no value here"):
        resolved(text, ROOTS)


@given(plain_json)
def test_a_value_without_references_stays_as_it_is(value: Json) -> None:
    assert resolved(value, {}) == value


def test_what_a_reference_brings_in_is_not_searched_again() -> None:
    assert resolved("${inputs.text}", {"inputs": {"text": "${inputs.secret}"}}) == "${inputs.secret}"


def test_references_are_listed_with_their_places() -> None:
    found = list(references({"a/b": ["x", "${inputs.size}"]}, "/with"))
    assert found == [Reference("/with/a~1b/1", ("inputs", "size"))]


@pytest.mark.parametrize(
    "text", ["a ${inputs.size}", "${}", "${inputs..size}", "${inputs.size", "${inputs size}"]
)
def test_half_a_reference_is_pointed_out(text: str) -> None:
    assert list(malformed({"x": text}, "/with")) == ["/with/x"]


@pytest.mark.parametrize("text", ["${inputs.size}", "$${inputs.size}", "no reference", "$5 {braces}"])
def test_whole_references_and_literals_are_left_alone(text: str) -> None:
    assert list(malformed(text, "")) == []
