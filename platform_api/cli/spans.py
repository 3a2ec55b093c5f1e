"""Times as people read them: how long ago, how long it took.

Used wherever a table or a story shows a time. Pure: now is passed in, and a time that
cannot be read is shown as it came.
"""

from datetime import UTC, datetime

_UNITS = (("d", 86400), ("h", 3600), ("m", 60))
_PRECISE_BELOW_SECONDS = 60.0


def moment(text: object) -> datetime | None:
    """Return the time that a wire text stands for, None when it stands for none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def age(text: object, now: datetime) -> str:
    """Return how long ago a wire text lies, in its largest unit."""
    at = moment(text)
    return str(text or "-") if at is None else coarse((now - at).total_seconds())


def coarse(seconds: float) -> str:
    """Return a span in its largest unit; a clock that runs behind shows no negative age."""
    whole = max(0, int(seconds))
    unit, length = next(((unit, length) for unit, length in _UNITS if whole >= length), ("s", 1))
    return f"{whole // length}{unit}"


def fine(seconds: float) -> str:
    """Return a span as precise as it matters: tenths of seconds, then minutes and seconds."""
    if seconds < _PRECISE_BELOW_SECONDS:
        return f"{max(0.0, seconds):.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s"
