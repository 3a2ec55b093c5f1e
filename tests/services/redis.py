"""A Redis server of our own, which keeps nothing on disk unless it is told to."""

import shutil
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.services.children import Child, Children, first_to_answer
from tests.services.missing import missing
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK

DATABASES = 256
VOLATILE = ("--appendonly", "no")
DURABLE = ("--appendonly", "yes", "--appendfsync", "everysec")


@dataclass(slots=True)
class Redis:
    """A running server with many numbered databases."""

    children: Children
    command: Sequence[str]
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

    def kill(self) -> None:
        """End the server at once; unless it was made durable, all it had is gone."""
        self.child.kill()

    def start(self) -> None:
        """Start it again on its port."""
        self.child = self.children.start([*self.command, "--port", str(self.port)])
        eventually(lambda: _answers(self.port), "Redis to answer again")


def start_redis(children: Children, folder: Path, persistence: Sequence[str] = VOLATILE) -> Redis:
    """Start a server; `folder` is where it writes if it writes."""
    program = shutil.which("redis-server")
    if program is None:
        missing("Redis", "make services installs it")
    options = ["--save", "", *persistence, "--databases", str(DATABASES), "--dir", str(folder)]
    command = [program, "--bind", LOOPBACK, *options]
    child, port = first_to_answer(lambda port: children.start([*command, "--port", str(port)]), _answers)
    return Redis(children, command, child, port, iter(range(1, DATABASES)))


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
