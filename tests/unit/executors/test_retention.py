"""Finished runs are kept neither too long nor too many, and the last of each request always."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from catalog.db import Database
from catalog.errors import Conflict
from executors import claims, retention, runs
from executors.port import RunReport, RunState
from executors.retention import Retention
from executors.runs import Entry
from executors.tables import rates, run_events, run_mail
from tests.engine import EPOCH, document, order, step
from tests.factories import created_database

DAY = timedelta(days=1)
MONTH = Retention(age=30 * DAY, count=3)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as database:
        yield database


def add(database: Database, number: int, uid: str = "req_1", *, ended_at: datetime | None = EPOCH) -> None:
    value = order(document(step("a")), key=f"key-{number}", request_uid=uid, fence=number)
    with database.write() as tx:
        runs.add(tx, f"run_{number:02}", value, Entry(1, "Accepted", {"v": 1}), EPOCH)
        runs.post(tx, f"key-{number}", "signal", {}, now=EPOCH)
        if ended_at is not None:
            claim = claims.claim(tx, f"run_{number:02}", owner="me", now=EPOCH, until=EPOCH)
            assert claim is not None
            report = RunReport(RunState.SUCCEEDED, claim.id)
            claims.save(tx, claim, claims.Page((), report, releases=True, due_at=None, now=ended_at))


def kept(database: Database, uid: str = "req_1") -> list[str]:
    with database.read() as tx:
        return [record.id for record in reversed(runs.by_request(tx, "shop", uid, 100))]


def test_of_each_request_only_so_many_are_kept(database: Database) -> None:
    for number in range(1, 7):
        add(database, number)
        add(database, number + 10, "req_2")
    assert retention.sweep(database, MONTH, EPOCH) == 6
    assert kept(database) == ["run_04", "run_05", "run_06"]
    assert kept(database, "req_2") == ["run_14", "run_15", "run_16"]


def test_what_is_too_old_goes_but_for_the_last_of_its_request(database: Database) -> None:
    for number, days in ((1, 60), (2, 40), (3, 1)):
        add(database, number, ended_at=EPOCH - days * DAY)
        add(database, number + 10, "req_2", ended_at=EPOCH - 60 * DAY)
    assert retention.sweep(database, MONTH, EPOCH) == 4
    assert (kept(database), kept(database, "req_2")) == (["run_03"], ["run_13"])


def test_what_has_not_ended_is_kept(database: Database) -> None:
    for number in range(1, 6):
        add(database, number, ended_at=None)
    add(database, 6, ended_at=EPOCH - 60 * DAY)
    assert retention.sweep(database, Retention(DAY, 1), EPOCH) == 0


def test_nothing_of_a_run_is_left(database: Database) -> None:
    for number in (1, 2):
        add(database, number)
    retention.sweep(database, Retention(DAY, 1), EPOCH)
    with database.read() as tx:
        for table in (run_events, run_mail):
            assert set(tx.execute(sa.select(table.c.run_id)).scalars()) == {"run_02"}


def test_a_stale_order_stays_stale_after_its_run_went(database: Database) -> None:
    for number in (1, 2):
        add(database, number)
    retention.sweep(database, Retention(DAY, 1), EPOCH)
    with pytest.raises(Conflict):
        add(database, 1)


def test_what_gates_counted_goes_once_nobody_uses_it(database: Database) -> None:
    with database.write() as tx:
        tx.execute(rates.insert(), {"project": "shop", "key": "api", "full_at": EPOCH})
    retention.sweep(database, MONTH, EPOCH + DAY / 2)
    with database.read() as tx:
        assert len(tx.execute(rates.select()).all()) == 1
    retention.sweep(database, MONTH, EPOCH + 2 * DAY)
    with database.read() as tx:
        assert tx.execute(rates.select()).all() == []


def test_a_sweep_of_many_requests_goes_in_small_steps_and_can_be_stopped(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "REQUESTS_AT_A_TIME", 2)
    for number in range(5):
        add(database, 2 * number + 1, f"req_{number}")
        add(database, 2 * number + 2, f"req_{number}")
    steps = iter([True, True, False])
    assert retention.sweep(database, Retention(DAY, 1), EPOCH, lambda: next(steps)) == 4
    assert retention.sweep(database, Retention(DAY, 1), EPOCH) == 1
    assert retention.sweep(database, Retention(DAY, 1), EPOCH) == 0
