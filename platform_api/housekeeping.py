"""What is tidied up in the background: what was kept long enough, and versions past their sunset."""

import logging
import threading
from datetime import timedelta

from catalog.errors import PlatformError
from executors import retention
from executors.retention import Retention
from platform_api import plans, receipts
from platform_api.commands.sunsets import end_sunsets
from platform_api.parts import Platform
from reconciler.heartbeat import Heartbeat

EVERY_SECONDS = 600.0
RUNS_EVERY_SECONDS = 900.0
EXPIRED_PLANS = timedelta(days=1)
"""So long a plan is kept after its time, for whoever submits it too late to be told so."""
SUNSETS_EVERY_SECONDS = 60.0

_log = logging.getLogger(__name__)


def of(platform: Platform) -> Heartbeat:
    """Return the housekeeping of a process, not started."""

    def beat() -> None:
        tidy(platform)

    return Heartbeat("avow-housekeeping", EVERY_SECONDS, beat)


def tidy(platform: Platform) -> int:
    """Drop answers that nobody will ask for again, and expired plans; return how many."""
    now = platform.clock()
    before = now - timedelta(days=platform.settings.idempotency_days)
    try:
        with platform.db.write() as tx:
            return receipts.forget(tx, before) + plans.forget(tx, now - EXPIRED_PLANS)
    except PlatformError as error:
        _log.warning("housekeeping waits: %s", error.message)
        return 0


def sunsets(platform: Platform) -> Heartbeat:
    """Return what ends the sunsets of deprecated versions, not started."""

    def beat() -> None:
        try:
            end_sunsets(platform)
        except PlatformError as error:
            _log.warning("sunsets wait: %s", error.message)

    return Heartbeat("avow-sunsets", SUNSETS_EVERY_SECONDS, beat)


class RunKeeping:
    """Deletes finished runs that are kept no longer, now and then, until it is stopped."""

    def __init__(self, platform: Platform) -> None:
        settings = platform.settings
        self._platform = platform
        self._retention = Retention(timedelta(days=settings.run_retention_days), settings.runs_kept)
        self._stopping = threading.Event()
        self._heartbeat = Heartbeat("avow-run-keeping", RUNS_EVERY_SECONDS, self.sweep)

    def start(self) -> None:
        """Begin; the first sweep comes after one pause."""
        self._heartbeat.start()

    def stop(self) -> None:
        """End, after the batch that is under way."""
        self._stopping.set()
        self._heartbeat.stop()

    def sweep(self) -> None:
        """Delete what is kept no longer."""
        platform = self._platform
        try:
            gone = retention.sweep(
                platform.db, self._retention, platform.clock(), lambda: not self._stopping.is_set()
            )
        except PlatformError as error:
            _log.warning("old runs are kept for now: %s", error.message)
            return
        if gone:
            _log.info("%s finished runs were deleted; they were kept long enough", gone)
