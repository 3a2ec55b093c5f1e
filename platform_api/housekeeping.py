"""What the doors tidy up: answers that were kept long enough."""

import logging
from datetime import timedelta

from catalog.errors import PlatformError
from platform_api import receipts
from platform_api.parts import Platform
from reconciler.heartbeat import Heartbeat

EVERY_SECONDS = 600.0

_log = logging.getLogger(__name__)


def of(platform: Platform) -> Heartbeat:
    """Return the housekeeping of a process, not started."""

    def beat() -> None:
        tidy(platform)

    return Heartbeat("avow-housekeeping", EVERY_SECONDS, beat)


def tidy(platform: Platform) -> int:
    """Drop answers that nobody will ask for again; return how many."""
    before = platform.clock() - timedelta(days=platform.settings.idempotency_days)
    try:
        with platform.db.write() as tx:
            return receipts.forget(tx, before)
    except PlatformError as error:
        _log.warning("housekeeping waits: %s", error.message)
        return 0
