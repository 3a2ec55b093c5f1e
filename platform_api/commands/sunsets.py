"""What happens when the sunset of a deprecated version is over.

A version that nobody uses any more retires by itself; where some are left, they are told once.
The reconciler's process asks now and then; two that do so at once get in nobody's way.
"""

from dataclasses import replace
from datetime import datetime

from catalog import lifecycles
from catalog.actor import SYSTEM
from catalog.db import Tx
from catalog.errors import Conflict
from catalog.lifecycle import Lifecycle, State, Terms, moved
from platform_api.commands.lifecycles import check_unused
from platform_api.commands.tidings import News, Tiding, tell
from platform_api.parts import Platform


def end_sunsets(platform: Platform) -> int:
    """Retire the versions whose sunset is over and that nobody uses; return how many."""
    with platform.db.read() as tx:
        over = [which for which in lifecycles.past_sunset(tx, platform.clock()) if _has_news(tx, *which)]
    return sum(_end(platform, *which) for which in over)


def _has_news(tx: Tx, name: str, version: str) -> bool:
    return lifecycles.load(tx, name, version).told_at is None or not _is_used(tx, name, version)


def _end(platform: Platform, name: str, version: str) -> bool:
    with platform.db.write() as tx:
        held, now = lifecycles.locked(tx, name, version), platform.clock()
        if not _is_over(held, now):
            return False
        if not _is_used(tx, name, version):
            after = moved(held, State.RETIRED, Terms(), now, SYSTEM.subject)
            lifecycles.save(tx, name, version, after)
            tell(platform, tx, SYSTEM, News(Tiding.RETIRED, name, version, after))
            return True
        if held.told_at is None:
            lifecycles.save(tx, name, version, replace(held, told_at=now))
            tell(platform, tx, SYSTEM, News(Tiding.SUNSET_PASSED, name, version, held))
        return False


def _is_over(held: Lifecycle, now: datetime) -> bool:
    return held.state is State.DEPRECATED and held.sunset_at is not None and held.sunset_at <= now


def _is_used(tx: Tx, name: str, version: str) -> bool:
    try:
        check_unused(tx, name, version)
    except Conflict:
        return True
    return False
