"""The work queue on both databases: exclusive, fenced, fair, and deaf to no wake-up."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from catalog import tables
from catalog.bell import Bell
from catalog.db import Database
from reconciler import workqueue
from reconciler.tables import work
from reconciler.workqueue import Claim, Fenced, Lane
from tests.factories import PROJECT, START, created_database, store_request
from tests.together import in_threads

LEASE = timedelta(seconds=30)
SOON = timedelta(seconds=1)
LATER = START + timedelta(minutes=10)


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def db(database_url: str, bell: Bell) -> Iterator[Database]:
    with created_database(database_url, bell) as opened:
        yield opened


def fill(db: Database, count: int, lane: Lane = Lane.CHANGE, due_at: datetime = START) -> list[str]:
    """Store so many requests, each with a row in the queue, and return their uids."""
    with db.write() as tx:
        taken = tx.execute(sa.select(sa.func.count()).select_from(work)).scalar_one()
        if not taken:
            store_request(tx)
        row = dict(tx.execute(sa.select(tables.requests).limit(1)).mappings().one())
        uids = [f"req_{number:026d}" for number in range(taken + 10, taken + 10 + count)]
        clones = [row | {"uid": uid, "name": uid.replace("req_", "r")} for uid in uids]
        tx.execute(tables.requests.insert(), clones)
        common = {"project": PROJECT, "lane": lane, "due_at": due_at, "seq": 1, "fence": 0, "attempts": 0}
        tx.execute(work.insert(), [common | {"request_uid": uid} for uid in uids])
    return uids


def claim(db: Database, now: datetime = START, limit: int = 100, owner: str = "me") -> list[Claim]:
    with db.write() as tx:
        return workqueue.claim(tx, owner, now, LEASE, limit)


def one(db: Database, now: datetime = START) -> Claim:
    (claimed,) = claim(db, now)
    return claimed


def complete(db: Database, claimed: Claim, due_at: datetime = LATER, *, failed: bool = False) -> None:
    with db.write() as tx:
        workqueue.complete(tx, claimed, due_at, failed=failed)


def wake(db: Database, uid: str, now: datetime, lane: Lane = Lane.CHANGE, delay: float = 0) -> None:
    with db.write() as tx:
        workqueue.wake(tx, uid, lane, now, timedelta(seconds=delay))


def test_a_new_request_is_due_at_once_and_rings(db: Database, bell: Bell) -> None:
    with db.write() as tx:
        request = store_request(tx)
        workqueue.enqueue(tx, request.project, request.uid, Lane.CHANGE, START)
    assert bell.count("work") == 1
    assert one(db) == Claim(request.uid, request.project, 1, 1, Lane.CHANGE, 0)


def test_a_claim_is_exclusive_among_eight_threads(db: Database) -> None:
    uids = fill(db, 240)
    together = threading.Barrier(8)

    def take(number: int) -> list[Claim]:
        mine: list[Claim] = []
        together.wait()
        while more := claim(db, limit=7, owner=f"thread-{number}"):
            mine += more
        return mine

    with ThreadPoolExecutor(8) as threads:
        taken = [claimed for part in threads.map(take, range(8)) for claimed in part]
    assert sorted(claimed.request_uid for claimed in taken) == sorted(uids)
    assert {claimed.fence for claimed in taken} == {1}


def test_no_claim_is_larger_than_asked_for(db: Database) -> None:
    for lane in Lane:
        fill(db, 10, lane)
    for limit in (1, 2, 5, 7, 30):
        assert len(claim(db, limit=limit)) == min(limit, 50)
        fill(db, limit, Lane.RESYNC)


def test_what_is_not_due_is_not_claimed(db: Database) -> None:
    fill(db, 3, due_at=START + SOON)
    assert claim(db) == []
    assert len(claim(db, START + SOON)) == 3


def test_a_dead_workers_claim_comes_due_again_when_its_lease_ends(db: Database) -> None:
    fill(db, 1)
    first = one(db)
    assert claim(db, START + LEASE - SOON) == []
    assert one(db, START + LEASE).fence == first.fence + 1


Act = Callable[[Database, Claim], None]


def _hold(db: Database, claimed: Claim) -> None:
    with db.write() as tx:
        workqueue.hold(tx, claimed, START + LEASE + SOON, LEASE)


def _remove(db: Database, claimed: Claim) -> None:
    with db.write() as tx:
        workqueue.remove(tx, claimed)


@pytest.mark.parametrize("act", [complete, _hold, _remove])
def test_a_worker_that_was_replaced_can_record_nothing(db: Database, act: Act) -> None:
    fill(db, 1)
    zombie = one(db)
    heir = one(db, START + LEASE)
    with pytest.raises(Fenced):
        act(db, zombie)
    complete(db, heir)


@pytest.mark.parametrize("act", [complete, _hold, _remove])
def test_a_claim_that_was_given_back_is_worth_nothing(db: Database, act: Act) -> None:
    fill(db, 1)
    claimed = one(db)
    complete(db, claimed)
    with pytest.raises(Fenced):
        act(db, claimed)


def test_a_held_claim_lasts_longer(db: Database) -> None:
    fill(db, 1)
    claimed = one(db)
    with db.write() as tx:
        workqueue.hold(tx, claimed, START + SOON, LEASE)
    assert claim(db, START + LEASE) == []
    assert len(claim(db, START + LEASE + SOON)) == 1


def test_a_heartbeat_for_many_names_those_that_are_still_held(db: Database) -> None:
    fill(db, 3)
    first, second, third = claim(db)
    complete(db, second)
    with db.write() as tx:
        kept = workqueue.held(tx, [first, second, third], START, LEASE)
    assert kept == {first.request_uid, third.request_uid}


def test_a_wake_up_during_the_work_is_not_lost(db: Database) -> None:
    (uid,) = fill(db, 1, Lane.RESYNC)
    claimed = one(db)
    wake(db, uid, START + SOON)
    assert claim(db, START + SOON) == [], "it is still being worked on"
    complete(db, claimed)
    again = one(db, START + SOON)
    assert (again.lane, again.seq) == (Lane.CHANGE, claimed.seq + 1)
    complete(db, again)
    assert claim(db, START + SOON) == []


def test_a_delayed_wake_up_during_the_work_keeps_its_delay(db: Database) -> None:
    (uid,) = fill(db, 1)
    claimed = one(db)
    wake(db, uid, START, delay=9)
    wake(db, uid, START, delay=5)
    wake(db, uid, START, delay=7)
    complete(db, claimed)
    assert claim(db, START + timedelta(seconds=4)) == []
    assert len(claim(db, START + timedelta(seconds=5))) == 1


def test_a_wake_up_seen_by_a_dead_workers_heir_is_not_served_twice(db: Database) -> None:
    (uid,) = fill(db, 1)
    one(db)
    wake(db, uid, START)
    complete(db, one(db, START + LEASE))
    assert claim(db, START + LEASE) == []


def test_a_wake_up_that_an_heir_has_seen_does_not_hasten_a_later_one(db: Database) -> None:
    (uid,) = fill(db, 1)
    one(db)
    wake(db, uid, START)
    heir = one(db, START + LEASE)
    wake(db, uid, START + LEASE, delay=20)
    complete(db, heir)
    assert claim(db, START + LEASE + timedelta(seconds=19)) == []


def test_a_wake_up_hastens_and_raises_and_never_the_opposite(db: Database) -> None:
    (uid,) = fill(db, 1, Lane.REPAIR, due_at=LATER)
    wake(db, uid, START, Lane.RESYNC, delay=5)
    wake(db, uid, START, Lane.CALLBACK, delay=9)
    claimed = one(db, START + timedelta(seconds=5))
    assert claimed.lane is Lane.CALLBACK


def test_a_request_that_was_given_back_rests_in_the_lowest_lane(db: Database) -> None:
    fill(db, 1, Lane.TEARDOWN)
    complete(db, one(db))
    assert one(db, LATER).lane is Lane.RESYNC


def test_many_are_given_back_at_once_each_as_if_alone(db: Database) -> None:
    fill(db, 4)
    resting, woken, replaced, idle = claim(db, limit=4)
    wake(db, woken.request_uid, START + SOON, Lane.TEARDOWN)
    complete(db, idle)
    with db.write() as tx:
        tx.execute(work.update().where(work.c.request_uid == replaced.request_uid).values(due_at=START))
    one(db)  # the heir of the third
    times = {part: LATER + SOON * number for number, part in enumerate([resting, woken, replaced, idle])}
    with db.write() as tx:
        valid = workqueue.complete_many(tx, list(times.items()))
        assert workqueue.complete_many(tx, []) == set()
        rows = {row.request_uid: (row.due_at, row.lane, row.owner) for row in tx.execute(sa.select(work))}
    assert valid == {resting.request_uid, woken.request_uid}
    assert rows == {
        resting.request_uid: (times[resting], Lane.RESYNC, None),
        woken.request_uid: (START + SOON, Lane.TEARDOWN, None),
        replaced.request_uid: (START + LEASE, Lane.CHANGE, "me"),
        idle.request_uid: (LATER, Lane.RESYNC, None),
    }


def test_failures_in_a_row_are_counted_until_a_pass_succeeds(db: Database) -> None:
    fill(db, 1)
    for attempts in range(3):
        claimed = one(db)
        assert claimed.attempts == attempts
        complete(db, claimed, START, failed=True)
    complete(db, one(db), START)
    assert one(db).attempts == 0


def test_what_is_given_back_unused_is_due_at_once_and_did_not_fail(db: Database) -> None:
    (uid,) = fill(db, 1)
    with db.write() as tx:
        workqueue.release(tx, workqueue.claim(tx, "me", START, LEASE, 1)[0], START + SOON)
    again = one(db, START + SOON)
    assert (again.request_uid, again.attempts, again.lane) == (uid, 0, Lane.CHANGE)


def test_a_removed_request_is_gone_and_late_wake_ups_do_not_bring_it_back(db: Database) -> None:
    (uid,) = fill(db, 1)
    _remove(db, one(db))
    wake(db, uid, START)
    assert claim(db, LATER) == []


def test_resync_never_delays_a_change_by_more_than_one_batch(db: Database) -> None:
    fill(db, 300, Lane.RESYNC, due_at=START - timedelta(hours=1))
    (uid,) = fill(db, 1, Lane.RESYNC, due_at=LATER)
    for _ in range(3):
        claim(db, limit=20)
        wake(db, uid, START)
        changed = [claimed for claimed in claim(db, limit=20) if claimed.lane is Lane.CHANGE]
        assert [claimed.request_uid for claimed in changed] == [uid]
        complete(db, changed[0])


def test_the_busiest_lane_leaves_every_other_lane_its_share(db: Database) -> None:
    for lane in Lane:
        fill(db, 60, lane)
    shares = Counter(claimed.lane for claimed in claim(db, limit=20))
    assert shares == {Lane.TEARDOWN: 12, Lane.CHANGE: 2, Lane.CALLBACK: 2, Lane.REPAIR: 2, Lane.RESYNC: 2}


def test_shares_that_nobody_needs_go_to_the_highest_lane(db: Database) -> None:
    fill(db, 60, Lane.CHANGE)
    fill(db, 60, Lane.RESYNC)
    assert Counter(claimed.lane for claimed in claim(db, limit=20)) == {Lane.CHANGE: 18, Lane.RESYNC: 2}


def test_within_a_lane_whoever_is_due_longest_comes_first(db: Database) -> None:
    (late,) = fill(db, 1, due_at=START)
    (early,) = fill(db, 1, due_at=START - SOON)
    assert [claim(db, limit=1)[0].request_uid for _ in range(2)] == [early, late]


def test_many_are_woken_at_once_those_that_are_gone_excepted(db: Database, bell: Bell) -> None:
    uids = fill(db, 5, Lane.RESYNC, due_at=LATER)
    with db.write() as tx:
        workqueue.wake_many(tx, [*uids[:3], uids[0], "req_unknown"], Lane.CALLBACK, START)
        workqueue.wake_many(tx, [], Lane.CALLBACK, START)
    assert bell.count("work") == 1
    assert {claimed.request_uid for claimed in claim(db)} == set(uids[:3])


def test_more_can_be_woken_than_a_statement_takes_parameters(db: Database) -> None:
    uids = fill(db, 2500, Lane.RESYNC, due_at=LATER)
    with db.write() as tx:
        workqueue.wake_many(
            tx, [*uids, *(f"req_unknown_{number}" for number in range(70_000))], Lane.CHANGE, START
        )
        assert workqueue.backlog(tx, START)[Lane.CHANGE] == 2500


def test_wakers_of_the_same_requests_in_opposite_orders_do_not_lock_each_other_out(db: Database) -> None:
    uids = fill(db, 40, Lane.RESYNC, due_at=LATER)

    def wake_all(order: list[str]) -> None:
        for _ in range(15):
            with db.write() as tx:
                workqueue.wake_many(tx, order, Lane.CALLBACK, START)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(wake_all, [uids, uids[::-1]] * 2))
    assert {claimed.seq for claimed in claim(db)} == {61}


def test_the_next_due_time_counts_running_leases_too(db: Database) -> None:
    with db.read() as tx:
        assert workqueue.next_due(tx) is None
    fill(db, 1, due_at=LATER)
    fill(db, 1, Lane.RESYNC, due_at=START)
    claim(db)
    with db.read() as tx:
        assert workqueue.next_due(tx) == START + LEASE


def test_the_backlog_is_counted_by_lane(db: Database) -> None:
    fill(db, 3, Lane.CHANGE)
    fill(db, 2, Lane.RESYNC)
    fill(db, 4, Lane.RESYNC, due_at=LATER)
    with db.read() as tx:
        found = workqueue.backlog(tx, START)
    assert found == dict.fromkeys(Lane, 0) | {Lane.CHANGE: 3, Lane.RESYNC: 2}


def test_a_floor_hides_nothing_that_was_due_when_it_was_taken(db: Database) -> None:
    fill(db, 1, due_at=START - timedelta(days=1))
    fill(db, 1, Lane.RESYNC, due_at=START)
    with db.write() as tx:
        floors = workqueue.floors(tx, START)
        assert len(workqueue.claim(tx, "me", START, LEASE, 10, floors=floors)) == 2


def test_a_floor_keeps_room_for_clocks_that_are_behind(db: Database) -> None:
    with db.read() as tx:
        floors = workqueue.floors(tx, START)
    fill(db, 1, due_at=START - timedelta(seconds=59))
    with db.write() as tx:
        assert len(workqueue.claim(tx, "me", START, LEASE, 10, floors=floors)) == 1


def test_what_slips_below_a_floor_is_found_with_the_next_one(db: Database) -> None:
    with db.read() as tx:
        floors = workqueue.floors(tx, START)
    fill(db, 1, due_at=START - timedelta(hours=1))
    with db.write() as tx:
        assert workqueue.claim(tx, "me", START, LEASE, 10, floors=floors) == []
        floors = workqueue.floors(tx, START)
        assert len(workqueue.claim(tx, "me", START, LEASE, 10, floors=floors)) == 1


def test_ten_thousand_requests_do_not_come_due_at_once_after_a_standstill(db: Database) -> None:
    fill(db, 10_000, Lane.RESYNC, due_at=START - timedelta(hours=2))
    (changed,) = fill(db, 1, Lane.CHANGE, due_at=START - SOON)
    over = timedelta(minutes=10)
    with db.write() as tx:
        while workqueue.spread(tx, START, over):
            pass
        due = list(tx.execute(sa.select(work.c.due_at).where(work.c.lane == Lane.RESYNC)).scalars())
    buckets = Counter((due_at - START) * 10 // over for due_at in due)
    assert set(buckets) == set(range(10))
    assert max(buckets.values()) <= 1.2 * 1000
    assert [claimed.request_uid for claimed in claim(db)] == [changed], "only looks are put off"


def test_spreading_leaves_alone_what_is_worked_on_or_not_due(db: Database) -> None:
    fill(db, 1, Lane.RESYNC)
    claim(db)
    fill(db, 1, Lane.RESYNC, due_at=LATER)
    with db.write() as tx:
        assert workqueue.spread(tx, START + LEASE, timedelta(minutes=1)) == 0


def test_a_rolled_back_wake_up_rings_nobody(db: Database, bell: Bell) -> None:
    (uid,) = fill(db, 1, due_at=LATER)

    def fail() -> None:
        with db.write() as tx:
            workqueue.wake(tx, uid, Lane.CHANGE, START)
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert bell.count("work") == 0
    assert claim(db) == []


def test_passes_that_wake_one_another_do_not_wait_in_a_ring(db: Database) -> None:
    fill(db, 2)
    claims = claim(db)

    def wake_each_other(number: int) -> None:
        mine, other = claims[number], claims[1 - number]
        for _ in range(30):
            with db.write() as tx:
                workqueue.wake_beside(tx, mine, {other.request_uid: Lane.CALLBACK}, START)
                workqueue.hold(tx, mine, START, LEASE)

    assert in_threads(2, wake_each_other) == []
    with db.read() as tx:
        seqs = tx.execute(sa.select(work.c.seq).where(work.c.owner.is_not(None))).scalars()
        assert list(seqs) == [31, 31]


def test_a_pass_does_not_wake_itself(db: Database) -> None:
    fill(db, 1)
    mine = one(db)
    with db.write() as tx:
        workqueue.wake_beside(tx, mine, {mine.request_uid: Lane.CALLBACK}, START)
        workqueue.complete(tx, mine, LATER)
    assert claim(db, START + SOON) == []
