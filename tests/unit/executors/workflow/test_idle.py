"""What sleeps costs nothing: ten thousand approvals and ten thousand timers, and nobody stirs.

Statements are counted where the database hears them, since the hot ones go past SQLAlchemy.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database
from executors.port import RunState
from executors.tables import runs
from executors.workflow import sweeper, threads
from executors.workflow.parts import worker_of
from executors.workflow.sweeper import Sweeper
from executors.workflow.threads import Threads
from tests.engine import Engine, document, order, step
from tests.factories import created_database
from tests.services.polling import eventually

EACH = 10_000
WATCHED_SECONDS = 2.0


@contextmanager
def full_house(url: str) -> Iterator[tuple[Engine, Bell]]:
    """Open a database in which runs wait for people and for far-off times."""
    bell = Bell()
    with created_database(url, bell) as database:
        with database.write() as tx:
            far = utc_now() + timedelta(days=1)
            rows = [_row(number, None if number % 2 else far) for number in range(2 * EACH)]
            tx.execute(sa.insert(runs), rows)
        yield Engine(database, clock=utc_now, lease_seconds=3.0), bell


def _row(number: int, due_at: Any) -> dict[str, object]:
    return {
        "id": f"run_sleeping_{number:06}",
        "project": f"project-{number % 50}",
        "request_uid": f"req_{number}",
        "idempotency_key": f"sleeping-{number}",
        "operation": "provision",
        "contract_digest": "sha256:0",
        "definition": {},
        "context": {},
        "created_at": utc_now(),
        "fence": 1,
        "due_at": due_at,
        "seq": 2,
        "state": RunState.WAITING,
    }


@contextmanager
def counted(database: Database) -> Iterator[list[int]]:
    """Count the statements that the database is asked to execute while the block runs."""
    found: list[int] = []
    if database.is_sqlite:
        heard: list[str] = []
        for connection in _open_connections(database):
            connection.set_trace_callback(heard.append)
        yield found
        found.append(len(heard))
    else:
        before = _commits(database)
        yield found
        found.append(_commits(database) - before)


def _open_connections(database: Database) -> list[Any]:
    """Return every connection that the database has, those that lie in the pool and those that are kept."""
    pooled = [database.engine.raw_connection() for _ in range(4)]
    kept = [line.connection.connection.driver_connection for line in database._lines]
    found = [connection.driver_connection for connection in pooled] + kept
    for connection in pooled:
        connection.close()
    return found


def _commits(database: Database) -> int:
    query = sa.text(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    )
    with database.engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
        connection.execute(sa.text("SELECT 1"))
        return int(connection.execute(query).scalar_one())


def watched(database: Database) -> tuple[int, float]:
    """Return how many statements and how much of a processor it took to do nothing, at best.

    The server may tidy up what was just stored, which it counts as well; a storm is in every look.
    """
    looks = [_watched(database) for _ in range(3)]
    return min(statements for statements, _ in looks), min(share for _, share in looks)


def _watched(database: Database) -> tuple[int, float]:
    with counted(database) as found:
        began = time.process_time()
        threading.Event().wait(WATCHED_SECONDS)
        used = time.process_time() - began
    return found[0], used / WATCHED_SECONDS


@pytest.mark.parametrize("size", [1, 4])
def test_a_crew_with_nothing_to_do_leaves_database_and_processor_alone(database_url: str, size: int) -> None:
    with full_house(database_url) as (engine, bell):
        crew = Threads(worker_of(engine.parts), engine.database, bell, utc_now, size)
        crew.start()
        try:
            engine.executor.start(order(document(step("a"))))
            eventually(lambda: engine.world.done() == ["a"], "a run that is not asleep")
            statements, share = watched(engine.database)
        finally:
            crew.stop()
    assert statements < 20
    assert share < 0.2


def test_a_sweeper_with_nothing_to_ring_for_leaves_database_and_processor_alone(database_url: str) -> None:
    with full_house(database_url) as (engine, bell):
        sweeping = Sweeper(engine.database, engine, bell, utc_now)
        sweeping.start()
        try:
            threading.Event().wait(0.2)
            statements, share = watched(engine.database)
        finally:
            sweeping.stop()
    assert engine.rung == []
    assert statements < 20
    assert share < 0.2


def test_what_comes_due_among_thousands_of_sleepers_is_done(database_url: str) -> None:
    with full_house(database_url) as (engine, bell):
        crew = Threads(worker_of(engine.parts), engine.database, bell, utc_now, 2)
        crew.start()
        try:
            wait = {"id": "w", "wait": {"timer": "100ms"}}
            for number in range(20):
                value = order(document(wait, step("a")), key=f"key-{number}", request_uid=f"req-{number}")
                engine.executor.start(value)
            eventually(lambda: len(engine.world.done()) == 20, "twenty timers")
        finally:
            crew.stop()


def test_the_nets_are_as_wide_as_they_say() -> None:
    assert threads.NET_SECONDS >= 1
    assert sweeper.NET_SECONDS >= 1
