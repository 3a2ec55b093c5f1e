"""A git host: real `git http-backend` behind a small HTTP server, for clone, fetch and push.

Tests of everything that talks to a remote use it, because a path on disk hides what the
network can do. The server can be told to answer its next calls with an error status, which
is how a host under maintenance looks.
"""

import os
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.services.missing import missing
from tests.services.ports import LOOPBACK

SETTINGS = {"http.receivepack": "true", "safe.directory": "*"}
CHUNK_END = b"0\r\n"


@dataclass(frozen=True, slots=True)
class GitHost:
    """A folder of bare repositories and the address it is served under."""

    root: Path
    url: str
    statuses: deque[int] = field(default_factory=deque)

    def new_repository(self, name: str) -> str:
        """Create an empty repository whose branch is `main`, and return its address."""
        command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.root / name)]
        subprocess.run(command, check=True)
        return f"{self.url}/{name}"

    def answer_next_with(self, *statuses: int) -> None:
        """Answer the next calls with these statuses, one each, and leave git alone."""
        self.statuses.extend(statuses)


class _Server(ThreadingHTTPServer):
    """Carries the host to the handlers of its calls."""

    daemon_threads = True
    host: GitHost


class _Handler(BaseHTTPRequestHandler):
    """Hands one call to git as a CGI program and its answer back."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing: a test's output is for its failures."""

    def _serve(self) -> None:
        body = self._body()
        if self.server.host.statuses:
            self._answer(self.server.host.statuses.popleft(), {}, b"")
            return
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=self._environment(), capture_output=True, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line)
        status = int(headers.pop("Status", "200" if done.returncode == 0 else "500").split()[0])
        self._answer(status, headers, content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _environment(self) -> dict[str, str]:
        target = urlsplit(self.path)
        config = {"GIT_CONFIG_COUNT": str(len(SETTINGS))}
        for number, (key, value) in enumerate(SETTINGS.items()):
            config |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return {
            "PATH": os.environ.get("PATH", ""),
            "GIT_PROJECT_ROOT": str(self.server.host.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": target.path,
            "QUERY_STRING": target.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": LOOPBACK,
            "REMOTE_USER": "tester",
            **config,
        }

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def git_host(root: Path) -> Iterator[GitHost]:
    """Serve the bare repositories below a folder until the block ends."""
    programs = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout
    if not (Path(programs.strip()) / "git-http-backend").exists():
        missing("git http-backend", "it comes with git's own package")
    with _Server((LOOPBACK, 0), _Handler) as server:
        server.host = GitHost(root, f"http://{LOOPBACK}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.host
        finally:
            server.shutdown()
            thread.join()
