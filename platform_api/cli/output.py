"""Answers as JSON, YAML, names or JSON lines.

Used by every command that shows what the server said. The formats for programs carry the
server's documents unchanged; characters that could steer a terminal are escaped in them,
not removed. What a person reads is made in `tables`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from platform_api.cli.session import Format, Session
from platform_api.cli.terminal import UNSAFE, one_line

Document = dict[str, Any]

_NAMES = ("name", "id", "uid", "code")


def show(session: Session, value: Document | Sequence[Document]) -> None:
    """Write an answer in the format that was asked for."""
    for line in formatted(value, session.format):
        session.terminal.answer(line)


def formatted(value: Document | Sequence[Document], format_: Format) -> Iterator[str]:
    """Yield the lines of one document, or of a list of them, in a format for programs."""
    documents = [value] if isinstance(value, dict) else list(value)
    match format_:
        case Format.JSON:
            yield as_json(value, indent=2)
        case Format.YAML:
            yield as_yaml(value)
        case Format.JSONL:
            yield from (as_json(document) for document in documents)
        case _:
            yield from (name_of(document) for document in documents)


def as_json(value: object, indent: int | None = None) -> str:
    """Return JSON with every letter readable, except those that a terminal would obey."""
    return _escaped(json.dumps(value, indent=indent, ensure_ascii=False))


def as_yaml(value: object) -> str:
    """Return YAML; all of it in ASCII when it holds a letter that a terminal would obey."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
    if UNSAFE.search(text):
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=110)
    return text.rstrip("\n")


def name_of(document: Document) -> str:
    """Return the name by which a command would take this thing again."""
    known = (document.get(name) for name in _NAMES)
    return one_line(str(next((name for name in known if name), "")))


def _escaped(text: str) -> str:
    # JSON escapes the lowest controls itself; what is left stands inside strings.
    return re.sub(UNSAFE, lambda match: f"\\u{ord(match[0]):04x}", text)
