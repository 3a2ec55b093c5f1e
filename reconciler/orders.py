"""Work orders: what an executor is told about a request, and nothing beyond."""

from collections.abc import Mapping

from catalog.digest import Json, JsonObject
from catalog.fleet import Destination
from catalog.request import Request
from executors.port import ContractRef, Effect, WorkOrder
from reconciler.operation import Operation


def write_order(
    operation: Operation, request: Request, definition: JsonObject, context: JsonObject
) -> WorkOrder:
    """Return the order that carries out an operation."""
    return WorkOrder(
        idempotency_key=operation.idempotency_key,
        fence=operation.fence,
        project=request.project,
        request_uid=request.uid,
        operation=str(operation.name),
        effect=Effect.WRITE,
        contract=ContractRef(request.contract, operation.contract_version, operation.contract_digest),
        definition=definition,
        context=context,
    )


def read_order(
    key: str, request: Request, ref: ContractRef, definition: JsonObject, context: JsonObject
) -> WorkOrder:
    """Return the order that looks at what a request delivered."""
    return WorkOrder(
        idempotency_key=key,
        fence=0,
        project=request.project,
        request_uid=request.uid,
        operation="observe",
        effect=Effect.READ,
        contract=ref,
        definition=definition,
        context=context,
    )


def order_context(
    request: Request, ref: ContractRef, inputs: JsonObject, destination: Destination | None
) -> dict[str, Json]:
    """Return what references in a definition may reach."""
    return {
        "inputs": inputs,
        "request": {
            "uid": request.uid,
            "name": request.name,
            "project": request.project,
            "owner": request.owner,
            "environment": request.environment,
            "generation": request.generation,
            "labels": dict(request.labels),
        },
        "destination": {} if destination is None else _destination(destination),
        "outputs": dict(request.outputs),
        "contract": {"name": ref.name, "version": ref.version},
    }


def _destination(destination: Destination) -> Mapping[str, Json]:
    return {
        "name": destination.name,
        "kind": destination.kind,
        "labels": dict(destination.labels),
        "config": destination.config,
    }
