"""JSON Schema, as far as contracts may use it.

A publisher's schema is hostile until checked: it may name remote documents, nest for ever
or hold a pattern that never ends. `check_schema` admits a bounded subset; `compiled`
turns an admitted schema into a validator whose regular expressions run in linear time.
Values are judged with JSON Pointers and without echoing what was sent.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import jsonschema_rs

from catalog.digest import Json, JsonObject, canonical_json
from catalog.errors import Finding

MAX_SCHEMA_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 16
MAX_SHOWN = 200
_REFERENCES = ("$ref", "$dynamicRef")
_REFUSED_KEYWORDS = ("$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef")


def check_schema(schema: JsonObject, pointer: str) -> tuple[Finding, ...]:
    """Return what makes a schema unfit for a contract; empty when it is fit."""
    found = tuple(_structure(schema, pointer, 0))
    if found:
        return found
    if len(canonical_json(schema)) > MAX_SCHEMA_BYTES:
        return (_finding(pointer, "schema_too_large", "the schema is larger than 64 KiB", "split it"),)
    try:
        _build(canonical_json(schema))
    except (jsonschema_rs.ValidationError, ValueError) as error:
        return (
            _finding(pointer, "schema_invalid", _first_line(error), "correct the schema (draft 2020-12)"),
        )
    return ()


def violations(schema: JsonObject, value: Json, pointer: str = "") -> tuple[Finding, ...]:
    """Return every way in which a value breaks a schema, in document order."""
    validator = _build(canonical_json(schema))
    return tuple(_violation(error, schema, pointer) for error in validator.iter_errors(value))


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
    if name in _REFERENCES and isinstance(child, str) and not child.startswith("#/"):
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


def _violation(error: jsonschema_rs.ValidationError, schema: JsonObject, pointer: str) -> Finding:
    place = pointer + "".join(f"/{escape(str(part))}" for part in error.instance_path)
    keyword = error.kind.name
    if keyword == "additionalProperties":
        return _unknown_field(error, schema, place)
    if keyword == "required":
        missing = str(error.kind.as_dict().get("property", ""))
        return _finding(f"{place}/{escape(missing)}", "required", "this field is required", "add it")
    return _finding(place, keyword_code(keyword), _expectation(error, keyword), _suggestion(error, keyword))


def _unknown_field(error: jsonschema_rs.ValidationError, schema: JsonObject, place: str) -> Finding:
    unexpected = [str(name) for name in error.kind.as_dict().get("unexpected", ())]
    known = _known_fields(schema, error.instance_path)
    first = unexpected[0] if unexpected else ""
    close = difflib.get_close_matches(first, known, n=1)
    fix = f"did you mean {close[0]}?" if close else "remove it; known fields: " + ", ".join(sorted(known))
    return _finding(f"{place}/{escape(first)}", "unknown_field", "this field is not known here", fix)


def _known_fields(schema: JsonObject, path: Sequence[str | int]) -> list[str]:
    part: Json = schema
    for name in path:
        properties = part.get("properties") if isinstance(part, Mapping) else None
        part = properties.get(str(name)) if isinstance(properties, Mapping) else None
    properties = part.get("properties") if isinstance(part, Mapping) else None
    return list(properties) if isinstance(properties, Mapping) else []


def _expectation(error: jsonschema_rs.ValidationError, keyword: str) -> str:
    # Only what the schema says is repeated; the value that was sent may be a secret.
    expected = getattr(error.kind, "value", None)
    text = canonical_json(expected).decode("utf-8") if expected is not None else ""
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
