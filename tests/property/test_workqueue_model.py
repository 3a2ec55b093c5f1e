"""The work queue against a model of ten lines, through any order of wakes, claims, crashes and late calls.

The model knows for every request when it is due, in which lane, and which claim is the valid
one. After each step the two must agree: a claim returns exactly what is due, and a late
holder is refused exactly when its claim is not the valid one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catalog.db import Database, Tx
from reconciler import workqueue
from reconciler.tables import work
from reconciler.workqueue import Claim, Fenced, Lane
from tests.factories import PROJECT, START, a_request, created_database, store_request

LEASE = timedelta(seconds=10)
LATE = st.integers(0, 9)  # 0 is the claim made last
UIDS = [f"req_{number:026d}" for number in range(4)]
uids = st.sampled_from(UIDS)
lanes = st.sampled_from(Lane)
seconds = st.integers(0, 30).map(lambda number: timedelta(seconds=number))


@dataclass
class Modelled:
    """What one row of the queue should be."""

    lane: Lane
    due_at: datetime
    seq: int = 1
    fence: int = 0
    attempts: int = 0
    valid: Claim | None = None
    woken_at: datetime | None = None


class Queue(RuleBasedStateMachine):
    """Does everything twice: to the database and to the model."""

    db: Database

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.model: dict[str, Modelled] = {}
        self.claims: list[Claim] = []
        with self.db.write() as tx:
            tx.execute(work.delete())
            for uid in UIDS[:2]:
                workqueue.enqueue(tx, PROJECT, uid, Lane.CHANGE, self.now)
                self.model[uid] = Modelled(Lane.CHANGE, self.now)

    @rule(span=seconds)
    def time_passes(self, span: timedelta) -> None:
        self.now += span

    @rule(uid=uids, lane=lanes)
    def enqueue(self, uid: str, lane: Lane) -> None:
        if uid not in self.model:
            with self.db.write() as tx:
                workqueue.enqueue(tx, PROJECT, uid, lane, self.now)
            self.model[uid] = Modelled(lane, self.now)

    @rule(uid=uids, lane=lanes, delay=seconds)
    def wake(self, uid: str, lane: Lane, delay: timedelta) -> None:
        with self.db.write() as tx:
            workqueue.wake(tx, uid, lane, self.now, delay)
        self._woken(uid, lane, self.now + delay)

    @rule(some=st.lists(uids), lane=lanes)
    def wake_many(self, some: list[str], lane: Lane) -> None:
        with self.db.write() as tx:
            workqueue.wake_many(tx, some, lane, self.now)
        for uid in set(some):
            self._woken(uid, lane, self.now)

    @rule(limit=st.integers(1, 6))
    def claim(self, limit: int) -> None:
        with self.db.write() as tx:
            claimed = workqueue.claim(tx, "me", self.now, LEASE, limit)
        due = {uid for uid, row in self.model.items() if row.due_at <= self.now}
        found = {one.request_uid for one in claimed}
        assert found <= due
        assert len(claimed) == len(found) == min(limit, len(due))
        for one in claimed:
            self._claimed(one)

    @precondition(lambda self: self.claims)
    @rule(late=LATE, span=seconds)
    def hold(self, late: int, span: timedelta) -> None:
        def act(tx: Tx, one: Claim) -> None:
            workqueue.hold(tx, one, self.now, span)

        if (row := self._done(late, act)) is not None:
            row.due_at = self.now + span

    @precondition(lambda self: self.claims)
    @rule(late=LATE, span=seconds, lane=lanes, failed=st.booleans())
    def complete(self, late: int, span: timedelta, lane: Lane, failed: bool) -> None:  # noqa: FBT001 - drawn
        def act(tx: Tx, one: Claim) -> None:
            workqueue.complete(tx, one, self.now + span, lane, failed=failed)

        if (row := self._done(late, act)) is not None:
            if row.woken_at is None:
                row.lane = lane
            self._free(row, row.woken_at or self.now + span)
            row.attempts = row.attempts + 1 if failed else 0

    @precondition(lambda self: self.claims)
    @rule(late=LATE)
    def release(self, late: int) -> None:
        one = self._earlier(late)
        with self.db.write() as tx:
            workqueue.release(tx, one, self.now)
        row = self.model.get(one.request_uid)
        if row is not None and row.valid == one:
            self._free(row, self.now)

    @precondition(lambda self: self.claims)
    @rule(late=LATE)
    def remove(self, late: int) -> None:
        one = self._earlier(late)
        if self._done(late, workqueue.remove) is not None:
            del self.model[one.request_uid]
            self.claims = [other for other in self.claims if other.request_uid != one.request_uid]

    @invariant()
    def look(self) -> None:
        with self.db.read() as tx:
            assert workqueue.next_due(tx) == min((row.due_at for row in self.model.values()), default=None)
            waiting = workqueue.backlog(tx, self.now)
        for lane in Lane:
            rows = [row for row in self.model.values() if row.lane is lane and row.due_at <= self.now]
            assert waiting[lane] == len(rows)

    def _woken(self, uid: str, lane: Lane, at: datetime) -> None:
        row = self.model.get(uid)
        if row is None:
            return
        row.seq += 1
        row.lane = min(row.lane, lane)
        if row.valid is None:
            row.due_at = min(row.due_at, at)
        else:
            row.woken_at = at if row.woken_at is None else min(row.woken_at, at)

    def _claimed(self, one: Claim) -> None:
        row = self.model[one.request_uid]
        row.fence += 1
        assert one == Claim(one.request_uid, PROJECT, row.fence, row.seq, row.lane, row.attempts)
        row.due_at, row.valid, row.woken_at = self.now + LEASE, one, None
        self.claims.append(one)

    def _done(self, late: int, act: Callable[[Tx, Claim], None]) -> Modelled | None:
        """Do something with a claim made earlier; return the row when that was allowed."""
        one = self._earlier(late)
        row = self.model.get(one.request_uid)
        try:
            with self.db.write() as tx:
                act(tx, one)
        except Fenced:
            assert row is None or row.valid != one
            return None
        assert row is not None
        assert row.valid == one
        return row

    def _earlier(self, late: int) -> Claim:
        return self.claims[-1 - late % len(self.claims)]

    def _free(self, row: Modelled, due_at: datetime) -> None:
        row.due_at, row.valid, row.woken_at = due_at, None, None


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as opened:
        with opened.write() as tx:
            for number, uid in enumerate(UIDS):
                store_request(tx, a_request(uid, name=f"r{number}"))
        yield opened


def test_the_queue_agrees_with_its_model(db: Database) -> None:
    class OnThisDatabase(Queue):
        pass

    OnThisDatabase.db = db
    examples = 50 if db.is_sqlite else 10
    run_state_machine_as_test(
        OnThisDatabase, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )
