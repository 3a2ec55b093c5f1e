"""A Redis server of our own, which keeps nothing on disk unless it is told to."""

import shutil
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.services.children import Child, Children, first_to_answer
from tests.services.missing import missing
from tests.services.ports import LOOPBACK

DATABASES = 256
VOLATILE = ("--appendonly", "no")
DURABLE = ("--appendonly", "yes", "--appendfsync", "everysec")


@dataclass(frozen=True, slots=True)
class Redis:
    """A running server with many numbered databases."""

    child: Child
    port: int
    unused: Iterator[int]

    @property
    def url(self) -> str:
        """Return the address of database 0, which everybody shares."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def new_url(self) -> str:
        """Return the address of a database nobody else was given."""
        return f"redis://{LOOPBACK}:{self.port}/{next(self.unused)}"


def start_redis(children: Children, folder: Path, persistence: Sequence[str] = VOLATILE) -> Redis:
    """Start a server; `folder` is where it writes if it writes."""
    program = shutil.which("redis-server")
    if program is None:
        missing("Redis", "make services installs it")
    options = ["--save", "", *persistence, "--databases", str(DATABASES), "--dir", str(folder)]
    child, port = first_to_answer(
        lambda port: children.start([program, "--bind", LOOPBACK, "--port", str(port), *options]), _answers
    )
    return Redis(child, port, iter(range(1, DATABASES)))


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
