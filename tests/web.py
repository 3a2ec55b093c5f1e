"""A small HTTP service for tests: a store of documents that honours idempotency keys.

PUT and DELETE act on a document, POST makes a numbered one, GET reads. What came in is noted,
and a test can say what the next calls are answered with instead.
"""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.services.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Came:
    """One call as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer that a test wants to be given."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Web:
    """The service: its address, its documents, what came in, and what to answer next."""

    url: str
    documents: dict[str, Any] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)
    canned: deque[Canned] = field(default_factory=deque)
    effects: list[str] = field(default_factory=list)
    answered: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def answer_next(self, *answers: Canned) -> None:
        """Give these answers to the next calls, one each."""
        self.canned.extend(answers)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    web: Web
    lock: threading.Lock


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing: a test's output is for its failures."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        web = self.server.web
        with self.server.lock:
            web.came.append(Came(self.command, self.path, dict(self.headers.items()), body))
            if web.canned:
                canned = web.canned.popleft()
                self._send(canned.status, canned.body, canned.headers)
                return
            status, content = self._served(body)
        self._send(status, content, {"Content-Type": "application/json"})

    def _served(self, body: bytes) -> tuple[int, bytes]:
        web = self.server.web
        if self.command == "GET":
            found = web.documents.get(self.path)
            return (404, b"{}") if found is None else (200, json.dumps(found).encode())
        key = self.headers.get("Idempotency-Key", "")
        if key not in web.answered:
            web.effects.append(f"{self.command} {self.path}")
            web.answered[key] = self._effect(body)
        return web.answered[key]

    def _effect(self, body: bytes) -> tuple[int, bytes]:
        web = self.server.web
        if self.command == "DELETE":
            web.documents.pop(self.path, None)
            return 200, b"{}"
        web.documents[self.path] = json.loads(body or b"null")
        return 200, json.dumps(web.documents[self.path]).encode()

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def web_service() -> Iterator[Web]:
    """Serve until the block ends."""
    with _Server((LOOPBACK, 0), _Handler) as server:
        server.web = Web(f"http://{LOOPBACK}:{server.server_port}")
        server.lock = threading.Lock()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.web
        finally:
            server.shutdown()
            thread.join()
