"""DBOS on one database: in its own process (`dbos_direct`) and through queues with worker processes.

Runs in an environment of its own: see `install`. Each measurement gets an empty database out of
those it was given, because what lies in one slows the next.
"""

import importlib.metadata
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from dbos import DBOSClient

from tests.bench.figures import emit, emit_spans
from tests.bench.peers.dbos_flows import QUEUE, QUEUES, SLOW_QUEUE, TRACE, peer_of
from tests.bench.peers.shared import ROOT, Crash, Wish, wish
from tests.services.children import Child, Children
from tests.services.polling import eventually

DIRECT = ("seq_latency", "first_step", "saga", "timer_lag", "throughput", "xacts_per_workflow")
WARM = 5
SLOW_SHARE = 10
"""A queue that is looked at once a second takes that long for each run; a tenth of them will do."""

CRASH_SECONDS = 60.0
_POLL = {"polling_interval_sec": 0.01}


class Bench:
    """The measurements through queues."""

    def __init__(self, asked: Wish, children: Children) -> None:
        self._asked = asked
        self._children = children
        self._urls = iter(asked.urls[1:])
        self._peer = peer_of(asked.urls[0])
        self._trace = asked.folder / "dbos.trace"

    def run(self) -> None:
        """Print what is asked for."""
        emit(self._peer, "version", dbos=importlib.metadata.version("dbos"))
        if self._asked.has(*DIRECT):
            program = [sys.executable, "-m", "tests.bench.peers.dbos_direct"]
            subprocess.run([*program, *sys.argv[1:]], cwd=ROOT, check=True)
        if self._asked.has("seq_latency", "first_step"):
            self._latencies()
        if self._asked.has("throughput"):
            for workers in (1, 2):
                self._throughput(workers)
        if self._asked.has("crash"):
            self._crash()

    def _latencies(self) -> None:
        with self._queue(1) as client:
            for queue, runs in ((QUEUE, self._asked.spans), (SLOW_QUEUE, self._asked.spans // SLOW_SHARE)):
                whole, start = [], []
                for _ in range(runs + WARM):
                    began = time.time()
                    step_began = client.enqueue(_run("four", queue)).get_result(**_POLL)
                    whole.append(time.time() - began)
                    start.append(step_began - began)
                how = f"queue, looked at every {QUEUES[queue]} s"
                emit_spans(self._peer, "seq_latency", whole[WARM:], mode="broker", how=how)
                emit_spans(self._peer, "first_step", start[WARM:], mode="broker", how=how)

    def _throughput(self, workers: int) -> None:
        with self._queue(workers) as client:
            client.enqueue(_run("four")).get_result(**_POLL)
            runs, began = self._asked.at_once, time.time()
            for _ in range(runs):
                client.enqueue(_run("four"))
            submitted = time.time()
            while client.list_workflows(status=["ENQUEUED", "PENDING"], limit=1):
                time.sleep(0.05)
            rate = runs / (time.time() - began)
            figures = {"wf_s": rate, "n": runs, "workers": workers, "submit_s": submitted - began}
            emit(self._peer, "throughput", mode="broker", **figures, how="queue")

    def _crash(self) -> None:
        runs, url = self._asked.crashed, next(self._urls)
        crash, worker = Crash(self._trace, runs), self._worker(url, "one")
        client = DBOSClient(system_database_url=url)
        for number in range(runs):
            client.enqueue(_run("slow_four"), f"run-{number}")
        crash.play(worker.kill, lambda: self._worker(url, "one"), CRASH_SECONDS)
        crash.emit(self._peer, mode="broker", how="the same executor restarts and recovers")
        client.destroy()

    @contextmanager
    def _queue(self, workers: int) -> Iterator[DBOSClient]:
        url = next(self._urls)
        started = [self._worker(url, f"worker-{number}") for number in range(workers)]
        client = DBOSClient(system_database_url=url)
        yield client
        client.destroy()
        for worker in started:
            worker.kill()

    def _worker(self, url: str, executor: str) -> Child:
        program = [sys.executable, "-m", "tests.bench.peers.dbos_worker", url, executor]
        environment = {**os.environ, TRACE: str(self._trace)}
        worker = self._children.start(program, env=environment, cwd=ROOT)
        eventually(lambda: "ready" in worker.output(), "a worker")
        return worker


def _run(workflow: str, queue: str = QUEUE) -> dict[str, str]:
    return {"queue_name": queue, "workflow_name": workflow}


def main() -> None:
    """Print what is asked for."""
    asked = wish()
    with closing(Children(asked.folder)) as children:
        Bench(asked, children).run()


if __name__ == "__main__":
    main()
