"""The outermost layer of the HTTP door: sizes, trace ids, the last net, the log line.

A pure ASGI layer around the application, so that streams pass through unbuffered. Whatever
goes wrong inside without a name ends here as a 500 that tells nothing but a trace id.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalog.errors import Invalid
from platform_api.problems import problem_response, unexpected
from platform_api.telemetry import Metrics

MAX_TARGET_BYTES = 8 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024

_TRACE_PARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_NO_TRACE = b"0" * 32
_UNKNOWN = "unknown"

_log = logging.getLogger("avow.http")


class Edge:
    """Wraps an application.

    Args:
        monotonic: measures how long answers take.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["avow.trace_id"] = trace_id = _trace_id(scope)
        started, answer = self._monotonic(), _Answer(send, trace_id)
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
        finally:
            self._note(scope, answer.status, self._monotonic() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        operation = _operation(scope)
        self._metrics.observe(operation, status, seconds)
        details = {"operation": operation, "status": status, "seconds": round(seconds, 6)}
        _log.debug("answered", extra=details | {"trace_id": scope["avow.trace_id"]})


class _Answer:
    """Watches an answer go out, and adds what every answer carries."""

    def __init__(self, send: Send, trace_id: str) -> None:
        self._send = send
        self._trace_id = trace_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Trace-Id"] = self._trace_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def _trace_id(scope: Scope) -> str:
    parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    match = _TRACE_PARENT.match(parent)
    if match is None or match[1] == _NO_TRACE:
        return secrets.token_hex(16)
    return str(match[1], "ascii")


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


def install(app: FastAPI, metrics: Metrics) -> None:
    """Put the edge around an application."""
    app.add_middleware(Edge, metrics=metrics)
