"""Every way in which a new schema of an input may refuse what the old one took, with its place."""

import pytest

from catalog.compat.section import INPUTS
from tests.unit.catalog.compat.parts import COUNT, LIST, PAIRS, TEXT, Schema, breaks, is_fit, of_one

ANY_OF: Schema = {"anyOf": [{"type": "string", "maxLength": 9}, {"type": "integer", "maximum": 9}]}
EITHER: Schema = {"oneOf": [{"type": "string", "maxLength": 9}, {"type": "integer", "maximum": 9}]}
TUPLE: Schema = {"type": "array", "prefixItems": [TEXT, COUNT], "items": False}
WITH_IF: Schema = PAIRS | {
    "if": {"properties": {"a": {"const": "x"}}, "required": ["a"]},
    "then": {"properties": {"b": {"maxLength": 9}}},
    "else": {"properties": {"c": {"maxLength": 9}}},
}

# What one input was, what it is now, the code, and the place below the input.
ONE_INPUT: dict[str, tuple[Schema, Schema, str, str]] = {
    "a type is another": (TEXT, COUNT, "type_changed", "/type"),
    "a type is narrower": ({"type": ["string", "null"]}, TEXT, "type_narrowed", "/type"),
    "a number must be whole": ({"type": "number"}, COUNT, "type_narrowed", "/type"),
    "anything is a text now": ({}, TEXT, "type_added", "/type"),
    "a value is gone": ({"enum": ["s", "m", "l"]}, {"enum": ["s", "l"]}, "enum_value_removed", "/enum/1"),
    "a value is of another type": ({"enum": [1, 2]}, {"enum": ["1", 2]}, "enum_value_removed", "/enum/0"),
    "a text is a choice now": (TEXT, {"enum": ["s", "m"]}, "enum_added", "/enum"),
    "a choice is one value now": ({"enum": ["s", "m"]}, {"const": "s"}, "enum_value_removed", "/enum/1"),
    "the one value is another": ({"const": 1}, {"const": 2}, "const_changed", "/const"),
    "a flag is always on": ({"type": "boolean"}, {"const": True}, "const_added", "/const"),
    "values must fit a pattern": ({"enum": ["s", "XL"]}, {"pattern": "^[a-z]$"}, "pattern_added", "/pattern"),
    "a minimum is new": (COUNT, COUNT | {"minimum": 1}, "minimum_added", "/minimum"),
    "a minimum is higher": (COUNT | {"minimum": 1}, COUNT | {"minimum": 2}, "minimum_raised", "/minimum"),
    "a maximum is lower": (COUNT | {"maximum": 9}, COUNT | {"maximum": 8}, "maximum_lowered", "/maximum"),
    "an end is outside now": (
        {"type": "number", "minimum": 0},
        {"type": "number", "exclusiveMinimum": 0},
        "exclusive_minimum_added",
        "/exclusiveMinimum",
    ),
    "an open end is lower": (
        {"exclusiveMaximum": 9},
        {"exclusiveMaximum": 8.5},
        "exclusive_maximum_lowered",
        "/exclusiveMaximum",
    ),
    "a step is new": (COUNT, COUNT | {"multipleOf": 2}, "multiple_of_added", "/multipleOf"),
    "a step is no divisor": ({"multipleOf": 4}, {"multipleOf": 3}, "multiple_of_changed", "/multipleOf"),
    "a text must be longer": (TEXT, TEXT | {"minLength": 1}, "min_length_added", "/minLength"),
    "a text must be shorter": ({"maxLength": 9}, {"maxLength": 8}, "max_length_lowered", "/maxLength"),
    "a pattern is new": (TEXT, TEXT | {"pattern": "^a"}, "pattern_added", "/pattern"),
    "a pattern is another": ({"pattern": "^a"}, {"pattern": "^ab?"}, "pattern_changed", "/pattern"),
    "a format is new": (TEXT, TEXT | {"format": "date"}, "format_added", "/format"),
    "a format is another": ({"format": "email"}, {"format": "uri"}, "format_changed", "/format"),
    "nothing is taken any more": (TEXT, False, "forbidden", ""),
    "a list must hold more": (LIST, LIST | {"minItems": 1}, "min_items_added", "/minItems"),
    "a list must hold less": (
        LIST | {"maxItems": 3},
        LIST | {"maxItems": 2},
        "max_items_lowered",
        "/maxItems",
    ),
    "items must differ": (LIST, LIST | {"uniqueItems": True}, "unique_items_added", "/uniqueItems"),
    "items are of another type": (LIST, {"type": "array", "items": COUNT}, "type_changed", "/items/type"),
    "items of items are shorter": (
        {"items": {"items": {"items": {"maxLength": 5}}}},
        {"items": {"items": {"items": {"maxLength": 4}}}},
        "max_length_lowered",
        "/items/items/items/maxLength",
    ),
    "a place in a list is of another type": (
        TUPLE,
        TUPLE | {"prefixItems": [TEXT, TEXT]},
        "type_changed",
        "/prefixItems/1/type",
    ),
    "places in a list are swapped": (
        {"prefixItems": [TEXT, {}]},
        {"prefixItems": [{}, TEXT]},
        "type_added",
        "/prefixItems/1/type",
    ),
    "a list ends earlier": (TUPLE, TUPLE | {"prefixItems": [TEXT]}, "items_changed", "/items"),
    "a list is closed": (
        {"prefixItems": [TEXT]},
        {"prefixItems": [TEXT], "items": False},
        "items_added",
        "/items",
    ),
    "a list must contain something": (
        LIST,
        LIST | {"contains": {"const": "x"}},
        "contains_added",
        "/contains",
    ),
    "what it must contain is narrower": (
        {"contains": {"maxLength": 5}},
        {"contains": {"maxLength": 4}},
        "max_length_lowered",
        "/contains/maxLength",
    ),
    "it must contain more of it": (
        {"contains": TEXT},
        {"contains": TEXT, "minContains": 2},
        "min_contains_added",
        "/minContains",
    ),
    "it must contain even more of it": (
        {"contains": TEXT, "minContains": 2},
        {"contains": TEXT, "minContains": 3},
        "min_contains_raised",
        "/minContains",
    ),
    "it must contain it at all": (
        {"contains": TEXT, "minContains": 0},
        {"contains": TEXT},
        "min_contains_removed",
        "/minContains",
    ),
    "it may contain less of it": (
        {"contains": TEXT, "maxContains": 3},
        {"contains": TEXT, "maxContains": 2},
        "max_contains_lowered",
        "/maxContains",
    ),
    "it may contain only so much of it": (
        {"contains": TEXT},
        {"contains": TEXT, "maxContains": 2},
        "max_contains_added",
        "/maxContains",
    ),
    "more counts as what it may contain": (
        {"contains": {"const": "x"}, "minContains": 0, "maxContains": 1},
        {"contains": TEXT, "minContains": 0, "maxContains": 1},
        "max_contains_changed",
        "/maxContains",
    ),
    "items that nothing speaks of are refused": (
        {"prefixItems": [TEXT]},
        {"prefixItems": [TEXT], "unevaluatedItems": False},
        "unevaluated_items_added",
        "/unevaluatedItems",
    ),
    "what is contained is no longer spoken of": (
        {"contains": TEXT, "unevaluatedItems": False},
        {"prefixItems": [{}], "unevaluatedItems": False},
        "unevaluated_items_changed",
        "/unevaluatedItems",
    ),
    "an alternative is gone": (ANY_OF, {"anyOf": ANY_OF["anyOf"][:1]}, "alternative_removed", "/anyOf/1"),
    "the first alternative is gone": (
        ANY_OF,
        {"anyOf": ANY_OF["anyOf"][1:]},
        "alternative_removed",
        "/anyOf/0",
    ),
    "an alternative is narrower": (
        ANY_OF,
        {"anyOf": [ANY_OF["anyOf"][0], {"type": "integer", "maximum": 8}]},
        "maximum_lowered",
        "/anyOf/1/maximum",
    ),
    "there are only alternatives now": ({}, ANY_OF, "any_of_added", "/anyOf"),
    "alternatives must not overlap": (
        {"anyOf": [{"minimum": 0}, {"maximum": 9}]},
        {"oneOf": [{"minimum": 0}, {"maximum": 9}]},
        "one_of_changed",
        "/oneOf",
    ),
    "one of two is narrower": (
        EITHER,
        {"oneOf": [{"type": "string", "maxLength": 8}, EITHER["oneOf"][1]]},
        "max_length_lowered",
        "/oneOf/0/maxLength",
    ),
    "one of two is wider and meets the other": (
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {"oneOf": [{"type": "string"}, {"type": ["integer", "string"]}]},
        "one_of_changed",
        "/oneOf",
    ),
    "everything must hold one more": (
        {"allOf": [TEXT]},
        {"allOf": [TEXT, {"maxLength": 9}]},
        "max_length_added",
        "/allOf/1/maxLength",
    ),
    "something is refused": (TEXT, TEXT | {"not": {"const": "x"}}, "not_added", "/not"),
    "more is refused": ({"not": {"const": "x"}}, {"not": {"enum": ["x", "y"]}}, "not_changed", "/not"),
    "then is narrower": (
        WITH_IF,
        WITH_IF | {"then": {"properties": {"b": {"maxLength": 8}}}},
        "max_length_lowered",
        "/then/properties/b/maxLength",
    ),
    "else is narrower": (
        WITH_IF,
        WITH_IF | {"else": {"properties": {"c": {"maxLength": 8}}}},
        "max_length_lowered",
        "/else/properties/c/maxLength",
    ),
    "the condition is met more often": (
        WITH_IF,
        WITH_IF | {"if": {"properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}},
        "max_length_added",
        "/then/properties/b/maxLength",
    ),
    "a condition is new": (
        PAIRS,
        PAIRS | {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
        "required_added",
        "/then/required/0",
    ),
    "an unknown keyword is new": (TEXT, TEXT | {"x-unit": "GiB"}, "undecided", "/x-unit"),
    "an unknown keyword is gone": (TEXT | {"x-unit": "GiB"}, TEXT, "undecided", "/x-unit"),
    "an unknown keyword says something else": ({"x-unit": "GiB"}, {"x-unit": "MiB"}, "undecided", "/x-unit"),
    "a keyword of an older draft is new": ({}, {"dependencies": {"a": ["b"]}}, "undecided", "/dependencies"),
    "an unknown keyword leads somewhere": (
        {"dependencies": {"a": {"$ref": "#/properties/x/$defs/a"}}, "$defs": {"a": {"maxLength": 9}}},
        {"dependencies": {"a": {"$ref": "#/properties/x/$defs/a"}}, "$defs": {"a": {"maxLength": 8}}},
        "undecided",
        "/dependencies",
    ),
    "the encoding of a text is another": (
        TEXT | {"contentEncoding": "base64"},
        TEXT | {"contentEncoding": "base32"},
        "undecided",
        "/contentEncoding",
    ),
}


@pytest.mark.parametrize("name", ONE_INPUT)
def test_an_input_that_takes_less_is_breaking_at_its_place(name: str) -> None:
    old, new, code, place = ONE_INPUT[name]
    assert is_fit(of_one(old), of_one(new))
    assert breaks(INPUTS, of_one(old), of_one(new)) == [(code, f"/spec/inputs/properties/x{place}")]
