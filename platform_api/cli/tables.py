"""Lists as a person reads them: aligned columns, ages instead of dates, nothing cut off a terminal.

Used by `get` and by whatever shows a list in passing. It takes wire documents and never
fails on one: a field of an odd shape is written as it is.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from platform_api.cli.kinds import Column, Shape
from platform_api.cli.output import Document
from platform_api.cli.spans import age
from platform_api.cli.terminal import columns, one_line, shortened

_NOTHING = "-"
_SHORT = 12


def table(
    heads: Sequence[Column], documents: Sequence[Document], now: datetime, room: int | None = None
) -> Iterator[str]:
    """Yield the lines of a table, its headings first.

    Args:
        room: how wide a line may be; None where nobody wraps, so that nothing is lost in a pipe.
    """
    rows = [[head.heading for head in heads]]
    rows += [[cell(head, document, now) for head in heads] for document in documents]
    lines = columns(rows)
    yield from lines if room is None else (shortened(line, room) for line in lines)


def cell(head: Column, document: Document, now: datetime) -> str:
    """Return what stands in one cell."""
    value = document.get(head.field)
    match head.shape:
        case Shape.AGE:
            text = age(value, now)
        case Shape.SHORT:
            text = str(value or "").removeprefix("sha256:")[:_SHORT]
        case Shape.PATHS:
            text = ", ".join(str(each.get("path", "")) for each in _documents(value))
        case Shape.GRANTS:
            text = ", ".join(f"{each.get('role')}:{each.get('scope')}" for each in _documents(value))
        case _:
            text = plain(value)
    return one_line(text) or _NOTHING


def plain(value: object) -> str:
    """Return a value as a person writes it on a line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dict():
            return " ".join(f"{name}={plain(part)}" for name, part in value.items())
        case list():
            return ",".join(plain(part) for part in value)
        case _:
            return str(value)


def _documents(value: object) -> list[Document]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
