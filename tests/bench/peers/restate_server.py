"""Restate: its server journals each step; ours is the service that it calls back over HTTP/2.

Runs in an environment of its own: see `install`, which also fetches the server program and
names it by `BENCH_RESTATE_SERVER`. Runs are started over the server's HTTP door.
"""

import asyncio
import importlib.metadata
import os
import subprocess
import sys
import time
from collections.abc import Coroutine
from contextlib import closing, suppress
from typing import Any

import httpx

from tests.bench.figures import emit, emit_spans
from tests.bench.peers.restate_flows import TRACE
from tests.bench.peers.shared import ROOT, WARM_RUNS, Crash, Wish, wish
from tests.services.children import Child, Children
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK, free_port, is_open

PEER = "restate"
PROGRAM = "BENCH_RESTATE_SERVER"
MODE = "broker"
CRASH_SECONDS = 90.0
_AT_ONCE = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)


class Bench:
    """The measurements, with a server and a service that is replaced now and then."""

    def __init__(self, asked: Wish, children: Children) -> None:
        self._asked = asked
        self._children = children
        self._trace = asked.folder / "restate.trace"
        self._door, self._admin, self._node, self._service = (free_port() for _ in range(4))
        self._client = httpx.AsyncClient(timeout=120, limits=_AT_ONCE)

    async def run(self) -> None:
        """Print what is asked for."""
        self._start_server()
        service = self._serve(1)
        self._register()
        emit(PEER, "version", server=_server_version(), sdk=importlib.metadata.version("restate-sdk"))
        for _ in range(WARM_RUNS):
            await self._call("four")
        if self._asked.has("seq_latency", "first_step"):
            await self._latencies()
        if self._asked.has("saga"):
            await self._sagas()
        if self._asked.has("timer_lag"):
            lags = await asyncio.gather(*self._calls("timer", self._asked.timers))
            emit_spans(PEER, "timer_lag", lags, mode=MODE, how="concurrent sleeps of 1 s")
        if self._asked.has("throughput"):
            await self._throughput(1)
            service.kill()
            service = self._serve(2)
            await self._throughput(2)
        service.kill()
        if self._asked.has("crash"):
            await self._crash()
        await self._client.aclose()

    async def _latencies(self) -> None:
        whole, start = [], []
        for _ in range(self._asked.spans):
            began = time.time()
            step_began = await self._call("four")
            whole.append(time.time() - began)
            start.append(step_began - began)
        emit_spans(PEER, "seq_latency", whole, mode=MODE, how="HTTP request and response")
        emit_spans(PEER, "first_step", start, mode=MODE)

    async def _sagas(self) -> None:
        spans = []
        for _ in range(self._asked.undone):
            began = time.time()
            assert await self._call("saga") == "compensated"
            spans.append(time.time() - began)
        emit_spans(PEER, "saga", spans, mode=MODE)

    async def _throughput(self, workers: int) -> None:
        await self._call("four")
        runs, began = self._asked.at_once, time.time()
        await asyncio.gather(*self._calls("four", runs))
        rate = runs / (time.time() - began)
        emit(
            PEER, "throughput", mode=MODE, wf_s=rate, n=runs, workers=workers, how="concurrent HTTP requests"
        )

    async def _crash(self) -> None:
        runs, service = self._asked.crashed, self._serve(1)
        await self._call("four")
        crash = Crash(self._trace, runs)
        await asyncio.gather(*[self._call("slow_four/send", f"run-{number}") for number in range(runs)])
        crash.play(service.kill, lambda: self._serve(1), CRASH_SECONDS)
        crash.emit(PEER, mode=MODE, how="the service is killed; the server tries again, ever more slowly")

    def _calls(self, handler: str, times: int) -> list[Coroutine[Any, Any, Any]]:
        return [self._call(handler) for _ in range(times)]

    async def _call(self, handler: str, name: str = "x") -> Any:
        answer = await self._client.post(f"http://{LOOPBACK}:{self._door}/Bench/{handler}", json=name)
        return answer.raise_for_status().json()

    def _start_server(self) -> None:
        names = {
            "RESTATE_INGRESS__BIND_ADDRESS": f"{LOOPBACK}:{self._door}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"{LOOPBACK}:{self._admin}",
            "RESTATE_BIND_ADDRESS": f"{LOOPBACK}:{self._node}",
            "RESTATE_ADVERTISED_ADDRESS": f"http://{LOOPBACK}:{self._node}",
            "RESTATE_BASE_DIR": str(self._asked.folder / "restate"),
            "RESTATE_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
            "RESTATE_LOG_FILTER": "warn",
        }
        command = [os.environ[PROGRAM], "--node-name", "bench", "--cluster-name", "bench"]
        server = self._children.start(command, env={**os.environ, **names})
        health = f"http://{LOOPBACK}:{self._admin}/health"

        def is_healthy() -> bool:
            assert server.is_running, server.output()
            with suppress(httpx.HTTPError):
                return httpx.get(health).status_code == httpx.codes.OK
            return False

        eventually(is_healthy, "the Restate server")

    def _serve(self, processes: int) -> Child:
        place = ["tests.bench.peers.restate_flows:app", f"--bind={LOOPBACK}:{self._service}"]
        program = [sys.executable, "-m", "hypercorn", *place, f"--workers={processes}", "--log-level=error"]
        environment = {**os.environ, TRACE: str(self._trace)}
        service = self._children.start(program, env=environment, cwd=ROOT)
        eventually(lambda: is_open(self._service), "the service")
        return service

    def _register(self) -> None:
        body = {"uri": f"http://{LOOPBACK}:{self._service}"}
        registry = f"http://{LOOPBACK}:{self._admin}/deployments"
        eventually(lambda: httpx.post(registry, json=body, timeout=30).is_success, "the registration")


def _server_version() -> str:
    command = [os.environ[PROGRAM], "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Print what is asked for."""
    asked = wish()
    with closing(Children(asked.folder)) as children:
        asyncio.run(Bench(asked, children).run())


if __name__ == "__main__":
    main()
