"""An order says what and who, and nothing that is not the executor's business."""

from catalog.digest import JsonObject
from executors.port import ContractRef, Effect
from reconciler.orders import order_context, read_order, write_order
from tests.factories import a_contract, a_delivered_request, a_destination, an_operation

REF = ContractRef("postgres-database", "1.0.0", "sha256:x")
DEFINITION: JsonObject = {"kind": "Workflow"}


def test_a_write_order_carries_the_operations_key_fence_and_pinned_contract() -> None:
    operation = an_operation(fence=7, contract_version="1.2.0", contract_digest="sha256:y")
    order = write_order(operation, a_delivered_request(), DEFINITION, {"inputs": {}})
    assert (order.idempotency_key, order.fence) == (operation.idempotency_key, 7)
    assert (order.operation, order.effect) == ("provision", Effect.WRITE)
    assert order.contract == ContractRef("postgres-database", "1.2.0", "sha256:y")
    assert (order.project, order.request_uid) == (operation.project, operation.request_uid)
    assert (order.definition, order.context) == (DEFINITION, {"inputs": {}})


def test_a_read_order_only_looks_and_outranks_nothing() -> None:
    order = read_order("look_1", a_delivered_request(), REF, DEFINITION, {})
    assert (order.effect, order.operation, order.fence) == (Effect.READ, "observe", 0)
    assert order.contract == REF


def test_the_context_holds_what_references_may_reach_and_no_more() -> None:
    request = a_delivered_request(outputs={"host": "h"}, labels={"tier": "web"})
    context = order_context(request, REF, {"size": "s"}, a_destination())
    assert context == {
        "inputs": {"size": "s"},
        "request": {
            "uid": request.uid,
            "name": "orders-db",
            "project": "shop",
            "owner": "team-orders",
            "environment": "dev",
            "generation": 1,
            "labels": {"tier": "web"},
        },
        "destination": {
            "name": "pg-1",
            "kind": "postgres-server",
            "labels": {"env": "dev"},
            "config": {"host": "pg-1"},
        },
        "outputs": {"host": "h"},
        "contract": {"name": "postgres-database", "version": "1.0.0"},
    }
    assert a_contract().owner not in str(context)


def test_without_a_destination_there_is_nothing_to_refer_to() -> None:
    assert order_context(a_delivered_request(), REF, {}, None)["destination"] == {}
