"""A schema in words: what type a value has, and what it must be like.

Pure. Used by `avow explain`; whatever has no words here is shown by `-o json`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_REFERENCES = 8
_COMPOSED = ("oneOf", "anyOf", "allOf")
_JSON_TYPES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)
_SPANS = (
    ("minLength", "maxLength", "character"),
    ("minItems", "maxItems", "item"),
    ("minProperties", "maxProperties", "entry"),
)
_UNSAID = frozenset({"not", "if", "dependentRequired", "dependentSchemas", "contains", "propertyNames"})


def meant(schema: Any, root: Schema) -> Schema:
    """Return the schema that a part stands for: what it refers to, with what it says itself."""
    part: Schema = schema if isinstance(schema, Mapping) else {}
    for _ in range(_REFERENCES):
        target = part.get("$ref")
        if not isinstance(target, str):
            return part
        said = {name: value for name, value in part.items() if name != "$ref"}
        found = part_at(target, root)
        part = {**found, **said} if isinstance(found, Mapping) else said
    return part


def part_at(reference: str, root: Schema) -> Any:
    """Return what a reference within a document (`#/...`) leads to, None where that is nothing."""
    part: Any = root
    for token in reference.removeprefix("#/").split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(part, Mapping):
            part = part.get(name)
        elif isinstance(part, list) and name.isdecimal() and int(name) < len(part):
            part = part[int(name)]
        else:
            return None
    return part


def branches(schema: Schema, root: Schema) -> Iterator[Schema]:
    """Yield the parts of which a schema is composed, itself first."""
    yield schema
    for keyword in (*_COMPOSED, "then", "else"):
        parts = schema.get(keyword)
        for part in parts if isinstance(parts, list) else [parts] if isinstance(parts, Mapping) else ():
            yield from branches(meant(part, root), root)


def type_in_words(schema: Schema, root: Schema) -> str:
    """Return what kind of value a schema wants: `array of string`, `string or null`."""
    schema = meant(schema, root)
    types = schema.get("type")
    if isinstance(types, str | list):
        found = [types] if isinstance(types, str) else types
        return " or ".join(_with_items(each, schema, root) for each in found)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values:
        return " or ".join(dict.fromkeys(map(_type_of, values)))
    for keyword in _COMPOSED:
        parts = schema.get(keyword)
        if isinstance(parts, list):
            told = dict.fromkeys(type_in_words(part, root) for part in parts)
            known = [each for each in told if each != "any"]
            return " or ".join(known) or "any"
    return "object" if "properties" in schema else "any"


def limits(schema: Schema, root: Schema) -> list[str]:
    """Return what a value must be like beyond its type, each in a few words."""
    schema = meant(schema, root)
    found = [*_values(schema), *_numbers(schema), *_sizes(schema), *_texts(schema), *_rest(schema)]
    items = schema.get("items")
    each = limits(items, root) if isinstance(items, Mapping) else []
    return [*found, *(f"each {limit}" for limit in each)]


def value_in_words(value: object) -> str:
    """Return a value as a person writes it: a plain text as it is, anything else as JSON."""
    if isinstance(value, str) and value and value == value.strip():
        return value
    return json.dumps(value, ensure_ascii=False)


def _with_items(type_: object, schema: Schema, root: Schema) -> str:
    if type_ == "array" and isinstance(schema.get("items"), Mapping):
        return f"array of {type_in_words(schema['items'], root)}"
    rest = schema.get("additionalProperties")
    if type_ == "object" and isinstance(rest, Mapping) and "properties" not in schema:
        return f"object of {type_in_words(rest, root)}"
    return str(type_)


def _values(schema: Schema) -> Iterator[str]:
    if "const" in schema:
        yield f"always {value_in_words(schema['const'])}"
    values = schema.get("enum")
    if isinstance(values, list):
        yield "one of " + ", ".join(map(value_in_words, values))


def _numbers(schema: Schema) -> Iterator[str]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        yield f"from {least} to {most}"
    elif least is not None or most is not None:
        yield f"at least {least}" if most is None else f"at most {most}"
    for keyword, words in (
        ("exclusiveMinimum", "more than"),
        ("exclusiveMaximum", "less than"),
        ("multipleOf", "a multiple of"),
    ):
        if keyword in schema:
            yield f"{words} {schema[keyword]}"


def _sizes(schema: Schema) -> Iterator[str]:
    for low, high, noun in _SPANS:
        least, most = schema.get(low), schema.get(high)
        if least and most is not None:
            yield (
                f"{least} {_many(noun, least)}" if least == most else f"{least} to {most} {_many(noun, most)}"
            )
        elif least:
            yield f"at least {least} {_many(noun, least)}"
        elif most is not None:
            yield f"at most {most} {_many(noun, most)}"


def _texts(schema: Schema) -> Iterator[str]:
    if "pattern" in schema:
        yield f"matches {schema['pattern']}"
    if "format" in schema:
        yield f"written as {schema['format']}"


def _rest(schema: Schema) -> Iterator[str]:
    if schema.get("uniqueItems") is True:
        yield "no two alike"
    if not _UNSAID.isdisjoint(schema):
        yield "further conditions, see -o json"


def _many(noun: str, number: object) -> str:
    if number == 1:
        return noun
    return f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"


def _type_of(value: object) -> str:
    return next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "null")
