"""Runs are stored once per key, take in mail, are listed for their project, and are opened again once."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from catalog.db import Database
from catalog.errors import Conflict, NotFound
from executors import claims, runs
from executors.port import RunReport, RunState, WorkOrder
from executors.runs import Entry, Letter
from tests.engine import DIGEST, EPOCH, document, order, step
from tests.factories import created_database

FIRST = Entry(1, "Accepted", {"v": 1})


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as database:
        yield database


def add(database: Database, run_id: str = "run_1", **more: Any) -> bool:
    with database.write() as tx:
        return runs.add(tx, run_id, order(document(step("a")), **more), FIRST, EPOCH)


def post(database: Database, key: str, kind: str = "signal", limit: int | None = None) -> str | None:
    with database.write() as tx:
        return runs.post(tx, key, kind, {"x": kind}, now=EPOCH, limit=limit)


def end(database: Database, run_id: str, state: RunState = RunState.SUCCEEDED) -> None:
    with database.write() as tx:
        claim = claims.claim(tx, run_id, owner="me", now=EPOCH, until=EPOCH)
        assert claim is not None
        page = claims.Page((), RunReport(state, run_id), releases=True, due_at=None, now=EPOCH)
        claims.save(tx, claim, page)


def stored(database: Database, project: str = "shop") -> list[str]:
    with database.read() as tx:
        return [record.id for record in runs.by_request(tx, project, "req_1", 10)]


def test_a_run_comes_back_as_it_was_stored(database: Database) -> None:
    assert add(database)
    with database.read() as tx:
        record = runs.load(tx, "shop", "run_1")
        assert runs.by_key(tx, "key-1") == record
        assert runs.entries(tx, "run_1") == [FIRST]
        assert runs.definition(tx, "shop", "run_1") == document(step("a"))
    assert record.report == RunReport(RunState.PENDING, "run_1")
    assert (record.operation, record.contract_digest, record.created_at) == ("provision", DIGEST, EPOCH)


def test_a_key_has_one_run_for_ever(database: Database) -> None:
    assert add(database)
    assert not add(database, "run_2")
    assert not add(database, "run_3", fence=0), "even when the order is stale by now"
    assert stored(database) == ["run_1"]


def test_an_order_older_than_one_seen_is_refused_and_leaves_nothing(database: Database) -> None:
    add(database, "run_1", key="key-1", fence=5)
    with pytest.raises(Conflict) as refused:
        add(database, "run_2", key="key-2", fence=4)
    assert refused.value.code == "stale_fence"
    assert stored(database) == ["run_1"]


def test_fences_of_different_requests_and_projects_are_apart(database: Database) -> None:
    add(database, "run_1", key="key-1", fence=5)
    assert add(database, "run_2", key="key-2", fence=4, request_uid="req_2")
    assert add(database, "run_3", key="key-3", fence=4, project="bank")


def test_runs_are_listed_newest_first_and_page_by_page(database: Database) -> None:
    for number in range(1, 6):
        add(database, f"run_{number}", key=f"key-{number}")
    with database.read() as tx:
        first = runs.by_request(tx, "shop", "req_1", 2)
        second = runs.by_request(tx, "shop", "req_1", 2, before=first[-1].id)
    assert [record.id for record in (*first, *second)] == ["run_5", "run_4", "run_3", "run_2"]


def test_a_run_is_unknown_to_other_projects(database: Database) -> None:
    add(database)
    assert stored(database, "bank") == []
    with database.read() as tx:
        for look in (runs.load, runs.definition):
            with pytest.raises(NotFound):
                look(tx, "bank", "run_1")


def test_letters_are_numbered_and_read_after_a_number(database: Database) -> None:
    add(database)
    assert post(database, "key-1", "signal") == "run_1"
    post(database, "key-1", "cancel")
    with database.read() as tx:
        assert runs.letters(tx, "run_1", 1) == [Letter(2, "cancel", {"x": "cancel"})]
        assert runs.has_letter(tx, "key-1", "cancel", since="other")
        assert not runs.has_letter(tx, "key-1", "other", since="cancel")


def test_a_letter_counts_when_it_came_after_the_last_one_of_another_kind(database: Database) -> None:
    add(database)
    found = []
    for kind in ("cancel", "retry", "signal", "cancel"):
        post(database, "key-1", kind)
        with database.read() as tx:
            found.append(runs.has_letter(tx, "key-1", "cancel", since="retry"))
    assert found == [True, False, False, True]
    with database.read() as tx:
        assert not runs.has_letter(tx, "key-2", "cancel", since="retry")


def test_a_letter_to_nobody_is_refused(database: Database) -> None:
    with pytest.raises(NotFound):
        post(database, "key-9")


def test_a_run_that_has_ended_takes_no_letters(database: Database) -> None:
    add(database)
    end(database, "run_1")
    assert post(database, "key-1") is None
    with database.read() as tx:
        assert runs.letters(tx, "run_1", 0) == []


def test_a_full_mailbox_takes_only_what_has_no_limit(database: Database) -> None:
    add(database)
    post(database, "key-1", limit=1)
    with pytest.raises(Conflict) as refused:
        post(database, "key-1", limit=1)
    assert refused.value.code == "mailbox_full"
    assert post(database, "key-1", "cancel", limit=None) == "run_1"
    with database.read() as tx:
        assert [letter.number for letter in runs.letters(tx, "run_1", 0)] == [1, 2]


def test_storing_a_run_and_writing_to_one_ring_the_bell(database: Database) -> None:
    with database.write() as tx:
        runs.add(tx, "run_1", order(document(step("a"))), FIRST, EPOCH)
        assert tx.topics == {runs.TOPIC}
    with database.write() as tx:
        runs.post(tx, "key-1", "signal", {}, now=EPOCH)
        assert tx.topics == {runs.TOPIC, runs.SWEEP}


def test_an_order_value_is_not_changed_by_storing_it(database: Database) -> None:
    value: WorkOrder = order(document(step("a")))
    before = replace(value)
    with database.write() as tx:
        runs.add(tx, "run_1", value, FIRST, EPOCH)
    assert value == before


def reopen(database: Database, key: str = "key-1") -> str:
    with database.write() as tx:
        return runs.reopen(tx, key, "retry", EPOCH)


@pytest.mark.parametrize("state", [RunState.STUCK, RunState.FAILED])
def test_a_run_that_ended_badly_can_be_opened_again_once(database: Database, state: RunState) -> None:
    add(database)
    end(database, "run_1", state)
    assert reopen(database) == "run_1"
    with database.read() as tx:
        assert runs.letters(tx, "run_1", 0) == [Letter(1, "retry", {})]
        assert claims.next_due(tx) == EPOCH
    with pytest.raises(Conflict) as refused:
        reopen(database)
    assert refused.value.code == "run_superseded"


def test_only_the_last_run_of_a_request_is_opened_again(database: Database) -> None:
    for number in (1, 2):
        add(database, f"run_{number}", key=f"key-{number}")
        end(database, f"run_{number}", RunState.FAILED)
    with pytest.raises(Conflict) as refused:
        reopen(database, "key-1")
    assert refused.value.code == "run_superseded"
    assert reopen(database, "key-2") == "run_2"


def test_what_has_not_ended_or_ended_well_is_not_opened_again(database: Database) -> None:
    add(database)
    with pytest.raises(Conflict) as unended:
        reopen(database)
    end(database, "run_1")
    with pytest.raises(Conflict) as well:
        reopen(database)
    assert (unended.value.code, well.value.code) == ("run_not_ended", "run_not_retriable")
    with pytest.raises(NotFound):
        reopen(database, "key-9")


def test_the_report_of_a_run_is_the_one_of_its_record(database: Database) -> None:
    add(database)
    with database.write() as tx:
        claim = claims.claim(tx, "run_1", owner="me", now=EPOCH, until=EPOCH)
        assert claim is not None
        report = RunReport(
            RunState.SUCCEEDED, "run_1", outputs={"n": [1, {"x": "\u00e9"}]}, facts={"exists": True}, step="a"
        )
        claims.save(tx, claim, claims.Page((), report, releases=True, due_at=None, now=EPOCH))
    kept = database.line()
    for line in (None, kept):
        with database.glance(line) as tx:
            assert runs.report_by_key(tx, "key-1") == report
            assert runs.report_by_key(tx, "key-9") is None
    with database.read() as tx:
        record = runs.by_key(tx, "key-1")
    assert record is not None
    assert record.report == report
