"""The workflows that DBOS is measured with, and how it is launched on a database.

Loaded by the measuring script and by its worker processes, which must know the same workflows.
"""

import os
import time
from pathlib import Path

from dbos import DBOS

from tests.bench.peers.aftermath import STEPS
from tests.bench.peers.shared import slow_step

TRACE = "BENCH_DBOS_TRACE"
QUEUE, SLOW_QUEUE = "bench", "bench-slow"
QUEUES = {QUEUE: 0.05, SLOW_QUEUE: 1.0}
"""How often a queue is looked at, in seconds: as quick as is sensible, and its default."""


@DBOS.step()
def first() -> float:
    """Say when the first step ran."""
    return time.time()


@DBOS.step()
def nothing(step: int) -> int:
    """Do nothing."""
    return step


@DBOS.step()
def fail() -> None:
    """Fail."""
    raise ValueError("as planned")


@DBOS.step()
def slow(run: str, step: int) -> int:
    """Take a while, and leave a trace of it."""
    return slow_step(Path(os.environ[TRACE]), run, step)


@DBOS.workflow()
def four() -> float:
    """Take four steps."""
    began: float = first()
    for step in range(2, STEPS + 1):
        nothing(step)
    return began


@DBOS.workflow()
def saga() -> str:
    """Take two steps, fail at the third, and undo the two."""
    done = []
    try:
        for step in (1, 2):
            nothing(step)
            done.append(step)
        fail()
    except ValueError:
        for step in reversed(done):
            nothing(-step)
    return "compensated"


@DBOS.workflow()
def timer() -> float:
    """Sleep for a second and say how late it is."""
    began = time.time()
    DBOS.sleep(1.0)
    return time.time() - began - 1.0


@DBOS.workflow()
def slow_four(run: str) -> str:
    """Take four slow steps."""
    for step in range(1, STEPS + 1):
        slow(run, step)
    return run


def launch(url: str, executor: str = "one") -> None:
    """Start DBOS in this process."""
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "executor_id": executor,
            "log_level": "ERROR",
            "application_version": "1",
        }
    )
    DBOS.launch()
    for queue, seconds in QUEUES.items():
        DBOS.register_queue(queue, polling_interval_sec=seconds)


def peer_of(url: str) -> str:
    """Return the name under which figures on a database are printed."""
    return "dbos-sqlite" if url.startswith("sqlite") else "dbos-pg"
