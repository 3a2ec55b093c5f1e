"""A preview says what the first pass would do, from what the database knows, and writes nothing."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from catalog import contracts, fleet_store, requests
from catalog.contract import OperationName
from catalog.db import Database, metadata
from catalog.fleet import Presence
from catalog.request import Request
from reconciler import operations
from reconciler.operation import OperationState
from reconciler.plan import Move, Plan
from reconciler.preview import preview
from tests.factories import (
    PROJECT,
    START,
    UID,
    a_bundle,
    a_delivered_request,
    a_destination,
    a_request,
    a_revision,
    an_observation,
    an_operation,
    store_request,
)


@pytest.fixture(autouse=True)
def _published(database: Database) -> None:
    with database.write() as tx:
        contracts.publish(tx, a_bundle(), START, "alice")
        fleet_store.create_destination(tx, a_destination())


def deliver(database: Database, presence: Presence) -> None:
    with database.write() as tx:
        store_request(tx, a_delivered_request())
        operations.begin(tx, an_operation(state=OperationState.SUCCEEDED, finished_at=START))
        fleet_store.record_observation(tx, PROJECT, an_observation(presence))


def previewed(database: Database, request: Request) -> Plan:
    with database.read() as tx:
        return preview(tx, request, a_revision(), START).plan


def test_a_request_that_is_not_stored_would_be_provisioned_on_the_place_it_would_get(
    database: Database,
) -> None:
    with database.read() as tx:
        found = preview(tx, a_request(), a_revision(), START)
    assert found.plan.operation is OperationName.PROVISION
    assert found.placed.destination == a_destination()
    assert found.situation.observation is None


def test_asking_for_what_is_there_would_do_nothing(database: Database) -> None:
    deliver(database, Presence.PRESENT)
    assert previewed(database, a_delivered_request()).move is Move.NOTHING


def test_a_change_would_be_an_update_that_names_the_input(database: Database) -> None:
    deliver(database, Presence.PRESENT)
    found = previewed(database, replace(a_delivered_request(), inputs={"size": "l"}))
    assert found.operation is OperationName.UPDATE
    assert [each.path for each in found.changes] == ["/inputs/size"]


def test_a_deletion_would_take_down_what_was_seen_last(database: Database) -> None:
    deliver(database, Presence.PRESENT)
    found = previewed(database, a_delivered_request(deletion_requested_at=START))
    assert found.operation is OperationName.DELETE


def test_a_failed_look_would_be_repeated_before_anything_else(database: Database) -> None:
    deliver(database, Presence.UNKNOWN)
    assert previewed(database, a_delivered_request()).reason == "ObserveFailed"


def test_a_preview_writes_nothing(database: Database) -> None:
    deliver(database, Presence.ABSENT)
    previewed(database, a_delivered_request())
    with database.read() as tx:
        counts = {
            table.name: tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
        assert requests.by_uid(tx, UID) == a_delivered_request()
    there = {name for name, count in counts.items() if count}
    assert there == {
        "catalog_projects",
        "catalog_contracts",
        "catalog_contract_controls",
        "catalog_destinations",
        "catalog_requests",
        "catalog_observations",
        "reconciler_operations",
    }
