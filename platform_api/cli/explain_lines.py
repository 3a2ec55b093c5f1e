"""What `avow explain` prints: a capability or one of its fields, as a manual says it.

Pure, over the API's documents. Prose is broken where a line would get long; tables are
broken only on a terminal, so that a pipe gets one line a field.
"""

import json
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from platform_api.cli.fields import Field, examples_of, side_of
from platform_api.cli.inputs import typed
from platform_api.cli.output import Document
from platform_api.cli.schema_words import limits, type_in_words, value_in_words
from platform_api.cli.tables import plain
from platform_api.cli.terminal import columns, one_line

PROSE = 88
_INDENT = "  "
_LEAST = 24
_LABEL = 10
_HEADS = {
    "inputs": ("FIELD", "TYPE", "REQUIRED", "DEFAULT", "ALLOWED", "DESCRIPTION"),
    "outputs": ("FIELD", "TYPE", "PROMISED", "ALLOWED", "DESCRIPTION"),
}
_LEVELS = {
    "provision_p95": "until it is delivered, 95 times of 100",
    "drift_repair": "until drift is put right",
    "availability": "percent of the time",
}
_SECRET = "takes a reference to a secret (secret://...), never the secret itself"  # noqa: S105  # what is said of one
_GIVEN = "is a reference to a secret (secret://...), never the secret itself"
_PLAIN_NAME = frozenset(".=")


def capability_lines(capability: Document, room: int | None, *, is_pinned: bool) -> Iterator[str]:
    """Yield the manual of a capability.

    Args:
        room: how wide a line of a table may be; None where nobody wraps.
        is_pinned: one of its versions was asked for, so examples name it.
    """
    name, version = _text(capability, "name"), _text(capability, "version")
    yield f"{name} {version}  ({_text(capability, 'lifecycle')}, owned by {_text(capability, 'owner')})"
    yield ""
    yield from _prose(_text(capability, "description"))
    levels = capability.get("service_levels")
    if isinstance(levels, dict) and levels:
        yield from ("", "SERVICE LEVELS")
        rows = [(key, plain(value), _LEVELS.get(key, "")) for key, value in levels.items()]
        yield from _indented(columns(rows))
    for side, heading, none in (
        ("inputs", "INPUTS", "It takes nothing."),
        ("outputs", "OUTPUTS", "It promises nothing back."),
    ):
        fields = side_of(capability, side).children()
        yield from ("", heading)
        yield from _table(fields, room) if fields else [f"{_INDENT}{none}"]
    yield from _actions(capability)
    yield from _examples(capability, version if is_pinned else "")
    at = f"@{version}" if is_pinned else ""
    yield ""
    yield f"One field: avow explain {name}.FIELD{at}   Documentation: avow explain {name}{at} --docs"


def _actions(capability: Document) -> Iterator[str]:
    offered = [each for each in capability.get("actions") or () if isinstance(each, dict)]
    if not offered:
        return
    yield from ("", "ACTIONS")
    for each in offered:
        schema = each.get("inputs")
        properties = schema.get("properties") if isinstance(schema, dict) else None
        takes = f"  (takes {', '.join(properties)})" if isinstance(properties, dict) and properties else ""
        yield one_line(f"{_INDENT}{_text(each, 'name')}{takes}")
        yield from (f"{_INDENT}{line}" for line in _prose(_text(each, "description")))
    yield f"{_INDENT}Ask: avow action REQUEST ACTION --set INPUT=VALUE"


def field_lines(capability: Document, field: Field, room: int | None) -> Iterator[str]:
    """Yield the manual of one field."""
    owner = f"{_text(capability, 'name')} {_text(capability, 'version')}"
    yield f"{_place(capability, field)}  ({field.side.removesuffix('s')} of {owner})"
    if field.description:
        yield ""
        yield from _prose(one_line(field.description))
    yield ""
    yield from (f"{_INDENT}{label:<{_LABEL}} {text}" for label, text in _said(capability, field))
    for number, way in enumerate(field.alternatives, 1):
        yield from ("", f"WAY {number}: {', '.join(_kind(way, field))}")
        yield from _prose(one_line(str(way.get("description", ""))))
        inner = Field(field.side, field.path, way, field.root).children()
        yield from _table(inner, room) if inner else ()
    if not field.alternatives and field.children():
        yield from ("", "FIELDS")
        yield from _table(field.children(), room)


def field_document(capability: Document, field: Field) -> Document:
    """Return what is known of a field, for programs."""
    document = {
        "name": _place(capability, field),
        "capability": capability.get("name"),
        "version": capability.get("version"),
        "side": field.side,
        "type": field.type,
        "required": field.is_required,
        "allowed": field.limits,
        "secret": field.is_secret,
        "description": field.description,
        "examples": [{"name": name, "value": value} for name, value in examples_of(field, capability)],
        "fields": [child.name for child in field.children()],
        "schema": {**field.schema, **{name: field.root[name] for name in ("$defs",) if name in field.root}},
    }
    return document | ({"default": field.schema["default"]} if "default" in field.schema else {})


