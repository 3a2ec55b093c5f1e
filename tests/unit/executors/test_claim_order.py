"""Begun runs come first; of new ones the project's with the least, then priority, then the longest wait.

The same claims hold when several runs are taken at once, and each choice is found by an index,
however many runs wait or sleep.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest
import sqlalchemy as sa

from catalog.db import Database
from catalog.line import Texts, sqlite_time
from executors import claims, runs, swift
from executors.claims import ClaimedRun
from executors.port import RunReport, RunState
from executors.runs import HIGH, LOW, NORMAL, Entry
from tests.engine import EPOCH, document, order, step
from tests.factories import created_database

SECOND = timedelta(seconds=1)
LEASE = 10 * SECOND


class Queue:
    """Runs in a database; a run's id tells what it is."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.numbers = count()

    def add(self, run_id: str, project: str = "shop", priority: int = NORMAL, now: datetime = EPOCH) -> None:
        number = next(self.numbers)
        value = order(document(step("a")), key=f"key-{number}", request_uid=f"req_{number}", project=project)
        with self.database.write() as tx:
            runs.add(tx, run_id, value, Entry(1, "Accepted", {"v": 1}), now, priority=priority)

    def begin(self, run_id: str, due_at: datetime | None = EPOCH) -> None:
        """Claim a run and let it go until a time; None leaves it claimed."""
        with self.database.write() as tx:
            claim = claims.claim(tx, run_id, owner="them", now=EPOCH, until=EPOCH + LEASE)
            assert claim is not None
            if due_at is not None:
                report = RunReport(RunState.RETRYING, run_id)
                claims.save(tx, claim, claims.Page((), report, releases=True, due_at=due_at, now=EPOCH))

    def take(self, limit: int = 1, *, owner: str = "me", after: str = "") -> list[str]:
        return [claim.id for claim in self.claim(limit, owner=owner, after=after)]

    def claim(self, limit: int, *, owner: str = "me", after: str = "") -> list[ClaimedRun]:
        now = EPOCH + SECOND
        with self.database.write() as tx:
            return claims.claim_some(tx, limit, owner=owner, now=now, until=now + LEASE, after=after)

    def in_order(self) -> list[str]:
        """Take one run after the other until none is left."""
        taken = []
        while found := self.take():
            taken += found
        return taken


@pytest.fixture
def queue(database_url: str) -> Iterator[Queue]:
    with created_database(database_url) as database:
        yield Queue(database)


def test_what_was_begun_comes_before_what_is_new(queue: Queue) -> None:
    queue.add("run_new", priority=HIGH)
    queue.add("run_begun", priority=LOW, now=EPOCH + SECOND)
    queue.begin("run_begun", EPOCH + SECOND)
    assert queue.in_order() == ["run_begun", "run_new"]


def test_priority_decides_among_new_runs_of_a_project_and_among_begun_ones(queue: Queue) -> None:
    for name, priority in (("low", LOW), ("normal", NORMAL), ("high", HIGH)):
        queue.add(f"run_begun_{name}", priority=priority)
        queue.begin(f"run_begun_{name}")
        queue.add(f"run_new_{name}", priority=priority)
    assert queue.in_order() == [
        f"run_{kind}_{name}" for kind in ("begun", "new") for name in ("high", "normal", "low")
    ]


def test_the_project_with_the_fewest_runs_under_way_is_served_next(queue: Queue) -> None:
    for number in range(4):
        queue.add(f"run_bank_{number}", "bank")
    for number in range(2):
        queue.add(f"run_shop_{number}", "shop", now=EPOCH + SECOND)
    assert queue.in_order() == [
        "run_bank_0",
        "run_shop_0",
        "run_bank_1",
        "run_shop_1",
        "run_bank_2",
        "run_bank_3",
    ]


def test_runs_that_others_drive_count_for_their_project(queue: Queue) -> None:
    for number in range(3):
        queue.add(f"run_bank_{number}", "bank")
        queue.begin(f"run_bank_{number}", None)
    queue.add("run_bank_new", "bank")
    for number in range(3):
        queue.add(f"run_shop_{number}", "shop", now=EPOCH + SECOND)
    assert queue.take(2) == ["run_shop_0", "run_shop_1"]


def test_one_project_cannot_keep_another_waiting_with_a_thousand_runs(queue: Queue) -> None:
    for number in range(100):
        queue.add(f"run_bank_{number:03}", "bank")
    queue.add("run_shop", "shop", now=EPOCH + SECOND)
    assert "run_shop" in queue.take(4)


def test_a_project_gains_nothing_over_others_by_calling_its_runs_urgent(queue: Queue) -> None:
    queue.add("run_bank", "bank", LOW)
    for number in range(30):
        queue.add(f"run_shop_{number:02}", "shop", HIGH)
    assert "run_bank" in queue.take(2)
    assert queue.take(2) == ["run_shop_01", "run_shop_02"]


