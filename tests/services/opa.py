"""An OPA server of our own, without a token.

It starts empty; a test puts its policies in over the server's own API, under a package name
that no other test uses.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.services.children import Child, Children, first_to_answer
from tests.services.missing import missing
from tests.services.ports import LOOPBACK

TOOLS = Path(__file__).parents[2] / ".tools" / "bin"


@dataclass(frozen=True, slots=True)
class Opa:
    """A running policy server."""

    child: Child
    port: int

    @property
    def url(self) -> str:
        """Return its base address."""
        return _url(self.port)


def start_opa(children: Children) -> Opa:
    """Start a server with the program on PATH, or the one that `make services` built."""
    program = shutil.which("opa", path=os.pathsep.join([os.environ.get("PATH", ""), str(TOOLS)]))
    if program is None:
        missing("OPA", "make services builds it where Go is installed")
    options = ["--log-level", "error", "--skip-version-check", "--shutdown-grace-period", "1"]
    child, port = first_to_answer(
        lambda port: children.start([program, "run", "--server", "--addr", f"{LOOPBACK}:{port}", *options]),
        _answers,
    )
    return Opa(child, port)


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"{_url(port)}/health", timeout=5).is_success
    except httpx.TransportError:
        return False
