"""Every way in which inputs may refuse an object that they took, with its place."""

import pytest

from catalog.compat.change import Bump
from catalog.compat.schemas import schema_changes
from catalog.compat.section import INPUTS
from tests.unit.catalog.compat.parts import CLOSED, COUNT, PAIRS, TEXT, Schema, breaks, is_fit, of_one

# What an object among the inputs was, what it is now, the code, and the place below it.
AN_OBJECT: dict[str, tuple[Schema, Schema, str, str]] = {
    "a field is required": (PAIRS, PAIRS | {"required": ["a"]}, "required_added", "/required/0"),
    "another field is required": (
        PAIRS | {"required": ["a"]},
        PAIRS | {"required": ["a", "b"]},
        "required_added",
        "/required/1",
    ),
    "a field is gone": (
        CLOSED,
        CLOSED | {"properties": {"a": TEXT, "b": TEXT}},
        "property_removed",
        "/properties/c",
    ),
    "a field is renamed": (
        CLOSED,
        CLOSED | {"properties": {"a": TEXT, "b": TEXT, "see": TEXT}},
        "property_removed",
        "/properties/c",
    ),
    "an open object gives a name a meaning": (
        PAIRS,
        PAIRS | {"properties": PAIRS["properties"] | {"d": COUNT}},
        "property_added",
        "/properties/d",
    ),
    "an object is closed": (
        PAIRS,
        CLOSED,
        "additional_properties_added",
        "/additionalProperties",
    ),
    "other fields are of another type": (
        {"additionalProperties": TEXT},
        {"additionalProperties": COUNT},
        "type_changed",
        "/additionalProperties/type",
    ),
    "names of a pattern are of another type": (
        {"patternProperties": {"^x-": TEXT}},
        {"patternProperties": {"^x-": COUNT}},
        "type_changed",
        "/patternProperties/^x-/type",
    ),
    "names of a pattern are judged": (
        {},
        {"patternProperties": {"^x-": TEXT}},
        "type_added",
        "/patternProperties/^x-/type",
    ),
    "names of a pattern are refused": (
        {"patternProperties": {"^x-": TEXT}, "additionalProperties": False},
        {"additionalProperties": False},
        "additional_properties_changed",
        "/additionalProperties",
    ),
    "names of a pattern may match others": (
        {"patternProperties": {"^a": TEXT, "b$": COUNT}, "additionalProperties": TEXT},
        {"patternProperties": {"c": TEXT}},
        "type_changed",
        "/patternProperties/c/type",
    ),
    "names must be shorter": (
        {"propertyNames": {"maxLength": 9}},
        {"propertyNames": {"maxLength": 8}},
        "max_length_lowered",
        "/propertyNames/maxLength",
    ),
    "a named field is refused by its name": (
        CLOSED | {"properties": {"long": TEXT}},
        CLOSED | {"properties": {"long": TEXT}, "propertyNames": {"maxLength": 3}},
        "property_removed",
        "/properties/long",
    ),
    "an object must hold more": (
        PAIRS,
        PAIRS | {"minProperties": 1},
        "min_properties_added",
        "/minProperties",
    ),
    "an object must hold less": (
        CLOSED,
        CLOSED | {"maxProperties": 2},
        "max_properties_added",
        "/maxProperties",
    ),
    "a field needs another": (
        PAIRS,
        PAIRS | {"dependentRequired": {"a": ["b"]}},
        "dependent_required_added",
        "/dependentRequired/a",
    ),
    "a field needs one more": (
        PAIRS | {"dependentRequired": {"a": ["b"]}},
        PAIRS | {"dependentRequired": {"a": ["b", "c"]}},
        "dependent_required_changed",
        "/dependentRequired/a",
    ),
    "a field narrows another": (
        PAIRS,
        PAIRS | {"dependentSchemas": {"a": {"properties": {"b": {"maxLength": 9}}}}},
        "max_length_added",
        "/dependentSchemas/a/properties/b/maxLength",
    ),
    "a field narrows another further": (
        PAIRS | {"dependentSchemas": {"a": {"properties": {"b": {"maxLength": 9}}}}},
        PAIRS | {"dependentSchemas": {"a": {"properties": {"b": {"maxLength": 8}}}}},
        "max_length_lowered",
        "/dependentSchemas/a/properties/b/maxLength",
    ),
    "fields that nothing speaks of are refused": (
        {"allOf": [PAIRS]},
        {"allOf": [PAIRS], "unevaluatedProperties": False},
        "unevaluated_properties_added",
        "/unevaluatedProperties",
    ),
    "a field is no longer spoken of": (
        {"allOf": [{"properties": {"a": TEXT, "b": TEXT}}], "unevaluatedProperties": False},
        {"allOf": [{"properties": {"a": TEXT}}], "unevaluatedProperties": False},
        "property_removed",
        "/allOf/0/properties/b",
    ),
    "a field is spoken of under a condition only": (
        {"properties": {"a": TEXT, "b": TEXT}, "unevaluatedProperties": False},
        {
            "properties": {"a": TEXT},
            "dependentSchemas": {"a": {"properties": {"b": TEXT}}},
            "unevaluatedProperties": False,
        },
        "property_removed",
        "/properties/b",
    ),
}

