"""Keeps secrets out of what is stored and shown about a decision.

Policy sees the inputs as they are; `Admission` asks here afterwards and before anything
leaves it. An input whose schema says `x-sensitive` is replaced, at whatever depth, and its
value is masked wherever else it may turn up: in the plan, in the facts, in the message of
a policy that repeats it. What is stored of the inputs carries no digest of such a value
either, since short secrets can be guessed from their digests.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from catalog.digest import Json, JsonObject

REDACTED: JsonObject = {"$redacted": True}
MASK = "[redacted]"
_MARK = "x-sensitive"
_FROM_INPUTS = ("inputs", "action", "plan", "facts")
_NAMED_SCHEMAS = ("properties", "patternProperties", "dependentSchemas")
_NO_SCHEMAS = ("$defs", "definitions", "enum", "const", "default", "examples")
_WHOLE = ""  # stands for a mark that no property's name encloses
_SHORT = 4  # shorter values are masked only where they stand alone, or every text would be all masks
_LINE = 8  # lines of a longer secret are secrets, unless as short as a word


@dataclass(frozen=True, slots=True)
class Redaction:
    """What must not be seen: the names of sensitive members and the values found under them."""

    names: frozenset[str]
    pattern: re.Pattern[str] | None

    def beside(self, other: "Redaction") -> "Redaction":
        """Return what hides all that either hides."""
        patterns = [each.pattern.pattern for each in (self, other) if each.pattern is not None]
        both = re.compile("|".join(patterns)) if patterns else None
        return Redaction(self.names | other.names, both)

    def text(self, text: str) -> str:
        """Return a text without the values; apply it before the text is cut or cleaned."""
        return text if self.pattern is None else self.pattern.sub(MASK, text)

    def document(self, document: JsonObject) -> JsonObject:
        """Return an input document fit to be stored."""
        return {
            name: self._value(value) if name in _FROM_INPUTS else value for name, value in document.items()
        }

    def _value(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(name): REDACTED if name in self.names else self._value(part)
                for name, part in value.items()
            }
        if isinstance(value, Sequence):
            return [self._value(part) for part in value]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return MASK if is_number and self.text(str(value)) == MASK else value


def redaction(schema: JsonObject, inputs: JsonObject) -> Redaction:
    """Return what to hide, given the inputs' schema and the inputs themselves."""
    marks = _Marks(schema)
    marks.search(schema, _WHOLE)
    names = frozenset(marks.names | (set(inputs) if _WHOLE in marks.names else set()))
    values = sorted(set(_values_under(inputs, names)), key=len, reverse=True)
    spelled = [form for value in values for form in _spellings(value)]
    parts = [_mask_pattern(form) for form in dict.fromkeys(spelled) if form.strip()]
    return Redaction(names, re.compile("|".join(parts)) if parts else None)


def _spellings(value: str) -> Iterator[str]:
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (line for line in value.splitlines() if len(line) >= _LINE)


def _mask_pattern(form: str) -> str:
    quoted = re.escape(form)
    return quoted if len(form) >= _SHORT else rf"(?<!\w){quoted}(?!\w)"


@dataclass(slots=True)
class _Marks:
    """Collects the names of the innermost properties around every mark, following references."""

    root: JsonObject
    names: set[str] = field(default_factory=set)
    followed: set[tuple[str, str]] = field(default_factory=set)

    def search(self, part: Json, name: str) -> None:
        if isinstance(part, Mapping):
            if part.get(_MARK):
                self.names.add(name)
            for key, child in part.items():
                self._member(key, child, name)
        elif isinstance(part, Sequence) and not isinstance(part, str):
            for child in part:
                self.search(child, name)

    def _member(self, key: str, child: Json, name: str) -> None:
        if key in _NAMED_SCHEMAS and isinstance(child, Mapping):
            for inner, schema in child.items():
                self.search(schema, inner if key == "properties" else name)
        elif key == "$ref" and isinstance(child, str):
            # Each reference once for each name: a schema may refer in circles, or fan out.
            if (child, name) not in self.followed:
                self.followed.add((child, name))
                self.search(_target(self.root, child), name)
        elif key not in _NO_SCHEMAS:
            self.search(child, name)


def _target(root: Json, reference: str) -> Json:
    for token in reference.removeprefix("#/").split("/"):
        key = token.replace("~1", "/").replace("~0", "~")
        root = root.get(key) if isinstance(root, Mapping) else None
    return root


def _values_under(value: Json, names: frozenset[str]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(part) if name in names else _values_under(part, names)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _values_under(part, names)


def _leaves(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield name
            yield from _leaves(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
