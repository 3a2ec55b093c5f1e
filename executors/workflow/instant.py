"""Times as workflow documents and the values that they refer to write them: RFC 3339, with an offset.

What the schema format `date-time` lets through is a time here too, but for leap seconds, which
the clock does not have. Called at publish for literals and when a wait begins. Pure.
"""

import re
from datetime import UTC, datetime

from catalog.digest import Json

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
_OFFSET = r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
_INSTANT = re.compile(rf"{_DATE}T{_TIME}{_OFFSET}", re.ASCII | re.IGNORECASE)


def instant(value: Json) -> datetime | None:
    """Return the time that a text such as `2030-01-31T09:00:00Z` stands for, None when it is no such text."""
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # no such day, or one that no calendar here reaches
        return None