REUSED: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"x": {"$ref": "#/$defs/size"}, "y": {"$ref": "#/$defs/size"}},
    "$defs": {"size": {"type": "integer", "maximum": 9}, "small": {"type": "integer", "maximum": 3}},
}
TREE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"node": {"$ref": "#/$defs/node"}},
    "$defs": {"node": {"properties": {"value": TEXT, "next": {"$ref": "#/$defs/node"}}}},
}

WITH_DEFAULT: Schema = CLOSED | {"properties": PAIRS["properties"] | {"a": TEXT | {"default": "x"}}}

# What all inputs were, what they are now, the code, and the place below them.
ALL_INPUTS: dict[str, tuple[Schema, Schema, str, str]] = {
    "an input is gone": (
        CLOSED,
        CLOSED | {"properties": {"a": TEXT, "b": TEXT}},
        "property_removed",
        "/properties/c",
    ),
    "an input is required": (CLOSED, CLOSED | {"required": ["c"]}, "required_added", "/required/0"),
    "a required input is new": (
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"d": TEXT | {"default": "x"}}, "required": ["d"]},
        "required_added",
        "/required/0",
    ),
    "what is referred to is narrower": (
        REUSED,
        REUSED | {"$defs": {"size": {"type": "integer", "maximum": 8}}},
        "maximum_lowered",
        "/$defs/size/maximum",
    ),
    "a reference leads elsewhere": (
        REUSED,
        REUSED | {"properties": {"x": {"$ref": "#/$defs/small"}, "y": {"$ref": "#/$defs/size"}}},
        "maximum_lowered",
        "/$defs/small/maximum",
    ),
    "a reference is tightened where it stands": (
        REUSED,
        REUSED | {"properties": {"x": {"$ref": "#/$defs/size", "minimum": 1}, "y": {"$ref": "#/$defs/size"}}},
        "minimum_added",
        "/properties/x/minimum",
    ),
    "a recursive definition is narrower": (
        TREE,
        TREE | {"$defs": {"node": {"properties": {"value": COUNT, "next": {"$ref": "#/$defs/node"}}}}},
        "undecided",
        "",
    ),
    "a definition became recursive": (
        TREE | {"$defs": {"node": {"properties": {"value": TEXT}}}},
        TREE,
        "undecided",
        "",
    ),
    "a default is another": (
        CLOSED | {"properties": {"a": TEXT | {"default": "x"}}},
        CLOSED | {"properties": {"a": TEXT | {"default": "y"}}},
        "default_changed",
        "/properties/a/default",
    ),
    "a default is new": (
        CLOSED | {"properties": {"a": TEXT}},
        CLOSED | {"properties": {"a": TEXT | {"default": None}}},
        "default_added",
        "/properties/a/default",
    ),
    "a default is gone": (
        CLOSED | {"properties": {"a": TEXT | {"default": "x"}}},
        CLOSED | {"properties": {"a": TEXT}},
        "default_removed",
        "/properties/a/default",
    ),
    "an input with a default is gone": (
        CLOSED | {"properties": {"a": TEXT, "b": TEXT | {"default": "x"}}},
        CLOSED | {"properties": {"a": TEXT}},
        "property_removed",
        "/properties/b",
    ),
    "a default moved where it is not filled in": (
        CLOSED | {"properties": {"a": TEXT | {"default": "x"}}},
        CLOSED | {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": TEXT | {"default": "x"}}},
        "default_removed",
        "/properties/a/default",
    ),
    "a default within an object is another": (
        CLOSED | {"properties": {"a": CLOSED | {"properties": {"b": {"default": 1}}}}},
        CLOSED | {"properties": {"a": CLOSED | {"properties": {"b": {"default": 2}}}}},
        "default_changed",
        "/properties/a/properties/b/default",
    ),
    "a default is new where a reference led": (
        of_one({"$ref": "#/$defs/a"}) | {"$defs": {"a": CLOSED}},
        of_one(WITH_DEFAULT) | {"$defs": {"a": CLOSED}},
        "default_added",
        "/properties/x/properties/a/default",
    ),
    "a default is new on what a base named": (
        of_one({"allOf": [PAIRS], "unevaluatedProperties": False}),
        of_one(WITH_DEFAULT),
        "default_added",
        "/properties/x/properties/a/default",
    ),
    "a default is new on what was one of any others": (
        of_one({"type": "object", "additionalProperties": TEXT}),
        of_one({"type": "object", "additionalProperties": TEXT, "properties": WITH_DEFAULT["properties"]}),
        "default_added",
        "/properties/x/properties/a/default",
    ),
    "a default is new on what one alternative names": (
        of_one({"anyOf": [CLOSED, {"type": "null"}]}),
        of_one({"anyOf": [CLOSED, {"type": "null"}], "properties": WITH_DEFAULT["properties"]}),
        "default_added",
        "/properties/x/properties/a/default",
    ),
    "a default deep within is new where a pattern led": (
        of_one({"patternProperties": {"^o$": CLOSED}, "additionalProperties": False}),
        of_one(
            {
                "properties": {"o": WITH_DEFAULT},
                "patternProperties": {"^o$": CLOSED},
                "additionalProperties": False,
            }
        ),
        "default_added",
        "/properties/x/properties/o/properties/a/default",
    ),
    "a default is gone where a reference leads now": (
        of_one(WITH_DEFAULT),
        of_one({"$ref": "#/$defs/a"}) | {"$defs": {"a": CLOSED}},
        "default_removed",
        "/properties/x/properties/a/default",
    ),
    "a default is gone where its field is wider and in a base": (
        {
            "properties": {"o": CLOSED | {"required": ["a"], "default": {}}},
            "unevaluatedProperties": False,
        },
        {"allOf": [{"properties": {"o": CLOSED | {"default": {}}}}], "unevaluatedProperties": False},
        "default_removed",
        "/properties/o/default",
    ),
    "a default is another on what is required of an object that a default makes": (
        of_one(WITH_DEFAULT | {"required": ["a"], "default": {}}),
        of_one(
            CLOSED
            | {"properties": PAIRS["properties"] | {"a": TEXT | {"default": "y"}}}
            | {"required": ["a"], "default": {}}
        ),
        "default_changed",
        "/properties/x/properties/a/default",
    ),
    "a default is another deep within what a default makes": (
        CLOSED | {"properties": {"o": of_one(WITH_DEFAULT | {"required": ["a"]}) | {"default": {"x": {}}}}},
        CLOSED
        | {
            "properties": {
                "o": of_one(
                    CLOSED
                    | {"properties": PAIRS["properties"] | {"a": TEXT | {"default": "y"}}, "required": ["a"]}
                )
                | {"default": {"x": {}}}
            }
        },
        "default_changed",
        "/properties/o/properties/x/properties/a/default",
    ),
    "an input is sensitive": (
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"a": TEXT | {"x-sensitive": True}}},
        "sensitive_added",
        "/properties/a/x-sensitive",
    ),
    "an input is no longer sensitive": (
        CLOSED | {"properties": {"a": TEXT | {"x-sensitive": True}}},
        CLOSED | {"properties": {"a": TEXT | {"x-sensitive": False}}},
        "sensitive_removed",
        "/properties/a/x-sensitive",
    ),
    "something within an input is sensitive": (
        CLOSED | {"properties": {"a": {"items": TEXT}}},
        CLOSED | {"properties": {"a": {"items": TEXT | {"x-sensitive": True}}}},
        "sensitive_added",
        "/properties/a/items/x-sensitive",
    ),
}


