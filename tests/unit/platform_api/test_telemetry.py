"""Log lines have one form, and metrics are asked for when somebody scrapes."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from catalog import trace
from platform_api.settings import LogFormat
from platform_api.telemetry import Metrics, configure_logging


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_json_line_holds_one_document_with_its_exception() -> None:
    out = io.StringIO()
    configure_logging(LogFormat.JSON, "info", out)
    try:
        int("inside")
    except ValueError:
        logging.getLogger("avow.test").exception("it broke", extra={"trace_id": "t1"})
    logging.getLogger("elsewhere").warning("said %s", "plainly")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["event"], first["trace_id"], first["level"], first["logger"]) == (
        "it broke",
        "t1",
        "error",
        "avow.test",
    )
    assert "ValueError: invalid literal" in first["exception"]
    assert (second["event"], second["level"]) == ("said plainly", "warning")
    assert first["timestamp"].endswith("Z")


def test_a_plain_line_holds_no_escape_byte_when_nobody_watches() -> None:
    out = io.StringIO()
    configure_logging(LogFormat.PLAIN, "info", out)
    structlog.get_logger("avow.test").info("ready", port=1)
    assert "ready" in out.getvalue()
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_a_traceback_shows_no_values(log_format: LogFormat) -> None:
    out = io.StringIO()
    configure_logging(log_format, "info", out)

    def fail(password: str) -> None:
        raise LookupError(len(password))

    try:
        fail(f"S3CR{3}T")  # so that the source line does not hold it
    except LookupError:
        structlog.get_logger("avow.test").exception("it broke")
    assert "LookupError" in out.getvalue()
    assert "S3CR3T" not in out.getvalue()


def test_what_is_below_the_level_is_not_said() -> None:
    out = io.StringIO()
    configure_logging(LogFormat.PLAIN, "warning", out)
    structlog.get_logger("avow.test").info("chatter")
    logging.getLogger("httpx").info("chatter")
    assert out.getvalue() == ""


def test_metrics_are_counted_by_operation_and_asked_for_on_scraping() -> None:
    metrics, asked = Metrics(), []

    def gauges() -> dict[tuple[str, str, str], float]:
        asked.append(1)
        return {("avow_requests", "phase", "ready"): 3.0, ("avow_event_streams", "", ""): 2.0}

    metrics.watch(gauges)
    assert asked == []
    metrics.observe("getRequest", 200, 0.02)
    text = metrics.text().decode()
    assert 'avow_http_requests_total{operation="getRequest",status="200"} 1.0' in text
    assert 'avow_http_seconds_bucket{le="0.025",operation="getRequest"} 1.0' in text
    assert 'avow_requests{phase="ready"} 3.0' in text
    assert "avow_event_streams 2.0" in text
    assert asked == [1]


@pytest.mark.parametrize("library", ["stdlib", "structlog"])
def test_a_line_carries_what_it_is_about_whoever_writes_it(library: str) -> None:
    out = io.StringIO()
    configure_logging(LogFormat.JSON, "info", out)
    log = logging.getLogger("avow.test") if library == "stdlib" else structlog.get_logger("avow.test")
    with trace.about(lambda: {"run": "run_1", "step": "a", "project": "shop", "trace_id": "t1"}):
        log.warning("inside")
        logging.getLogger("avow.test").warning("said otherwise", extra={"step": "b"})
    log.warning("outside")
    inside, otherwise, outside = (json.loads(line) for line in out.getvalue().splitlines())
    assert (inside["run"], inside["step"], inside["project"], inside["trace_id"]) == (
        "run_1",
        "a",
        "shop",
        "t1",
    )
    assert (otherwise["step"], otherwise["run"]) == ("b", "run_1")
    assert "run" not in outside
