"""Destinations, resources and looks in the database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from catalog import fleet_store, requests
from catalog.db import Database, Tx
from catalog.errors import Conflict, NotFound
from catalog.fleet import Destination, Presence, Resource
from catalog.ids import ProjectName, RequestUid
from tests.factories import PROJECT, START, UID, a_destination, a_request, an_observation, store_request
from tests.together import in_threads

LATER = START + timedelta(hours=1)


def a_resource(uid: str = UID, **fields: Any) -> Resource:
    resource = Resource(RequestUid(uid), ProjectName(PROJECT), "pg-1", "postgres-database", "orders-db")
    values: dict[str, Any] = {"facts": {"size": "s"}, "first_seen_at": START, "last_seen_at": START}
    return replace(resource, **(values | fields))


def resources(database: Database, **wanted: Any) -> list[Resource]:
    with database.read() as tx:
        return fleet_store.resource_page(tx, "", 10, **wanted)


def created(database: Database, *destinations: Destination) -> None:
    with database.write() as tx:
        for destination in destinations:
            fleet_store.create_destination(tx, destination)


def test_a_destination_comes_back_as_it_was_stored(database: Database) -> None:
    destination = a_destination(
        projects=("shop", "bank"),
        capacity=3,
        cordoned=True,
        labels={"é": "ü"},
        config={"a": [1, {"b": None}]},
    )
    created(database, destination)
    with database.read() as tx:
        assert fleet_store.destination(tx, "pg-1") == destination


def test_a_taken_name_is_refused(database: Database) -> None:
    created(database, a_destination())
    with pytest.raises(Conflict) as refused:
        created(database, a_destination(kind="git-server"))
    assert refused.value.code == "destination_exists"


def test_a_change_from_an_old_revision_is_refused(database: Database) -> None:
    created(database, a_destination())
    with database.write() as tx:
        second = fleet_store.save_destination(tx, a_destination(capacity=5), 1)
    assert second.revision == 2
    with pytest.raises(Conflict) as refused, database.write() as tx:
        fleet_store.save_destination(tx, a_destination(capacity=9), 1)
    assert refused.value.code == "revision_changed"
    with database.read() as tx:
        assert fleet_store.destination(tx, "pg-1") == second


def test_a_destination_that_is_not_there_is_not_found(database: Database) -> None:
    asked: tuple[Callable[[Tx, str], object], ...] = (fleet_store.destination, fleet_store.delete_destination)
    for ask in asked:
        with pytest.raises(NotFound) as refused, database.write() as tx:
            ask(tx, "missing")
        assert refused.value.code == "destination_not_found"


def test_a_destination_goes_once_nothing_alive_lies_on_it(database: Database) -> None:
    created(database, a_destination())
    with database.write() as tx:
        store_request(tx, a_request(destination="pg-1"))
    with pytest.raises(Conflict) as refused, database.write() as tx:
        fleet_store.delete_destination(tx, "pg-1")
    assert refused.value.code == "in_use"
    with database.write() as tx:
        requests.save_status(tx, a_request(destination="pg-1", deleted_at=LATER))
    with database.write() as tx:
        fleet_store.delete_destination(tx, "pg-1")
    with database.read() as tx:
        assert requests.by_uid(tx, UID).destination is None


def test_a_destination_is_not_taken_away_under_a_request_that_is_just_being_placed(
    database: Database,
) -> None:
    created(database, a_destination())
    with database.write() as tx:
        store_request(tx)
    refused: list[str] = []

    def place_or_remove(number: int) -> None:
        try:
            with database.write() as tx:
                if number:
                    requests.save_status(tx, a_request(destination="pg-1"))
                else:
                    fleet_store.delete_destination(tx, "pg-1")
        except Conflict as error:
            refused.append(error.code)

    failures = in_threads(2, place_or_remove)
    with database.read() as tx:
        placed = requests.by_uid(tx, UID).destination
    assert (placed is None) == bool(failures)  # the foreign key stopped the one that came too late
    assert refused == ([] if failures else ["in_use"])


def test_destinations_are_listed_by_name_and_kind(database: Database) -> None:
    created(database, a_destination("b"), a_destination("a", kind="git-server"), a_destination("c"))
    with database.read() as tx:
        assert [each.name for each in fleet_store.destinations_of_kind(tx, "postgres-server")] == ["b", "c"]
        assert [each.name for each in fleet_store.destination_page(tx, "", 2)] == ["a", "b"]
        assert [each.name for each in fleet_store.destination_page(tx, "b", 2)] == ["c"]


def test_a_resource_keeps_when_it_was_first_seen(database: Database) -> None:
    with database.write() as tx:
        store_request(tx)
        fleet_store.record_resource(tx, a_resource())
    with database.write() as tx:
        fleet_store.record_resource(
            tx, a_resource(facts={"size": "m"}, first_seen_at=LATER, last_seen_at=LATER)
        )
    assert resources(database) == [a_resource(facts={"size": "m"}, last_seen_at=LATER)]


def test_a_resource_is_gone_once_and_may_come_back(database: Database) -> None:
    with database.write() as tx:
        store_request(tx)
        fleet_store.record_resource(tx, a_resource())
        fleet_store.record_gone(tx, UID, LATER)
        fleet_store.record_gone(tx, UID, LATER + timedelta(hours=1))
    assert resources(database) == []
    with database.write() as tx:
        fleet_store.record_resource(tx, a_resource(last_seen_at=LATER))
    assert resources(database) == [a_resource(last_seen_at=LATER)]


def test_resources_are_listed_for_those_who_may_know_of_them(database: Database) -> None:
    bank = {"project": ProjectName("bank"), "destination": "pg-2"}
    with database.write() as tx:
        for uid, fields in (("req_1", {}), ("req_2", bank)):
            store_request(tx, a_request(uid, project=fields.get("project", PROJECT)))
            fleet_store.record_resource(tx, a_resource(uid, **fields))
    assert [each.request_uid for each in resources(database)] == ["req_1", "req_2"]
    assert [each.request_uid for each in resources(database, projects=["bank"])] == ["req_2"]
    assert resources(database, projects=[]) == []
    assert [each.request_uid for each in resources(database, destination="pg-1")] == ["req_1"]


def test_the_newest_look_replaces_the_one_before(database: Database) -> None:
    failed = an_observation(Presence.UNKNOWN, message="x" * 600, observed_at=LATER)
    with database.write() as tx:
        store_request(tx)
        assert fleet_store.observation(tx, UID) is None
        fleet_store.record_observation(tx, PROJECT, an_observation())
    with database.write() as tx:
        assert fleet_store.observation(tx, UID) == an_observation()
        fleet_store.record_observation(tx, PROJECT, failed)
    with database.read() as tx:
        assert fleet_store.observation(tx, UID) == replace(failed, message="x" * 500)
