"""What both databases keep as it is, and what is refused before they see it."""

import json

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from catalog.db import Database, JsonColumn
from catalog.digest import Json
from catalog.storable import MAX_DEPTH, MAX_INTEGER, storable_text, unstorable

anything: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def nested(levels: int) -> Json:
    value: Json = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "pointer", "code"),
    [
        ({"a": ["x", "\x00"]}, "/a/1", "bad_character"),
        ({"a": {"b/c": "\ud800"}}, "/a/b~1c", "bad_character"),
        ({"a": {"\udfff": 1}}, "/a", "bad_character"),
        (float("nan"), "", "number_out_of_range"),
        ({"a": float("-inf")}, "/a", "number_out_of_range"),
        (MAX_INTEGER + 1, "", "number_out_of_range"),
        (-(10**400), "", "number_out_of_range"),
        (nested(MAX_DEPTH + 1), "/0" * (MAX_DEPTH + 1), "too_deep"),
    ],
)
def test_what_a_database_would_refuse_is_named_where_it_stands(value: Json, pointer: str, code: str) -> None:
    found = list(unstorable(value))
    assert [(each.pointer, each.code) for each in found] == [(pointer, code)]
    assert all(each.message and each.fix for each in found)


def test_plain_json_is_let_through() -> None:
    assert not list(unstorable({"é": ["😀", 1, -1.5, True, None, MAX_INTEGER, nested(20)]}))


def test_a_value_that_nests_for_ever_ends_in_one_finding() -> None:
    assert len(list(unstorable(nested(100_000)))) == 1


def test_a_text_for_people_loses_only_what_cannot_be_stored() -> None:
    assert storable_text("a\x00b\ud83dc 😀 é\n") == "a\ufffdb\ufffdc 😀 é\n"


@given(anything)
def test_what_is_let_through_has_a_json_form(value: Json) -> None:
    if not list(unstorable(value)):
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")


def test_what_is_let_through_comes_back_from_the_database(database: Database) -> None:
    documents: list[Json] = [
        {"😀 é \u2028": ["\x01\x1f\x7f", "\\u0000", '"', "'"]},
        {"numbers": [0, -1, MAX_INTEGER, -MAX_INTEGER, 1.5, 1e-7, 2.5e10, 0.1]},
        {"deep": nested(20), "empty": [{}, [], "", None, False]},
    ]
    for document in documents:
        assert not list(unstorable(document))
        with database.read() as tx:
            query = sa.select(sa.literal(document, JsonColumn).label("document"))
            stored = tx.execute(query).scalar_one()
        assert json.dumps(stored, sort_keys=True) == json.dumps(document, sort_keys=True)
