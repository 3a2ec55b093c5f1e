"""Every way in which a new outputs schema may bring what the old one ruled out, with its place."""

import pytest

from catalog.compat.section import OUTPUTS
from tests.unit.catalog.compat.parts import CLOSED, COUNT, LIST, PAIRS, TEXT, Schema, breaks, is_fit

SIZES: Schema = {"size": {"type": "integer", "maximum": 8}, "wide": {"type": "integer", "maximum": 9}}
WITH_IF: Schema = PAIRS | {
    "if": {"properties": {"a": {"const": "x"}}, "required": ["a"]},
    "then": {"properties": {"b": {"maxLength": 8}}},
}

FILE: Schema = {"type": "object", "properties": {"kind": {"const": "file"}}, "required": ["kind"]}
LINK: Schema = {"type": "object", "properties": {"kind": {"const": "link"}}, "required": ["kind"]}

# What one output was, what it is now, the code, and the place below the output.
ONE_OUTPUT: dict[str, tuple[Schema, Schema, str, str]] = {
    "a type is wider": (TEXT, {"type": ["string", "null"]}, "type_widened", "/type"),
    "a number need not be whole": (COUNT, {"type": "number"}, "type_widened", "/type"),
    "a type is another": (TEXT, COUNT, "type_changed", "/type"),
    "a type is left open": (TEXT, {}, "type_removed", "/type"),
    "a value is new": ({"enum": ["s", "m"]}, {"enum": ["s", "m", "l"]}, "enum_value_added", "/enum/2"),
    "a choice is any text": ({"enum": ["s", "m"]}, TEXT, "enum_removed", "/enum"),
    "the one value is another": ({"const": 1}, {"const": 2}, "const_changed", "/const"),
    "a minimum is lower": ({"minimum": 2}, {"minimum": 1}, "minimum_lowered", "/minimum"),
    "a minimum is gone": (COUNT | {"minimum": 2}, COUNT, "minimum_removed", "/minimum"),
    "a maximum is higher": ({"maximum": 8}, {"maximum": 9}, "maximum_raised", "/maximum"),
    "an open end is a closed one": (
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "number", "minimum": 0},
        "exclusive_minimum_removed",
        "/exclusiveMinimum",
    ),
    "a step is no multiple": ({"multipleOf": 4}, {"multipleOf": 2}, "multiple_of_changed", "/multipleOf"),
    "a text may be longer": ({"maxLength": 8}, {"maxLength": 9}, "max_length_raised", "/maxLength"),
    "a text may be shorter": (TEXT | {"minLength": 1}, TEXT, "min_length_removed", "/minLength"),
    "a pattern is another": ({"pattern": "^a"}, {"pattern": "a"}, "pattern_changed", "/pattern"),
    "a format is gone": (TEXT | {"format": "uri"}, TEXT, "format_removed", "/format"),
    "something comes where nothing did": (
        {"properties": {"p": False}},
        {},
        "property_removed",
        "/properties/p",
    ),
    "a list may be longer": (LIST | {"maxItems": 2}, LIST | {"maxItems": 3}, "max_items_raised", "/maxItems"),
    "a list may be empty": (LIST | {"minItems": 1}, LIST, "min_items_removed", "/minItems"),
    "items may repeat": (LIST | {"uniqueItems": True}, LIST, "unique_items_removed", "/uniqueItems"),
    "items of items are wider": (
        {"items": {"items": {"items": {"maxLength": 4}}}},
        {"items": {"items": {"items": {"maxLength": 5}}}},
        "max_length_raised",
        "/items/items/items/maxLength",
    ),
    "a list goes on": (
        {"prefixItems": [TEXT], "items": False},
        {"prefixItems": [TEXT, TEXT], "items": False},
        "items_changed",
        "/items",
    ),
    "a list need not contain it": (
        LIST | {"contains": {"const": "x"}},
        LIST,
        "contains_removed",
        "/contains",
    ),
    "it contains less of it": (
        {"contains": TEXT, "minContains": 3},
        {"contains": TEXT, "minContains": 2},
        "min_contains_lowered",
        "/minContains",
    ),
    "it contains more of it": (
        {"contains": TEXT, "maxContains": 2},
        {"contains": TEXT, "maxContains": 3},
        "max_contains_raised",
        "/maxContains",
    ),
    "items that nothing spoke of may come": (
        {"prefixItems": [TEXT], "unevaluatedItems": False},
        {"prefixItems": [TEXT]},
        "unevaluated_items_removed",
        "/unevaluatedItems",
    ),
    "a field is no longer sure": (PAIRS | {"required": ["a"]}, PAIRS, "required_removed", "/required/0"),
    "a field is wider": (
        PAIRS,
        PAIRS | {"properties": PAIRS["properties"] | {"b": {"type": ["string", "null"]}}},
        "type_widened",
        "/properties/b/type",
    ),
    "a field is gone": (
        PAIRS,
        PAIRS | {"properties": {"a": TEXT, "b": TEXT}},
        "property_removed",
        "/properties/c",
    ),
    "a field that need not come is gone": (
        CLOSED,
        CLOSED | {"properties": {"a": TEXT, "b": TEXT}},
        "property_removed",
        "/properties/c",
    ),
    "a field of items is gone": (
        {"items": CLOSED},
        {"items": CLOSED | {"properties": {"a": TEXT, "b": TEXT}}},
        "property_removed",
        "/items/properties/c",
    ),
    "a field never comes": (
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"c": False}},
        "property_removed",
        "/properties/c",
    ),
    "a field of one alternative is gone": (
        {"anyOf": [PAIRS, {"type": "null"}]},
        {"anyOf": [PAIRS | {"properties": {"a": TEXT, "b": TEXT}}, {"type": "null"}]},
        "property_removed",
        "/anyOf/0/properties/c",
    ),
    "a field of one alternative never comes": (
        {"oneOf": [PAIRS, {"type": "null"}]},
        {"oneOf": [PAIRS | {"properties": {"a": TEXT, "b": TEXT, "c": {"not": {}}}}, {"type": "null"}]},
        "property_removed",
        "/oneOf/0/properties/c",
    ),
    "a field is in another alternative": (
        {"anyOf": [FILE | {"properties": FILE["properties"] | {"c": TEXT}}, LINK]},
        {"anyOf": [FILE, LINK | {"properties": LINK["properties"] | {"c": TEXT}}]},
        "property_removed",
        "/anyOf/0/properties/c",
    ),
    "an alternative is gone with its fields": (
        {"anyOf": [FILE, LINK | {"properties": LINK["properties"] | {"c": TEXT}}]},
        {"anyOf": [FILE]},
        "property_removed",
        "/anyOf/1/properties/c",
    ),
    "a field of an alternative within an alternative is gone": (
        {"anyOf": [{"oneOf": [{"type": "object", "properties": {"a": TEXT}}, COUNT]}, {"type": "null"}]},
        {"anyOf": [{"oneOf": [{"type": "object", "additionalProperties": False}, COUNT]}, {"type": "null"}]},
        "property_removed",
        "/anyOf/0/oneOf/0/properties/a",
    ),
    "a field of a base is refused beside it": (
        {"allOf": [{"properties": {"a": TEXT}}]},
        {"allOf": [{"properties": {"a": TEXT}}], "additionalProperties": False},
        "property_removed",
        "/allOf/0/properties/a",
    ),
    "a field may not be named so": (
        {"properties": {"long": TEXT}},
        {"properties": {"long": TEXT}, "propertyNames": {"maxLength": 3}},
        "property_removed",
        "/properties/long",
    ),
    "a field that comes under a condition is gone": (
        PAIRS | {"if": {"required": ["a"]}, "then": {"properties": {"d": TEXT}}},
        PAIRS | {"if": {"required": ["a"]}, "then": {"additionalProperties": TEXT}},
        "property_removed",
        "/then/properties/d",
    ),
    "a field of one place in a list is gone": (
        {"type": "array", "prefixItems": [TEXT, PAIRS]},
        {"type": "array", "prefixItems": [TEXT, PAIRS | {"properties": {"a": TEXT, "b": TEXT}}]},
        "property_removed",
        "/prefixItems/1/properties/c",
    ),
    "a field of the values of a map is gone": (
        {"additionalProperties": PAIRS},
        {"additionalProperties": PAIRS | {"properties": {"a": TEXT, "b": TEXT}}},
        "property_removed",
        "/additionalProperties/properties/c",
    ),
    "a field of values whose names match is gone": (
        {"patternProperties": {"^p": PAIRS}},
        {"patternProperties": {"^p": PAIRS | {"properties": {"a": TEXT, "b": TEXT}}}},
        "property_removed",
        "/patternProperties/^p/properties/c",
    ),
    "a closed object within gets another field": (
        CLOSED,
        CLOSED | {"properties": CLOSED["properties"] | {"d": TEXT}},
        "property_added",
        "/properties/d",
    ),
    "an object is opened": (CLOSED, PAIRS, "additional_properties_removed", "/additionalProperties"),
    "other fields are wider": (
        {"additionalProperties": COUNT},
        {"additionalProperties": {"type": "number"}},
        "type_widened",
        "/additionalProperties/type",
    ),
    "names may be longer": (
        {"propertyNames": {"maxLength": 8}},
        {"propertyNames": {"maxLength": 9}},
        "max_length_raised",
        "/propertyNames/maxLength",
    ),
    "an object may hold more": (
        {"maxProperties": 2},
        {"maxProperties": 3},
        "max_properties_raised",
        "/maxProperties",
    ),
    "a field comes without another": (
        PAIRS | {"dependentRequired": {"a": ["b"]}},
        PAIRS,
        "dependent_required_removed",
        "/dependentRequired/a",
    ),
    "a field narrows another no longer": (
        PAIRS | {"dependentSchemas": {"a": {"required": ["b"]}}},
        PAIRS,
        "required_removed",
        "/dependentSchemas/a/required/0",
    ),
    "fields that nothing spoke of may come": (
        {"allOf": [PAIRS], "unevaluatedProperties": False},
        {"allOf": [PAIRS]},
        "unevaluated_properties_removed",
        "/unevaluatedProperties",
    ),
    "an alternative is new": (
        {"anyOf": [TEXT, COUNT]},
        {"anyOf": [TEXT, COUNT, {"type": "null"}]},
        "alternative_added",
        "/anyOf/2",
    ),
    "an alternative is wider": (
        {"oneOf": [TEXT | {"maxLength": 8}, COUNT]},
        {"oneOf": [TEXT | {"maxLength": 9}, COUNT]},
        "max_length_raised",
        "/oneOf/0/maxLength",
    ),
    "a refusal is gone": (TEXT | {"not": {"const": "x"}}, TEXT, "not_removed", "/not"),
    "then is wider": (
        WITH_IF,
        WITH_IF | {"then": {"properties": {"b": {"maxLength": 9}}}},
        "max_length_raised",
        "/then/properties/b/maxLength",
    ),
    "a condition is gone": (WITH_IF, PAIRS, "max_length_removed", "/then/properties/b/maxLength"),
    "an unknown keyword is gone": (TEXT | {"x-unit": "GiB"}, TEXT, "undecided", "/x-unit"),
    "a part of it is sensitive": (
        {"items": TEXT},
        {"items": TEXT | {"x-sensitive": True}},
        "sensitive_added",
        "/items/x-sensitive",
    ),
}

