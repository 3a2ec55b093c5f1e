"""Server-sent events, read from lines.

A pure reader: `client` hands it the lines of an answer, `follow` takes the events. It
knows fields and framing, not what the events mean.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it came over the wire.

    Attributes:
        id: where to resume after it; empty when the server gave none.
        kind: the event's type, `message` unless the server says otherwise; `COMMENT` for a sign
            of life, which tells nothing.
        text: its data, usually JSON.
    """

    id: str
    kind: str
    text: str


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """Yield the events that lines make; an unfinished last event is dropped."""
    id_, kind, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Frame(id_, kind or "message", "\n".join(data))
            kind, data = "", []
            continue
        if line.startswith(":"):
            yield Frame(id_, COMMENT, "")
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "data":
                data.append(value)
            case "event":
                kind = value
            case "id" if "\0" not in value:
                id_ = value
