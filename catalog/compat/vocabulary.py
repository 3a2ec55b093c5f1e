"""The keywords of JSON Schema 2020-12 that are compared here, by what they hold.

A keyword that stands in none of these sets is not known: a schema that uses it is taken to
allow the same only where it is written the same. `dependencies` is such a one on purpose:
it is not of this draft, and yet the validator heeds it.
"""

ONE = frozenset(
    {"items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
"""Keywords that hold a schema."""

LISTS = frozenset({"prefixItems", "allOf", "anyOf", "oneOf"})
"""Keywords that hold a list of schemas."""

NAMED = frozenset({"properties", "patternProperties", "dependentSchemas"})
"""Keywords that hold schemas by name."""

STORES = frozenset({"$defs", "definitions"})
"""Where schemas lie that only references lead to."""

DOCS = frozenset({"title", "description", "$comment", "examples", "readOnly", "writeOnly", "$schema"})
"""What is said to people."""

NOTES = DOCS | {"default", "deprecated", "x-sensitive"}
"""What no value is judged by."""

LOWER = frozenset({"minimum", "exclusiveMinimum"})
UPPER = frozenset({"maximum", "exclusiveMaximum"})
COUNTS = frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains"}
    | {"minProperties", "maxProperties"}
)
"""Keywords that say how many there may be."""

PLAIN = (
    frozenset({"type", "enum", "const", "multipleOf", "pattern", "format", "uniqueItems"})
    | {"required", "dependentRequired"}
    | LOWER
    | UPPER
    | COUNTS
)
"""Keywords that hold no schema."""

ALL_KINDS = frozenset({"null", "boolean", "integer", "fraction", "string", "array", "object"})
"""The types of JSON, with the numbers taken apart: `number` is `integer` and `fraction`."""

_NUMBERS = frozenset({"integer", "fraction"})
_OF_NUMBERS = LOWER | UPPER | {"multipleOf"}
_OF_STRINGS = frozenset({"minLength", "maxLength", "pattern", "format"})
_OF_ARRAYS = frozenset(
    {"minItems", "maxItems", "uniqueItems", "items", "prefixItems", "contains", "unevaluatedItems"}
)
_OF_OBJECTS = frozenset(
    {"minProperties", "maxProperties", "properties", "patternProperties", "additionalProperties"}
    | {"propertyNames", "required", "dependentRequired", "dependentSchemas", "unevaluatedProperties"}
)
_KINDS: dict[str, frozenset[str]] = {
    **dict.fromkeys(_OF_NUMBERS, _NUMBERS),
    **dict.fromkeys(_OF_STRINGS, frozenset({"string"})),
    **dict.fromkeys(_OF_ARRAYS, frozenset({"array"})),
    **dict.fromkeys(_OF_OBJECTS, frozenset({"object"})),
}


def kinds_judged_by(keyword: str) -> frozenset[str]:
    """Return the kinds of value that a keyword speaks of."""
    return _KINDS.get(keyword, ALL_KINDS)


def kinds_of_type(stated: object) -> frozenset[str]:
    """Return the kinds that a `type` stands for."""
    names = [stated] if isinstance(stated, str) else stated if isinstance(stated, list | tuple) else []
    return frozenset(kind for name in names for kind in (_NUMBERS if name == "number" else (str(name),)))


def kind_of_value(value: object) -> str:
    """Return the kind of a value; 1.0 is an integer."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "integer" if value == int(value) else "fraction"
        case str():
            return "string"
        case list() | tuple():
            return "array"
    return "object"
