"""Both journals, the one in the database and the one in memory, keep the same promises."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.db import Database, Tx
from catalog.events import Event as Happening
from catalog.tables import events
from executors import claims, late_answers, runs
from executors.claims import ClaimedRun, Page, Written
from executors.late_answers import LateAnswer
from executors.port import RunReport, RunState
from executors.runs import Entry
from executors.workflow.events import Accepted, AttemptStarted, Ended, Event, Side
from executors.workflow.exchange import Decision
from executors.workflow.journal import Draft, Journal, SqlJournal, draft_of, entries_of, run_of
from executors.workflow.mail import CANCEL, mail_of
from executors.workflow.memory import MemoryJournal
from executors.workflow.state import fold
from tests.engine import DIGEST, EPOCH, document, order, step
from tests.factories import created_database

LEASE = timedelta(seconds=10)
LATER = EPOCH + LEASE
FIRST = entries_of([Accepted(EPOCH)], 0)[0]
STARTED = AttemptStarted(EPOCH, "a", Side.DO, 1, 1)


class Desk:
    """A journal with one fresh run, and the ways in which the world gets at that."""

    journal: Journal

    def post(self) -> None:
        """Leave a cancel in the run's mail."""
        raise NotImplementedError

    def row(self) -> tuple[RunReport, datetime | None]:
        """Return the stored projection and when the run is due."""
        raise NotImplementedError

    def take(self, owner: str = "me", now: datetime = EPOCH) -> ClaimedRun | None:
        return self.journal.commit(lambda book: book.claim("run_1", owner, now, now + LEASE))

    def taken(self, owner: str = "me", now: datetime = EPOCH) -> ClaimedRun:
        claim = self.take(owner, now)
        assert claim is not None
        return claim

    def save(self, held: ClaimedRun, page: Page) -> Written:
        return self.journal.commit(lambda book: book.save(held, page, ()))

    def entries(self) -> list[Entry]:
        return list(self.journal.commit(lambda book: book.entries("run_1")))


class MemoryDesk(Desk):
    def __init__(self) -> None:
        self.memory = MemoryJournal()
        self.journal = self.memory
        value = order(document(step("a")))
        claim = ClaimedRun(
            id="run_1",
            project=value.project,
            request_uid=value.request_uid,
            idempotency_key=value.idempotency_key,
            operation=value.operation,
            contract_digest=DIGEST,
            definition=value.definition,
            context=value.context,
            created_at=EPOCH,
            fence=0,
            seq=1,
            mail=0,
        )
        self.memory.add(claim, FIRST, EPOCH)

    def post(self) -> None:
        self.memory.post("run_1", CANCEL, {"reason": "why"}, EPOCH)

    def row(self) -> tuple[RunReport, datetime | None]:
        return self.memory.runs["run_1"].report, self.memory.runs["run_1"].due_at


@dataclass
class SqlDesk(Desk):
    database: Database
    final: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.journal = SqlJournal(self.database, self.on_final)
        with self.database.write() as tx:
            runs.add(tx, "run_1", order(document(step("a"))), FIRST, EPOCH)

    def on_final(self, tx: Tx, request_uids: Sequence[str]) -> None:
        self.final += request_uids

    @property
    def told(self) -> list[str]:
        with self.database.read() as tx:
            return list(tx.execute(sa.select(events.c.message).order_by(events.c.id)).scalars())

    def post(self) -> None:
        with self.database.write() as tx:
            runs.post(tx, "key-1", CANCEL, {"reason": "why"}, now=EPOCH)

    def row(self) -> tuple[RunReport, datetime | None]:
        with self.database.read() as tx:
            record = runs.by_key(tx, "key-1")
            assert record is not None
            return record.report, claims.next_due(tx)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    if request.param == "memory":
        yield MemoryDesk()
        return
    with created_database(request.getfixturevalue(f"{request.param}_url")) as database:
        yield SqlDesk(database)


@pytest.fixture
def sql_desk(database_url: str) -> Iterator[SqlDesk]:
    with created_database(database_url) as database:
        yield SqlDesk(database)


