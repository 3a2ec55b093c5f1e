"""A run has one driver at a time, and nobody else's writes count.

Each claim is about the database; the in-memory journal is held to the same ones in
`workflow/test_journal.py`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from catalog.db import Database
from executors import claims, runs
from executors.claims import ClaimedRun, Page, Written
from executors.port import RunReport, RunState
from executors.runs import Entry
from tests.engine import EPOCH, document, order, step
from tests.factories import created_database

SECOND = timedelta(seconds=1)
LEASE = 10 * SECOND


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as database:
        yield database


def add(database: Database, number: int, now: datetime = EPOCH) -> None:
    value = order(document(step("a")), key=f"key-{number}", request_uid=f"req_{number}")
    with database.write() as tx:
        runs.add(tx, f"run_{number}", value, Entry(1, "Accepted", {"v": 1}), now)


def take(
    database: Database, run_id: str | None, owner: str = "me", now: datetime = EPOCH
) -> ClaimedRun | None:
    with database.write() as tx:
        return claims.claim(tx, run_id, owner=owner, now=now, until=now + LEASE)


def test_the_longest_waiting_run_is_taken_first(database: Database) -> None:
    for number in (2, 1, 3):
        add(database, number, EPOCH + number * SECOND)
    taken = [take(database, None, now=EPOCH + LEASE) for _ in range(4)]
    assert [claim and claim.id for claim in taken] == ["run_1", "run_2", "run_3", None]


def test_eight_workers_share_fifty_runs_without_meeting(database: Database) -> None:
    for number in range(50):
        add(database, number)

    def work(owner: int) -> list[str]:
        mine = []
        while (claim := take(database, None, owner=f"worker-{owner}")) is not None:
            mine.append(claim.id)
        return mine

    with ThreadPoolExecutor(8) as pool:
        taken = [run for share in pool.map(work, range(8)) for run in share]
    assert sorted(taken) == sorted(f"run_{number}" for number in range(50))


def test_a_fresh_run_is_due_even_for_a_clock_that_lags(database: Database) -> None:
    add(database, 1)
    assert take(database, "run_1", now=EPOCH - SECOND) is not None


def test_leases_are_renewed_together_and_only_by_their_owner(database: Database) -> None:
    for number in (1, 2):
        add(database, number)
        take(database, f"run_{number}")
    with database.write() as tx:
        claims.renew(tx, "me", ["run_1"], EPOCH + 2 * LEASE)
        claims.renew(tx, "somebody else", ["run_2"], EPOCH + 2 * LEASE)
    assert take(database, "run_1", "thief", EPOCH + LEASE) is None
    assert take(database, "run_2", "thief", EPOCH + LEASE) is not None


def test_what_is_due_and_what_comes_next_can_be_asked(database: Database) -> None:
    add(database, 1)
    add(database, 2, EPOCH + SECOND)
    take(database, "run_1")
    with database.read() as tx:
        assert claims.next_due(tx) == EPOCH + SECOND
        assert claims.next_due(tx, after=EPOCH + SECOND) == EPOCH + LEASE
        assert [run.id for run in claims.due(tx, EPOCH + LEASE, 10)] == ["run_2", "run_1"]
        assert [run.fence for run in claims.due(tx, EPOCH + LEASE, 10)] == [0, 1]
        assert claims.due(tx, EPOCH, 10) == []


def test_nothing_is_ever_due_in_an_empty_database(database: Database) -> None:
    with database.read() as tx:
        assert claims.next_due(tx) is None
    assert take(database, None) is None


def test_a_run_that_is_tried_again_has_not_ended_while_it_is_driven(database: Database) -> None:
    add(database, 1)
    first = take(database, "run_1")
    assert first is not None
    failed = RunReport(RunState.FAILED, "run_1", outputs={"id": "x"}, facts={"exists": True})
    going = RunReport(RunState.RUNNING, "run_1")
    with database.write() as tx:
        claims.save(tx, first, Page((), failed, releases=True, due_at=None, now=EPOCH))
        runs.reopen(tx, "key-1", "retry", EPOCH)
    again = take(database, "run_1")
    assert again is not None
    with database.write() as tx:
        kept = Page((), going, releases=False, due_at=None, now=EPOCH)
        assert claims.save(tx, again, kept) is Written.SAVED
        record = runs.by_key(tx, "key-1")
        assert record is not None
        assert (record.ended_at, record.report) == (None, going)
        assert runs.post(tx, "key-1", "cancel", {}, now=EPOCH) == "run_1", "it takes letters again"
