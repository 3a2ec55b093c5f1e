"""The one door to OpenTelemetry: hands finished spans to its SDK, which sends them by OTLP/HTTP.

Loaded by name, and only when somebody asks for traces, because the SDK takes longer to load than
everything else together. Our spans know their ids before they begin (`spans`), so the SDK is
given an id generator that repeats what it is told. Sending is the SDK's: in the background, in
batches, and what a collector does not take in time is dropped.
"""

import threading
from datetime import UTC, datetime, timedelta

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator

from catalog.trace import Parent
from platform_api.spans import Span, SpanKind

SEND_SECONDS = 5.0
"""How long one batch may take to be sent, with all retries; also how long a stop waits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PATH = "/v1/traces"
_KINDS = {SpanKind.INTERNAL: api.SpanKind.INTERNAL, SpanKind.SERVER: api.SpanKind.SERVER}


class Tracing:
    """Records spans until it is stopped.

    Args:
        processor: what becomes of finished spans.
    """

    def __init__(self, processor: SpanProcessor) -> None:
        self._ids = _ToldIds()
        self._provider = TracerProvider(resource=_resource(), id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("avow")

    def record(self, span: Span) -> None:
        """Take a finished span."""
        self._ids.tell(span)
        begun = self._tracer.start_span(
            span.name,
            _context(span.parent),
            _KINDS[span.kind],
            dict(span.attributes),
            [] if span.link is None else [api.Link(_remote(span.link))],
            _nanoseconds(span.began_at),
        )
        if span.error:
            begun.set_status(api.StatusCode.ERROR, span.error)
        begun.end(_nanoseconds(span.ended_at))

    def stop(self) -> None:
        """Send what is left, if the collector takes it in time."""
        stopping = threading.Thread(target=self._provider.shutdown, name="avow-tracing", daemon=True)
        stopping.start()
        stopping.join(SEND_SECONDS)


def open_tracing(endpoint: str) -> Tracing:
    """Return what sends spans to a collector.

    Args:
        endpoint: of OTLP/HTTP; empty leaves it to OpenTelemetry's own variables.
    """
    exporter = OTLPSpanExporter(endpoint=_target(endpoint), timeout=SEND_SECONDS)
    return Tracing(BatchSpanProcessor(exporter))


class _ToldIds(IdGenerator):
    """Generates the ids that this thread was told last."""

    def __init__(self) -> None:
        self._told = threading.local()

    def tell(self, span: Span) -> None:
        self._told.span_id, self._told.trace_id = int(span.span_id, 16), int(span.trace_id, 16)

    def generate_span_id(self) -> int:
        told: int = self._told.span_id
        return told

    def generate_trace_id(self) -> int:
        told: int = self._told.trace_id
        return told


def _resource() -> Resource:
    # What the environment says goes before what we say.
    return (
        Resource({SERVICE_NAME: "avow"}).merge(Resource.create())
        if _is_named()
        else Resource.create({SERVICE_NAME: "avow"})
    )


def _is_named() -> bool:
    return not str(Resource.create().attributes.get(SERVICE_NAME, "")).startswith("unknown_service")


def _target(endpoint: str) -> str | None:
    if not endpoint:
        return None
    base = endpoint.rstrip("/")
    return base if base.endswith(_PATH) else base + _PATH


def _context(parent: Parent | None) -> Context:
    # Nothing of the thread's own context may get in.
    if parent is None:
        return Context()
    return api.set_span_in_context(api.NonRecordingSpan(_remote(parent)), Context())


def _remote(parent: Parent) -> api.SpanContext:
    flags = api.TraceFlags(api.TraceFlags.SAMPLED if parent.is_sampled else api.TraceFlags.DEFAULT)
    return api.SpanContext(
        int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags
    )


def _nanoseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
