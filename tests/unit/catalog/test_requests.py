"""Requests in the database: what people change and what the reconciler records never get lost."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from catalog import contracts, fleet_store, projects, requests
from catalog.conditions import Condition, Status, Type
from catalog.db import Database, Tx
from catalog.errors import Conflict, NotFound
from catalog.request import Applied, Phase, Request
from catalog.requests import Filter
from catalog.tables import requests as requests_table
from tests.factories import START, UID, a_destination, a_request, an_applied, store_project, store_request
from tests.together import in_threads

LATER = START + timedelta(hours=1)


def stored(database: Database, *all_of_them: Request) -> None:
    with database.write() as tx:
        for request in all_of_them:
            store_request(tx, request)


def a_full_request() -> Request:
    """Return a request with something in every field."""
    condition = Condition(Type.READY, Status.FALSE, "Drifted", "é 😀", LATER, 2)
    return a_request(
        version="1.0.0",
        inputs={"size": "s", "deep": {"é": [1, 2.5, None, True, "😀\u2028", []]}},
        labels={"tier": "back.end", "é": "ü"},
        destination="pg-1",
        paused=True,
        attempt=3,
        conditions={Type.READY: condition},
        phase=Phase.PAUSED,
        outputs={"host": "h", "password": "secret://x"},
        applied=replace(an_applied(), facts={"exists": True, "n": 1e16}, dead_ends=("sha256:2", "sha256:3")),
        deletion_requested_at=LATER,
        deleted_at=LATER,
    )


def test_a_request_comes_back_as_it_was_stored(database: Database) -> None:
    with database.write() as tx:
        fleet_store.create_destination(tx, a_destination())
        store_request(tx, a_full_request())
    with database.read() as tx:
        assert requests.by_uid(tx, UID) == a_full_request()


def test_a_request_is_found_by_name_while_it_lives(database: Database) -> None:
    stored(database, a_request())
    with database.write() as tx:
        assert requests.by_name(tx, "shop", "orders-db").uid == UID
        requests.save_status(tx, replace(a_request(), deleted_at=LATER))
    with database.read() as tx:
        with pytest.raises(NotFound):
            requests.by_name(tx, "shop", "orders-db")
        last = requests.last_deleted(tx, "shop", "orders-db")
        assert last is not None
        assert last.uid == UID
        assert requests.by_uid(tx, UID).deleted_at == LATER


def test_a_name_is_found_in_its_own_project_alone(database: Database) -> None:
    stored(database, a_request("req_1"), a_request("req_2", project="bank"))
    with database.read() as tx:
        assert requests.by_name(tx, "bank", "orders-db").uid == "req_2"
        with pytest.raises(NotFound):
            requests.by_name(tx, "other", "orders-db")


def test_a_taken_name_is_refused_until_it_is_free_again(database: Database) -> None:
    stored(database, a_request("req_1"))
    with pytest.raises(Conflict) as refused:
        stored(database, a_request("req_2"))
    assert refused.value.code == "request_exists"
    with database.write() as tx:
        requests.save_status(tx, replace(a_request("req_1"), deleted_at=LATER))
    stored(database, a_request("req_2"))
    with database.read() as tx:
        assert requests.by_name(tx, "shop", "orders-db").uid == "req_2"


def test_the_last_tombstone_is_the_newest(database: Database) -> None:
    stored(database, a_request("req_1", deleted_at=LATER), a_request("req_2", deleted_at=LATER))
    with database.read() as tx:
        last = requests.last_deleted(tx, "shop", "orders-db")
        assert last is not None
        assert last.uid == "req_2"
        assert requests.last_deleted(tx, "shop", "never") is None


def test_a_change_made_from_an_old_revision_is_refused(database: Database) -> None:
    stored(database, a_request())
    with database.write() as tx:
        first = requests.save_desired(tx, replace(a_request(), inputs={"size": "m"}), 1)
    assert first.revision == 2
    with pytest.raises(Conflict) as refused, database.write() as tx:
        requests.save_desired(tx, replace(a_request(), inputs={"size": "l"}), 1)
    assert refused.value.code == "revision_changed"
    with database.read() as tx:
        assert requests.by_uid(tx, UID) == first


def test_recording_status_leaves_what_people_want_alone(database: Database) -> None:
    stored(database, a_request())
    with database.write() as tx:
        requests.save_desired(tx, replace(a_request(), inputs={"size": "m"}, paused=True, generation=2), 1)
    stale = replace(a_request(), phase=Phase.READY, attempt=7, applied=an_applied(), outputs={"host": "h"})
    with database.write() as tx:
        requests.save_status(tx, stale)
    with database.read() as tx:
        found = requests.by_uid(tx, UID)
    assert (found.inputs, found.paused, found.generation, found.revision) == ({"size": "m"}, True, 2, 2)
    assert (found.phase, found.attempt, found.outputs) == (Phase.READY, 7, {"host": "h"})
    assert isinstance(found.applied, Applied)


def test_no_update_is_lost_when_people_and_the_reconciler_meet_on_a_row(database: Database) -> None:
    stored(database, a_request())

    def change(number: int) -> None:
        for _ in range(10):
            with database.write() as tx:
                found = requests.locked(tx, UID)
                if number % 2:
                    requests.save_status(tx, replace(found, attempt=found.attempt + 1))
                else:
                    desired = replace(found, generation=found.generation + 1)
                    requests.save_desired(tx, desired, found.revision)

    assert in_threads(8, change) == []
    with database.read() as tx:
        found = requests.by_uid(tx, UID)
    assert (found.attempt, found.generation, found.revision) == (40, 41, 41)


def test_of_many_changes_from_one_revision_one_wins(database: Database) -> None:
    stored(database, a_request())
    refused: list[str] = []

    def change(number: int) -> None:
        try:
            with database.write() as tx:
                requests.save_desired(tx, replace(a_request(), inputs={"n": number}), 1)
        except Conflict as error:
            refused.append(error.code)

    assert in_threads(8, change) == []
    assert refused == ["revision_changed"] * 7


@pytest.fixture
def crowd(database: Database) -> Database:
    """Store four requests that differ in everything that one may ask for."""
    with database.write() as tx:
        fleet_store.create_destination(tx, a_destination("pg-1"))
        fleet_store.create_destination(tx, a_destination("pg-2"))
    stored(
        database,
        a_request("req_1", name="orders-db", destination="pg-1"),
        a_request("req_2", name="orders_db", phase=Phase.READY, labels={"tier": "web", "a.b/c": "1"}),
        a_request(
            "req_3", name="carts", project="bank", contract="queue", owner="team-x", environment="prod"
        ),
        a_request("req_4", name="gone", deleted_at=LATER, destination="pg-2"),
        a_request("req_5", name="stock", destination="pg-1", labels={}),
    )
    return database


FOUND: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["req_1", "req_2", "req_3", "req_5"]),
    ({"projects": ["bank"]}, ["req_3"]),
    ({"projects": []}, []),
    ({"phase": Phase.READY}, ["req_2"]),
    ({"contract": "queue"}, ["req_3"]),
    ({"owner": "team-x"}, ["req_3"]),
    ({"environment": "prod"}, ["req_3"]),
    ({"destination": "pg-1"}, ["req_1", "req_5"]),
    ({"destination": "pg-2"}, []),
    ({"labels": {"tier": "web"}}, ["req_2"]),
    ({"labels": {"a.b/c": "1"}}, ["req_2"]),
    ({"labels": {"tier": "backend"}, "text": "orders"}, ["req_1"]),
    ({"labels": {"tier": "web", "missing": ""}}, []),
    ({"labels": {'a"b': "1"}}, []),
    ({"labels": {"a'b": "' OR 1=1 --"}}, []),
    ({"text": "r"}, ["req_1", "req_2", "req_3"]),
    ({"text": "orders_"}, ["req_2"]),
    ({"text": "%"}, []),
    ({"text": "' OR '1'='1"}, []),
]


def test_requests_are_found_by_what_is_asked_for(crowd: Database) -> None:
    with crowd.read() as tx:
        for wanted, uids in FOUND:
            assert [request.uid for request in requests.page(tx, Filter(**wanted), "", 10)] == uids
            assert requests.uids(tx, Filter(**wanted)) == uids
            assert requests.count(tx, Filter(**wanted)) == len(uids)


def test_requests_are_listed_page_by_page(crowd: Database) -> None:
    with crowd.read() as tx:
        assert [each.uid for each in requests.page(tx, Filter(), "", 2)] == ["req_1", "req_2"]
        assert [each.uid for each in requests.page(tx, Filter(), "req_2", 2)] == ["req_3", "req_5"]
        assert requests.page(tx, Filter(), "req_5", 2) == []


def test_a_destinations_load_counts_the_living(crowd: Database) -> None:
    with crowd.read() as tx:
        assert requests.load_by_destination(tx) == {"pg-1": 2}


def test_what_is_not_there_is_not_found(database: Database) -> None:
    with database.write() as tx:
        for look in (requests.by_uid, requests.locked):
            with pytest.raises(NotFound) as refused:
                look(tx, "req_missing")
            assert refused.value.code == "request_not_found"


def test_the_stores_share_one_transaction(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        _store_and_look_for_a_contract(tx)
    with database.read() as tx:
        assert projects.page(tx, "", 9) == []


def _store_and_look_for_a_contract(tx: Tx) -> None:
    store_project(tx, "shop")
    store_request(tx, a_request())
    contracts.newest(tx, "missing")


def test_what_an_older_release_stored_of_a_delivery_is_read(database: Database) -> None:
    with database.write() as tx:
        store_request(tx, a_request(applied=an_applied()))
        held = dict(tx.execute(sa.select(requests_table.c.applied)).scalar_one())
        del held["dead_ends"]
        tx.execute(requests_table.update().values(applied=held))
    with database.read() as tx:
        assert requests.by_uid(tx, UID).applied == an_applied()