def page(*told: Event, state: RunState = RunState.RUNNING, after: int = 1, **more: Any) -> Page:
    values: dict[str, Any] = {"releases": False, "due_at": None, "now": EPOCH, **more}
    return Page(entries_of(told, after), RunReport(state, "run_1", step="a", attempts=1), **values)


ENDED = page(Ended(EPOCH, RunState.SUCCEEDED), state=RunState.SUCCEEDED, releases=True)


def test_a_claim_raises_the_fence_and_hands_over_the_run(desk: Desk) -> None:
    claim = desk.taken()
    assert (claim.fence, claim.seq, claim.mail) == (1, 1, 0)
    assert claim.definition == document(step("a"))
    assert claim.context == order(document(step("a"))).context


def test_a_claimed_run_is_nobody_elses_until_the_lease_ends(desk: Desk) -> None:
    desk.taken("me")
    assert desk.take("you", LATER - timedelta(microseconds=1)) is None
    assert desk.taken("you", LATER).fence == 2


def test_a_renewed_lease_ends_later(desk: Desk) -> None:
    desk.taken("me")
    desk.journal.renew("me", ["run_1"], LATER + LEASE)
    assert desk.take("you", LATER) is None


def test_only_the_owner_renews(desk: Desk) -> None:
    desk.taken("me")
    desk.journal.renew("you", ["run_1"], LATER + LEASE)
    assert desk.take("you", LATER) is not None


def test_a_save_appends_and_projects(desk: Desk) -> None:
    assert desk.save(desk.taken(), page(STARTED)) is Written.SAVED
    assert run_of(desk.entries()).of("a", Side.DO).attempts == 1
    assert desk.row() == (RunReport(RunState.RUNNING, "run_1", step="a", attempts=1), LATER)


def test_a_late_writer_changes_nothing(desk: Desk) -> None:
    late = desk.taken("me")
    desk.taken("you", LATER)
    assert desk.save(late, page(STARTED)) is Written.FENCED
    assert desk.entries() == [FIRST]


def test_a_save_that_is_repeated_counts_once(desk: Desk) -> None:
    claim = desk.taken()
    assert [desk.save(claim, page(STARTED)) for _ in range(2)] == [Written.SAVED, Written.SAVED]
    assert len(desk.entries()) == 2


def test_another_save_from_an_old_state_is_refused(desk: Desk) -> None:
    claim = desk.taken()
    desk.save(claim, page(STARTED))
    other = AttemptStarted(EPOCH, "b", Side.DO, 1, 1)
    assert desk.save(claim, page(other)) is Written.FENCED
    assert len(desk.entries()) == 2


def test_a_save_that_overlooks_mail_is_refused(desk: Desk) -> None:
    claim = desk.taken()
    desk.post()
    assert desk.save(claim, page(STARTED)) is Written.NEW_MAIL
    assert desk.entries() == [FIRST]
    [cancel] = mail_of(desk.journal.commit(lambda book: book.letters("run_1", 0)))
    assert cancel.number == 1
    assert desk.save(replace(claim, mail=1), page(STARTED)) is Written.SAVED


def test_a_released_run_is_due_when_it_says(desk: Desk) -> None:
    desk.save(desk.taken(), page(STARTED, releases=True, due_at=LATER))
    assert desk.take("you", LATER - timedelta(microseconds=1)) is None
    assert desk.taken("you", LATER).fence == 2


def test_mail_makes_a_waiting_run_due(desk: Desk) -> None:
    desk.save(desk.taken(), page(STARTED, releases=True, due_at=LATER))
    desk.post()
    assert desk.taken("you", EPOCH).mail == 1


def test_mail_does_not_take_a_run_from_its_driver(desk: Desk) -> None:
    desk.taken("me")
    desk.post()
    assert desk.take("you", EPOCH) is None


def test_an_ended_run_is_never_due_and_takes_no_mail(desk: Desk) -> None:
    desk.save(desk.taken(), ENDED)
    desk.post()
    assert desk.take("you", LATER) is None
    assert desk.row()[1] is None
    assert list(desk.journal.commit(lambda book: book.letters("run_1", 0))) == []


