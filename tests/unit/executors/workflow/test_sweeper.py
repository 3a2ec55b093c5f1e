"""What is due and was not taken up is rung for again, at its time, and not too often."""

from collections.abc import Iterator

import pytest

from catalog.bell import Bell
from catalog.clock import utc_now
from executors import runs
from executors.step import StepCall
from executors.workflow.parts import worker_of
from executors.workflow.sweeper import INTERVAL_SECONDS, Sweeper
from tests.engine import Engine, VirtualClock, document, fails_for_now, order, step
from tests.factories import created_database
from tests.services.polling import eventually


class Site:
    def __init__(self, engine: Engine, clock: VirtualClock) -> None:
        self.engine = engine
        self.clock = clock
        self.sweeper = Sweeper(engine.database, engine, Bell(), clock)
        retry = {"initial": "1m", "max": "1m", "jitter": "none"}
        self.run_id = engine.executor.start(order(document(step("a", retry=retry)))).run_id
        engine.rung.clear()

    def rings(self) -> int:
        """Sweep, and return how often the run was rung for."""
        self.engine.rung.clear()
        self.sweeper.sweep()
        return self.engine.rung.count(self.run_id)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with created_database(database_url) as database:
        clock = VirtualClock()
        yield Site(Engine(database, clock, lease_seconds=3), clock)


def test_a_fresh_run_is_left_to_whoever_started_it(site: Site) -> None:
    assert site.rings() == 0


def test_a_fresh_run_whose_ring_was_lost_is_rung_for(site: Site) -> None:
    site.clock.advance(INTERVAL_SECONDS)
    assert site.rings() == 1


def test_nobody_is_rung_for_twice_in_a_row(site: Site) -> None:
    site.clock.advance(INTERVAL_SECONDS)
    assert [site.rings(), site.rings()] == [1, 0]
    site.clock.advance(INTERVAL_SECONDS)
    assert site.rings() == 1


def test_a_run_whose_worker_died_after_the_ring_is_rung_for_again_at_once(site: Site) -> None:
    site.clock.advance(INTERVAL_SECONDS)
    assert site.rings() == 1
    assert worker_of(site.engine.parts).take() is not None
    site.clock.advance(1)
    assert site.rings() == 0, "it is being driven"
    site.clock.advance(site.engine.lease_seconds - 1)
    assert site.rings() == 1


def test_a_retry_is_rung_for_at_its_time(site: Site) -> None:
    site.engine.world.script["a"] = [fails_for_now]
    site.engine.drive()
    site.clock.advance(59.9)
    assert site.rings() == 0
    site.clock.advance(0.1)
    assert site.rings() == 1


def test_a_dead_workers_run_is_rung_for_when_its_lease_ends(site: Site) -> None:
    with site.engine.database.write() as tx:
        runs.post(tx, "key-1", "signal", {"name": "x", "payload": {}}, now=site.clock())

    def outlives_its_lease(_call: StepCall) -> None:
        site.clock.advance(site.engine.lease_seconds)
        site.rings()

    site.engine.world.script["a"] = [outlives_its_lease]
    site.engine.drive()
    assert site.engine.rung == [site.run_id]


def test_a_finished_run_is_never_rung_for(site: Site) -> None:
    site.engine.drive()
    site.clock.advance(10**6)
    assert site.rings() == 0


def test_the_thread_rings_by_itself(sqlite_url: str) -> None:
    bell = Bell()
    with created_database(sqlite_url, bell) as database:
        engine = Engine(database, clock=utc_now)
        engine.world.script["a"] = [fails_for_now]
        sweeper = Sweeper(database, engine, bell, utc_now)
        sweeper.start()
        retry = {"initial": "50ms", "jitter": "none"}
        run_id = engine.executor.start(order(document(step("a", retry=retry)))).run_id
        engine.rung.clear()
        engine.drive()
        eventually(lambda: run_id in engine.rung, "a ring for the retry")
        sweeper.stop()