# What all outputs were, what they are now, the code, and the place below them.
ALL_OUTPUTS: dict[str, tuple[Schema, Schema, str, str]] = {
    "an output is gone": (
        PAIRS,
        PAIRS | {"properties": {"a": TEXT, "b": TEXT}},
        "property_removed",
        "/properties/c",
    ),
    "an output is no longer sure": (CLOSED | {"required": ["a"]}, CLOSED, "required_removed", "/required/0"),
    "outputs are opened": (CLOSED, PAIRS, "additional_properties_removed", "/additionalProperties"),
    "an output is sensitive": (
        PAIRS,
        PAIRS | {"properties": PAIRS["properties"] | {"a": TEXT | {"x-sensitive": True}}},
        "sensitive_added",
        "/properties/a/x-sensitive",
    ),
    "an output is no longer sensitive": (
        PAIRS | {"properties": PAIRS["properties"] | {"a": TEXT | {"x-sensitive": True}}},
        PAIRS,
        "sensitive_removed",
        "/properties/a/x-sensitive",
    ),
    "an output is sensitive where none is taken for it": (
        {"properties": {"a": TEXT | {"x-sensitive": True}}},
        {"allOf": [{"properties": {"a": TEXT | {"x-sensitive": True}}}]},
        "sensitive_removed",
        "/properties/a/x-sensitive",
    ),
    "a reference leads elsewhere": (
        {"properties": {"x": {"$ref": "#/$defs/size"}}, "$defs": SIZES},
        {"properties": {"x": {"$ref": "#/$defs/wide"}}, "$defs": SIZES},
        "maximum_raised",
        "/$defs/wide/maximum",
    ),
    "names of a pattern are anything": (
        {"patternProperties": {"^p": COUNT}},
        {},
        "type_removed",
        "/patternProperties/^p/type",
    ),
}


def whole(schema: Schema) -> dict[str, Schema]:
    return {"type": "object", "properties": {"x": schema}}


@pytest.mark.parametrize("name", ONE_OUTPUT)
def test_an_output_that_may_be_more_is_breaking_at_its_place(name: str) -> None:
    old, new, code, place = ONE_OUTPUT[name]
    assert is_fit(whole(old), whole(new))
    assert breaks(OUTPUTS, whole(old), whole(new)) == [(code, f"/spec/outputs/properties/x{place}")]


@pytest.mark.parametrize("name", ALL_OUTPUTS)
def test_outputs_that_may_be_more_are_breaking_at_their_place(name: str) -> None:
    old, new, code, place = ALL_OUTPUTS[name]
    assert is_fit(old, new)
    assert breaks(OUTPUTS, old, new) == [(code, f"/spec/outputs{place}")]
