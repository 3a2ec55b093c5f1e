"""Stands in for a company's systems over HTTP: directory, payments, tickets, whatever has an address.

    PUT    /SYSTEM/KIND/NAME             make or change an entity (a JSON object)
    DELETE /SYSTEM/KIND/NAME             remove it
    GET    /SYSTEM/KIND/NAME             show it
    GET    /inventory/SYSTEM/KIND/NAME   {"exists": ..., "entity": ...}, also when it is not there

Every change needs an `Idempotency-Key`: a key that comes again is answered as it was the first
time, and nothing happens. It counts how often each key had an effect, so that it is a witness as
well. A system can be told to refuse, and the door to open only for who brings a certain
`Authorization`. Standard library only, nothing is kept, and it knows nothing of Avow. Alone:
`python deploy/demo/company_server.py PORT [--refuse STATUS:/PREFIX] [--authorization TEXT]`.
"""

import argparse
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 64 * 1024
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_POLL_SECONDS = 0.05
_INVENTORY = "inventory"


@dataclass(frozen=True, slots=True)
class Call:
    """A change that was asked for, as it arrived.

    Attributes:
        fence: grows whenever another worker takes the caller's run over.
    """

    method: str
    path: str
    key: str
    fence: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is refused.

    Attributes:
        prefix: of the paths; `method` may be empty for every change.
    """

    status: int
    prefix: str
    method: str = ""

    def meets(self, call: Call) -> bool:
        """Say whether it is about a call."""
        return call.path.startswith(self.prefix) and self.method in ("", call.method)


class Company(ThreadingHTTPServer):
    """The server, what it holds and what it saw.

    Attributes:
        effects: how often a key had an effect; never more than once, if all is well.
        authorization: what callers have to bring; empty lets everybody in.
        before: called with each change as it arrives; one that raises drops it, unanswered.
        after: called after the effect and before the answer; a test may kill the caller there.
    """

    daemon_threads = True

    def __init__(self, port: int = 0, tell: Callable[[str], None] = lambda line: None) -> None:
        self.entities: dict[str, Any] = {}
        self.calls: list[Call] = []
        self.effects: Counter[str] = Counter()
        self.refusals: list[Refusal] = []
        self.authorization = ""
        self.before: Callable[[Call], None] = lambda call: None
        self.after: Callable[[Call], None] = lambda call: None
        self._answers: dict[str, tuple[str, str, int]] = {}
        self._lock = threading.RLock()
        self._tell = tell
        super().__init__((LOOPBACK, port), _Door)

    @property
    def url(self) -> str:
        """Return its base address."""
        return f"http://{LOOPBACK}:{self.server_port}"

    def entity(self, path: str) -> Any:
        """Return an entity, None when there is none."""
        with self._lock:
            return self.entities.get(path)

    def made(self, *prefixes: str) -> list[str]:
        """Return the paths of all entities below some prefixes, all of them without any."""
        with self._lock:
            return sorted(path for path in self.entities if path.startswith(prefixes or ("/",)))

    def asked(self, method: str, prefix: str) -> list[Call]:
        """Return the calls of a method below a prefix, in the order of their coming."""
        with self._lock:
            return [call for call in self.calls if call.method == method and call.path.startswith(prefix)]

    def twice(self) -> list[str]:
        """Return the keys that had an effect more than once."""
        with self._lock:
            return [key for key, count in self.effects.items() if count > 1]

    def change(self, call: Call) -> int:
        """Make a change, unless its key had one or it is refused, and return the status."""
        self.before(call)
        with self._lock:
            self.calls.append(call)
            status = self._answered(call) or self._refused(call)
            if not status:
                status = self._changed(call)
                self._answers[call.key] = (call.method, call.path, status)
            self._tell(f"{call.method} {call.path} {status}")
        self.after(call)
        return status

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about callers that were killed or gave up."""

    def _answered(self, call: Call) -> int:
        method, path, status = self._answers.get(call.key, ("", "", 0))
        if status and (method, path) != (call.method, call.path):
            return HTTPStatus.UNPROCESSABLE_ENTITY
        return status

    def _refused(self, call: Call) -> int:
        return next((refusal.status for refusal in self.refusals if refusal.meets(call)), 0)

    def _changed(self, call: Call) -> int:
        was_there = call.path in self.entities
        if call.method == "DELETE" and not was_there:
            return HTTPStatus.NOT_FOUND
        self.effects[call.key] += 1
        if call.method == "DELETE":
            del self.entities[call.path]
            return HTTPStatus.NO_CONTENT
        self.entities[call.path] = call.body
        return HTTPStatus.OK if was_there else HTTPStatus.CREATED


