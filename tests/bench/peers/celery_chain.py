"""Celery with Redis: a chain of four tasks, which keeps no durable state of the run.

Measured against Celery's own worker program with one and with two processes. Runs in an
environment of its own: see `install`. Redis appends to its log every second, which is its
usual durable setting.
"""

import importlib.metadata
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from celery import chain, chord

from tests.bench.figures import emit, emit_spans
from tests.bench.peers import celery_flows as flows
from tests.bench.peers.aftermath import STEPS
from tests.bench.peers.shared import ROOT, WARM_RUNS, Crash, Wish, wish
from tests.services.children import Child, Children

PEER = "celery-redis"
LONG_SECONDS = 300
CRASH_SECONDS = 150.0
"""What was in a dead worker's hands comes back, but not soon."""

CRASHED_SHARE = 4
"""Half of the steps must be done before the kill, and Celery's come in no order; fewer runs do."""


class Bench:
    """The measurements."""

    def __init__(self, asked: Wish, children: Children) -> None:
        self._asked = asked
        self._children = children
        self._trace = asked.folder / "celery.trace"

    def run(self) -> None:
        """Print what is asked for."""
        server = flows.counting().info("server")
        emit(PEER, "version", celery=importlib.metadata.version("celery"), redis=server["redis_version"])
        worker = self._worker(1)
        for _ in range(WARM_RUNS):
            flows.four()().get()
        measures: dict[tuple[str, ...], Callable[[], None]] = {
            ("seq_latency", "first_step"): self._latencies,
            ("saga",): self._sagas,
            ("chord4",): self._chords,
            ("timer_lag",): self._timers,
            ("throughput",): lambda: self._throughput(1),
        }
        for metrics, measure in measures.items():
            if self._asked.has(*metrics):
                measure()
        worker.kill()
        if self._asked.has("throughput"):
            worker = self._worker(2)
            self._throughput(2)
            worker.kill()
        if self._asked.has("crash"):
            self._crash()

    def _latencies(self) -> None:
        whole, start = [], []
        for _ in range(self._asked.spans):
            began = time.time()
            step_began = flows.four()().get()
            whole.append(time.time() - began)
            start.append(step_began - began)
        emit_spans(PEER, "seq_latency", whole, mode="broker", how="chain of 4, 1 prefork process")
        emit_spans(PEER, "first_step", start, mode="broker")

    def _sagas(self) -> None:
        spans, counters = [], flows.counting()
        for number in range(self._asked.undone):
            began, key = time.time(), f"saga-{number}"
            undo = flows.compensate.s(key)
            chain(flows.first.s(), flows.onward.s(), flows.fail.s().on_error(undo))()
            counters.blpop([key], 10)
            spans.append(time.time() - began)
        how = "link_error -> chain(undo 2, undo 1), hand-written"
        emit_spans(PEER, "saga", spans, mode="broker", how=how)

    def _chords(self) -> None:
        spans = []
        for _ in range(self._asked.undone):
            began = time.time()
            chord([flows.first.s() for _ in range(STEPS)])(flows.gather.s()).get()
            spans.append(time.time() - began)
        emit_spans(PEER, "chord4", spans, mode="broker", how="fan-out 4 + fan-in")

    def _timers(self) -> None:
        waiting = []
        for _ in range(self._asked.timers):
            due_at = time.time() + 1
            waiting.append(flows.lag.apply_async((due_at,), countdown=1))
        lags = [result.get(timeout=LONG_SECONDS) for result in waiting]
        emit_spans(PEER, "timer_lag", lags, mode="broker", how="countdown=1, kept in worker memory")

    def _throughput(self, workers: int) -> None:
        runs, began = self._asked.at_once, time.time()
        waiting = [flows.four()() for _ in range(runs)]
        submitted = time.time()
        for result in waiting:
            result.get(timeout=LONG_SECONDS)
        rate = runs / (time.time() - began)
        figures = {"wf_s": rate, "n": runs, "workers": workers, "submit_s": submitted - began}
        emit(PEER, "throughput", mode="broker", **figures)

    def _crash(self) -> None:
        runs = max(1, self._asked.crashed // CRASHED_SHARE)
        crash, worker = Crash(self._trace, runs), self._worker(2)
        for number in range(runs):
            onward = (flows.slow.s(f"run-{number}", step) for step in range(2, STEPS + 1))
            chain(flows.slow.s(None, f"run-{number}", 1), *onward)()
        crash.play(worker.kill, lambda: self._started(2), CRASH_SECONDS)
        how = "acks_late, visibility_timeout 5 s (by default unacknowledged tasks wait 3600 s)"
        crash.emit(PEER, mode="broker", how=how, waited_s=CRASH_SECONDS)

    def _worker(self, processes: int) -> Child:
        worker = self._started(processes)
        flows.lag.delay(time.time()).get(timeout=30)
        return worker

    def _started(self, processes: int) -> Child:
        program = [sys.executable, "-m", "celery", f"--app={flows.__name__}", "worker"]
        pool = ["--pool=prefork", f"--concurrency={processes}", f"--hostname=w{time.time()}@bench"]
        quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle"]
        environment = {**os.environ, flows.TRACE: str(self._trace)}
        return self._children.start([*program, *pool, *quiet], env=environment, cwd=ROOT)


def main() -> None:
    """Print what is asked for."""
    asked = wish()
    with closing(Children(Path(asked.folder))) as children:
        Bench(asked, children).run()


if __name__ == "__main__":
    main()
