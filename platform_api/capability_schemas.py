"""A contract's schemas as parts of a larger document: moved, with secrets explained.

Pure. A contract's schema refers to its own parts only (`#/$defs/...`, `#/properties/...`).
Where it is moved to, its definitions become components of their own, because most readers
of OpenAPI look for schemas nowhere else, and every reference follows. What stands under a
keyword that holds values, not schemas (`const`, `default` and the like), is left as it is.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from catalog.digest import Json, JsonObject
from executors.secrets import REFERENCE_PATTERN

SECRET_NOTE = "A reference to a secret (secret://...), never the secret itself."  # noqa: S105  # what is said of one
OUTPUT_PATTERN = "^secret://"
SCHEMAS = "#/components/schemas/"

_VALUES = frozenset({"const", "default", "enum", "example", "examples"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_SAID = frozenset({"description", "title", "x-sensitive"})
_COMPOSED = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "if"})

Rewrite = Callable[[dict[str, Json]], dict[str, Json]]


def components_of(schema: JsonObject, name: str) -> dict[str, dict[str, Json]]:
    """Return a schema as components: itself under a name, and its definitions under longer ones."""
    held = schema.get("$defs")
    definitions = held if isinstance(held, Mapping) else {}
    names = _names_of(definitions, name)

    def in_place(part: dict[str, Json]) -> dict[str, Json]:
        kept = {keyword: value for keyword, value in part.items() if keyword not in ("$schema", "$ref")}
        target = part.get("$ref")
        # `#/$defs` itself says nothing, and leads nowhere once they are gone from there.
        if not isinstance(target, str) or target == "#/$defs":
            return kept
        return kept | {"$ref": _followed(target, name, names)}

    whole = {keyword: value for keyword, value in schema.items() if keyword != "$defs"}
    found = {name: _rewritten(whole, in_place)}
    for each, part in definitions.items():
        # A schema may also be `true` or `false`; as a component of its own it is said in words.
        plain = part if isinstance(part, Mapping) else {} if part else {"not": {}}
        found[names[each]] = _rewritten(plain, in_place)
    return found


def _names_of(definitions: JsonObject, name: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for each in definitions:
        base = unused = name + ("".join(map(_capital, re.findall("[A-Za-z0-9]+", each))) or "Part")
        number = 2
        while unused in names.values():
            unused, number = f"{base}{number}", number + 1
        names[each] = unused
    return names


def _capital(word: str) -> str:
    return word[0].upper() + word[1:]


def _followed(target: str, name: str, names: Mapping[str, str]) -> str:
    """Return where a reference within a schema leads once the schema is a component."""
    first, _, rest = target.removeprefix("#/$defs/").partition("/")
    definition = first.replace("~1", "/").replace("~0", "~")
    if target.startswith("#/$defs/") and definition in names:
        return f"{SCHEMAS}{names[definition]}" + (f"/{rest}" if rest else "")
    return f"{SCHEMAS}{name}{target[1:]}"


def inputs_with_secrets_named(schema: JsonObject) -> dict[str, Json]:
    """Return a schema of inputs in which what is marked `x-sensitive` says that it takes a reference."""
    return _rewritten(schema, lambda part: _pattern_in(_with_note(part), REFERENCE_PATTERN))


def outputs_with_secrets_named(schema: JsonObject) -> dict[str, Json]:
    """Return a schema of outputs in which what is marked `x-sensitive` says that it is a reference."""
    return _rewritten(schema, lambda part: _pattern_in(_with_note(part), OUTPUT_PATTERN))


def merge_patch_of(schema: JsonObject) -> dict[str, Json]:
    """Return the schema of a merge patch (RFC 7396) of an object, as far as it can be said.

    Every member may be left out, or be null to go back to its default. What may be an
    object, or is composed, is not described further: a part of an object is a patch as well.
    """
    properties = schema.get("properties")
    members = properties if isinstance(properties, Mapping) else {}
    known: dict[str, Json] = {name: _patch_of_member(part) for name, part in members.items()}
    rest = "patternProperties" not in schema and schema.get("additionalProperties") is False
    closed: dict[str, Json] = {"additionalProperties": False} if rest else {}
    return {"type": "object", "properties": known, **closed}


def _patch_of_member(part: Json) -> Json:
    shown = part if isinstance(part, Mapping) else {}
    kept = {name: value for name, value in shown.items() if name not in ("default", "const", "enum")}
    types, values = _types(kept), _values(shown)
    is_plain = (types or values) and "object" not in types and _COMPOSED.isdisjoint(kept)
    if not is_plain or any(map(_is_object, values)):
        return {name: value for name, value in kept.items() if name in _SAID}
    nullable: dict[str, Json] = {"type": [*types, *({"null"} - set(types))]} if types else {}
    return kept | nullable | ({"enum": [*values, None]} if values else {})


def _values(part: JsonObject) -> list[Json]:
    values = part.get("enum", [part["const"]] if "const" in part else [])
    return list(values) if isinstance(values, list) else []


def _types(part: JsonObject) -> list[Json]:
    types = part.get("type")
    return [types] if isinstance(types, str) else list(types) if isinstance(types, list) else []


def _is_object(value: Json) -> bool:
    return isinstance(value, Mapping)


def _rewritten(schema: JsonObject, rewrite: Rewrite) -> dict[str, Json]:
    return rewrite({keyword: _value_of(keyword, value, rewrite) for keyword, value in schema.items()})


def _value_of(keyword: str, value: Json, rewrite: Rewrite) -> Json:
    if keyword in _VALUES:
        return value
    if keyword in _NAMED and isinstance(value, Mapping):
        return {name: _part(part, rewrite) for name, part in value.items()}
    return _part(value, rewrite)


def _part(value: Json, rewrite: Rewrite) -> Json:
    if isinstance(value, Mapping):
        return _rewritten(value, rewrite)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_part(child, rewrite) for child in value]
    return value


def _with_note(part: dict[str, Json]) -> dict[str, Json]:
    if not part.get("x-sensitive"):
        return part
    told = part.get("description")
    return part | {"description": f"{told} {SECRET_NOTE}" if isinstance(told, str) else SECRET_NOTE}


def _pattern_in(part: dict[str, Json], pattern: str) -> dict[str, Json]:
    if not part.get("x-sensitive") or "pattern" in part:
        return part
    return part | {"pattern": pattern}