def test_a_transaction_that_raises_leaves_nothing(desk: Desk) -> None:
    def breaks_off(book: Any) -> None:
        book.claim("run_1", "me", EPOCH, LATER)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.journal.commit(breaks_off)
    assert desk.taken().fence == 1


def test_the_end_wakes_the_reconciler_once(sql_desk: SqlDesk) -> None:
    claim = sql_desk.taken()
    sql_desk.save(claim, page(STARTED))
    assert sql_desk.final == []
    end = page(Ended(EPOCH, RunState.SUCCEEDED), state=RunState.SUCCEEDED, releases=True, after=2)
    sql_desk.save(replace(claim, seq=2), end)
    assert sql_desk.final == ["req_1"]


def test_happenings_are_told_with_their_operation(sql_desk: SqlDesk) -> None:
    claim = sql_desk.taken()
    decision = Decision(fold([(1, Accepted(EPOCH)), (2, STARTED)]), (STARTED,))
    assert sql_desk.journal.save([draft_of(claim, decision, EPOCH)]) == [Written.SAVED]
    assert sql_desk.told == ["provision: a started"]


def test_a_late_writer_tells_nobody(sql_desk: SqlDesk) -> None:
    late = sql_desk.taken("me")
    sql_desk.taken("you", LATER)
    happening = Happening("shop", "req_1", "RunSucceeded", "told by nobody", EPOCH)
    sql_desk.save(late, replace(ENDED, told=[happening]))
    assert (sql_desk.told, sql_desk.final) == ([], [])


def test_what_was_saved_before_is_told_once(sql_desk: SqlDesk) -> None:
    claim = sql_desk.taken()
    happening = Happening("shop", "req_1", "RunSucceeded", "it is over", EPOCH)
    for _ in range(2):
        sql_desk.save(claim, replace(ENDED, told=[happening]))
    assert (sql_desk.told, sql_desk.final) == (["it is over"], ["req_1"])


def test_of_several_drafts_each_is_taken_or_refused_for_itself(database_url: str) -> None:
    with created_database(database_url) as database:
        journal = SqlJournal(database, lambda _tx, _uids: None)
        with database.write() as tx:
            for number in range(1, 4):
                value = order(document(step("a")), key=f"key-{number}", request_uid=f"req_{number}")
                runs.add(tx, f"run_{number}", value, FIRST, EPOCH)
        held = journal.commit(lambda book: book.claim_some(3, "me", EPOCH, LATER))
        journal.commit(lambda book: book.claim("run_2", "you", LATER, LATER + LEASE))
        with database.write() as tx:
            runs.post(tx, "key-3", CANCEL, {"reason": "why"}, now=EPOCH)
        written = journal.save([Draft(each, page(STARTED), (STARTED,)) for each in held])
        assert written == [Written.SAVED, Written.FENCED, Written.NEW_MAIL]
        stored = [len(journal.commit(lambda book, each=each: book.entries(each.id))) for each in held]  # type: ignore[misc]  # bound now
        assert stored == [2, 1, 1]


def test_a_draft_that_spoils_a_save_leaves_nothing_of_the_others(sql_desk: SqlDesk) -> None:
    claim = sql_desk.taken()
    spoilt = replace(page(STARTED), entries=[Entry(1, "Twice", {})])
    with pytest.raises(Exception, match=r"(?i)unique"):
        sql_desk.journal.save([Draft(claim, spoilt)])
    assert len(sql_desk.entries()) == 1
    assert sql_desk.save(claim, page(STARTED)) is Written.SAVED


def test_a_late_answer_is_kept_once_and_seen_by_its_project(sql_desk: SqlDesk) -> None:
    late = LateAnswer("run_1", "shop", 1, "a", "do", "run", 1, "done", {"id": "x"}, EPOCH)
    for _ in range(2):
        sql_desk.journal.commit(lambda book: book.set_aside([late, replace(late, run_id="run_9")]))
    with sql_desk.database.read() as tx:
        assert late_answers.of_run(tx, "shop", "run_1") == [late]
        assert late_answers.of_run(tx, "bank", "run_1") == []
