"""Temporal: its server keeps each step's outcome; worker processes ask it for work.

The server is the development server of Temporal's command line: one process on one SQLite file that
is written as durably as ours, started by the benchmarks' own process with what makes it quickest
(`tests.services.temporal`). Steps are activities, so that each is durable before the next. Runs in
an environment of its own: see `install`.
"""

import asyncio
import importlib.metadata
import itertools
import os
import sys
import time
from contextlib import closing
from typing import Any

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client

from tests.bench.figures import emit, emit_spans
from tests.bench.peers import temporal_flows as flows
from tests.bench.peers.shared import ROOT, WARM_RUNS, Crash, Wish, wish
from tests.services.children import Child, Children
from tests.services.polling import eventually

PEER = "temporal"
MODE = "broker"
CRASH_SECONDS = 90.0


class Bench:
    """The measurements, with workers that are replaced now and then."""

    def __init__(self, asked: Wish, children: Children, client: Client) -> None:
        self._asked = asked
        self._children = children
        self._client = client
        self._trace = asked.folder / "temporal.trace"
        self._numbers = itertools.count()

    async def run(self) -> None:
        """Print what is asked for."""
        worker = self._worker()
        for _ in range(WARM_RUNS):
            await self._result(flows.Four)
        if self._asked.has("seq_latency", "first_step"):
            await self._latencies()
        if self._asked.has("saga"):
            await self._sagas()
        if self._asked.has("timer_lag"):
            lags = await asyncio.gather(*[self._result(flows.Timer) for _ in range(self._asked.timers)])
            emit_spans(PEER, "timer_lag", lags, mode=MODE, how="concurrent sleeps of 1 s")
        if self._asked.has("throughput"):
            await self._throughput(1)
            second = self._worker()
            await self._throughput(2)
            second.kill()
        worker.kill()
        if self._asked.has("crash"):
            await self._crash()

    async def _latencies(self) -> None:
        whole, start = [], []
        for _ in range(self._asked.spans):
            began = time.time()
            step_began = await self._result(flows.Four)
            whole.append(time.time() - began)
            start.append(step_began - began)
        emit_spans(PEER, "seq_latency", whole, mode=MODE, how="development server, its polling limits lifted")
        emit_spans(PEER, "first_step", start, mode=MODE)

    async def _sagas(self) -> None:
        spans = []
        for _ in range(self._asked.undone):
            began = time.time()
            assert await self._result(flows.Saga) == "compensated"
            spans.append(time.time() - began)
        emit_spans(PEER, "saga", spans, mode=MODE)

    async def _throughput(self, workers: int) -> None:
        await self._result(flows.Four)
        runs, began = self._asked.at_once, time.time()
        await asyncio.gather(*[self._result(flows.Four) for _ in range(runs)])
        rate = runs / (time.time() - began)
        emit(PEER, "throughput", mode=MODE, wf_s=rate, n=runs, workers=workers)

    async def _crash(self) -> None:
        runs, worker = self._asked.crashed, self._worker()
        crash = Crash(self._trace, runs)
        for number in range(runs):
            await self._start(flows.SlowFour, f"run-{number}")
        crash.play(worker.kill, self._worker, CRASH_SECONDS)
        seconds = flows.LOST_AFTER.total_seconds()
        how = f"a step's timeout is {seconds:g} s, and so is a worker's (by default 10 s)"
        crash.emit(PEER, mode=MODE, how=how)

    async def _result(self, workflow: Any, *arguments: str) -> Any:
        handle = await self._start(workflow, *arguments)
        return await handle.result()

    async def _start(self, workflow: Any, *arguments: str) -> Any:
        number = next(self._numbers)
        return await self._client.start_workflow(
            workflow.run, args=arguments, id=f"bench-{number}", task_queue=flows.QUEUE
        )

    def _worker(self) -> Child:
        program = [sys.executable, "-m", "tests.bench.peers.temporal_worker", *self._asked.urls]
        environment = {**os.environ, flows.TRACE: str(self._trace)}
        worker = self._children.start(program, env=environment, cwd=ROOT)
        eventually(lambda: "ready" in worker.output(), "a worker")
        return worker


async def measured(asked: Wish, children: Children) -> None:
    """Connect, and print what is asked for."""
    client = await Client.connect(*asked.urls)
    said = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    emit(PEER, "version", server=said.server_version, sdk=importlib.metadata.version("temporalio"))
    await Bench(asked, children, client).run()


def main() -> None:
    """Print what is asked for."""
    asked = wish()
    with closing(Children(asked.folder)) as children:
        asyncio.run(measured(asked, children))


if __name__ == "__main__":
    main()
