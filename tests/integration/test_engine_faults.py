"""Faults below the engine: its database, its broker or its worker stops, comes back, and runs go on.

The witness of `test_engine_kills` looks on. Each test shows that its fault bit. With
`CHAOS=long` each fault comes many times (`make chaos`).
"""

import random
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from catalog.clock import utc_now
from catalog.errors import Unavailable
from tests.chaos import amount, at_share, print_figures
from tests.engine_worker import LEASE_SECONDS
from tests.integration.test_engine_kills import Site, a_site, pause
from tests.services.children import Children
from tests.services.polling import eventually
from tests.services.postgres import Postgres, start_postgres
from tests.services.redis import Redis, start_redis
from tests.step_ledger import post, step_ledger

RESTARTS = amount(short=3, long=40)
FORGETTINGS = amount(short=2, long=20)
STOPS = amount(short=1, long=10)
TAKEOVERS = amount(short=4, long=40)
SEED = 20261121
RESUME_SECONDS = 5.0
"""The promise; a busy machine gets four times that before a test calls it broken."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(amount(short=300, long=3600))]


@pytest.fixture
def own_postgres(children: Children) -> Iterator[Postgres]:
    """Give a PostgreSQL server that nobody else depends on."""
    with closing(start_postgres(children)) as server:
        yield server


def until_submitted(site: Site, count: int) -> None:
    """Submit runs as a client does whose answers may be lost: again, under the same keys."""
    wanted = len(site.orders) + count

    def submitted() -> bool:
        try:
            site.submit(wanted - len(site.orders))
        except Unavailable:
            return False
        return True

    eventually(submitted, "the database to take the runs", 120)


@pytest.mark.parametrize("how", ["restarted", "crashed"])
def test_a_database_that_restarts_every_few_seconds_loses_and_doubles_nothing(
    how: str, own_postgres: Postgres, tmp_path: Path, children: Children
) -> None:
    dice = random.Random(SEED)
    unfinished = []
    with a_site(own_postgres.new_database(), tmp_path, children) as site:
        site.hire()
        site.hire()
        for _ in range(RESTARTS):
            until_submitted(site, 6)
            threading.Event().wait(dice.uniform(0.3, 1.5))
            unfinished.append(len(site.orders) - ended(site))
            own_postgres.restart(crashing=how == "crashed")
        eventually(lambda: ended(site) == len(site.orders), "the end of every run", 240)
        site.check()
        assert sum(1 for count in unfinished if count) > RESTARTS // 2, "the restarts came while runs went on"
        assert all(worker.is_running for worker in site.workers), "no worker died of it"


def ended(site: Site) -> int:
    """Return how many runs are over, asking again where the database was away."""
    try:
        return site.ended()
    except Unavailable:
        return -1


def test_a_redis_that_is_killed_and_comes_back_empty_loses_and_doubles_nothing(
    sqlite_url: str, tmp_path: Path, children: Children
) -> None:
    dice = random.Random(SEED)
    (tmp_path / "redis").mkdir()
    server: Redis = start_redis(children, tmp_path / "redis")
    unfinished = []
    with a_site(sqlite_url, tmp_path, children, server.url) as site:
        site.hire()
        for _ in range(FORGETTINGS):
            site.submit(6)
            pause(dice)
            unfinished.append(len(site.orders) - site.ended())
            server.kill()
            site.submit(3)  # nobody hears of these until the broker is back
            server.start()
        site.check()
        assert all(unfinished), "every kill came while runs went on"
        assert site.workers[0].is_running


def test_a_worker_that_stands_still_for_five_leases_changes_nothing_when_it_goes_on(
    postgresql_url: str, tmp_path: Path, children: Children
) -> None:
    with a_site(postgresql_url, tmp_path, children) as site:
        site.hire()
        site.hire()
        for turn in range(STOPS + 8):
            if turn >= STOPS and site.losses():  # a stop hit a call, which the other took over
                return
            site.submit(6)
            eventually(lambda: site.ledger.calls(f"req_{len(site.orders) - 6}"), "the first call")
            frozen = site.workers[turn % 2]
            frozen.signal(signal.SIGSTOP)
            threading.Event().wait(5 * LEASE_SECONDS)
            frozen.signal(signal.SIGCONT)
            site.check()
    pytest.fail("no stop ever hit a worker in a call")


def test_a_dead_workers_runs_go_on_elsewhere_within_seconds(
    postgresql_url: str, tmp_path: Path, children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE_LEASE", "3.0")  # as in production
    dice = random.Random(SEED)
    died: list[datetime] = []
    with a_site(postgresql_url, tmp_path, children) as site:
        site.hire()
        site.hire()
        for _ in range(TAKEOVERS):
            site.submit(6)
            pause(dice)
            died.append(utc_now())
            site.workers.pop(0).kill()
            site.hire()
            eventually(lambda: site.ended() == len(site.orders), "the end of every run", 120)
        site.check()
        spans = [
            min((at - death).total_seconds() for death in died if death <= at) for at in site.losses_at()
        ]
        assert len(spans) >= TAKEOVERS // 2, "the kills hit calls"
        print_figures("resume_elsewhere", spans)
        assert at_share(sorted(spans), 0.95) < 4 * RESUME_SECONDS


def test_the_witness_would_see_a_second_effect(tmp_path: Path) -> None:
    """The figures above mean something only if the witness does not look away."""
    from_nowhere = {"request": "req_1", "name": "a", "key": "one", "fence": 1, "run": "run_1", "verb": "run"}
    with step_ledger(tmp_path) as ledger:
        for _ in range(2):
            post(ledger.url, "call", from_nowhere)
            post(ledger.url, "effect", from_nowhere)
        assert ledger.twice() == ["a"]
