"""The tasks that Celery is measured with; also what its own worker program loads.

Redis holds the queue and the results; tasks are acknowledged late and given back when their
worker dies. The URLs (queue, results, counters) come by the environment, since the worker
program takes no arguments of ours.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
from celery import Celery, chain

from tests.bench.peers.shared import slow_step

URLS, TRACE = "BENCH_CELERY_URLS", "BENCH_CELERY_TRACE"

broker, results, counters = os.environ[URLS].split(",")
app = Celery("bench", broker=broker, backend=results)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    broker_transport_options={"visibility_timeout": 5},
    result_expires=3600,
    task_track_started=False,
    broker_connection_retry_on_startup=True,
)


@app.task
def first(*_: object) -> float:
    """Say when the first step ran."""
    return time.time()


@app.task
def onward(value: float) -> float:
    """Do nothing."""
    return value


@app.task
def fail(_value: float) -> None:
    """Fail."""
    raise ValueError("as planned")


@app.task
def undo_second(key: str) -> str:
    """Undo nothing."""
    return key


@app.task
def undo_first(key: str) -> None:
    """Undo nothing, and tell that the saga is over."""
    counting().rpush(key, time.time())


@app.task
def compensate(_request: object, _error: object, _trace: object, key: str) -> None:
    """Start the undoing."""
    chain(undo_second.s(key), undo_first.s()).apply_async()


@app.task
def lag(due_at: float) -> float:
    """Say how late it is."""
    return time.time() - due_at


@app.task
def gather(values: Sequence[float]) -> int:
    """Count what came in."""
    return len(values)


@app.task
def slow(_before: object, run: str, step: int) -> int:
    """Take a while, and leave a trace of it."""
    return slow_step(Path(os.environ[TRACE]), run, step)


def four() -> Any:
    """Return the chain of four, not started."""
    return chain(first.s(), onward.s(), onward.s(), onward.s())


def counting() -> "redis.Redis":
    """Return a connection to the database in which ended sagas are counted."""
    return redis.Redis.from_url(counters)
