"""What is told when somebody scrapes: how much stands where, how much waits, what was counted.

All of it comes from the database, so every process with a door tells the same, whoever did the
work; a scrape costs a fixed number of statements, each answered by an index of what is open.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from catalog.db import Tx
from catalog.errors import PlatformError
from executors import backlog as runs
from platform_api import lookups, tallies
from platform_api.figures import FIGURES, Figure
from platform_api.parts import Platform
from platform_api.tallies import SUM, Tally
from platform_api.telemetry import Metrics
from reconciler import outbox, workqueue
from reconciler.workqueue import Lane

_log = logging.getLogger(__name__)

Values = dict[tuple[str, str, str], float]
_TRAIL, _GIT = "trail", "git"


def install(metrics: Metrics, platform: Platform) -> None:
    """Have metrics tell what the database holds."""
    metrics.watch(lambda: gauges(platform))
    metrics.show(lambda: families(platform))


def gauges(platform: Platform) -> Values:
    """Return what there is and what waits; only that it failed when the database does not answer."""
    try:
        return _gauges(platform)
    except PlatformError as error:
        _log.warning("metrics are incomplete: %s", error.message)
        return {("avow_scrape_failed", "", ""): 1.0}


def _gauges(platform: Platform) -> Values:
    now = platform.clock()
    with platform.db.read() as tx:
        values: Values = {("avow_scrape_failed", "", ""): 0.0}
        values |= {("avow_requests", "phase", phase): float(n) for phase, n in lookups.phases(tx).items()}
        values |= _of_work(tx, now)
        values |= _of_writebacks(tx, now)
        values |= _of_runs(tx, now)
    return values


def _of_work(tx: Tx, now: datetime) -> Values:
    values: Values = {}
    for lane, count in workqueue.backlog(tx, now).items():
        values["avow_work_due", "lane", lane.name.lower()] = float(count)
    since = workqueue.overdue_since(tx)
    for lane in Lane:
        lag = max(0.0, (now - since[lane]).total_seconds()) if lane in since else 0.0
        values["avow_work_lag_seconds", "lane", lane.name.lower()] = lag
    # What became of a run is in the trail once its request was looked at again.
    values["avow_audit_latency_seconds", "of", _TRAIL] = values[
        "avow_work_lag_seconds", "lane", Lane.CALLBACK.name.lower()
    ]
    return values


def _of_writebacks(tx: Tx, now: datetime) -> Values:
    values: Values = {("avow_audit_latency_seconds", "of", _GIT): 0.0}
    for branch, (count, oldest_at) in outbox.backlog(tx).items():
        age = (now - oldest_at).total_seconds()
        values["avow_writebacks_waiting", "branch", branch] = float(count)
        values["avow_writeback_age_seconds", "branch", branch] = age
        values["avow_audit_latency_seconds", "of", _GIT] = max(
            age, values["avow_audit_latency_seconds", "of", _GIT]
        )
    return values


def _of_runs(tx: Tx, now: datetime) -> Values:
    found = runs.backlog(tx, now)
    return {
        ("avow_runs_pending", "", ""): float(found.pending),
        ("avow_runs_driven", "", ""): float(found.driven),
        ("avow_runs_orphaned", "", ""): float(found.orphaned),
        ("avow_runs_lag_seconds", "", ""): found.lag.total_seconds(),
        ("avow_approvals_parked", "", ""): float(found.parked),
        ("avow_approvals_oldest_seconds", "", ""): found.parked_for.total_seconds(),
        ("avow_dead_letters", "", ""): float(found.dead),
    }


def families(platform: Platform) -> Iterable[Metric]:
    """Return what all processes have counted, each figure also when nothing was counted yet."""
    try:
        with platform.db.read() as tx:
            counted = tallies.every(tx)
    except PlatformError as error:
        _log.warning("metrics are incomplete: %s", error.message)
        return []
    by_figure: defaultdict[str, dict[Tally, float]] = defaultdict(dict)
    for tally, value in counted.items():
        by_figure[tally.figure][tally] = value
    return [_family(figure, by_figure[figure.name]) for figure in FIGURES]


def _family(figure: Figure, counted: dict[Tally, float]) -> Metric:
    if not figure.buckets:
        counter = CounterMetricFamily(figure.name, figure.help, labels=figure.label_names)
        for tally, value in counted.items():
            counter.add_metric(_labels(figure, tally), value)
        if not figure.label_names and not counted:
            counter.add_metric([], 0.0)
        return counter
    histogram = HistogramMetricFamily(figure.name, figure.help, labels=figure.label_names)
    for labels in sorted({tally.labels for tally in counted}) or ([()] if not figure.labels else []):
        parts = {tally.part: value for tally, value in counted.items() if tally.labels == labels}
        histogram.add_metric(labels, [*_buckets(figure, parts)], parts.get(SUM, 0.0))
    return histogram


def _buckets(figure: Figure, parts: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Yield each bucket with all that fits into it, as Prometheus counts."""
    fitting = 0.0
    for name in figure.bucket_names:
        fitting += parts.get(name, 0.0)
        yield name, fitting


def _labels(figure: Figure, tally: Tally) -> list[str]:
    return [tally.contract, *tally.labels] if figure.by_contract else [*tally.labels]
