"""A worker process of the engine, for tests that kill it.

    ENGINE_DATABASE=… ENGINE_LEDGER=… python -m tests.engine_worker threads
    ENGINE_DATABASE=… ENGINE_LEDGER=… ENGINE_BROKER=… python -m tests.engine_worker celery
    ENGINE_DATABASE=… ENGINE_LEDGER=… ENGINE_TEMPORAL=… python -m tests.engine_worker temporal

It has the step kinds of the ledger and nothing else of Avow's wiring. The same parts serve
the test's own process, as the engine's door.
"""

import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from catalog import ids
from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database
from executors.runs import TOPIC
from executors.temporal.crew import create as crew_of
from executors.temporal.line import leave
from executors.workflow import tasks
from executors.workflow.parts import Parts, worker_of
from executors.workflow.threads import Threads
from executors.workflow.worker import Worker
from tests.services.children import Child, Children
from tests.step_ledger import REPOSITORY, ledger_kinds

LEASE_SECONDS = 1.0


def parts(database: Database, ledger_url: str, temporal: str = "") -> Parts:
    """Return the engine's parts over a ledger, and of the second engine when its server is named."""
    return Parts(
        database=database,
        kinds=ledger_kinds(ledger_url),
        clock=utc_now,
        mint=lambda prefix: ids.mint(prefix, utc_now()),
        roll=random.random,
        files_of=lambda _digest: {},
        on_final=lambda tx, _uids: tx.ring("work"),
        lease_seconds=float(os.environ.get("ENGINE_LEASE", LEASE_SECONDS)),
        options={"temporal.address": temporal},
    )


def new_worker() -> Worker:
    """Return a worker as the environment says; each Celery child calls this."""
    database = Database(os.environ["ENGINE_DATABASE"], pool_size=2)
    return worker_of(parts(database, os.environ["ENGINE_LEDGER"]))


def worker_program(
    children: Children, kind: str, environment: Mapping[str, str], coverage_of: Path = REPOSITORY
) -> Child:
    """Start a worker process: `threads`, `celery` or `temporal`."""
    command = [sys.executable, "-m", "tests.engine_worker", kind]
    return children.start(command, env={**os.environ, **environment}, cwd=coverage_of)


def _serve_threads() -> None:
    bell = Bell()
    database = Database(os.environ["ENGINE_DATABASE"], ring=bell.ring)
    threads = Threads(
        worker_of(parts(database, os.environ["ENGINE_LEDGER"])), database, bell, utc_now, size=2
    )
    threads.start()
    while not threading.Event().wait(0.05):
        bell.ring(TOPIC)  # stands in for the notifications of a real installation


def _serve_temporal() -> None:
    heard, told = os.pipe()  # as the real one: an event that is set within its own wait hangs
    os.set_blocking(told, False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(told)
    bell = Bell()
    database = Database(os.environ["ENGINE_DATABASE"], ring=bell.ring)
    crew = crew_of(parts(database, os.environ["ENGINE_LEDGER"], os.environ["ENGINE_TEMPORAL"]), bell, size=4)
    crew.start()
    os.read(heard, 1)
    crew.stop()
    leave(0)  # as `avow` does


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    if sys.argv[1] == "threads":
        _serve_threads()
    elif sys.argv[1] == "temporal":
        _serve_temporal()
    else:
        broker, factory = os.environ["ENGINE_BROKER"], "tests.engine_worker:new_worker"
        sys.exit(tasks.serve(broker, factory, concurrency=2, log_level="INFO"))