def command_of(capability: Document, example: Document, version: str = "") -> str:
    """Return the command line that asks for an example, ready to be pasted.

    Args:
        version: to name; empty follows the newest.
    """
    name, inputs = _text(example, "name"), example.get("inputs")
    words = ["avow", "request", _text(capability, "name"), name]
    environment = _text(example, "environment")
    if environment and environment != "dev":
        words += ["--env", environment]
    if version:
        words += ["--version", version]
    schema = capability.get("inputs")
    for key, value in (inputs if isinstance(inputs, dict) else {}).items():
        words += _setting(key, value, schema if isinstance(schema, dict) else {})
    return " ".join(map(shlex.quote, words))


def _setting(name: str, value: Any, schema: Mapping[str, Any]) -> list[str]:
    properties = schema.get("properties")
    own = properties.get(name) if isinstance(properties, Mapping) else None
    text = value if isinstance(value, str) else json.dumps(value)
    is_simple = isinstance(value, str | int | float | bool) and not _PLAIN_NAME & set(name)
    if is_simple and _same(typed(text, own if isinstance(own, Mapping) else {}), value):
        return ["--set", f"{name}={text}"]
    return ["--set-json", f"{name}={json.dumps(value, ensure_ascii=False)}"]


def _same(read: object, value: object) -> bool:
    return type(read) is type(value) and read == value


def _said(capability: Document, field: Field) -> Iterator[tuple[str, str]]:
    yield "type", field.type
    if field.is_named:
        yield _need(field)
    if field.limits:
        yield "allowed", one_line("; ".join(field.limits))
    if field.side == "inputs":
        yield "secret", _SECRET if field.is_secret else "no; a secret does not belong here"
    elif field.is_secret:
        yield "secret", _GIVEN
    shown = examples_of(field, capability)
    if shown:
        yield "examples", ", ".join(f"{value_in_words(value)} ({name})" for name, value in shown)


def _need(field: Field) -> tuple[str, str]:
    if field.side == "outputs":
        return "promised", "always" if field.is_required else "not always"
    default = field.schema.get("default")
    left_out = f"; {value_in_words(default)} when it is left out" if "default" in field.schema else ""
    return "required", ("yes" if field.is_required else "no") + left_out


def _kind(schema: Mapping[str, Any], field: Field) -> list[str]:
    return [type_in_words(schema, field.root), *limits(schema, field.root)]


def _table(fields: Sequence[Field], room: int | None) -> Iterator[str]:
    heads = _HEADS[fields[0].side]
    rows = _padded([heads[:-1], *(_row(field) for field in fields)])
    texts = [heads[-1], *(one_line(_about(field)) for field in fields)]
    for row, text in zip(rows, texts, strict=True):
        yield from _with_hanging(f"{_INDENT}{row}", text, room)


def _row(field: Field) -> tuple[str, ...]:
    allowed = "; ".join(field.limits) or "-"
    if field.side == "outputs":
        promised = "always" if field.is_required else "not always"
        return tuple(map(one_line, (field.path[-1], field.type, promised, allowed)))
    required = "yes" if field.is_required else "no"
    default = value_in_words(field.schema["default"]) if "default" in field.schema else "-"
    return tuple(map(one_line, (field.path[-1], field.type, required, default, allowed)))


def _about(field: Field) -> str:
    secret = _SECRET if field.side == "inputs" else _GIVEN
    return " ".join(filter(None, (field.description, f"({secret})" if field.is_secret else "")))


def _padded(rows: Sequence[Sequence[str]]) -> list[str]:
    # The last column is padded too, because something follows it: a mark keeps the padding.
    return [line.removesuffix("|") for line in columns([(*row, "|") for row in rows])]


def _with_hanging(head: str, text: str, room: int | None) -> Iterator[str]:
    left = None if room is None else room - len(head)
    if left is None or len(text) <= left:
        yield f"{head}{text}".rstrip()
        return
    hang = " " * len(head) if left >= _LEAST else _INDENT * 3
    lines = textwrap.wrap(text, max(_LEAST, (room or PROSE) - len(hang)))
    if left < _LEAST:
        yield head.rstrip()
        yield from (f"{hang}{line}" for line in lines)
        return
    yield f"{head}{lines[0]}"
    yield from (f"{hang}{line}" for line in lines[1:])


def _examples(capability: Document, version: str) -> Iterator[str]:
    examples = capability.get("examples")
    if not isinstance(examples, list) or not examples:
        return
    yield from ("", "EXAMPLES")
    for example in examples:
        about = _text(example, "description")
        denied = "policy denies it" if example.get("decision") == "deny" else ""
        said = "; ".join(filter(None, (about.rstrip("."), denied)))
        yield f"{_INDENT}# {_text(example, 'name')}{f': {said}' if said else ''}"
        yield f"{_INDENT}{command_of(capability, example, version)}"


def _place(capability: Document, field: Field) -> str:
    side = "" if field.side == "inputs" and field.path else field.side
    return ".".join(filter(None, (_text(capability, "name"), side, field.name)))


def _prose(text: str) -> Iterator[str]:
    return _indented(textwrap.wrap(text, PROSE))


def _indented(lines: Sequence[str]) -> Iterator[str]:
    return (f"{_INDENT}{line}" for line in lines)


def _text(document: Document, name: str) -> str:
    value = document.get(name)
    return "" if value is None else one_line(str(value))
