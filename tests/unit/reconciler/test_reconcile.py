"""Passes over the real database, queue and outbox, with an executor that keeps a ledger.

What a pass decides is tested where it is decided; here it is what a pass records, and what
is left when it dies, comes too late, or meets another one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from catalog import audit, contracts, events, fleet_store, requests
from catalog.conditions import Type
from catalog.db import Database
from catalog.digest import JsonObject
from catalog.errors import Conflict, PlatformError, Unavailable
from catalog.request import Phase, Request
from executors.port import Effect, RunReport, RunState, WorkOrder
from policy.admit import Admission
from policy.engine import PolicyBundle, StaticEngine
from reconciler import operations, workqueue
from reconciler.operation import OperationState
from reconciler.reconcile import Reconciler
from reconciler.tables import git_outbox
from reconciler.workqueue import Claim, Fenced, Lane
from tests.factories import (
    PROJECT,
    UID,
    FakeClock,
    a_bundle,
    a_destination,
    a_request,
    seeded_mint,
    store_request,
)


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Ledger:
    """An executor that does its work at once, keeps every run by its key, and may misbehave.

    Attributes:
        before, after: called at the start of a write, before and after its effect.
    """

    thing: JsonObject | None = None
    runs: dict[str, RunReport] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    before: Callable[[WorkOrder], None] = lambda _order: None
    after: Callable[[WorkOrder], None] = lambda _order: None

    def check(self, definition: JsonObject, files: object) -> tuple[()]:
        return ()

    def start(self, order: WorkOrder) -> RunReport:
        if order.effect is Effect.READ:
            return RunReport(RunState.SUCCEEDED, facts=self.thing or {"exists": False})
        self.before(order)
        if order.idempotency_key not in self.runs:
            self.runs[order.idempotency_key] = self._done(order)
        self.after(order)
        return self.runs[order.idempotency_key]

    def observe(self, idempotency_key: str) -> RunReport | None:
        return self.runs.get(idempotency_key)

    def cancel(self, idempotency_key: str, reason: str) -> None:
        self.cancelled.append(idempotency_key)

    def signal(self, idempotency_key: str, name: str, payload: JsonObject) -> None:
        raise NotImplementedError

    def _done(self, order: WorkOrder) -> RunReport:
        self.effects.append(order.operation)
        if order.operation == "delete":
            self.thing = None
            return RunReport(RunState.SUCCEEDED, "run-d")
        inputs: Any = order.context["inputs"]
        self.thing = {"exists": True, **inputs}
        return RunReport(RunState.SUCCEEDED, "run-1", {"host": "h"}, self.thing)


@dataclass
class Rig:
    """A reconciler with everything around it."""

    database: Database
    executor: Ledger = field(default_factory=Ledger)
    engine: StaticEngine = field(default_factory=StaticEngine)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.mint = seeded_mint(self.clock)

    @property
    def reconciler(self) -> Reconciler:
        admission = Admission(self.engine, PolicyBundle("r1", (), {}), self.clock, self.mint)
        executor: Any = self.executor
        return Reconciler(
            self.database, admission, lambda _name: executor, self.clock, self.mint, lambda: 0.5
        )

    def claim(self, owner: str = "one") -> Claim | None:
        with self.database.write() as tx:
            claims = workqueue.claim(tx, owner, self.clock(), workqueue.LEASE, 1)
        return claims[0] if claims else None

    def go_by(self) -> bool:
        """Make one pass if the request is due."""
        claim = self.claim()
        if claim is not None:
            self.reconciler.reconcile(claim)
        return claim is not None

    def settle(self) -> None:
        """Make passes until nothing is due for a while."""
        for _ in range(20):
            self.write_git()
            if not self.go_by():
                self.clock.advance(timedelta(seconds=6))
                if not self.go_by():
                    return

    def write_git(self) -> None:
        with self.database.write() as tx:
            tx.execute(git_outbox.update().values(written_at=self.clock()))

    def change(self, **fields: Any) -> None:
        """Let people change the request, as a command does."""
        with self.database.write() as tx:
            before = requests.locked(tx, UID)
            fields = {"generation": before.generation + 1} | fields
            requests.save_desired(tx, replace(before, **fields), before.revision)
            workqueue.wake(tx, UID, Lane.CHANGE, self.clock())

    def request(self) -> Request:
        with self.database.read() as tx:
            return requests.by_uid(tx, UID)

    def states(self) -> list[OperationState]:
        with self.database.read() as tx:
            return [each.state for each in operations.page(tx, UID, None, 10)]


@pytest.fixture
def rig(database: Database) -> Iterator[Rig]:
    """Store a contract, a place and a request that waits for its first pass."""
    made = Rig(database)
    with database.write() as tx:
        contracts.publish(tx, a_bundle(), made.clock(), "alice")
        fleet_store.create_destination(tx, a_destination())
        store_request(tx, a_request())
        workqueue.enqueue(tx, PROJECT, UID, Lane.CHANGE, made.clock())
    yield made
    with database.read() as tx:
        assert audit.verify(tx, PROJECT).is_intact


def test_a_request_becomes_ready_once_it_is_delivered_seen_and_written(rig: Rig) -> None:
    rig.go_by()
    delivered = rig.request()
    assert (delivered.outputs, delivered.destination) == ({"host": "h"}, "pg-1")
    assert delivered.phase is Phase.PROGRESSING
    rig.go_by()
    assert rig.request().phase is Phase.PROGRESSING  # git does not have it yet
    rig.settle()
    assert rig.request().phase is Phase.READY
    assert rig.executor.effects == ["provision"]
    with rig.database.read() as tx:
        kinds = [each.event.kind for each in events.after(tx, events.Cursor(), 50)]
        assert [each.name for each in fleet_store.resource_page(tx, "", 10)] == ["orders-db"]
    assert kinds[:3] == ["OperationBegun", "PhaseChanged", "OperationSucceeded"]


def test_a_deleted_request_is_taken_down_taken_off_the_books_and_forgotten(rig: Rig) -> None:
    rig.settle()
    rig.change(deletion_requested_at=rig.clock())
    rig.settle()
    assert rig.executor.effects == ["provision", "delete"]
    assert rig.request().phase is Phase.DELETED
    assert not rig.go_by()
    with rig.database.read() as tx:
        assert fleet_store.resource_page(tx, "", 10) == []
        removals = tx.execute(git_outbox.select().where(git_outbox.c.kind == "delete")).all()
    assert len(removals) == 1


def test_a_pass_that_is_killed_before_the_effect_is_made_up_for_under_the_same_key(rig: Rig) -> None:
    def kill(_order: WorkOrder) -> None:
        rig.executor.before = lambda _order: None
        raise Killed

    rig.executor.before = kill
    with pytest.raises(Killed):
        rig.go_by()
    assert rig.states() == [OperationState.PENDING]
    rig.clock.advance(workqueue.LEASE)
    rig.settle()
    assert rig.executor.effects == ["provision"]
    assert rig.request().phase is Phase.READY


def test_a_pass_that_is_killed_after_the_effect_does_not_have_it_twice(rig: Rig) -> None:
    def kill(_order: WorkOrder) -> None:
        rig.executor.after = lambda _order: None
        raise Killed

    rig.executor.after = kill
    with pytest.raises(Killed):
        rig.go_by()
    rig.clock.advance(workqueue.LEASE)
    rig.settle()
    assert rig.executor.effects == ["provision"]
    assert rig.states() == [OperationState.SUCCEEDED]


def test_a_silent_executor_is_asked_again_and_shown_as_silent(rig: Rig) -> None:
    def fall_silent(_order: WorkOrder) -> None:
        raise Unavailable("executor_unavailable", "It does not answer.")

    rig.executor.before = fall_silent
    rig.go_by()
    assert rig.request().conditions[Type.APPLIED].reason == "ExecutorSilent"
    assert rig.states() == [OperationState.RUNNING]
    rig.executor.before = lambda _order: None
    rig.clock.advance(timedelta(seconds=6))
    rig.settle()
    assert rig.request().phase is Phase.READY


@pytest.mark.parametrize("is_restart", [False, True], ids=["at first", "after a crash"])
def test_an_executor_that_refuses_ends_the_operation_and_it_says_so(rig: Rig, *, is_restart: bool) -> None:
    raising: list[BaseException] = [Killed()] if is_restart else []

    def refuse(_order: WorkOrder) -> None:
        if raising:
            raise raising.pop()
        raise Conflict("bad_definition", "The definition is not usable.")

    rig.executor.before = refuse
    if is_restart:
        with pytest.raises(Killed):
            rig.go_by()
        rig.clock.advance(workqueue.LEASE)
    rig.go_by()
    assert rig.states() == [OperationState.FAILED]
    applied = rig.request().conditions[Type.APPLIED]
    assert (applied.reason, applied.message) == ("OperationFailed", "The definition is not usable.")


def test_a_stale_plan_is_never_carried_out(rig: Rig) -> None:
    claim = rig.claim()
    assert claim is not None

    class Slow(StaticEngine):
        """People change the request while policy is asked about the old one."""

        def evaluate(self, *arguments: Any, **named: Any) -> Any:
            rig.change(inputs={"size": "l"})
            return super().evaluate(*arguments, **named)

    slow = replace(rig.reconciler)
    slow.admission.engine = Slow()
    slow.reconcile(claim)
    assert rig.states() == []
    assert rig.executor.effects == []
    rig.settle()
    assert rig.executor.thing == {"exists": True, "size": "l", "backups": True}
    assert rig.executor.effects == ["provision"]


def test_a_pass_that_was_overtaken_records_nothing_and_hands_nothing_over(rig: Rig) -> None:
    late = rig.claim("late")
    assert late is not None
    rig.clock.advance(workqueue.LEASE)
    rig.settle()
    before = rig.request()
    with pytest.raises(Fenced):
        rig.reconciler.reconcile(late)
    assert rig.request() == before
    assert rig.executor.effects == ["provision"]


def test_what_policy_denies_is_not_handed_over_and_what_it_cannot_judge_neither(rig: Rig) -> None:
    rig.engine = StaticEngine(deny=[{"id": "encrypted", "msg": "must be encrypted"}])
    rig.go_by()
    assert rig.request().phase is Phase.BLOCKED
    assert rig.request().conditions[Type.ALLOWED].message == "must be encrypted"

    class Down(StaticEngine):
        """Does not answer."""

        def evaluate(self, *arguments: Any, **named: Any) -> Any:
            raise Unavailable("policy_unavailable", "Policy does not answer.")

    rig.engine = Down()
    rig.clock.advance(timedelta(minutes=2))
    rig.go_by()
    assert rig.request().conditions[Type.ALLOWED].reason == "PolicyUnavailable"
    assert rig.executor.effects == []
    rig.engine = StaticEngine()
    rig.clock.advance(timedelta(minutes=2))
    rig.settle()
    assert rig.request().phase is Phase.READY


def test_drift_is_found_repaired_and_told(rig: Rig) -> None:
    rig.settle()
    rig.executor.thing = {"exists": True, "size": "m", "backups": True}
    rig.clock.advance(timedelta(minutes=15))
    rig.settle()
    assert rig.executor.effects == ["provision", "repair"]
    assert rig.executor.thing["size"] == "s"
    with rig.database.read() as tx:
        kinds = [each.event.kind for each in events.after(tx, events.Cursor(), 100)]
    assert kinds.count("DriftFound") == 1
    assert rig.request().phase is Phase.READY


def test_a_deletion_that_meets_a_running_operation_cancels_it_first(rig: Rig) -> None:
    def hang(order: WorkOrder) -> None:
        rig.executor.runs[order.idempotency_key] = RunReport(RunState.RUNNING, "run-1")

    rig.executor.before = hang
    rig.go_by()
    rig.executor.before = lambda _order: None
    rig.change(deletion_requested_at=rig.clock())
    rig.go_by()
    (key,) = rig.executor.cancelled
    rig.executor.runs[key] = RunReport(RunState.CANCELLED, "run-1")
    rig.clock.advance(timedelta(seconds=6))
    rig.settle()
    assert rig.request().phase is Phase.DELETED


def test_texts_that_no_database_takes_do_not_stop_a_pass(rig: Rig) -> None:
    def fail(_order: WorkOrder) -> None:
        raise PlatformError("odd", "half \ud800 and NUL \x00")

    rig.executor.before = fail
    rig.go_by()
    assert rig.states() == [OperationState.FAILED]
    assert rig.request().conditions[Type.APPLIED].message == "half \ufffd and NUL \ufffd"
