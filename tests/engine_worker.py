"""A worker process of the engine, for tests that kill it.

    ENGINE_DATABASE=… ENGINE_LEDGER=… python -m tests.engine_worker threads
    ENGINE_DATABASE=… ENGINE_LEDGER=… ENGINE_BROKER=… python -m tests.engine_worker celery

It has the step kinds of the ledger and nothing else of Avow's wiring. The same parts serve
the test's own process, as the engine's door.
"""

import logging
import os
import random
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from catalog import ids
from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database, Tx
from executors.runs import TOPIC
from executors.workflow import tasks
from executors.workflow.parts import Parts, worker_of
from executors.workflow.threads import Threads
from executors.workflow.worker import Worker
from tests.services.children import Child, Children
from tests.step_ledger import REPOSITORY, ledger_kinds

LEASE_SECONDS = 1.0


def parts(database: Database, ledger_url: str) -> Parts:
    """Return the engine's parts over a ledger."""
    return Parts(
        database=database,
        kinds=ledger_kinds(ledger_url),
        clock=utc_now,
        mint=lambda prefix: ids.mint(prefix, utc_now()),
        roll=random.random,
        files_of=lambda _digest: {},
        record_event=_tell_nobody,
        on_final=lambda tx, _project, _uid: tx.ring("work"),
        lease_seconds=LEASE_SECONDS,
    )


def _tell_nobody(tx: Tx, **_: str) -> None:
    """Stand in for the catalogue's events."""


def new_worker() -> Worker:
    """Return a worker as the environment says; each Celery child calls this."""
    database = Database(os.environ["ENGINE_DATABASE"], pool_size=2)
    return worker_of(parts(database, os.environ["ENGINE_LEDGER"]))


def worker_program(
    children: Children, kind: str, environment: Mapping[str, str], coverage_of: Path = REPOSITORY
) -> Child:
    """Start a worker process: `threads` or `celery`."""
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


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    if sys.argv[1] == "threads":
        _serve_threads()
    else:
        sys.exit(tasks.serve(os.environ["ENGINE_BROKER"], "tests.engine_worker:new_worker", concurrency=2))
