"""Rows of approvals say what the journal says, however often a save is repeated."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalog import audit
from catalog.db import Database, Tx
from executors.claims import ClaimedRun
from executors.tables import approvers, runs
from executors.workflow import inbox, projection
from executors.workflow.approval_events import (
    ApprovalClosed,
    ApprovalDelegated,
    ApprovalEscalated,
    ApprovalEvent,
    ApprovalOpened,
    ApprovalReminded,
    ApprovalVoted,
)
from executors.workflow.ballot import Delegation, Outcome, Task, Verdict, Vote
from executors.workflow.events import Accepted
from executors.workflow.inbox import Approval, Wanted
from executors.workflow.milestones import Paused, Resumed
from tests.callbacks import KEY_ONE, Bench
from tests.engine import EPOCH
from tests.factories import created_database

HOUR = timedelta(hours=1)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as opened:
        yield opened


@pytest.fixture
def held(database: Database) -> ClaimedRun:
    """Return a run that is stored and asks nobody yet."""
    run_id = Bench(database).start(KEY_ONE)
    values: dict[str, Any] = {
        "id": run_id,
        "project": "shop",
        "request_uid": "req_1",
        "idempotency_key": KEY_ONE,
        "operation": "provision",
        "contract_digest": "sha256:x",
        "definition": {},
        "context": {"request": {"generation": 3}},
        "created_at": EPOCH,
        "fence": 1,
        "seq": 1,
        "mail": 0,
    }
    return ClaimedRun(**{name: values[name] for name in ClaimedRun.__dataclass_fields__})


def opened(at: timedelta = timedelta(0), **more: Any) -> ApprovalOpened:
    values: dict[str, Any] = {"requesters": ("dora",), "groups": ("security",)}
    task = Task(EPOCH + at, "sha256:b", **(values | more))
    return ApprovalOpened(EPOCH + at, "sign-off", task)


def voted(person: str, number: int) -> ApprovalVoted:
    vote = Vote(person, person, Verdict.APPROVE, EPOCH, number=number)
    return ApprovalVoted(EPOCH, "sign-off", number, vote)


def closed(outcome: Outcome = Outcome.REJECTED, at: timedelta = HOUR) -> ApprovalClosed:
    return ApprovalClosed(EPOCH + at, "sign-off", outcome, "because")


def tell(database: Database, held: ClaimedRun, *events: ApprovalEvent | Accepted | Paused | Resumed) -> bool:
    with database.write() as tx:
        return projection.project(tx, held, events)


def rows(database: Database, **wanted: Any) -> list[Approval]:
    with database.read() as tx:
        return inbox.page(tx, Wanted(**({"state": None} | wanted)), "", 100)


def test_what_no_approval_is_concerned_with_is_left_alone(database: Database, held: ClaimedRun) -> None:
    assert tell(database, held, Accepted(EPOCH)) is False
    assert rows(database) == []


def test_a_row_is_the_fold_of_its_events(database: Database, held: ClaimedRun) -> None:
    assert tell(database, held, opened(quorum=3)) is True
    handed = Delegation("anna", "otto", ("security",), EPOCH)
    later = replace(held, mail=2)
    events = (
        voted("anna", 1),
        ApprovalDelegated(EPOCH, "sign-off", 2, handed),
        ApprovalReminded(EPOCH, "sign-off"),
        ApprovalEscalated(EPOCH, "sign-off", ("ciso",), None),
    )
    assert tell(database, later, *events) is False
    [row] = rows(database)
    standing = row.standing
    assert (row.generation, row.mail, row.step) == (3, 2, "sign-off")
    assert ([vote.person for vote in standing.votes], standing.delegations) == (["anna"], (handed,))
    assert (standing.reminders, standing.groups) == (1, ("security", "ciso"))
    assert tell(database, later, closed()) is True
    [ended] = rows(database, state=Outcome.REJECTED)
    assert (ended.standing.message, ended.standing.closed_at) == ("because", EPOCH + HOUR)


def test_an_opening_that_is_told_twice_is_one_approval(database: Database, held: ClaimedRun) -> None:
    for _ in range(2):
        tell(database, held, opened())
    assert len(rows(database)) == 1


def test_a_step_that_asks_once_more_is_another_approval(database: Database, held: ClaimedRun) -> None:
    tell(database, held, opened(), voted("anna", 1), closed(), opened(HOUR))
    first, second = rows(database)
    assert (first.standing.outcome, len(first.standing.votes)) == (Outcome.REJECTED, 1)
    assert (second.standing.outcome, second.standing.votes) == (Outcome.OPEN, ())
    tell(database, held, closed(Outcome.APPROVED, 2 * HOUR))
    assert [row.standing.outcome for row in rows(database)] == [Outcome.REJECTED, Outcome.APPROVED]
    with database.read() as tx:
        last = inbox.last_of_run(tx, held.id)
    assert last is not None
    assert last.id == second.id


def test_a_pause_stops_the_time_of_all_that_a_run_asks(database: Database, held: ClaimedRun) -> None:
    beside = replace(opened(expires_seconds=7200.0, remind_seconds=1800.0), step="beside")
    tell(database, held, opened(expires_seconds=7200.0), beside, closed(Outcome.VOIDED), opened(HOUR))
    assert tell(database, replace(held, mail=1), Paused(EPOCH + HOUR, 1, "lunch")) is False
    assert [row.standing.expires_at for row in rows(database, state=Outcome.OPEN)] == [None, None]
    noted = ApprovalReminded(EPOCH + 4 * HOUR, "beside")
    tell(database, replace(held, mail=2), Resumed(EPOCH + 4 * HOUR, 2, 3 * 3600.0), noted)
    found = {(row.step, row.standing.expires_at): row for row in rows(database)}
    assert found.keys() == {
        ("sign-off", EPOCH + 2 * HOUR),
        ("sign-off", None),
        ("beside", EPOCH + 5 * HOUR),
    }
    row = found["beside", EPOCH + 5 * HOUR]
    assert (row.mail, row.standing.reminders, row.standing.still_seconds) == (2, 2, 3 * 3600.0)


def test_whoever_it_concerns_is_listed_once_each(database: Database, held: ClaimedRun) -> None:
    handed = Delegation("vera", "otto", (), EPOCH)
    tell(database, held, opened(assignees=("vera",)))
    for number in (1, 2):
        tell(database, held, ApprovalDelegated(EPOCH, "sign-off", number, handed))
    tell(database, held, ApprovalEscalated(EPOCH, "sign-off", ("ciso",), None))
    with database.read() as tx:
        listed = sorted((row.kind, row.name) for row in tx.execute(approvers.select()))
    assert listed == [
        ("group", "ciso"),
        ("group", "security"),
        ("person", "otto"),
        ("person", "vera"),
        ("requester", "dora"),
    ]
    assert len(rows(database, people=["otto"])) == 1
    assert len(rows(database, groups=["qa"], people=["anna"])) == 0
    assert len(rows(database, groups=["ciso"], not_asked_by="dora")) == 0


def test_what_the_platform_does_by_itself_is_audited(database: Database, held: ClaimedRun) -> None:
    tell(database, held, opened(), ApprovalEscalated(EPOCH, "sign-off", ("ciso",), None))
    tell(database, held, closed(Outcome.EXPIRED))
    with database.read() as tx:
        entries = audit.page(tx, "shop", 0, 10)
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("system:avow", "approval.escalated"),
        ("system:avow", "approval.expired"),
    ]
    assert entries[0].detail["binding"] == "sha256:b"


def test_what_a_run_that_is_over_left_open_is_asked_of_nobody(database: Database, held: ClaimedRun) -> None:
    tell(database, held, opened())
    with database.write() as tx:
        _end(tx, held)
    assert rows(database, state=Outcome.OPEN) == []
    assert len(rows(database)) == 1


def test_an_approval_goes_with_its_run(database: Database, held: ClaimedRun) -> None:
    tell(database, held, opened())
    with database.write() as tx:
        tx.execute(runs.delete())
    assert rows(database) == []
    with database.read() as tx:
        assert tx.execute(approvers.select()).all() == []


def test_its_id_is_the_same_whenever_its_journal_is_read() -> None:
    ids = {inbox.approval_id("run_1", "sign-off", EPOCH) for _ in range(3)}
    ids |= {
        inbox.approval_id("run_1", "sign-off", EPOCH + HOUR),
        inbox.approval_id("run_2", "sign-off", EPOCH),
    }
    assert len(ids) == 3
    assert max(ids) == inbox.approval_id("run_1", "sign-off", EPOCH + HOUR), "ids sort by their opening"


def _end(tx: Tx, held: ClaimedRun) -> None:
    tx.execute(runs.update().where(runs.c.id == held.id).values(ended_at=EPOCH, due_at=None))
