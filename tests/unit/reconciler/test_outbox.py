"""The outbox on both databases: in the transaction of the change, in order, and honest about errors."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from catalog.bell import Bell
from catalog.db import Database
from reconciler import outbox, written
from reconciler.change import Change, Kind
from reconciler.outbox import Pending, Row
from tests.factories import PROJECT, START, UID, created_database, seeded_mint, store_request

MINT = seeded_mint()
LATER = START + timedelta(minutes=1)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def db(database_url: str, bell: Bell) -> Iterator[Database]:
    with created_database(database_url, bell) as opened:
        with opened.write() as tx:
            store_request(tx)
        yield opened


def change(path: str = "a.yaml", content: str | None = "a: 1\n", branch: str = "main") -> Change:
    return Change(PROJECT, UID, branch, path, content, f"write {path}", {"Avow-Request": UID})


def put(db: Database, *changes: Change) -> None:
    with db.write() as tx:
        for one in changes:
            outbox.put(tx, one, START, MINT)


def batch(db: Database, branch: str = "main") -> list[Row]:
    with db.read() as tx:
        return outbox.batch(tx, branch, START, 100)


def pending(db: Database) -> Pending:
    with db.read() as tx:
        return outbox.pending(tx, UID)


def test_changes_come_out_as_they_were_put_in_and_in_order(db: Database, bell: Bell) -> None:
    changes = [change("b.yaml"), change("a.yaml"), change("b.yaml", None)]
    put(db, *changes)
    rows = batch(db)
    assert [row.change for row in rows] == changes
    assert [row.kind for row in rows] == [Kind.WRITE, Kind.WRITE, Kind.DELETE]
    assert len({row.change_id for row in rows}) == 3
    assert bell.count("git") == 1


def test_a_change_whose_transaction_fails_is_never_written(db: Database, bell: Bell) -> None:
    def fail() -> None:
        with db.write() as tx:
            outbox.put(tx, change(), START, MINT)
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert batch(db) == []
    assert bell.count("git") == 0


def test_branches_are_queues_of_their_own(db: Database) -> None:
    put(db, change(), change(branch="state"))
    assert [row.change.branch for row in batch(db, "state")] == ["state"]


def test_a_written_row_is_off_the_queue(db: Database) -> None:
    put(db, change(), change("b.yaml"))
    first, second = batch(db)
    with db.write() as tx:
        outbox.mark_written(tx, {first.sequence: "f" * 40}, LATER)
        outbox.mark_written(tx, {}, LATER)
    assert batch(db) == [second]


def test_a_request_with_nothing_queued_waits_for_nothing(db: Database) -> None:
    assert pending(db) == Pending(0, None, "")


def test_what_a_request_waits_for_is_counted_with_its_age(db: Database) -> None:
    put(db, change(), change(branch="state"))
    assert pending(db) == Pending(2, START, "")


def test_a_refused_row_says_why_and_holds_back_its_own_file_only(db: Database) -> None:
    put(db, change("a.yaml"), change("b.yaml"), change("a.yaml", "a: 2\n"))
    first, second, _ = batch(db)
    with db.write() as tx:
        outbox.mark_refused(tx, first, "the remote says no" + "!" * 1000, LATER)
    assert batch(db) == [second]
    assert pending(db).error.startswith("the remote says no!")
    with db.read() as tx:
        again = outbox.batch(tx, "main", LATER, 100)
    assert [row.change.path for row in again] == ["a.yaml", "b.yaml", "a.yaml"]
    assert again[0].attempts == 1


def test_a_branch_that_cannot_be_written_is_the_error_of_all_who_wait_for_it(db: Database) -> None:
    put(db, change(branch="state"))
    with db.write() as tx:
        written.save_error(tx, "main", "remote", "main is down", START)
    assert pending(db).error == ""
    with db.write() as tx:
        written.save_error(tx, "state", "remote", "state is down", START)
    assert pending(db).error == "state is down"
    with db.write() as tx:
        written.save_error(tx, "state", "remote", "", START)
    assert pending(db).error == ""


def test_a_restoration_is_queued_once_and_never_behind_a_newer_content(db: Database) -> None:
    put(db, change("a.yaml"), change("b.yaml", branch="state"))
    with db.write() as tx:
        for _ in range(2):
            outbox.restore(tx, "main", [change("a.yaml", None), change("b.yaml", None)], START, MINT)
    assert [(row.change.path, row.kind) for row in batch(db)] == [
        ("a.yaml", Kind.WRITE),
        ("b.yaml", Kind.RESTORE),
    ]


def test_what_git_holds_of_a_file_settles_what_was_queued_for_it_earlier(db: Database) -> None:
    put(db, change("a.yaml", "1"), change("b.yaml"), change("a.yaml", "2"), change("a.yaml", "3"))
    one, _, two, _ = batch(db)
    with db.read() as tx:
        known = outbox.unwritten(tx, "main", [two.change_id, "git_unknown"])
        assert known == [two]
        assert outbox.up_to(tx, "main", known) == [one, two]
        assert outbox.up_to(tx, "main", []) == []


def test_the_backlog_is_counted_by_branch(db: Database) -> None:
    put(db, change(), change(branch="state"), change("b.yaml"))
    with db.read() as tx:
        assert outbox.backlog(tx) == {"main": (2, START), "state": (1, START)}
        assert outbox.waiting_requests(tx, "main", 10) == [UID, UID]


def test_only_old_written_rows_are_pruned(db: Database) -> None:
    put(db, change("a.yaml"), change("b.yaml"), change("c.yaml"))
    first, second, third = batch(db)
    with db.write() as tx:
        outbox.mark_written(tx, {first.sequence: None}, START)
        outbox.mark_written(tx, {second.sequence: None}, LATER)
        assert outbox.prune(tx, "main", LATER) == 1
        assert outbox.prune(tx, "main", LATER) == 0
    assert batch(db) == [third]


def test_a_branch_of_another_remote_counts_as_never_seen(db: Database) -> None:
    with db.write() as tx:
        written.save_tip(tx, "main", "remote", "f" * 40, START)
        assert written.standing(tx, "main", "remote").tip == "f" * 40
        assert written.standing(tx, "main", "another").tip is None
        written.save_error(tx, "main", "another", "down", START)
        assert written.standing(tx, "main", "remote").tip is None
