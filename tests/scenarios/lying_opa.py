"""A stand-in before a real OPA server: honest, dead, slow, or answering nonsense, as told."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.scenarios.server import Silent, serving

SLOW_SECONDS = 8.0

NONSENSE: dict[str, bytes] = {
    "html": b"<html>200 OK</html>",
    "empty": b"{}",
    "undefined": b'{"result": {}}',
    "a-word": b'{"result": "true"}',
    "allow-for-another": b'{"result": {"revision": "sha256:0", "policies": {}}}',
    "truncated": b'{"result": {"revision": "sha',
}


@dataclass
class LyingOpa:
    """Where it listens and how it behaves at present."""

    behaviour: str = "honest"
    url: str = ""


@contextmanager
def lying_opa(real: str) -> Iterator[LyingOpa]:
    """Run the stand-in on a free loopback port before the real server at `real`."""
    told = LyingOpa()
    with serving(_handler(told, real)) as told.url:
        yield told


def _handler(told: LyingOpa, real: str) -> type[Silent]:
    class Handler(Silent):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._behave()

        def do_POST(self) -> None:
            self._behave()

        def do_PUT(self) -> None:
            self._behave()

        def do_DELETE(self) -> None:
            self._behave()

        def _behave(self) -> None:
            body = self.body()
            match told.behaviour:
                case "dead":
                    self.close_connection = True
                    self.connection.close()
                case "error":
                    self.answer(500, b'{"code": "internal_error"}')
                case "slow":
                    time.sleep(SLOW_SECONDS)
                    self.answer(200, b'{"result": {}}')
                case "honest":
                    self.answer(*_forwarded(self, real, body))
                case nonsense:
                    self.answer(200, NONSENSE[nonsense])

    return Handler


def _forwarded(call: Silent, real: str, body: bytes) -> tuple[int, bytes]:
    headers = {"Content-Type": call.headers.get("Content-Type", "application/json")}
    answer = httpx.request(call.command, real + call.path, content=body, headers=headers, timeout=10)
    return answer.status_code, answer.content
