"""A server that says what a test told it to say, in the API's wire shapes.

Used by the command line's tests instead of the API: what is tested is how the client reads
answers, so every answer is written out. It records what it was asked. Each answer to the
same question may differ from the one before; the last one stays.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Said:
    """One answer.

    Attributes:
        chunks: written one by one instead of a document, for streams; what can be called is
            called before it goes on. The connection then ends.
    """

    document: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Sequence[str | Callable[[], object]] | None = None


@dataclass(frozen=True)
class Asked:
    """One question as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Stub:
    """The programmable server."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self.otherwise: Said | None = None
        self._answers: dict[tuple[str, str], list[Said]] = {}
        self._lock = threading.Lock()

    def says(self, method: str, path: str, *answers: Said | dict[str, Any]) -> None:
        """Answer a question with these, one after the other; the last one stays."""
        said = [answer if isinstance(answer, Said) else Said(answer) for answer in answers]
        self._answers[method, path] = said

    def refuses(self, method: str, path: str, status: int, code: str, **members: Any) -> None:
        """Answer a question with a problem document."""
        document = {"type": f"/v1/errors/{code}", "title": code, "status": status, "code": code} | members
        self.says(method, path, problem(status, document))

    def paths(self, method: str) -> list[str]:
        """Return what was asked with a method, in order."""
        return [asked.path for asked in self.asked if asked.method == method]

    def last(self, method: str) -> Asked:
        """Return the last question with a method."""
        return next(asked for asked in reversed(self.asked) if asked.method == method)

    def answer(self, asked: Asked) -> Said:
        """Return the next answer to a question."""
        with self._lock:
            self.asked.append(asked)
            answers = self._answers.get((asked.method, asked.path))
            if not answers and self.otherwise is not None:
                return self.otherwise
            if not answers:
                return problem(404, {"title": "Not found", "status": 404, "code": "not_found"})
            return answers.pop(0) if len(answers) > 1 else answers[0]


def problem(status: int, document: dict[str, Any]) -> Said:
    """Return a refusal as the API makes them."""
    return Said(document, status, {"Content-Type": "application/problem+json"})


def stream(*events: Mapping[str, Any], ids: Sequence[str] = ()) -> Said:
    """Return an event stream that says these and ends."""
    chunks = [
        f"id: {ids[index] if ids else f'0.{index + 1}'}\ndata: {json.dumps(event)}\n\n"
        for index, event in enumerate(events)
    ]
    return Said(chunks=chunks, headers={"Content-Type": "text/event-stream"})


@contextmanager
def serving() -> Iterator[Stub]:
    """Run a stub on a free loopback port."""
    stub = Stub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(stub))
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_of(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers=dict(self.headers.items()),
                body=json.loads(content) if content else None,
            )
            self.write(stub.answer(asked))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  # the library's names

        def write(self, said: Said) -> None:
            content = b"" if said.document is None else json.dumps(said.document).encode()
            self.send_response(said.status)
            headers = {"Content-Type": "application/json", **said.headers}
            if said.chunks is None:
                headers["Content-Length"] = str(len(content))
            else:
                headers["Connection"] = "close"
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            for chunk in said.chunks or ():
                if callable(chunk):
                    chunk()
                else:
                    self.wfile.write(chunk.encode())
                    self.wfile.flush()
            self.close_connection = self.close_connection or said.chunks is not None

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            pass

    return Handler
