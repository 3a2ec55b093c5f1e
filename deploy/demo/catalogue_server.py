"""A tiny software catalogue over HTTP, for the demo, the examples and the tests.

    PUT /entities/NAME   store an entity (a JSON object)
    GET /entities/NAME   show it; GET /entities lists the names
    DELETE /entities/NAME

It stores each entity as a file in a folder. To be as unreliable as the real ones, it answers
the first PUT of every entity with 503, so that whoever calls it has to try again. Standard
library only; it knows nothing of Avow. Alone: `python deploy/demo/catalogue_server.py DIR PORT`.
"""

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 64 * 1024
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
_POLL_SECONDS = 0.05


class Catalogue(ThreadingHTTPServer):
    """The server and what it keeps.

    Args:
        folder: one file per entity.
        port: 0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._refused_once: set[str] = set()
        super().__init__((LOOPBACK, port), _Call)

    @property
    def url(self) -> str:
        """Return its base address."""
        return f"http://{LOOPBACK}:{self.server_port}"

    def names(self) -> list[str]:
        """Return the names of all entities."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def entity(self, name: str) -> Any:
        """Return an entity, None when there is none."""
        path = self._path(name)
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    def put(self, name: str, entity: dict[str, Any]) -> HTTPStatus:
        """Store an entity; the first time it is asked to, it says that it is busy."""
        with self._lock:
            if name not in self._refused_once:
                self._refused_once.add(name)
                return HTTPStatus.SERVICE_UNAVAILABLE
            is_new = not self._path(name).exists()
            draft = self._folder / f".{name}.draft"
            draft.write_text(json.dumps(entity, indent=2, sort_keys=True) + "\n", "utf-8")
            draft.replace(self._path(name))
            return HTTPStatus.CREATED if is_new else HTTPStatus.OK

    def delete(self, name: str) -> HTTPStatus:
        """Remove an entity."""
        with self._lock:
            if not self._path(name).exists():
                return HTTPStatus.NOT_FOUND
            self._path(name).unlink()
            return HTTPStatus.NO_CONTENT

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


class _Call(BaseHTTPRequestHandler):
    """One call."""

    server: Catalogue
    timeout = 10  # of a caller who says nothing

    def do_GET(self) -> None:
        name = self._name()
        if name == "":
            self._answer(HTTPStatus.OK, self.server.names())
        elif name is None or (entity := self.server.entity(name)) is None:
            self._answer(HTTPStatus.NOT_FOUND)
        else:
            self._answer(HTTPStatus.OK, entity)

    def do_PUT(self) -> None:
        name, entity = self._name(), self._body()
        if not name or entity is None:
            self._answer(HTTPStatus.BAD_REQUEST)
        else:
            self._answer(self.server.put(name, entity))

    def do_DELETE(self) -> None:
        name = self._name()
        self._answer(self.server.delete(name) if name else HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        """Say nothing: its terminal belongs to the story that is told there."""

    def _name(self) -> str | None:
        """Return the entity's name, empty for all of them, None when the path is none of ours."""
        first, _, rest = unquote(urlsplit(self.path).path).strip("/").partition("/")
        if first != "entities":
            return None
        return rest if not rest or _NAME.match(rest) else None

    def _body(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return None
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None

    def _answer(self, status: HTTPStatus, body: object = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(folder: Path) -> Iterator[Catalogue]:
    """Serve a catalogue on a free port of this machine until the block ends."""
    with Catalogue(folder) as catalogue:
        thread = threading.Thread(target=catalogue.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            yield catalogue
        finally:
            catalogue.shutdown()
            thread.join()


def main(folder: str, port: str) -> None:
    """Serve a folder until somebody interrupts."""
    with Catalogue(Path(folder), int(port)) as catalogue:
        print(f"catalogue at {catalogue.url}", flush=True)
        try:
            catalogue.serve_forever(_POLL_SECONDS)
        except KeyboardInterrupt:
            print("catalogue stopped")


if __name__ == "__main__":
    main(*sys.argv[1:3])
