"""JSON Schema, as far as contracts may use it.

A publisher's schema is hostile until checked: it may name remote documents, nest for ever
or hold a pattern that never ends. `check_schema` admits a bounded subset; `compiled`
turns an admitted schema into a validator whose regular expressions run in linear time.
Values are judged with JSON Pointers and without echoing what was sent.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

import jsonschema_rs

from catalog.digest import Json, JsonObject, canonical_json
from catalog.errors import Finding
from catalog.storable import unstorable

MAX_SCHEMA_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 16
MAX_REFERENCES = 8
MAX_EXPANDED = 10_000
MAX_FINDINGS = 100
MAX_SHOWN = 200
SECRET_PREFIX = "secret://"  # noqa: S105  # what a value marked `x-sensitive` begins with: a reference
_STATED = ("types", "expected_value", "options", "pattern", "limit", "multiple_of", "format")
"""What an error repeats of the schema; its other fields repeat what was sent, which may be a secret."""

_UNKNOWN = ("additionalProperties", "unevaluatedProperties")
_REFERENCES = ("$ref", "$dynamicRef")
_REFUSED_KEYWORDS = ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef")


def check_schema(schema: JsonObject, pointer: str) -> tuple[Finding, ...]:
    """Return what makes a schema unfit for a contract; empty when it is fit."""
    found = tuple(_structure(schema, pointer, 0)) or tuple(unstorable(schema, pointer))
    if found:
        return found
    if len(canonical_json(schema)) > MAX_SCHEMA_BYTES:
        return (_finding(pointer, "schema_too_large", "the schema is larger than 64 KiB", "split it"),)
    if _weight(schema, schema, (), {}) > MAX_EXPANDED:
        message = "references go in circles or stand for too much"
        return (_finding(pointer, "schema_too_complex", message, "write the parts out, or fewer of them"),)
    try:
        _build(canonical_json(schema))
    except (jsonschema_rs.ValidationError, ValueError) as error:
        return (
            _finding(pointer, "schema_invalid", _first_line(error), "correct the schema (draft 2020-12)"),
        )
    return ()


def violations(schema: JsonObject, value: Json, pointer: str = "") -> tuple[Finding, ...]:
    """Return the ways in which a value breaks a schema, the first hundred of them.

    A value that cannot be stored at all is judged by that alone.
    """
    found = tuple(islice(unstorable(value, pointer), MAX_FINDINGS))
    if found:
        return found
    errors = _build(canonical_json(schema)).iter_errors(value)
    each = (finding for error in errors for finding in _violation(error, schema, pointer))
    return tuple(islice(each, MAX_FINDINGS))


def accepts(schema: bytes, value: Json) -> bool:
    """Say whether a value is valid by a schema that was checked and is given in its canonical form."""
    return _build(schema).is_valid(value)


def with_defaults(schema: JsonObject, value: JsonObject) -> dict[str, Json]:
    """Return the object with the schema's defaults filled in, at every depth of plain properties."""
    filled = dict(value)
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return filled
    for name, part in properties.items():
        if not isinstance(part, Mapping):
            continue
        if name not in filled and "default" in part:
            filled[name] = part["default"]
        held = filled.get(name)
        if isinstance(held, Mapping):
            filled[name] = with_defaults(part, held)
    return filled


