"""Common ways to go on with a schema that break nobody, with the bump they are due."""

import pytest

from catalog.compat.change import Bump
from catalog.compat.section import INPUTS, OUTPUTS, Section
from tests.unit.catalog.compat.parts import CLOSED, COUNT, LIST, PAIRS, TEXT, Schema, bump, is_fit, of_one

NONE, PATCH, MINOR = Bump.NONE, Bump.PATCH, Bump.MINOR

SHOUT: Schema = {"properties": {"a": {"const": "x"}}, "required": ["a"]}
WITH_IF: Schema = PAIRS | {
    "if": SHOUT,
    "then": {"properties": {"b": {"maxLength": 8}}},
    "else": {"required": ["c"]},
}
BASE: Schema = {
    "allOf": [{"properties": {"a": TEXT}}],
    "properties": {"b": TEXT},
    "unevaluatedProperties": False,
}

# What one input was, what it is now, and the bump.
ONE_INPUT: dict[str, tuple[Schema, Schema, Bump]] = {
    "a value is new": ({"enum": ["s", "m"]}, {"enum": ["s", "m", "l"]}, MINOR),
    "values are in another order": ({"enum": ["s", "m"]}, {"enum": ["m", "s"]}, PATCH),
    "one value is a list of one": ({"const": 1}, {"enum": [1.0]}, PATCH),
    "a choice is any text": ({"enum": ["s", "m"]}, TEXT, MINOR),
    "a choice is what a pattern says": ({"enum": ["s", "m"]}, TEXT | {"pattern": "^[a-z]$"}, MINOR),
    "a flag may be a text as well": ({"type": "boolean"}, {"enum": [True, False, "auto"]}, MINOR),
    "a flag is a choice of both": ({"type": "boolean"}, {"enum": [True, False]}, PATCH),
    "a type is wider": (TEXT, {"type": ["string", "null"]}, MINOR),
    "a number need not be whole": (COUNT, {"type": "number"}, MINOR),
    "types are in another order": ({"type": ["null", "string"]}, {"type": ["string", "null"]}, PATCH),
    "types are alternatives": (
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        PATCH,
    ),
    "one type of two is gone where only the other could be": (
        {"type": ["string", "integer"], "enum": [1, 2]},
        {"type": "integer", "enum": [1, 2]},
        PATCH,
    ),
    "a maximum is higher": (COUNT | {"maximum": 8}, COUNT | {"maximum": 9}, MINOR),
    "a minimum is gone": (COUNT | {"minimum": 1}, COUNT, MINOR),
    "an end is written in another way": (COUNT | {"minimum": 1}, COUNT | {"exclusiveMinimum": 0}, PATCH),
    "a number is written in another way": (COUNT | {"maximum": 8}, COUNT | {"maximum": 8.0}, PATCH),
    "a step is a divisor": ({"multipleOf": 6}, {"multipleOf": 3}, MINOR),
    "a whole number is a multiple of one": (COUNT, {"type": "number", "multipleOf": 1}, PATCH),
    "a pattern is gone": (TEXT | {"pattern": "^a"}, TEXT, MINOR),
    "a format is gone": (TEXT | {"format": "uri"}, TEXT, MINOR),
    "a text may be longer": (TEXT | {"maxLength": 8}, TEXT | {"maxLength": 9}, MINOR),
    "a list may be longer": (LIST | {"maxItems": 2}, LIST | {"maxItems": 3}, MINOR),
    "items may repeat": (LIST | {"uniqueItems": True}, LIST, MINOR),
    "items are wider": (LIST, LIST | {"items": {"type": ["string", "integer"]}}, MINOR),
    "places in a list are all alike": (
        {"type": "array", "prefixItems": [TEXT, TEXT], "items": False},
        LIST,
        MINOR,
    ),
    "it need not contain so much": ({"contains": TEXT, "minContains": 3}, {"contains": TEXT}, MINOR),
    "it contains as much in other words": ({"contains": TEXT}, {"contains": TEXT, "minContains": 1}, PATCH),
    "a length that follows is written down": (
        LIST | {"contains": {"const": "x"}, "minContains": 2},
        LIST | {"contains": {"const": "x"}, "minContains": 2, "minItems": 2},
        PATCH,
    ),
    "a field is new": (CLOSED, CLOSED | {"properties": CLOSED["properties"] | {"d": COUNT}}, MINOR),
    "a field is not required": (CLOSED | {"required": ["a", "b"]}, CLOSED | {"required": ["b"]}, MINOR),
    "required fields are in another order": (
        CLOSED | {"required": ["a", "b"]},
        CLOSED | {"required": ["b", "a"]},
        PATCH,
    ),
    "fields are in another order": (
        CLOSED,
        CLOSED | {"properties": {"c": TEXT, "a": TEXT, "b": TEXT}},
        NONE,
    ),
    "an object is opened": (CLOSED, PAIRS, MINOR),
    "a field that could not come is gone": (
        CLOSED | {"properties": CLOSED["properties"] | {"d": False}},
        CLOSED,
        PATCH,
    ),
    "names are matched by a pattern": (
        {"type": "object", "properties": {"x-a": TEXT}, "additionalProperties": False},
        {"type": "object", "patternProperties": {"^x-": TEXT}, "additionalProperties": False},
        MINOR,
    ),
    "what is required is counted as well": (
        CLOSED | {"required": ["a", "b"]},
        CLOSED | {"required": ["a", "b"], "minProperties": 2, "maxProperties": 3},
        PATCH,
    ),
    "a field needs another no longer": (PAIRS | {"dependentRequired": {"a": ["b"]}}, PAIRS, MINOR),
    "a need is written as a condition": (
        PAIRS | {"dependentRequired": {"a": ["b"]}},
        PAIRS | {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
        PATCH,
    ),
    "an alternative is new": ({"anyOf": [TEXT]}, {"anyOf": [TEXT, COUNT]}, MINOR),
    "alternatives are in another order": ({"oneOf": [TEXT, COUNT]}, {"oneOf": [COUNT, TEXT]}, PATCH),
    "a choice among forms is new": (TEXT, {"oneOf": [TEXT, {"type": "object", "required": ["ref"]}]}, MINOR),
    "one of two is wider and still apart": (
        {"oneOf": [TEXT | {"maxLength": 8}, COUNT]},
        {"oneOf": [TEXT, COUNT]},
        MINOR,
    ),
    "forms that a field tells apart are one more": (
        {
            "oneOf": [
                {"type": "object", "properties": {"kind": {"const": "file"}}, "required": ["kind"]},
                {"type": "object", "properties": {"kind": {"const": "link"}}, "required": ["kind"]},
            ]
        },
        {
            "oneOf": [
                {"type": "object", "properties": {"kind": {"const": "file"}}, "required": ["kind"]},
                {"type": "object", "properties": {"kind": {"const": "link"}}, "required": ["kind"]},
                {"type": "object", "properties": {"kind": {"const": "copy"}}, "required": ["kind"]},
            ]
        },
        MINOR,
    ),
    "alternatives may overlap": (
        {"oneOf": [{"minimum": 0}, {"maximum": 9}]},
        {"anyOf": [{"minimum": 0}, {"maximum": 9}]},
        MINOR,
    ),
    "less is refused": ({"not": {"enum": ["x", "y"]}}, {"not": {"const": "x"}}, MINOR),
    "something that could not be is refused": (CLOSED, CLOSED | {"not": {"required": ["z"]}}, PATCH),
    "then is wider": (WITH_IF, WITH_IF | {"then": {"properties": {"b": {"maxLength": 9}}}}, MINOR),
    "a condition is gone": (WITH_IF, PAIRS, MINOR),
    "another field is wider beside a condition": (
        WITH_IF,
        WITH_IF | {"properties": PAIRS["properties"] | {"c": {"type": ["string", "null"]}}},
        MINOR,
    ),
    "a base has one more field": (
        BASE,
        BASE | {"allOf": [{"properties": {"a": TEXT, "c": TEXT}}]},
        MINOR,
    ),
    "a condition within a closed object is wider": (
        WITH_IF | {"unevaluatedProperties": False},
        WITH_IF | {"unevaluatedProperties": False, "then": {"properties": {"b": {"maxLength": 9}}}},
        MINOR,
    ),
    "parts are taken together": (TEXT | {"maxLength": 8}, {"allOf": [TEXT, {"maxLength": 8}]}, PATCH),
    "a part is wrapped": (TEXT, {"allOf": [TEXT]}, PATCH),
    "a title is new": (TEXT, TEXT | {"title": "Size"}, PATCH),
    "a description is another": (TEXT | {"description": "old"}, TEXT | {"description": "new"}, PATCH),
    "examples are new": (TEXT, TEXT | {"examples": ["x"]}, PATCH),
    "it is deprecated": (TEXT, TEXT | {"deprecated": True}, MINOR),
    "it is no longer deprecated": (TEXT | {"deprecated": True}, TEXT, PATCH),
    "an unknown keyword stays": (TEXT | {"x-unit": "GiB"}, TEXT | {"x-unit": "GiB", "title": "Size"}, PATCH),
    "a new field says something unknown": (
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"d": {"x-unit": "GiB"}}},
        MINOR,
    ),
}

