"""Durations as people write them: `500ms`, `30s`, `10m`, `6h`, `3d`."""

import re
from datetime import timedelta

from catalog.errors import Finding, Invalid

PATTERN = r"^(?:0|[1-9][0-9]{0,5})(?:ms|s|m|h|d)$"
_PARTS = re.compile(r"(0|[1-9][0-9]{0,5})(ms|s|m|h|d)\Z")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def duration(text: str, pointer: str = "") -> timedelta:
    """Return the span that a text such as `10m` stands for.

    Raises:
        Invalid: `invalid_duration`.
    """
    match = _PARTS.match(text)
    if match is None:
        finding = Finding(
            pointer, "invalid_duration", "a duration is a number and a unit", "write 30s, 10m, 6h or 3d"
        )
        raise Invalid("invalid_duration", "The duration is not usable.", findings=(finding,))
    return int(match[1]) * _UNITS[match[2]]