@pytest.mark.parametrize("name", AN_OBJECT)
def test_an_object_that_takes_less_is_breaking_at_its_place(name: str) -> None:
    old, new, code, place = AN_OBJECT[name]
    assert is_fit(of_one(old), of_one(new))
    assert breaks(INPUTS, of_one(old), of_one(new)) == [(code, f"/spec/inputs/properties/x{place}")]


@pytest.mark.parametrize("name", ALL_INPUTS)
def test_inputs_that_take_less_are_breaking_at_their_place(name: str) -> None:
    old, new, code, place = ALL_INPUTS[name]
    assert breaks(INPUTS, old, new) == [(code, f"/spec/inputs{place}")]


def test_a_change_names_what_was_there_and_what_is() -> None:
    (change,) = schema_changes(INPUTS, of_one(COUNT | {"maximum": 9}), of_one(COUNT | {"maximum": 8}))
    assert (change.before, change.after) == (9, 8)
    assert change.message == "`maximum` went down from 9 to 8: requests that were accepted may be refused"
    assert change.fix == "put back what was there, or publish it as a breaking version"


def test_what_breaks_and_what_does_not_are_told_apart_in_one_schema() -> None:
    found = schema_changes(INPUTS, of_one({"enum": ["s", "m"]}), of_one({"enum": ["m", "l"]}))
    place = "/spec/inputs/properties/x/enum"
    assert [(change.code, change.pointer, change.bump) for change in found] == [
        ("enum_value_removed", f"{place}/0", Bump.MAJOR),
        ("enum_value_added", f"{place}/1", Bump.MINOR),
    ]


def test_a_definition_used_twice_is_reported_once() -> None:
    found = schema_changes(INPUTS, REUSED, REUSED | {"$defs": {"size": {"type": "string"}}})
    assert [change.pointer for change in found].count("/spec/inputs/$defs/size/type") == 1


def test_every_fault_is_reported_at_once() -> None:
    found = breaks(INPUTS, CLOSED, CLOSED | {"properties": {"a": COUNT, "b": TEXT}, "required": ["b"]})
    assert {code for code, _ in found} == {"type_changed", "property_removed", "required_added"}