def test_the_share_of_a_project_goes_to_its_most_urgent_runs(queue: Queue) -> None:
    for number in range(3):
        queue.add(f"run_bank_{number}", "bank")
    for name, priority in (("low", LOW), ("normal", NORMAL), ("high", HIGH)):
        queue.add(f"run_shop_{name}", "shop", priority)
    assert queue.take(4) == ["run_bank_0", "run_bank_1", "run_shop_high", "run_shop_normal"]
    assert queue.take(2) == ["run_bank_2", "run_shop_low"]


def test_several_at_once_are_shared_out_like_one_after_the_other(queue: Queue) -> None:
    for number in range(5):
        for project in ("bank", "mill-shop", "shop"):
            queue.add(f"run_{project}_{number}", project)
    assert sorted(queue.take(6)) == sorted(
        f"run_{project}_{number}" for project in ("bank", "mill-shop", "shop") for number in range(2)
    )


def test_within_a_project_the_longest_waiting_comes_first(queue: Queue) -> None:
    for number in (3, 1, 2):
        queue.add(f"run_{number}", now=EPOCH + number * SECOND / 10)
    assert queue.in_order() == ["run_1", "run_2", "run_3"]


def test_few_enough_are_all_taken_at_once(queue: Queue) -> None:
    for number in range(3):
        queue.add(f"run_{number}", project=f"p{number}")
    assert queue.take(3) == ["run_0", "run_1", "run_2"]
    assert queue.take(3) == []


def test_never_more_are_taken_than_asked_for(queue: Queue) -> None:
    for number in range(9):
        queue.add(f"run_{number}", project=f"p{number % 4}", priority=(HIGH, NORMAL, LOW)[number % 3])
        if number % 2:
            queue.begin(f"run_{number}")
    assert [len(queue.take(4)) for _ in range(4)] == [4, 4, 1, 0]


def test_with_too_many_projects_to_look_at_all_the_next_look_goes_on(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PROJECTS_LOOKED_AT", 2)
    for project in "abcd":
        for number in range(3):
            queue.add(f"run_{project}_{number}", project)
    assert queue.take(2) == ["run_a_0", "run_b_0"]
    assert queue.take(2, after="b") == ["run_c_0", "run_d_0"]
    assert queue.take(2, after="d") == ["run_a_1", "run_b_1"]


def test_a_claim_says_who_holds_it_until_when(queue: Queue) -> None:
    queue.add("run_1")
    [claim] = queue.claim(4)
    [again] = [replace(claim, fence=2) for claim in [claim]]
    with queue.database.write() as tx:
        late = EPOCH + SECOND + LEASE
        assert claims.claim_some(tx, 4, owner="you", now=late, until=late + LEASE) == [again]


@pytest.mark.parametrize(
    ("texts", "values", "index"),
    [
        (swift.TAKE_BEGUN, (NORMAL, EPOCH, 5), "ix_executors_runs_begun"),
        (swift.TAKE_NEW, (NORMAL, EPOCH, "shop", 5), "ix_executors_runs_new"),
    ],
    ids=["begun", "new"],
)
def test_claims_find_their_runs_by_an_index(
    queue: Queue, texts: Texts, values: Sequence[object], index: str
) -> None:
    assert index in plan(queue.database, texts, ("me", EPOCH, *values))


def test_looks_at_what_is_due_and_who_waits_use_indexes_alone(queue: Queue) -> None:
    heads = plan(queue.database, swift.HEADS, (EPOCH,) * 6)
    waiting = plan(queue.database, swift.WAITING, ("", "", "", 5))
    few = plan(queue.database, swift.TAKE_FEW, few_values(queue.database))
    for found in (heads, few):
        assert found.count("ix_executors_runs_begun") >= 3
        assert found.count("ix_executors_runs_new") >= 3
    assert waiting.count("ix_executors_runs_new") >= 3
    assert "ix_executors_runs_held" in waiting
    for found in (heads, waiting, few):
        assert "Seq Scan" not in found
        assert "SCAN executors_runs" not in found.replace("SCAN executors_runs USING", "")


def few_values(database: Database) -> tuple[object, ...]:
    looks = (EPOCH, 5) * 6
    return (*looks, "me", EPOCH, 4) if database.is_sqlite else (*looks, EPOCH, 4, "me", EPOCH)


def plan(database: Database, texts: Texts, values: Sequence[object]) -> str:
    """Return how the database would go about a statement, on the terms of the lines that use it."""
    if database.is_sqlite:
        stored = tuple(sqlite_time(value) if isinstance(value, datetime) else value for value in values)
        with database.read() as tx:
            rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {texts['sqlite']}", stored)
            return "\n".join(row[3] for row in rows)
    with database.write() as tx:
        for setting in swift.SETTINGS:
            tx.execute(sa.text(setting.replace("SET ", "SET LOCAL ")))
        lines = tx.swift({"postgresql": f"EXPLAIN {texts['postgresql']}"}, values)
        return "\n".join(line[0] for line in lines)
