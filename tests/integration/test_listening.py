"""What one process does wakes the others, and they agree on the time, over PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database
from platform_api.listening import TOPICS, Listener, SharedClock
from tests.services.polling import eventually

CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def databases(postgresql_url: str) -> Iterator[tuple[Database, Database]]:
    ours, theirs = Database(postgresql_url), Database(postgresql_url)
    yield ours, theirs
    ours.close()
    theirs.close()


def wrong(hours: float) -> SharedClock:
    """Return a clock of a machine that is wrong by some hours."""
    return SharedClock(lambda: utc_now() + timedelta(hours=hours))


def test_a_commit_elsewhere_rings_here(databases: tuple[Database, Database]) -> None:
    ours, theirs = databases
    bell = Bell()
    listener = Listener(ours, bell, SharedClock(utc_now), 30)
    listener.start()
    try:
        eventually(lambda: all(bell.count(topic) for topic in TOPICS), "the first rings")
        before = bell.count("work"), bell.count("git")
        with theirs.write() as tx:
            tx.ring("work")
        eventually(lambda: bell.count("work") > before[0], "the ring")
        assert bell.count("git") == before[1]
    finally:
        listener.stop()


def test_a_line_that_was_cut_is_taken_up_again_and_everything_rings(
    databases: tuple[Database, Database],
) -> None:
    ours, theirs = databases
    bell = Bell()
    listener = Listener(ours, bell, SharedClock(utc_now), 30)
    listener.start()
    try:
        eventually(lambda: bell.count("events"), "the first ring")
        before = bell.count("events")
        with theirs.engine.connect() as connection:
            assert connection.execute(sa.text(CUT)).all()
        eventually(lambda: bell.count("events") > before, "the rings after the cut")
        seen = bell.count("runs")
        with theirs.write() as tx:
            tx.ring("runs")
        eventually(lambda: bell.count("runs") > seen, "a ring on the new line")
    finally:
        listener.stop()


@pytest.mark.parametrize("hours", [-5.0, 3.0])
def test_a_machine_with_a_wrong_clock_tells_the_databases_time(
    databases: tuple[Database, Database], hours: float
) -> None:
    clock = wrong(hours)
    listener = Listener(databases[0], Bell(), clock, 30)
    listener.start()
    listener.stop()
    with databases[1].engine.connect() as connection:
        truth = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    assert abs(clock() - truth) < timedelta(minutes=1)


def test_a_slow_look_is_dated_at_its_middle() -> None:
    times = iter(datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC) for second in (0, 10, 20))
    clock = SharedClock(lambda: next(times))
    clock.set_by(lambda: datetime(2026, 1, 1, 13, 0, 5, tzinfo=UTC))
    assert clock.offset == timedelta(hours=1)


def test_stopping_ends_the_thread(databases: tuple[Database, Database]) -> None:
    listener = Listener(databases[0], Bell(), SharedClock(utc_now), 30)
    listener.start()
    listener.stop()
    assert not any(thread.name == "avow-listener" for thread in threading.enumerate())
