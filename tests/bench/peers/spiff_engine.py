"""SpiffWorkflow: a library without a store or workers, so durability is a snapshot after each step.

The whole workflow is serialised to JSON and committed to SQLite (WAL, synchronous=FULL) after
each of four script tasks. Runs in an environment of its own: see `install`.
"""

import importlib.metadata
import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

from tests.bench.figures import emit, emit_spans
from tests.bench.peers.shared import WARM_RUNS, Wish, wish

PEER = "spiffworkflow"
MODE = "in-process"
STEPS = ("s1", "s2", "s3", "s4")
KEEP = "INSERT INTO run VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state"
BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"


@dataclass(frozen=True, slots=True)
class Store:
    """The workflow's definition, and where its snapshots are kept."""

    definition: Any
    serializer: Any
    database: sqlite3.Connection

    def run(self, run: str) -> float:
        """Carry one run out and return when its first step began."""
        workflow, first = BpmnWorkflow(self.definition), 0.0
        while (task := workflow.get_next_task(state=TaskState.READY)) is not None:
            if task.task_spec.name == STEPS[0]:
                first = time.time()
            task.run()
            if task.task_spec.name in STEPS:
                self.database.execute(KEEP, (run, self.serializer.serialize_json(workflow)))
        assert workflow.is_completed()
        return first


def opened(path: Path) -> Store:
    """Return the definition and the store, ready."""
    parser = BpmnParser()
    parser.add_bpmn_str("".join(definition()).encode())
    database = sqlite3.connect(path, isolation_level=None, timeout=30)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
        database.execute(statement)
    database.execute("CREATE TABLE IF NOT EXISTS run (id TEXT PRIMARY KEY, state TEXT)")
    serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure())
    return Store(parser.get_spec("four"), serializer, database)


def definition() -> Iterator[str]:
    """Yield four script tasks in a row, as BPMN."""
    nodes = ["start", *STEPS, "end"]
    yield f'<bpmn:definitions xmlns:bpmn="{BPMN}" id="d" targetNamespace="urn:bench">'
    yield '<bpmn:process id="four" isExecutable="true">'
    yield '<bpmn:startEvent id="start"><bpmn:outgoing>f0</bpmn:outgoing></bpmn:startEvent>'
    for number, step in enumerate(STEPS, start=1):
        yield f'<bpmn:scriptTask id="{step}" name="{step}"><bpmn:incoming>f{number - 1}</bpmn:incoming>'
        yield f"<bpmn:outgoing>f{number}</bpmn:outgoing>"
        yield f"<bpmn:script>r{number} = {number}</bpmn:script></bpmn:scriptTask>"
    yield f'<bpmn:endEvent id="end"><bpmn:incoming>f{len(STEPS)}</bpmn:incoming></bpmn:endEvent>'
    for number, (source, target) in enumerate(pairwise(nodes)):
        yield f'<bpmn:sequenceFlow id="f{number}" sourceRef="{source}" targetRef="{target}"/>'
    yield "</bpmn:process></bpmn:definitions>"


def main() -> None:
    """Print what is asked for."""
    asked = wish()
    path = asked.folder / "spiff.db"
    emit(PEER, "version", spiff=importlib.metadata.version("SpiffWorkflow"))
    if asked.has("seq_latency", "first_step"):
        print_latencies(asked, path)
    if asked.has("throughput"):
        for workers in (1, 2):
            print_throughput(asked.at_once, path, workers)


def print_latencies(asked: Wish, path: Path) -> None:
    """Print how long runs take, one after the other."""
    store, whole, first = opened(path), [], []
    for number in range(asked.spans + WARM_RUNS):
        began = time.time()
        step_began = store.run(f"run-{number}")
        whole.append(time.time() - began)
        first.append(step_began - began)
    size = store.database.execute("SELECT length(state) FROM run LIMIT 1").fetchone()[0]
    how = "own SQLite snapshot per step"
    emit_spans(PEER, "seq_latency", whole[WARM_RUNS:], mode=MODE, how=how, state_bytes=size)
    emit_spans(PEER, "first_step", first[WARM_RUNS:], mode=MODE)


def print_throughput(runs: int, path: Path, workers: int) -> None:
    """Print how many runs a second so many processes carry out."""
    ready, go = multiprocessing.Barrier(workers + 1), multiprocessing.Event()
    share = runs // workers
    processes = [
        multiprocessing.Process(target=crew, args=(f"{workers}-{number}", path, share, (ready.wait, go.wait)))
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    ready.wait()
    began = time.time()
    go.set()
    for process in processes:
        process.join()
    rate = share * workers / (time.time() - began)
    emit(PEER, "throughput", mode=MODE, wf_s=rate, n=share * workers, workers=workers)


def crew(name: str, path: Path, runs: int, signals: tuple[Callable[[], object], ...]) -> None:
    """Carry out a share of the runs: warm up, say so, and wait for the start."""
    store = opened(path)
    with closing(store.database):
        store.run(f"warm-{name}")
        for signal in signals:
            signal()
        for number in range(runs):
            store.run(f"{name}-{number}")


if __name__ == "__main__":
    main()
