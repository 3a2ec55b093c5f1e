"""Where "now" comes from.

Every module that needs the time is handed a `Clock`; nothing below the wiring reads the
system clock by itself. That is what lets tests, replays and the simulator run on a
virtual clock. Times are always aware and in UTC.
"""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the system's time; the only `Clock` that production wiring starts from."""
    return datetime.now(UTC)
