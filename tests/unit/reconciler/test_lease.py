"""Leases on both databases: one holder at a time, and late holders record nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from catalog.db import Database
from reconciler import lease
from reconciler.lease import Lease
from reconciler.workqueue import Fenced
from tests.factories import START, created_database

TTL = timedelta(seconds=10)
AFTER = START + TTL


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as opened:
        yield opened


def acquire(db: Database, owner: str, now: datetime = START) -> Lease | None:
    with db.write() as tx:
        return lease.acquire(tx, "git:main", owner, now, TTL)


def taken(db: Database, owner: str, now: datetime = START) -> Lease:
    held = acquire(db, owner, now)
    assert held is not None
    return held


def is_valid(db: Database, held: Lease, now: datetime) -> bool:
    try:
        with db.write() as tx:
            lease.check(tx, held, now)
    except Fenced:
        return False
    return True


def test_of_eight_who_want_a_lease_one_gets_it(db: Database) -> None:
    with ThreadPoolExecutor(8) as threads:
        held = list(threads.map(lambda number: acquire(db, f"owner-{number}"), range(8)))
    assert len([one for one in held if one is not None]) == 1


def test_a_lease_is_nobody_elses_until_it_ends(db: Database) -> None:
    first = taken(db, "one")
    assert acquire(db, "two", AFTER - timedelta(microseconds=1)) is None
    second = taken(db, "two", AFTER)
    assert second.fence == first.fence + 1


def test_other_names_are_other_leases(db: Database) -> None:
    taken(db, "one")
    with db.write() as tx:
        assert lease.acquire(tx, "git:state", "two", START, TTL) is not None


def test_acquiring_again_renews_under_the_same_fence(db: Database) -> None:
    first = taken(db, "one")
    again = taken(db, "one", START + TTL / 2)
    assert again.fence == first.fence
    assert acquire(db, "two", AFTER) is None


def test_a_renewed_lease_lasts_longer(db: Database) -> None:
    held = taken(db, "one")
    with db.write() as tx:
        renewed = lease.renew(tx, held, START + TTL / 2, TTL)
    assert renewed is not None
    assert renewed.expires_at == START + TTL * 1.5
    assert is_valid(db, held, AFTER)


def test_a_replaced_holder_cannot_renew_and_fails_its_check(db: Database) -> None:
    old = taken(db, "one")
    taken(db, "two", AFTER)
    with db.write() as tx:
        assert lease.renew(tx, old, AFTER, TTL) is None
    assert not is_valid(db, old, AFTER)


def test_the_first_holder_that_comes_back_has_another_fence(db: Database) -> None:
    old = taken(db, "one")
    taken(db, "two", AFTER)
    taken(db, "one", AFTER + TTL)
    assert not is_valid(db, old, AFTER + TTL)


def test_an_expired_lease_is_not_held_even_if_nobody_took_it(db: Database) -> None:
    held = taken(db, "one")
    assert is_valid(db, held, AFTER - timedelta(microseconds=1))
    assert not is_valid(db, held, AFTER)


def test_a_lease_given_back_is_free_at_once_and_only_its_holder_gives_it_back(db: Database) -> None:
    old = taken(db, "one")
    new = taken(db, "two", AFTER)
    with db.write() as tx:
        lease.release(tx, old, AFTER)
    assert is_valid(db, new, AFTER)
    with db.write() as tx:
        lease.release(tx, new, AFTER)
    assert acquire(db, "three", AFTER) is not None
