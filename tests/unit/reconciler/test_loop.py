"""The loop on both databases: every request gets its passes, and none can harm another's."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database
from catalog.errors import Unavailable
from executors.retry import RetryPolicy
from reconciler import workqueue
from reconciler.loop import Loop, LoopSettings
from reconciler.workqueue import Claim, Fenced, Lane
from tests.factories import PROJECT, a_request, created_database, store_project, store_request
from tests.services.polling import eventually

SWIFT = LoopSettings(
    lease=timedelta(seconds=60),
    poll_seconds=0.05,
    backoff=RetryPolicy(initial_seconds=0.02, max_seconds=0.1),
)
HOUR = timedelta(hours=1)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def db(database_url: str, bell: Bell) -> Iterator[Database]:
    with created_database(database_url, bell) as opened:
        with opened.write() as tx:
            store_project(tx)
        yield opened


class Passes:
    """Records passes and gives each claim back for an hour; `first` may do something before."""

    def __init__(self, db: Database, first: Callable[[Claim], None] = lambda claim: None) -> None:
        self.db = db
        self.first = first
        self.done: list[Claim] = []

    def __call__(self, claim: Claim) -> None:
        self.first(claim)
        with self.db.write() as tx:
            workqueue.complete(tx, claim, utc_now() + HOUR)
        self.done.append(claim)

    def uids(self) -> list[str]:
        return [claim.request_uid for claim in self.done]


def enqueue(db: Database, count: int, start: int = 0) -> list[str]:
    uids = [f"req_{number:026d}" for number in range(start, start + count)]
    with db.write() as tx:
        for uid in uids:
            store_request(tx, a_request(uid, name=f"r{int(uid[4:])}"))
            workqueue.enqueue(tx, PROJECT, uid, Lane.CHANGE, utc_now())
    return uids


def a_loop(db: Database, bell: Bell, passes: Callable[[Claim], None], **changes: object) -> Loop:
    settings = replace(SWIFT, **changes)  # type: ignore[arg-type]  # the callers name fields
    return Loop(db, bell, passes, owner="me", clock=utc_now, roll=lambda: 1.0, settings=settings)


@contextmanager
def running(loop: Loop) -> Iterator[Loop]:
    loop.start()
    try:
        yield loop
    finally:
        assert loop.stop()


def test_every_request_gets_its_pass_once(db: Database, bell: Bell) -> None:
    uids = enqueue(db, 60)
    passes = Passes(db)
    with running(a_loop(db, bell, passes)) as loop:
        eventually(lambda: len(passes.done) >= 60, "all passes")
        uids += enqueue(db, 20, start=60)
        eventually(lambda: len(passes.done) >= 80, "the passes of those that came later")
    assert sorted(passes.uids()) == uids
    assert loop.counts == {"claimed": 80, "passes": 80}


def test_a_wake_up_during_a_pass_leads_to_another_pass(db: Database, bell: Bell) -> None:
    (uid,) = enqueue(db, 1)
    woken = threading.Event()

    def wake_once(claim: Claim) -> None:
        if not woken.is_set():
            woken.set()
            with db.write() as tx:
                workqueue.wake(tx, uid, Lane.CHANGE, utc_now())

    passes = Passes(db, wake_once)
    with running(a_loop(db, bell, passes)):
        eventually(lambda: len(passes.done) == 2, "the second pass")


def test_a_failing_request_is_tried_again_later_and_delays_no_other(
    db: Database, bell: Bell, caplog: pytest.LogCaptureFixture
) -> None:
    bad, *good = enqueue(db, 10)
    attempts: list[int] = []

    def fail(claim: Claim) -> None:
        if claim.request_uid == bad and len(attempts) < 4:
            attempts.append(claim.attempts)
            raise (
                ZeroDivisionError if len(attempts) % 2 else Unavailable("git_unreachable", "Nobody answers.")
            )

    passes = Passes(db, fail)
    with caplog.at_level(logging.WARNING), running(a_loop(db, bell, passes)) as loop:
        eventually(lambda: len(passes.done) == 10, "all passes")
    assert sorted(passes.uids()) == [bad, *good]
    assert attempts == [0, 1, 2, 3]
    assert loop.counts["failed"] == 4
    assert "Nobody answers." in caplog.text


def test_a_failed_pass_comes_back_after_its_delay_in_the_lane_for_repairs(db: Database, bell: Bell) -> None:
    enqueue(db, 1)

    def fail(claim: Claim) -> None:
        raise ZeroDivisionError

    patient = RetryPolicy(initial_seconds=600, max_seconds=600)
    before = utc_now()
    assert a_loop(db, bell, fail, backoff=patient).run_once() == 1
    with db.write() as tx:
        due_at = workqueue.next_due(tx)
        assert due_at is not None
        assert due_at >= before + timedelta(seconds=600)
        (again,) = workqueue.claim(tx, "me", due_at, HOUR, 1)
    assert (again.lane, again.attempts) == (Lane.REPAIR, 1)


def test_a_pass_that_was_fenced_is_counted_and_forgotten(db: Database, bell: Bell) -> None:
    enqueue(db, 1)

    def fenced(claim: Claim) -> None:
        raise Fenced

    loop = a_loop(db, bell, fenced)
    loop.run_once()
    assert loop.counts == {"claimed": 1, "fenced": 1, "passes": 1}


def test_a_long_pass_keeps_its_claim(db: Database, bell: Bell) -> None:
    enqueue(db, 1)
    begun, finish = threading.Event(), threading.Event()

    def linger(claim: Claim) -> None:
        begun.set()
        finish.wait(60)

    passes, others = Passes(db, linger), Passes(db)
    lease = timedelta(seconds=2)
    with running(a_loop(db, bell, passes, lease=lease)):
        assert begun.wait(60)
        ends_at = utc_now() + lease * 1.5
        with running(a_loop(db, bell, others, lease=lease)):
            eventually(lambda: utc_now() > ends_at, "the lease to end but for its heartbeat")
            finish.set()
            eventually(lambda: passes.done, "the pass to end")
    assert others.done == []


def test_a_dead_loops_work_is_done_by_another(db: Database, bell: Bell) -> None:
    uids = enqueue(db, 5)
    with db.write() as tx:
        workqueue.claim(tx, "dead", utc_now(), timedelta(seconds=0.5), 5)
    passes = Passes(db)
    with running(a_loop(db, bell, passes)):
        eventually(lambda: len(passes.done) == 5, "the passes")
    assert sorted(passes.uids()) == uids


def test_stopping_finishes_what_has_begun_and_gives_back_the_rest(db: Database, bell: Bell) -> None:
    enqueue(db, 10)
    begun, finish = threading.Semaphore(0), threading.Event()

    def linger(claim: Claim) -> None:
        begun.release()
        finish.wait(60)

    passes = Passes(db, linger)
    loop = a_loop(db, bell, passes, threads=2, lease=HOUR)
    loop.start()
    begun.acquire()
    begun.acquire()
    assert not loop.stop(timeout_seconds=0.01)
    finish.set()
    assert loop.stop()
    assert len(passes.done) == 2
    with db.write() as tx:
        left = workqueue.claim(tx, "next", utc_now(), HOUR, 10)
    assert len(left) == 8, "what had not begun must not wait for the end of its lease"


def test_a_request_that_is_busy_elsewhere_is_waited_for_without_spinning(db: Database, bell: Bell) -> None:
    enqueue(db, 1)
    with db.write() as tx:
        workqueue.claim(tx, "other", utc_now(), HOUR, 1)
    loop = a_loop(db, bell, Passes(db))
    with running(loop):
        enqueue(db, 1, start=1)
        eventually(lambda: loop.counts.get("passes") == 1, "the other pass")
    assert loop.counts["claimed"] == 1


def test_looks_that_are_overdue_at_the_start_are_spread_and_changes_are_not(db: Database, bell: Bell) -> None:
    (changed,) = enqueue(db, 1)
    resting = enqueue(db, 50, start=1)
    with db.write() as tx:
        for claim in workqueue.claim(tx, "before", utc_now(), HOUR, 100):
            workqueue.complete(tx, claim, utc_now() - HOUR)
        workqueue.wake(tx, changed, Lane.CHANGE, utc_now())
    passes = Passes(db)
    with running(a_loop(db, bell, passes, spread=HOUR * 24)):
        eventually(lambda: passes.done, "the first pass")
    assert passes.uids()[0] == changed
    assert len(set(passes.uids()) & set(resting)) < 5


def test_a_database_that_is_away_for_a_moment_does_not_end_the_loop(
    db: Database, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = Passes(db)
    real, left = db.read, [3]

    def away() -> object:
        if left[0] and threading.current_thread().name == "loop-claims":
            left[0] -= 1
            raise Unavailable("database_unavailable", "The database does not answer.")
        return real()

    monkeypatch.setattr(db, "read", away)
    with running(a_loop(db, bell, passes)):
        enqueue(db, 1)
        eventually(lambda: passes.done, "the pass")
    assert left == [0], "it was never away"
