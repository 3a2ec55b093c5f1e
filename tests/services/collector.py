"""A real receiver of traces: OTLP over HTTP, as a collector takes them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """What was sent to it.

    Attributes:
        raw: the bodies as they came.
    """

    url: str
    raw: list[bytes] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        """Return all spans in the order in which they came."""
        sent = map(ExportTraceServiceRequest.FromString, self.raw)
        resources = (resource for each in sent for resource in each.resource_spans)
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


@contextmanager
def a_collector() -> Iterator[Collector]:
    """Listen until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_otlp = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            if is_otlp:
                collector.raw.append(body)
            self.send_response(200 if is_otlp else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server.RequestHandlerClass = Door
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