class _Door(BaseHTTPRequestHandler):
    """One call."""

    server: Company
    timeout = 10  # of a caller who says nothing

    def do_GET(self) -> None:
        match self._parts():
            case _ if not self._is_let_in():
                self._answer(HTTPStatus.UNAUTHORIZED)
            case [first, system, kind, name] if first == _INVENTORY:
                entity = self.server.entity(f"/{system}/{kind}/{name}")
                self._answer(HTTPStatus.OK, {"exists": entity is not None, "entity": entity})
            case parts:
                entity = self.server.entity("/" + "/".join(parts))
                self._answer(HTTPStatus.NOT_FOUND if entity is None else HTTPStatus.OK, entity)

    def do_PUT(self) -> None:
        self._change("PUT", self._body())

    def do_DELETE(self) -> None:
        self._change("DELETE", {})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        """Say nothing: what is worth telling is told as it happens."""

    def _change(self, method: str, body: Mapping[str, Any] | None) -> None:
        key, fence = self.headers.get("Idempotency-Key", ""), self.headers.get("X-Fencing-Token", "0")
        match self._parts():
            case _ if not self._is_let_in():
                self._answer(HTTPStatus.UNAUTHORIZED)
            case [system, kind, name] if key and fence.isdigit() and body is not None:
                call = Call(method, f"/{system}/{kind}/{name}", key, int(fence), body)
                status = self.server.change(call)
                is_shown = status in (HTTPStatus.OK, HTTPStatus.CREATED) and method == "PUT"
                self._answer(status, dict(body) if is_shown else None)
            case _:
                self._answer(HTTPStatus.BAD_REQUEST)

    def _is_let_in(self) -> bool:
        return self.server.authorization in ("", self.headers.get("Authorization"))

    def _parts(self) -> list[str]:
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        return parts if all(map(_PART.match, parts)) else []

    def _body(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None

    def _answer(self, status: int, body: object = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving() -> Iterator[Company]:
    """Serve a company on a free port of this machine until the block ends."""
    with Company() as company:
        thread = threading.Thread(target=company.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            yield company
        finally:
            company.shutdown()
            thread.join()


def main() -> None:
    """Serve until somebody interrupts, and tell of every change."""
    parser = argparse.ArgumentParser(description="A company's systems, for trying things out.")
    parser.add_argument("port", type=int)
    parser.add_argument("--refuse", action="append", default=[], metavar="STATUS:/PREFIX")
    parser.add_argument("--authorization", default="", metavar="TEXT")
    parser.add_argument("--holds", action="append", default=[], metavar="/SYSTEM/KIND/NAME=JSON")
    asked = parser.parse_args()
    with Company(asked.port, lambda line: print(line, flush=True)) as company:
        for status, _, prefix in (word.partition(":") for word in asked.refuse):
            company.refusals.append(Refusal(int(status), prefix))
        for path, _, entity in (word.partition("=") for word in asked.holds):
            company.entities[path] = json.loads(entity)
        company.authorization = asked.authorization
        print(f"company at {company.url}", flush=True)
        try:
            company.serve_forever(_POLL_SECONDS)
        except KeyboardInterrupt:
            print("company stopped")


if __name__ == "__main__":
    main()
