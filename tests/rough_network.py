"""Servers that do what networks do: say nothing, answer late, lose the answer.

Used by tests of everything that calls out. `silent` takes connections and never speaks;
`lossy` passes HTTP on to a real server and can be told to lose answers, after the server did
what it was asked.
"""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.services.ports import LOOPBACK

Loses = Callable[[str, str], bool]


@contextmanager
def silent() -> Iterator[int]:
    """Give the port of a server that accepts every connection and never says a word."""
    with socket.create_server((LOOPBACK, 0), backlog=16) as server:
        yield server.getsockname()[1]


@contextmanager
def dribbling(chunk: bytes, every_seconds: float) -> Iterator[int]:
    """Give the port of a server that answers every connection with the same bytes, one piece at a time."""
    stopped = threading.Event()

    def feed(connection: socket.socket) -> None:
        with connection:
            try:
                while not stopped.wait(every_seconds):
                    connection.sendall(chunk)
            except OSError:
                return

    def serve(server: socket.socket) -> None:
        while not stopped.is_set():
            try:
                threading.Thread(target=feed, args=(server.accept()[0],), daemon=True).start()
            except OSError:
                return

    with socket.create_server((LOOPBACK, 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        stopped.set()
        server.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Lossy:
    """A passage to a real server, and which answers get lost on it."""

    url: str
    loses: Loses = lambda method, path: False
    authorizations: set[str] = field(default_factory=set)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    target: str
    passage: Lossy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing: a test's output is for its failures."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.passage.authorizations.add(self.headers.get("Authorization", "none"))
        onward = http.client.HTTPConnection(self.server.target)
        onward.request(self.command, self.path, body, dict(self.headers.items()))
        answer = onward.getresponse()
        content = answer.read()
        onward.close()
        if self.server.passage.loses(self.command, self.path):
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def lossy(target: str) -> Iterator[Lossy]:
    """Pass calls on to an address until the block ends."""
    with _Server((LOOPBACK, 0), _Handler) as server:
        server.target = urlsplit(target).netloc
        server.passage = Lossy(f"http://{LOOPBACK}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.passage
        finally:
            server.shutdown()
            thread.join()


class _Redirecting(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"http://{self.server.target}{self.path}")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing: a test's output is for its failures."""


@contextmanager
def redirecting(target: str) -> Iterator[str]:
    """Give the address of a server that sends every caller to another one."""
    with _Server((LOOPBACK, 0), _Redirecting) as server:
        server.target = urlsplit(target).netloc
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
