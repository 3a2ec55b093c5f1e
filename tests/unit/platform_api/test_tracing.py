"""Spans go out as they were recorded: by the SDK in memory, and over real OTLP to a real receiver."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from catalog.errors import Invalid
from catalog.trace import Parent
from platform_api import observing
from platform_api.settings import load
from platform_api.spans import Span, SpanKind
from platform_api.tracing import Tracing, open_tracing
from tests.services.collector import a_collector

BEGAN_AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
CALLER = Parent("a" * 32, "b" * 16)
SPAN = Span(
    name="run provision",
    trace_id="a" * 32,
    span_id="c" * 16,
    began_at=BEGAN_AT,
    ended_at=BEGAN_AT + timedelta(hours=3),
    parent=CALLER,
    attributes={"avow.run": "run_1", "avow.attempt": 2},
)


@pytest.fixture
def memory() -> Iterator[tuple[Tracing, InMemorySpanExporter]]:
    exporter = InMemorySpanExporter()
    tracing = Tracing(SimpleSpanProcessor(exporter))
    yield tracing, exporter
    tracing.stop()


def finished(memory: tuple[Tracing, InMemorySpanExporter], *spans: Span) -> list[ReadableSpan]:
    tracing, exporter = memory
    for span in spans:
        tracing.record(span)
    return list(exporter.get_finished_spans())


def test_a_span_keeps_its_ids_times_parent_and_attributes(
    memory: tuple[Tracing, InMemorySpanExporter],
) -> None:
    [span] = finished(memory, SPAN)
    assert (format(span.context.trace_id, "032x"), format(span.context.span_id, "016x")) == (
        "a" * 32,
        "c" * 16,
    )
    assert span.parent is not None
    assert format(span.parent.span_id, "016x") == "b" * 16
    assert dict(span.attributes or {}) == {"avow.run": "run_1", "avow.attempt": 2}
    assert span.start_time is not None
    assert span.end_time is not None
    assert (span.end_time - span.start_time, span.start_time % 10**9) == (3 * 3600 * 10**9, 123456000)
    assert span.resource.attributes["service.name"] == "avow"


def test_a_span_without_a_parent_begins_its_own_trace_and_may_point_elsewhere(
    memory: tuple[Tracing, InMemorySpanExporter],
) -> None:
    [span] = finished(memory, replace(SPAN, parent=None, link=CALLER, trace_id="d" * 32))
    assert span.parent is None
    assert format(span.context.trace_id, "032x") == "d" * 32
    assert [format(link.context.trace_id, "032x") for link in span.links] == ["a" * 32]


def test_what_its_caller_does_not_sample_is_not_sent(memory: tuple[Tracing, InMemorySpanExporter]) -> None:
    assert finished(memory, replace(SPAN, parent=replace(CALLER, is_sampled=False))) == []


def test_a_failure_is_marked_with_its_code(memory: tuple[Tracing, InMemorySpanExporter]) -> None:
    [span] = finished(memory, replace(SPAN, error="quota_exceeded", kind=SpanKind.SERVER))
    assert (span.status.status_code.name, span.status.description) == ("ERROR", "quota_exceeded")


def test_threads_do_not_mix_up_ids(memory: tuple[Tracing, InMemorySpanExporter]) -> None:
    spans = [replace(SPAN, span_id=format(number, "016x")) for number in range(1, 201)]
    halves = [threading.Thread(target=finished, args=[memory, *spans[start::2]]) for start in (0, 1)]
    for half in halves:
        half.start()
    for half in halves:
        half.join()
    ids = sorted(span.context.span_id for span in memory[1].get_finished_spans())
    assert ids == list(range(1, 201))


@pytest.mark.parametrize("path", ["", "/", "/v1/traces"])
def test_spans_reach_a_collector_over_otlp(path: str) -> None:
    with a_collector() as collector:
        tracing = open_tracing(collector.url + path)
        tracing.record(SPAN)
        tracing.stop()
    [span] = collector.spans
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (
        "a" * 32,
        "c" * 16,
        "b" * 16,
    )
    assert span.name == "run provision"


def test_opentelemetrys_own_variables_turn_traces_on_and_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load({}).traces
    with a_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        assert load({}).traces
        tracing = observing.tracing_of(load({}))
        assert tracing is not None
        tracing.record(SPAN)
        tracing.stop()
        assert len(collector.spans) == 1
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not load({}).traces
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert not load({}).traces


def test_an_endpoint_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid):
        load({"otlp_endpoint": "collector:4317"})


def test_without_the_extra_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "platform_api.tracing", None)
    with pytest.raises(Invalid) as refused:
        observing.tracing_of(load({"otlp_endpoint": "http://127.0.0.1:1"}))
    assert "avow[otel]" in refused.value.fix


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("platform_api.cli.main", ("opentelemetry",)),
        # The web framework loads the API package by itself; the SDK and what sends are the slow part.
        (
            "platform_api.cli.serve, platform_api.wiring",
            ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf", "platform_api.tracing"),
        ),
    ],
    ids=["the command line", "the server"],
)
def test_no_sdk_is_loaded_when_nobody_asks_for_traces(modules: str, unwanted: tuple[str, ...]) -> None:
    program = f"import sys, {modules}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert [name for name in done.stdout.split() if name.startswith(unwanted)] == []