def sensitive_names(schema: JsonObject) -> frozenset[str]:
    """Return the top-level properties that the schema marks `x-sensitive`."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return frozenset()
    marked = (
        name for name, part in properties.items() if isinstance(part, Mapping) and part.get("x-sensitive")
    )
    return frozenset(marked)


@lru_cache(maxsize=512)
def _build(schema: bytes) -> jsonschema_rs.Draft202012Validator:
    # The default regex engine backtracks; RegexOptions() is the linear one, so a pattern
    # such as ^(a+)+$ cannot hang a request. The library would fetch remote references by
    # itself, hence the retriever that refuses.
    return jsonschema_rs.Draft202012Validator(
        schema.decode("utf-8"),
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        retriever=_refuse_remote,
    )


def _refuse_remote(uri: str) -> dict[str, Json]:
    raise ValueError(f"remote reference refused: {uri}")


def _structure(part: Json, pointer: str, depth: int) -> Iterator[Finding]:
    if depth > MAX_SCHEMA_DEPTH:
        yield _finding(pointer, "schema_too_deep", "the schema nests more than 16 levels", "flatten it")
        return
    if isinstance(part, Mapping):
        for name, child in part.items():
            yield from _keyword(name, child, f"{pointer}/{escape(name)}")
            yield from _structure(child, f"{pointer}/{escape(name)}", depth + 1)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for index, child in enumerate(part):
            yield from _structure(child, f"{pointer}/{index}", depth + 1)


def _keyword(name: str, child: Json, pointer: str) -> Iterator[Finding]:
    if name in _REFERENCES and isinstance(child, str) and (not child.startswith("#/") or "%" in child):
        yield _finding(
            pointer,
            "schema_remote_reference",
            "only references within the schema are allowed",
            "use #/$defs/…",
        )
    if name in _REFUSED_KEYWORDS and isinstance(child, str):
        yield _finding(
            pointer, "schema_keyword_refused", f"{name} is not allowed in a contract", "use #/$defs/…"
        )


def _weight(part: Json, root: JsonObject, trail: tuple[str, ...], known: dict[str, int]) -> int:
    """Return how many parts a validator visits when it follows every reference.

    References that go in circles weigh too much, and so does a long chain of them.
    """
    if isinstance(part, Mapping):
        reference = part.get("$ref")
        own = 1 + sum(_weight(child, root, trail, known) for child in part.values())
        return own + (_followed(reference, root, trail, known) if isinstance(reference, str) else 0)
    if isinstance(part, Sequence) and not isinstance(part, str):
        return 1 + sum(_weight(child, root, trail, known) for child in part)
    return 0


def _followed(reference: str, root: JsonObject, trail: tuple[str, ...], known: dict[str, int]) -> int:
    if len(trail) >= MAX_REFERENCES:
        return MAX_EXPANDED + 1
    if reference not in known:
        known[reference] = _weight(referred(root, reference), root, (*trail, reference), known)
    return known[reference]


def referred(root: JsonObject, reference: str) -> Json:
    """Return the part of a schema to which a reference within it leads; None when to none."""
    part: Json = root
    for token in reference.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


def _violation(error: jsonschema_rs.ValidationError, schema: JsonObject, pointer: str) -> Iterator[Finding]:
    place = pointer + "".join(f"/{escape(str(part))}" for part in error.instance_path)
    keyword = error.kind.name
    if keyword in _UNKNOWN:
        yield from _unknown_fields(error, schema, place)
    elif keyword == "required":
        missing = str(error.kind.as_dict().get("property", ""))
        yield _finding(f"{place}/{escape(missing)}", "required", "this field is required", "add it")
    else:
        yield _finding(
            place, keyword_code(keyword), _expectation(error, keyword), _suggestion(error, keyword)
        )


def _unknown_fields(
    error: jsonschema_rs.ValidationError, schema: JsonObject, place: str
) -> Iterator[Finding]:
    known = _known_fields(schema, error.instance_path)
    for name in map(str, error.kind.as_dict().get("unexpected", ())):
        close = difflib.get_close_matches(name, known, n=1)
        listed = f"; known fields: {', '.join(sorted(known))}" if known else ""
        fix = f"did you mean {close[0]}?" if close else f"remove it{listed}"
        shown = escape(name[:MAX_SHOWN])
        yield _finding(f"{place}/{shown}", "unknown_field", "this field is not known here", fix)


def _known_fields(schema: JsonObject, path: Sequence[str | int]) -> list[str]:
    part: Json = schema
    for name in path:
        here = _meant(part, schema)
        part = here.get("items") if isinstance(name, int) else _properties(here).get(name)
    return list(_properties(_meant(part, schema)))


def _meant(part: Json, schema: JsonObject) -> JsonObject:
    """Return the schema that a part stands for: itself, or the definition that it refers to."""
    target = part.get("$ref") if isinstance(part, Mapping) else None
    if isinstance(target, str) and target.startswith("#/$defs/"):
        definitions = schema.get("$defs")
        part = definitions.get(target.removeprefix("#/$defs/")) if isinstance(definitions, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _properties(part: JsonObject) -> JsonObject:
    properties = part.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _expectation(error: jsonschema_rs.ValidationError, keyword: str) -> str:
    said = error.kind.as_dict()
    expected = next((said[name] for name in _STATED if name in said), None)
    text = "" if expected is None else canonical_json(expected).decode("utf-8")
    return f"must satisfy {keyword}{' ' + text if text and len(text) <= MAX_SHOWN else ''}"


def _suggestion(error: jsonschema_rs.ValidationError, keyword: str) -> str:
    options = getattr(error.kind, "options", None)
    if keyword != "enum" or not isinstance(options, list):
        return ""
    words = [option for option in options if isinstance(option, str)]
    close = difflib.get_close_matches(str(error.instance), words, n=1)
    return f"did you mean {close[0]}?" if close else "use one of " + ", ".join(map(str, options))


def keyword_code(keyword: str) -> str:
    """Return the stable code of a violated keyword: `maxLength` becomes `max_length`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in keyword)


def escape(token: str) -> str:
    """Return a JSON Pointer token with `~` and `/` escaped (RFC 6901)."""
    return token.replace("~", "~0").replace("/", "~1")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]


def _finding(pointer: str, code: str, message: str, fix: str) -> Finding:
    return Finding(pointer=pointer, code=code, message=message, fix=fix)