INLINE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"x": COUNT | {"maximum": 9}},
}
REUSED: Schema = INLINE | {
    "properties": {"x": {"$ref": "#/$defs/size"}},
    "$defs": {"size": COUNT | {"maximum": 9}},
}
RENAMED: Schema = INLINE | {
    "properties": {"x": {"$ref": "#/$defs/s"}},
    "$defs": {"s": COUNT | {"maximum": 9}},
}


def kind(name: str, **properties: Schema) -> Schema:
    """Return a form that its kind tells from others."""
    return {
        "type": "object",
        "properties": {"kind": {"const": name}, **properties},
        "required": ["kind"],
    }


# All of it: which section, what it was, what it is now, and the bump.
WHOLE: dict[str, tuple[Section, Schema, Schema, Bump]] = {
    "a part becomes a definition": (INPUTS, INLINE, REUSED, PATCH),
    "a definition is written out": (INPUTS, REUSED, INLINE, PATCH),
    "a definition has another name": (INPUTS, REUSED, RENAMED, PATCH),
    "a definition is wider": (INPUTS, REUSED, REUSED | {"$defs": {"size": COUNT}}, MINOR),
    "a definition that nobody uses is another": (INPUTS, INLINE | {"$defs": {"a": TEXT}}, INLINE, PATCH),
    "a new input has a default": (
        INPUTS,
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"d": COUNT | {"default": 1}}},
        MINOR,
    ),
    "a required input is optional with a default": (
        INPUTS,
        CLOSED | {"required": ["a"]},
        CLOSED | {"properties": CLOSED["properties"] | {"a": TEXT | {"default": "x"}}},
        MINOR,
    ),
    "a new input of an object that a default makes has a default": (
        INPUTS,
        of_one(CLOSED | {"default": {}}),
        of_one(CLOSED | {"default": {}, "properties": CLOSED["properties"] | {"d": COUNT | {"default": 1}}}),
        MINOR,
    ),
    "a new input is an object with defaults within": (
        INPUTS,
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"d": of_one(COUNT | {"default": 1})}},
        MINOR,
    ),
    "a default is another on what is required of an object that its requester wrote": (
        INPUTS,
        of_one(CLOSED | {"properties": {"a": TEXT | {"default": "x"}}, "required": ["a"]}),
        of_one(CLOSED | {"properties": {"a": TEXT | {"default": "y"}}, "required": ["a"]}),
        MINOR,
    ),
    "a default is new on what a reference requires": (
        INPUTS,
        of_one({"$ref": "#/$defs/a"}) | {"$defs": {"a": PAIRS | {"required": ["a"]}}},
        of_one(
            PAIRS | {"properties": {**PAIRS["properties"], "a": TEXT | {"default": "x"}}, "required": ["a"]}
        ),
        MINOR,
    ),
    "a default is filled in for what nobody may write": (
        INPUTS,
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"d": {"not": {}, "default": 1}}},
        MINOR,
    ),
    "an object with a default moves where it means the same": (
        INPUTS,
        of_one(CLOSED | {"properties": {"a": TEXT | {"default": "x"}}}),
        of_one(
            {"allOf": [{"type": "object"}], "properties": {"a": TEXT | {"default": "x"}}}
            | {"additionalProperties": False}
        ),
        PATCH,
    ),
    "a default is where none is filled in": (
        INPUTS,
        CLOSED | {"properties": {"a": LIST}},
        CLOSED | {"properties": {"a": LIST | {"items": TEXT | {"default": "x"}}}},
        PATCH,
    ),
    "a new input is sensitive": (
        INPUTS,
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"d": TEXT | {"x-sensitive": True}}},
        MINOR,
    ),
    "an output is new": (OUTPUTS, PAIRS, PAIRS | {"properties": PAIRS["properties"] | {"d": COUNT}}, MINOR),
    "an output is new and sure": (
        OUTPUTS,
        PAIRS,
        PAIRS | {"properties": PAIRS["properties"] | {"d": COUNT}, "required": ["d"]},
        MINOR,
    ),
    "an output is new though outputs were closed": (
        OUTPUTS,
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"d": COUNT}},
        MINOR,
    ),
    "an output is sure to come": (OUTPUTS, CLOSED, CLOSED | {"required": ["a"]}, MINOR),
    "a value never comes any more": (
        OUTPUTS,
        PAIRS | {"properties": {"a": {"enum": ["s", "m"]}}},
        PAIRS | {"properties": {"a": {"enum": ["s"]}}},
        MINOR,
    ),
    "outputs are closed": (OUTPUTS, PAIRS, CLOSED, MINOR),
    "an output is never null": (
        OUTPUTS,
        {"properties": {"a": {"type": ["string", "null"]}}},
        {"properties": {"a": TEXT}},
        MINOR,
    ),
    "alternatives that hold outputs are one": (
        OUTPUTS,
        of_one({"anyOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}]}),
        of_one({"properties": {"a": TEXT, "b": TEXT}}),
        MINOR,
    ),
    "alternatives that hold outputs are in another order": (
        OUTPUTS,
        of_one({"oneOf": [kind("file", path=TEXT), kind("link", url=TEXT)]}),
        of_one({"oneOf": [kind("link", url=TEXT), kind("file", path=TEXT)]}),
        PATCH,
    ),
    "an alternative that holds outputs is narrower": (
        OUTPUTS,
        of_one({"anyOf": [kind("file", path=TEXT), kind("link", url=TEXT)]}),
        of_one({"anyOf": [kind("file", path=TEXT | {"maxLength": 9}), kind("link", url=TEXT)]}),
        MINOR,
    ),
    "an output of an alternative is in all of them": (
        OUTPUTS,
        of_one({"anyOf": [kind("file", path=TEXT), kind("link")]}),
        of_one({"properties": {"path": TEXT}, "anyOf": [kind("file"), kind("link")]}),
        MINOR,
    ),
    "items that hold outputs are told one by one": (
        OUTPUTS,
        of_one({"type": "array", "items": PAIRS, "maxItems": 1}),
        of_one({"type": "array", "prefixItems": [PAIRS], "items": False, "maxItems": 1}),
        PATCH,
    ),
    "the values of a map are told by name": (
        OUTPUTS,
        of_one({"type": "object", "additionalProperties": PAIRS}),
        of_one({"type": "object", "properties": {"one": PAIRS}, "additionalProperties": False}),
        MINOR,
    ),
    "outputs move into a base": (OUTPUTS, CLOSED, {"allOf": [CLOSED]}, PATCH),
    "the default of an output is another": (
        OUTPUTS,
        {"properties": {"a": {"default": 1}}},
        {"properties": {"a": {"default": 2}}},
        PATCH,
    ),
}


@pytest.mark.parametrize("name", ONE_INPUT)
def test_an_input_that_takes_no_less_breaks_nobody(name: str) -> None:
    old, new, due = ONE_INPUT[name]
    assert is_fit(of_one(old), of_one(new))
    assert bump(INPUTS, of_one(old), of_one(new)) is due


@pytest.mark.parametrize("name", WHOLE)
def test_a_schema_that_keeps_its_promise_breaks_nobody(name: str) -> None:
    section, old, new, due = WHOLE[name]
    assert is_fit(old, new)
    assert bump(section, old, new) is due
