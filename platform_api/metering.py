"""What is counted in the database when somebody scrapes: how much stands where, how much waits."""

import logging

from catalog.errors import PlatformError
from platform_api import lookups
from platform_api.parts import Platform
from reconciler import outbox, workqueue

_log = logging.getLogger(__name__)

Values = dict[tuple[str, str, str], float]


def gauges(platform: Platform) -> Values:
    """Return what there is and what waits; nothing when the database does not answer."""
    try:
        return _gauges(platform)
    except PlatformError as error:
        _log.warning("metrics are incomplete: %s", error.message)
        return {}


def _gauges(platform: Platform) -> Values:
    now = platform.clock()
    with platform.db.read() as tx:
        phases = lookups.phases(tx)
        due = workqueue.backlog(tx, now)
        waiting = outbox.backlog(tx)
    values: Values = {("avow_requests", "phase", phase): float(count) for phase, count in phases.items()}
    for lane, count in due.items():
        values["avow_work_due", "lane", lane.name.lower()] = float(count)
    for branch, (count, oldest_at) in waiting.items():
        values["avow_writebacks_waiting", "branch", branch] = float(count)
        values["avow_writeback_age_seconds", "branch", branch] = (now - oldest_at).total_seconds()
    return values
