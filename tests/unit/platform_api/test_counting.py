"""What processes count is one sum, costs one short write, and names only so much apart."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from catalog.db import Database
from platform_api import figures, tallies
from platform_api.counting import Counting
from platform_api.figures import BEYOND, FIGURES, MOST_CONTRACTS, OTHER
from platform_api.tallies import COUNT, SUM, Tally
from tests.factories import created_database


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as database:
        yield database


def stored(db: Database) -> dict[Tally, float]:
    with db.read() as tx:
        return {
            tally: value
            for tally, value in tallies.every(tx).items()
            if tally.figure != "avow_tallies_written"
        }


def ended(contract: str, outcome: str = "succeeded") -> Tally:
    return Tally(figures.RUNS_ENDED.name, contract, (outcome,))


def test_what_several_processes_count_is_one_sum(db: Database) -> None:
    # Each has a connection of its own, as processes do, and all write at the same time.
    def work(number: int) -> None:
        with created_database(db.url.render_as_string(hide_password=False)) as own:
            counting = Counting(own)
            for _ in range(20):
                counting.add(figures.RUNS_ENDED, "succeeded", contract="postgres-database")
                counting.observe(figures.TIMER_LAG, 0.003)
                counting.add(figures.RETRIES, f"kind.{number}")
                counting.flush()

    processes = 2 if db.is_sqlite else 4
    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(work, range(processes)))
    found = stored(db)
    assert found[ended("postgres-database")] == 20 * processes
    assert found[Tally(figures.TIMER_LAG.name, "", (), "0.005")] == 20 * processes
    assert [found[Tally(figures.RETRIES.name, "", (f"kind.{number}",))] for number in range(processes)] == [
        20
    ] * processes


def test_ten_thousand_names_do_not_grow_the_label_set(db: Database) -> None:
    every, counted = (Counting(db), Counting(db)), 10_000
    for number in range(counted):
        every[number % 2].add(figures.RUNS_ENDED, "succeeded", contract=f"contract-{number}")
        if number % 2500 == 0:
            every[0].flush()
            every[1].flush()
    for counting in every:
        counting.flush()
    found = stored(db)
    assert len(found) <= MOST_CONTRACTS + 1
    assert sum(found.values()) == counted  # nothing is lost, only not told apart
    assert found[ended(OTHER)] >= counted - MOST_CONTRACTS


def test_names_that_are_told_apart_stay_so(db: Database) -> None:
    first = Counting(db)
    first.add(figures.RUNS_ENDED, "succeeded", contract="zebra")
    first.flush()
    second = Counting(db)
    for number in range(MOST_CONTRACTS * 2):
        second.add(figures.RUNS_ENDED, "succeeded", contract=f"a-{number}")
    second.add(figures.RUNS_ENDED, "succeeded", contract="zebra")
    second.flush()
    third = Counting(db)
    third.add(figures.RUNS_ENDED, "failed", contract="zebra")
    third.flush()
    assert stored(db)[ended("zebra")] >= 1
    assert stored(db)[ended("zebra", "failed")] == 1


def test_a_span_lands_in_its_bucket_and_in_the_sum(db: Database) -> None:
    counting = Counting(db)
    for seconds in (0.0, 0.001, 0.0011, 1e9):
        counting.observe(figures.TIMER_LAG, seconds)
    counting.flush()
    parts = {tally.part: value for tally, value in stored(db).items()}
    assert parts == {"0.001": 2, "0.005": 1, BEYOND: 1, SUM: pytest.approx(1e9 + 0.0021)}


def test_what_cannot_be_written_is_kept_for_later(db: Database, tmp_path: object) -> None:
    counting = Counting(Database(f"sqlite:///{tmp_path}/nothing/here.db"))
    counting.add(figures.COMPENSATIONS)
    counting.flush()
    counting._database = db
    counting.add(figures.COMPENSATIONS)
    counting.flush()
    assert stored(db) == {Tally(figures.COMPENSATIONS.name, "", (), COUNT): 2}


def test_nothing_is_written_while_nothing_happens(db: Database) -> None:
    counting = Counting(db)
    for _ in range(10):
        counting.flush()
    with db.read() as tx:
        assert tallies.every(tx) == {}


def test_what_is_left_is_written_when_it_stops(db: Database) -> None:
    counting = Counting(db, every_seconds=3600)
    counting.start()
    counting.add(figures.COMPENSATIONS)
    counting.stop()
    assert list(stored(db).values()) == [1]


def test_figures_are_named_as_prometheus_wants_them() -> None:
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)
    for figure in FIGURES:
        assert figure.name.startswith("avow_")
        assert figure.name.endswith("_seconds") is bool(figure.buckets)
        assert list(figure.buckets) == sorted(figure.buckets)
        assert len(figure.name) <= 63
        assert not figure.by_contract or not figure.buckets  # buckets times contracts would be many
