"""What the process tells about itself: log lines and metrics.

Everybody logs through the standard library, with details in `extra`, and counts through
`Metrics`; how a line looks and where it goes is decided here, once. A line never holds a body, a header
or a query value, because these may hold secrets. Metrics name no project: anybody who may
scrape them may know them all.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from structlog.typing import EventDict, Processor, WrappedLogger

from catalog import trace
from platform_api.settings import LogFormat

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_QUIET = ("uvicorn.access", "uvicorn.error", "httpx", "git", "alembic")

Gauges = Callable[[], Mapping[tuple[str, str, str], float]]
"""Returns values by (metric, label name, label value); the label name is empty for none."""

Families = Callable[[], Iterable[Metric]]
"""Returns metrics as they stand."""


class Metrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "avow_http_requests",
            "HTTP requests answered.",
            ("operation", "status"),
            registry=self.registry,
        )
        self.refusals = Counter(
            "avow_authorization_failures",
            "HTTP requests that were refused because of who asked, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "avow_http_seconds",
            "Time to the answer.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count an answered HTTP request."""
        self.requests.labels(operation, str(status)).inc()
        self.seconds.labels(operation).observe(seconds)

    def refuse(self, reason: str) -> None:
        """Count an HTTP request that was refused because of who asked."""
        self.refusals.labels(reason).inc()

    def watch(self, gauges: Gauges) -> None:
        """Ask for values whenever somebody scrapes."""
        self.registry.register(_Asked(gauges))

    def show(self, families: Families) -> None:
        """Ask for whole metrics whenever somebody scrapes."""
        self.registry.register(_Shown(families))

    def text(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self.registry)


class _Asked(Collector):
    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for (name, label, value), number in self._gauges().items():
            labels = [label] if label else []
            family = families.setdefault(name, GaugeMetricFamily(name, _HELP.get(name, name), labels=labels))
            family.add_metric([value] if label else [], number)
        return families.values()

    def describe(self) -> Iterable[Metric]:
        # Registering must not ask the database for the names.
        return []


class _Shown(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()

    def describe(self) -> Iterable[Metric]:
        return []


_HELP = {
    "avow_requests": "Live requests by phase.",
    "avow_work_due": "Requests that are due, by lane.",
    "avow_writebacks_waiting": "Changes that git does not have yet, by branch.",
    "avow_writeback_age_seconds": "Age of the oldest change that git does not have yet, by branch.",
    "avow_event_streams": "Open event streams.",
    "avow_work_lag_seconds": "How long the request that is overdue the longest waits, by lane.",
    "avow_audit_latency_seconds": "How long what happened is not in the audit trail, or its head not in git.",
    "avow_runs_pending": "Runs that nobody has begun.",
    "avow_runs_driven": "Runs in a worker's hands.",
    "avow_runs_orphaned": "Runs that were due for a minute or more and that nobody took up.",
    "avow_runs_lag_seconds": "How long the run that is overdue the longest waits for a worker.",
    "avow_approvals_parked": "Approvals that people are asked for.",
    "avow_approvals_oldest_seconds": "Age of the oldest approval that people are asked for.",
    "avow_dead_letters": "Runs that ended so that a person has to come.",
    "avow_scrape_failed": "1 when the database did not answer, so that its figures are missing.",
}


def _for_people(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    # The library's own tracebacks would show the values of local variables, secrets among them.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, exception_formatter=plain)


def _named(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Add what the line is about: the run, step, request, project and trace, as far as they are known."""
    for name, value in trace.names().items():
        line.setdefault(name, value)
    return line


def configure_logging(log_format: LogFormat, level: str, stream: TextIO = sys.stderr) -> None:
    """Send every log line of the process to a stream, in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _named,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format is LogFormat.JSON
        else [_for_people(colors=stream.isatty())]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
