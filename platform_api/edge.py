"""The outermost layer of the HTTP door: sizes, traces, the last net, the log line.

A pure ASGI layer around the application, so that streams pass through unbuffered. Whatever
goes wrong inside without a name ends here as a 500 that tells nothing but a trace id.
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalog import trace
from catalog.clock import Clock
from catalog.errors import Invalid
from platform_api import notices
from platform_api.problems import problem_response, unexpected
from platform_api.spans import Record, Span, SpanKind
from platform_api.telemetry import Metrics

MAX_TARGET_BYTES = 8 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
SERVER_ERRORS = 500
"""Statuses from here on are our fault."""

_UNKNOWN = "unknown"

_log = logging.getLogger("avow.http")


@dataclass(frozen=True, slots=True)
class Recording:
    """Who takes a span for each HTTP request, by which clock; nobody when `record` is None."""

    clock: Clock
    record: Record | None = None


class Edge:
    """Wraps an application.

    Args:
        monotonic: measures how long answers take.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        recording: Recording,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._recording = recording
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = _caller(scope)
        own = _own(caller)
        scope["avow.trace_id"] = own.trace_id
        began_at = self._recording.clock() if self._recording.record is not None else None
        started, answer = self._monotonic(), _Answer(send, own.trace_id)
        carried = trace.about(lambda: {"trace_id": own.trace_id})
        with trace.caused_by(str(own)), carried, notices.gathered() as answer.notices:
            try:
                await self._answer(scope, receive, answer)
            finally:
                self._note(scope, answer.status, self._monotonic() - started)
                if began_at is not None:
                    self._record(scope, answer.status, own, caller, began_at)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        trace_id = scope["avow.trace_id"]
        try:
            refusal = _oversize(scope)
            if refusal is None:
                await self._app(scope, receive, answer.send)
            else:
                await problem_response(refusal, trace_id)(scope, receive, answer.send)
        except Exception:  # noqa: BLE001  # the edge: whatever it is, the client gets an answer
            details = {"trace_id": trace_id, "operation": _operation(scope)}
            _log.exception("a mistake of our own", extra=details)
            if not answer.status:
                await unexpected(trace_id)(scope, receive, answer.send)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        operation = _operation(scope)
        self._metrics.observe(operation, status, seconds)
        details = {"operation": operation, "status": status, "seconds": round(seconds, 6)}
        _log.debug("answered", extra=details | {"trace_id": scope["avow.trace_id"]})

    def _record(
        self, scope: Scope, status: int, own: trace.Parent, caller: trace.Parent | None, began_at: datetime
    ) -> None:
        operation, clock = _operation(scope), self._recording.clock
        span = Span(
            name=f"{scope['method']} {operation}",
            trace_id=own.trace_id,
            span_id=own.span_id,
            began_at=began_at,
            ended_at=clock(),
            parent=caller,
            kind=SpanKind.SERVER,
            attributes={"avow.operation": operation, "http.response.status_code": status},
            error="" if status < SERVER_ERRORS else str(status),
        )
        if self._recording.record is not None and own.is_sampled:
            self._recording.record(span)


class _Answer:
    """Watches an answer go out, and adds what every answer carries."""

    def __init__(self, send: Send, trace_id: str) -> None:
        self._send = send
        self._trace_id = trace_id
        self.status = 0
        self.notices = notices.Notices()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Trace-Id"] = self._trace_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
            for name, value in self.notices.headers.items():
                headers.append(name, value)
        await self._send(message)


def _caller(scope: Scope) -> trace.Parent | None:
    given = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    return trace.parent_of(given.decode("latin-1"))


def _own(caller: trace.Parent | None) -> trace.Parent:
    """Return the span of this HTTP request; whatever it causes continues it."""
    if caller is None:
        return trace.Parent(secrets.token_hex(16), secrets.token_hex(8))
    return trace.Parent(caller.trace_id, secrets.token_hex(8), caller.is_sampled)


def _oversize(scope: Scope) -> Invalid | None:
    target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if target > MAX_TARGET_BYTES:
        return Invalid(
            "target_too_long", f"The address is longer than {MAX_TARGET_BYTES} bytes.", fix="shorten it"
        )
    headers = scope["headers"]
    size = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        return Invalid(
            "headers_too_large",
            f"There are more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them.",
            fix="send fewer",
        )
    return None


def _operation(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "operation_id", None) or _UNKNOWN)


def install(app: FastAPI, metrics: Metrics, recording: Recording) -> None:
    """Put the edge around an application."""
    app.add_middleware(Edge, metrics=metrics, recording=recording)
