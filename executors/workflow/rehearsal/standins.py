"""Values that stand in for what a call would have answered.

Step kinds do not say what they answer, so it is taken from what the workflow does with it:
every reference to a step's outputs names a field, and the place where the reference stands
says of which type it has to be. A stand-in fits there, and means nothing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from catalog.digest import Json, JsonObject
from catalog.expression import Unfit, expression
from catalog.references import references
from catalog.schema import violations
from executors.step import StepKind

Path = tuple[str, ...]
_TEXTS = (
    "stand-in",
    "a",
    "/stand-in",
    "10.0.0.0",
    "10.0.0.0/24",
    "https://stand-in.example/x",
    "secret://file/a/b/c",
    "1.0.0",
)
_LITERAL = r"""\s*(?:==|!=|<=|>=|<|>)\s*(?:"([^"]*)"|'([^']*)'|(-?[0-9]+(?:\.[0-9]+)?)|(true|false))"""
_ITEMS = 2
"""So many items a list has that a `for_each` walks."""

_MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """A value that would do for a field; sure when something says of which type it has to be."""

    value: Json
    is_sure: bool


class StandIns:
    """What each step of a workflow could answer.

    Args:
        document: assembled, with the workflows that it runs inside.
        promised: JSON Schema of what the workflow hands back.
    """

    def __init__(
        self, document: Mapping[str, Any], kinds: Mapping[str, StepKind], promised: JsonObject
    ) -> None:
        self._wanted: dict[tuple[str, str], dict[Path, Wish]] = {}
        self._kinds = kinds
        self._gather("", document, promised)
        for file, inner in document.get("workflows", {}).items():
            self._gather(file, inner, {})

    def outputs(self, file: str, step: str) -> dict[str, Json]:
        """Return a stand-in for the outputs of a step.

        Args:
            file: the sub-workflow that it stands in; empty for the outermost.
        """
        found: dict[str, Json] = {}
        for path, wish in sorted(self._wanted.get((file, step), {}).items(), key=lambda each: each[0]):
            _put(found, path, wish.value)
        return found

    def _gather(self, file: str, document: Mapping[str, Any], promised: JsonObject) -> None:
        fans = {step["id"] for step in document["steps"] if "for_each" in step}
        for step in document["steps"]:
            for part in (step, step.get("compensate", {})):
                kind = self._kinds.get(str(part.get("uses")))
                self._note(file, part.get("with", {}), {} if kind is None else kind.schema, fans)
            self._note(file, {name: step[name] for name in ("approval", "wait") if name in step}, {}, fans)
            self._note_list(file, step, fans)
            self._note_condition(file, str(step.get("if", "")), fans)
        self._note(file, document.get("outputs", {}), promised, fans)
        self._note(file, document.get("facts", {}), {}, fans)

    def _note(self, file: str, value: Json, schema: JsonObject, fans: set[str]) -> None:
        for reference in references(value, ""):
            fitting = _schema_at(schema, reference.pointer.split("/")[1:])
            value = example(fitting, ".".join(reference.path[1:]))
            self._want(file, reference.path, Wish(value, is_sure=bool(fitting)), fans)

    def _note_list(self, file: str, step: Mapping[str, Any], fans: set[str]) -> None:
        for reference in references(step.get("for_each"), ""):
            items = [self._item(step, number) for number in range(_ITEMS)]
            self._want(file, reference.path, Wish(items, is_sure=True), fans)

    def _item(self, step: Mapping[str, Any], number: int) -> Json:
        kind = self._kinds.get(str(step.get("uses")))
        schema: JsonObject = {} if kind is None else kind.schema
        whole: Json = f"item-{number}"
        members: dict[str, Json] = {}
        for reference in references(step.get("with", {}), ""):
            if reference.path[0] == "item" and len(reference.path) > 1:
                fitting = _schema_at(schema, reference.pointer.split("/")[1:])
                _put(members, reference.path[1:], example(fitting, f"item-{number}"))
        return members or whole

    def _note_condition(self, file: str, text: str, fans: set[str]) -> None:
        try:
            paths = expression(text).paths if text else ()
        except Unfit:
            return
        for path in paths:
            self._want(file, path, Wish(_compared(text, path), is_sure=False), fans)

    def around(self, root: str) -> dict[str, Json]:
        """Return a stand-in for what lies around a run: `destination`, `children` or the last `outputs`."""
        return self.outputs("", f"${root}")

    def _want(self, file: str, path: Path, wish: Wish, fans: set[str]) -> None:
        is_around = path[:2] == ("destination", "config") or path[0] in ("outputs", "children")
        if is_around and path[1:]:
            _keep(self._wanted.setdefault(("", f"${path[0]}"), {}), path[1:], wish)
        if path[0] != "steps" or path[2:3] != ("outputs",):
            return
        inner = path[3:]
        if path[1] in fans and inner[:1] and inner[0].isdecimal():
            inner = inner[1:]
        if inner:
            _keep(self._wanted.setdefault((file, path[1]), {}), inner, wish)


