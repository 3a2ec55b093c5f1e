"""Many situations loaded at once are those that are loaded one by one."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from catalog import contracts, fleet_store, requests
from catalog.contract import OperationName
from catalog.db import Database
from catalog.fleet import Presence
from catalog.ids import RequestUid
from reconciler import operations, outbox
from reconciler.change import Change
from reconciler.operation import OperationState
from reconciler.situation import Loaded, load, wished
from reconciler.situations import load_many
from tests.factories import (
    PROJECT,
    START,
    a_bundle,
    a_delivered_request,
    a_destination,
    a_request,
    an_observation,
    an_operation,
    contract_document,
    seeded_mint,
    store_project,
)

UNPLACED = contract_document("other")
del UNPLACED["spec"]["placement"]
STATES = (None, *OperationState)


def uid(number: int) -> RequestUid:
    return RequestUid(f"req_{number:026d}")


@pytest.fixture
def stocked(database: Database) -> Database:
    """Fill a database with requests in every state that a plan may ask about."""
    mint = seeded_mint()
    with database.write() as tx:
        contracts.publish(tx, a_bundle(), START, "alice")
        contracts.publish(tx, a_bundle(contract_document(version="1.1.0")), START, "alice")
        contracts.publish(tx, a_bundle(UNPLACED), START, "alice")
        contracts.set_paused(tx, "other", paused=True)
        for name, capacity in (("pg-1", None), ("pg-0", 1)):
            fleet_store.create_destination(tx, a_destination(name, capacity=capacity))
        store_project(tx, PROJECT)
        for number, (last, first, is_delivered) in enumerate(product(STATES, STATES, (False, True))):
            made = a_delivered_request if is_delivered else a_request
            name = "other" if number % 5 == 0 and not is_delivered else "postgres-database"
            request = made(uid=uid(number), name=f"r{number}", contract=name)
            requests.insert(tx, request)
            if number % 3:
                presence = list(Presence)[number % 3]
                seen = an_observation(presence, request_uid=request.uid)
                fleet_store.record_observation(tx, PROJECT, seen)
            for _ in range(number % 3):
                outbox.put(tx, Change(PROJECT, request.uid, "main", "a.yaml", "x", "m"), START, mint)
            if first is not None:
                store(tx, request.uid, number * 2, first, fence=1)
            if last is not None:
                store(tx, request.uid, number * 2 + 1, last, fence=2, superseded=number % 4 == 0)
    return database


def store(tx: object, of: RequestUid, number: int, state: OperationState, **fields: object) -> None:
    drifted = {"reason": "Drifted"} if number % 2 else {}
    made = an_operation(
        OperationName.REPAIR if number % 2 else OperationName.PROVISION,
        id=f"op_{number:026d}",
        request_uid=of,
        idempotency_key=f"key-{number}",
        state=state,
        created_at=START - timedelta(hours=number % 3),
        **drifted,
        **fields,
    )
    operations.begin(tx, made)  # type: ignore[arg-type]  # a transaction


def one_by_one(database: Database, uids: list[str]) -> list[Loaded]:
    found = []
    with database.read() as tx:
        for each in uids:
            loaded = load(tx, each, START)
            seen = fleet_store.observation(tx, each)
            found.append(replace(loaded, situation=replace(loaded.situation, observation=seen)))
    return found


def test_many_are_loaded_as_each_alone(stocked: Database) -> None:
    with stocked.read() as tx:
        among = requests.page(tx, requests.Filter(), "", 1000)
        many = load_many(tx, among, lambda request: wished(tx, request), START)

    assert len(many) == 72
    assert many == one_by_one(stocked, [each.uid for each in among])
    assert {each.situation.repairs for each in many} >= {0, 1}
    assert {each.situation.pending_writes for each in many} == {0, 1, 2}
    assert {each.situation.contract_paused for each in many} == {False, True}


def test_the_number_of_statements_does_not_grow_with_the_requests(stocked: Database) -> None:
    def statements(limit: int) -> int:
        count = 0
        with stocked.read() as tx:
            among = requests.page(tx, requests.Filter(contract="postgres-database"), "", limit)
            targets = {each.uid: wished(tx, each) for each in among}
            execute = tx.execute

            def counted(*given: object) -> object:
                nonlocal count
                count += 1
                return execute(*given)  # type: ignore[arg-type]  # passed on

            tx.execute = counted  # type: ignore[method-assign, assignment]  # to count
            load_many(tx, among, lambda request: targets[request.uid], START)
        return count

    statements(60)  # what is read once in a process
    assert statements(5) == statements(60)
