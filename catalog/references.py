"""References: how one part of a workflow document points at a value known later.

A string that is exactly `${path}` stands for the value at that path, whatever its type.
It is looked up by walking a structure, never by evaluating text, so nothing that a
requester sends can turn into code, and a reference inside a longer string is plain data.
`$${` writes a literal `${`. The checks at publish time, the workflow engine and whoever makes
children call this; what the roots mean is theirs to know.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalog.digest import Json, JsonObject
from catalog.schema import escape

_REFERENCE = re.compile(r"\$\{([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\}\Z")
_UNESCAPED = re.compile(r"(?<!\$)\$\{")

Path = tuple[str, ...]


class Unresolved(Exception):
    """There is no value at the path; the message names the path and never a value."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"${{{'.'.join(path)}}} has no value here")
        self.path = path


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference and where it stands."""

    pointer: str
    path: Path


def resolved(value: Json, roots: JsonObject) -> Json:
    """Return the value with every reference replaced by what it points at.

    Raises:
        Unresolved: at the first reference that points nowhere.
    """
    if isinstance(value, str):
        return _resolved_text(value, roots)
    if isinstance(value, Mapping):
        return {name: resolved(part, roots) for name, part in value.items()}
    if isinstance(value, Sequence):
        return [resolved(part, roots) for part in value]
    return value


def references(value: Json, pointer: str) -> Iterator[Reference]:
    """Yield every reference in a document, in its order."""
    for place, text in _texts(value, pointer):
        match = _REFERENCE.match(text)
        if match is not None:
            yield Reference(place, tuple(match[1].split(".")))


def malformed(value: Json, pointer: str) -> Iterator[str]:
    """Yield the places of strings that hold `${` without being one whole, well-formed reference."""
    for place, text in _texts(value, pointer):
        if _UNESCAPED.search(text) and _REFERENCE.match(text) is None:
            yield place


def _resolved_text(text: str, roots: JsonObject) -> Json:
    match = _REFERENCE.match(text)
    if match is None:
        return text.replace("$${", "${")
    path = tuple(match[1].split("."))
    value: Json = roots
    for name in path:
        value = _child(value, name, path)
    return value


def _child(value: Json, name: str, path: Path) -> Json:
    if isinstance(value, Mapping) and name in value:
        return value[name]
    if isinstance(value, Sequence) and not isinstance(value, str) and name.isdecimal():
        index = int(name)
        if index < len(value):
            return value[index]
    raise Unresolved(path)


def _texts(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _texts(part, f"{pointer}/{escape(name)}")
    elif isinstance(value, Sequence):
        for index, part in enumerate(value):
            yield from _texts(part, f"{pointer}/{index}")
