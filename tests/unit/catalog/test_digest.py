"""Equal meaning, equal bytes; different meaning, different digest."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.digest import Json, canonical_json, digest, digest_bytes, is_same

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
documents: st.SearchStrategy[Json] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(documents)
def test_the_canonical_form_reads_back_as_the_value(value: Json) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(texts, scalars, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict[str, Json]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


def test_the_canonical_form_has_no_insignificant_space_and_keeps_letters() -> None:
    assert canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'.encode()


def test_a_digest_names_its_algorithm() -> None:
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_bytes(b"") == empty


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": "1"}), ({"a": None}, {}), ([], {}), ([1, 2], [2, 1]), (True, 1), ("", None)],
)
def test_different_values_have_different_digests(one: Json, other: Json) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_has_no_json_form_is_refused(value: Json) -> None:
    with pytest.raises(ValueError, match=r"not JSON compliant|surrogates"):
        digest({"deep": [value]})


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (1, 1.0), (1.0, True), ([1], [True]), ({"a": {"b": 0}}, {"a": {"b": False}})],
    ids=str,
)
def test_what_only_python_takes_for_equal_is_not_the_same(one: Json, other: Json) -> None:
    assert one == other
    assert not is_same(one, other)
    assert not is_same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": 1}, {"a": 1, "b": 1}), ({"a": 1}, {"b": 1}), ([1], [1, 2]), ("1", 1), (None, False), ({}, [])],
    ids=str,
)
def test_what_differs_is_not_the_same(one: Json, other: Json) -> None:
    assert not is_same(one, other)
    assert not is_same(other, one)


@given(documents)
def test_a_value_is_the_same_as_its_copy(value: Json) -> None:
    assert is_same(value, json.loads(canonical_json(value)))


def test_a_number_that_a_database_writes_out_stays_the_same() -> None:
    assert is_same({"n": [1e16, -1e20]}, {"n": [10**16, -(10**20)]})
    assert not is_same(1e15, 10**15)
