"""A Temporal server of our own: the development server of Temporal's command line, on a file of its own.

`make services` builds the program with Go. Where Go could not build it, it left a note that
says why, and then the tests are skipped even in a run that requires services: there is nothing
that anybody could do about it on that machine.
"""

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from tests.services.children import Child, Children, first_to_answer
from tests.services.missing import MARK, missing
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK, free_port, is_open

TOOLS = Path(__file__).parents[2] / ".tools"
PROGRAMS = TOOLS / "bin"
CANNOT = TOOLS / "no-temporal"
"""Says why this machine cannot build the program; written by `deploy/services.sh`."""

NAMESPACE = "default"
_LOOKS = ("transferProcessor", "timerProcessor", "visibilityProcessor")
MEASURED = (
    # As durable as its own defaults, and quicker.
    *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=FULL"),
    # It looks for work 20 times a second in each shard. A cluster has hundreds; this program has one,
    # and each step would wait for the next look.
    *(word for name in _LOOKS for word in ("--dynamic-config-value", f"history.{name}MaxPollRPS=1000")),
)
"""What benchmarks start it with."""


@dataclass(frozen=True, slots=True)
class Temporal:
    """A running server.

    Attributes:
        file: where it keeps its runs; a server started on it later goes on with them.
    """

    child: Child
    port: int
    file: Path

    @property
    def address(self) -> str:
        """Return host and port of its front end."""
        return f"{LOOPBACK}:{self.port}"


def start_temporal(
    children: Children, folder: Path, port: int | None = None, more: Sequence[str] = ()
) -> Temporal:
    """Start a server whose runs are kept in a folder, on a free port or again on its old one.

    Args:
        more: further options of the program.
    """
    found = program()
    file = folder / "temporal.db"

    def start(port: int) -> Child:
        own = ["--ip", LOOPBACK, "--port", str(port), "--http-port", str(free_port())]
        quiet = ["--headless", "--log-level", "error", "--metrics-port", str(free_port())]
        command = [found, "server", "start-dev", *quiet, *own, *more, "--namespace", NAMESPACE]
        # A file of no settings keeps those of whoever runs the tests out.
        bare = {"HOME": str(folder), "PATH": os.environ.get("PATH", ""), "TEMPORAL_CONFIG_FILE": os.devnull}
        return children.start([*command, "--db-filename", str(file)], env=bare)

    if port is None:
        child, port = first_to_answer(start, answers)
    else:
        child, again = start(port), port
        eventually(lambda: answers(again), "Temporal to answer again")
    return Temporal(child, port, file)


def answers(port: int) -> bool:
    """Tell whether a server on a loopback port knows its namespace, which it makes after it listens."""
    return is_open(port) and asyncio.run(_knows_namespace(f"{LOOPBACK}:{port}"))


async def _knows_namespace(address: str) -> bool:
    try:
        client = await Client.connect(address)
        request = DescribeNamespaceRequest(namespace=NAMESPACE)
        await client.workflow_service.describe_namespace(request, timeout=timedelta(seconds=5))
    except (RPCError, RuntimeError):
        return False
    return True


def program() -> str:
    """Return the server's program, or skip the calling test, or fail it."""
    found = shutil.which("temporal", path=os.pathsep.join([os.environ.get("PATH", ""), str(PROGRAMS)]))
    if found is None and CANNOT.exists():
        pytest.skip(f"{MARK}Temporal is not here; {CANNOT.read_text().strip()}")
    return found or missing("Temporal", "make services builds it where Go is installed")
