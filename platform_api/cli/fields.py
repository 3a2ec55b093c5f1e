"""The fields of a capability: found by dotted path, with what a manual says of each.

Pure, over the schemas that the API shows. `replicas[].zone` is the field `zone` of each
element of `replicas`; the brackets may be left out. A path begins with a field of the
inputs, or with `inputs` or `outputs` where that is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.schema_words import Schema, branches, limits, meant, type_in_words

SIDES = ("inputs", "outputs")
_EACH = "[]"
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Field:
    """One field, or all of the inputs or outputs.

    Attributes:
        path: its names from the inputs or outputs down; `[]` stands for each element.
        schema: what it must be, with references followed at its own level.
        root: the whole schema, for the references further down.
    """

    side: str
    path: tuple[str, ...]
    schema: Schema
    root: Schema
    is_required: bool = False

    @property
    def name(self) -> str:
        """Return its path as it is written."""
        return ".".join(self.path).replace(f".{_EACH}", _EACH)

    @property
    def is_named(self) -> bool:
        """Say whether it is a member of something, and neither the whole nor an element."""
        return bool(self.path) and self.path[-1] != _EACH

    @property
    def type(self) -> str:
        """Return what kind of value it holds."""
        return type_in_words(self.schema, self.root)

    @property
    def limits(self) -> list[str]:
        """Return what its value must be like, in words."""
        return limits(self.schema, self.root)

    @property
    def description(self) -> str:
        """Return what its publisher says of it."""
        return str(self.schema.get("description", ""))

    @property
    def is_secret(self) -> bool:
        """Say whether it holds a reference to a secret."""
        return self.schema.get("x-sensitive") is True

    @property
    def alternatives(self) -> list[Schema]:
        """Return the ways in which its value may be written, when there are several."""
        parts = self.schema.get("oneOf") or self.schema.get("anyOf")
        return [meant(part, self.root) for part in parts] if isinstance(parts, list) else []

    def children(self) -> list["Field"]:
        """Return the fields of its value, or of each element of it."""
        inner = _elements(self)
        return inner.children() if inner is not None else list(_children(self))


def side_of(capability: Mapping[str, Any], side: str) -> Field:
    """Return all of a capability's inputs or outputs."""
    root = capability.get(side)
    schema: Schema = root if isinstance(root, Mapping) else {}
    return Field(side, (), meant(schema, schema), schema)


def find_field(capability: Mapping[str, Any], path: str) -> Field:
    """Return the field at a path.

    Raises:
        Failure: there is none, with the nearest that there is.
    """
    words = [word for part in path.split(".") for word in _words(part)]
    field = side_of(capability, SIDES[0])
    if words and words[0] in SIDES and words[0] not in {child.path[-1] for child in field.children()}:
        side, *words = words
        field = side_of(capability, side)
    while words:
        field, words = _next(field, words, str(capability.get("name")))
    return field


def examples_of(field: Field, capability: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the values that the capability's examples have at a field, with the examples' names."""
    if field.side != SIDES[0]:
        return []
    examples = capability.get("examples")
    found = (
        (str(example.get("name")), _value_at(example.get("inputs"), field.path))
        for example in (examples if isinstance(examples, list) else ())
        if isinstance(example, Mapping)
    )
    return [(name, value) for name, value in found if value is not _MISSING]


def _words(part: str) -> Iterator[str]:
    name = part
    while name.endswith(_EACH):
        name = name.removesuffix(_EACH)
    if name:
        yield name
    yield from [_EACH] * ((len(part) - len(name)) // len(_EACH))


def _next(field: Field, words: Sequence[str], capability: str) -> tuple[Field, list[str]]:
    """Return the field one step further, and the words that are left."""
    inner = _elements(field)
    if inner is not None:
        return inner, list(words[words[0] == _EACH :])
    children = {child.path[-1]: child for child in _children(field)}
    # A name may hold dots itself, so the longest one that is known is taken.
    for end in range(len(words), 0, -1):
        found = children.get(".".join(words[:end])) or (_entry(field, words[0]) if end == 1 else None)
        if found is not None:
            return found, list(words[end:])
    raise _unknown(field, words[0], list(children), capability)


def _elements(field: Field) -> Field | None:
    for part in branches(field.schema, field.root):
        if isinstance(part.get("items"), Mapping):
            schema = meant(part["items"], field.root)
            return Field(field.side, (*field.path, _EACH), schema, field.root)
    return None


def _children(field: Field) -> Iterator[Field]:
    seen: set[str] = set()
    for part in branches(field.schema, field.root):
        properties = part.get("properties")
        required = part.get("required")
        needed = required if isinstance(required, list) else []
        for name, schema in (properties if isinstance(properties, Mapping) else {}).items():
            if name not in seen:
                seen.add(name)
                shown = meant(schema, field.root)
                yield Field(field.side, (*field.path, name), shown, field.root, name in needed)


def _entry(field: Field, name: str) -> Field | None:
    """Return the field under a name that nobody fixed, where any name will do."""
    for part in branches(field.schema, field.root):
        rest = part.get("additionalProperties")
        if isinstance(rest, Mapping) and name != _EACH:
            return Field(field.side, (*field.path, name), meant(rest, field.root), field.root)
    return None


def _unknown(field: Field, word: str, known: list[str], capability: str) -> Failure:
    place = ".".join(filter(None, (capability, field.name or ("" if field.side == "inputs" else field.side))))
    close = get_close_matches(word, known, n=1)
    if close:
        fix = f"did you mean {place}.{close[0]}?"
    elif known:
        fix = f"fields here: {', '.join(known)}"
    else:
        fix = f"there is nothing below it: avow explain {place}"
    return Failure(ExitCode.NOT_FOUND, f"{place} has no field {word}.", fix=fix)


def _value_at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        if name == _EACH and isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, Mapping) and name in value:
            value = value[name]
        else:
            return _MISSING
    return value
