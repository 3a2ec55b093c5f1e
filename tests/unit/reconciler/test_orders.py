"""An order says what and who, and nothing that is not the executor's business."""

from typing import Any

import pytest

from catalog.contract import OperationName
from catalog.digest import JsonObject
from executors.port import GROUNDS, TRACE, ContractRef, Effect
from reconciler.orders import order_context, read_order, with_grounds, write_order
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


def grounds(requesters: tuple[str, ...] = ("dora",), **fields: Any) -> Any:
    """Return what an order's approvals are bound to."""
    operation = an_operation(**{"plan": {"inputs": {}, "policy": "r1"}} | fields)
    return with_grounds({}, a_delivered_request(requesters=requesters), operation)[GROUNDS]


def test_approvals_are_bound_to_contract_plan_and_policy() -> None:
    held = grounds()
    assert held == grounds()
    assert (held["policy"], held["contract"]) == ("r1", an_operation().contract_digest)
    assert grounds(contract_digest="sha256:y")["contract"] != held["contract"]
    for plan in ({"inputs": {"size": "l"}, "policy": "r1"}, {"inputs": {}, "policy": "r2"}):
        assert grounds(plan=plan)["plan"] != held["plan"]


@pytest.mark.parametrize(
    ("requesters", "expected"),
    [((), ["dora"]), (("dora", "bob"), ["dora", "bob"]), (("bob",), ["dora", "bob"])],
    ids=["from before they were kept", "with an editor", "without the creator"],
)
def test_whoever_made_the_request_is_always_among_its_requesters(
    requesters: tuple[str, ...], expected: list[str]
) -> None:
    assert grounds(requesters)["requesters"] == expected


@pytest.mark.parametrize(
    ("name", "how"), [(OperationName.PROVISION, "parent"), (OperationName.REPAIR, "link")]
)
def test_work_continues_the_trace_of_who_asked_and_a_repair_only_points_there(
    name: OperationName, how: str
) -> None:
    request = a_delivered_request(trace="00-a-b-01")
    assert with_grounds({}, request, an_operation(name=name, plan={}))[TRACE] == {how: "00-a-b-01"}
    assert TRACE not in with_grounds({}, a_delivered_request(), an_operation(plan={}))