def _keep(wishes: dict[Path, Wish], path: Path, wish: Wish) -> None:
    if path not in wishes or (wish.is_sure and not wishes[path].is_sure):
        wishes[path] = wish


def example(schema: JsonObject, name: str) -> Json:
    """Return a value that fits a schema, as far as one can be told from its looks.

    Args:
        name: what a text says where the schema does not mind.
    """
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        known = schema.get(key)
        if isinstance(known, Sequence) and known:
            return known[0]
    for key in ("anyOf", "oneOf"):
        choices = schema.get(key)
        if isinstance(choices, Sequence) and choices and isinstance(choices[0], Mapping):
            return example(choices[0], name)
    return _of_type(schema, name)


def _of_type(schema: JsonObject, name: str) -> Json:
    match schema.get("type"):
        case "integer" | "number":
            least = schema.get("minimum", 1)
            return least if isinstance(least, int | float) else 1
        case "boolean":
            return True
        case "array":
            inner, least = schema.get("items"), schema.get("minItems", 1)
            fitting = inner if isinstance(inner, Mapping) else {}
            return [example(fitting, name)] * max(1, least if isinstance(least, int) else 1)
        case "object":
            return _object(schema, name)
        case _:
            return next((text for text in (name, *_TEXTS) if not violations(schema, text)), name)


def _object(schema: JsonObject, name: str) -> dict[str, Json]:
    properties, required = schema.get("properties"), schema.get("required")
    known = properties if isinstance(properties, Mapping) else {}
    wanted = required if isinstance(required, Sequence) else ()
    parts = ((str(field), known.get(str(field))) for field in wanted)
    found = {field: example(part if isinstance(part, Mapping) else {}, name) for field, part in parts}
    least, others = schema.get("minProperties", 0), schema.get("additionalProperties")
    if isinstance(least, int) and len(found) < least:
        found["stand-in"] = example(others if isinstance(others, Mapping) else {}, name)
    return found


def _schema_at(schema: JsonObject, tokens: Sequence[str]) -> JsonObject:
    part: Json = schema
    for token in tokens:
        if not isinstance(part, Mapping):
            return {}
        properties = part.get("properties")
        if isinstance(properties, Mapping) and token in properties:
            part = properties[token]
        else:
            part = part.get("items" if token.isdecimal() else "additionalProperties")
    return part if isinstance(part, Mapping) else {}


def _compared(text: str, path: Path) -> Json:
    """Return the literal that a condition compares a value with; true where it compares with none."""
    found = re.search(re.escape(".".join(path)) + _LITERAL, text)
    if found is None:
        return True
    double, single, number, word = found.groups()
    if number is not None:
        return float(number) if "." in number else int(number)
    return word == "true" if word is not None else (double if double is not None else single)


def _put(tree: dict[str, Json], path: Path, value: Json) -> None:
    """Put a value into a tree; where two uses of a field do not fit together, the first stays."""
    part: Any = tree
    for name, following in pairwise(path):
        part = _member(part, name, [] if _is_index(following) else {})
    last = path[-1]
    if isinstance(part, list) and _is_index(last):
        part.extend([value] * (int(last) + 1 - len(part)))
    elif isinstance(part, dict) and not isinstance(part.get(last), dict | list):
        part[last] = value


def _member(part: Any, name: str, empty: Any) -> Any:
    if isinstance(part, dict):
        if not isinstance(part.get(name), dict | list):
            part[name] = empty
        return part[name]
    if not _is_index(name):
        return {}
    while len(part) <= int(name):
        part.append(type(empty)())
    return part[int(name)]


def _is_index(name: str) -> bool:
    return name.isdecimal() and int(name) < _MOST_ITEMS
