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
from structlog.typing import Processor

from platform_api.settings import LogFormat

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_QUIET = ("uvicorn.access", "uvicorn.error", "httpx", "git", "alembic")

Gauges = Callable[[], Mapping[tuple[str, str, str], float]]
"""Returns values by (metric, label name, label value); the label name is empty for none."""


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

    def watch(self, gauges: Gauges) -> None:
        """Ask for values whenever somebody scrapes."""
        self.registry.register(_Asked(gauges))

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


_HELP = {
    "avow_requests": "Live requests by phase.",
    "avow_work_due": "Requests that are due, by lane.",
    "avow_writebacks_waiting": "Changes that git does not have yet, by branch.",
    "avow_writeback_age_seconds": "Age of the oldest change that git does not have yet, by branch.",
    "avow_event_streams": "Open event streams.",
}


def _for_people(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    # The library's own tracebacks would show the values of local variables, secrets among them.
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, exception_formatter=plain)


def configure_logging(log_format: LogFormat, level: str, stream: TextIO = sys.stderr) -> None:
    """Send every log line of the process to a stream, in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
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
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
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
