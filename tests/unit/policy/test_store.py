"""Decisions on record: as they were made, to their own project alone, page by page."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from catalog.db import Database
from catalog.errors import NotFound
from catalog.ids import DecisionId
from policy import store
from policy.admit import Admission
from policy.bundle import organisation
from policy.decision import Decision
from policy.engine import StaticEngine
from tests.factories import FakeClock, created_database, seeded_mint
from tests.policy_questions import a_query


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as opened:
        yield opened


def a_decision(number: int = 1, **fields: str) -> Decision:
    engine = StaticEngine(deny=[{"id": "size", "msg": "too large: é"}], warn=["careful"])
    decision = Admission(engine, organisation(), FakeClock(), seeded_mint()).decide(a_query())
    return replace(decision, id=DecisionId(f"dec_{number:026d}"), **fields)  # type: ignore[arg-type]  # texts only


def test_a_decision_is_read_as_it_was_made(database: Database) -> None:
    decision = a_decision()
    with database.write() as tx:
        store.record(tx, decision)

    with database.read() as tx:
        assert store.get(tx, "shop", decision.id) == decision


def test_another_project_cannot_tell_it_from_none(database: Database) -> None:
    with database.write() as tx:
        store.record(tx, a_decision())

    with database.read() as tx:
        for project, number in (("other", 1), ("shop", 2)):
            with pytest.raises(NotFound) as caught:
                store.get(tx, project, a_decision(number).id)
            assert caught.value.code == "decision_not_found"


def test_a_project_reads_its_own_decisions_newest_first(database: Database) -> None:
    with database.write() as tx:
        for number in (2, 1, 3):
            store.record(tx, a_decision(number))
        store.record(tx, a_decision(4, project="other"))

    with database.read() as tx:
        assert [decision.id[-1] for decision in store.page(tx, "shop", 10)] == ["3", "2", "1"]


def test_pages_follow_one_another_without_gap_or_overlap(database: Database) -> None:
    with database.write() as tx:
        for number in range(7):
            store.record(tx, a_decision(number, subject=f"req_{number % 2}"))

    with database.read() as tx:
        seen: list[str] = []
        while page := store.page(tx, "shop", 2, before=seen[-1] if seen else None, subject="req_0"):
            seen += [decision.id for decision in page]

    assert [decision_id[-1] for decision_id in seen] == ["6", "4", "2", "0"]


def test_a_decision_is_gone_with_the_transaction_that_it_was_made_in(database: Database) -> None:
    def fail() -> None:
        with database.write() as tx:
            store.record(tx, a_decision())
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        fail()
    with database.read() as tx:
        assert store.page(tx, "shop", 1) == []
