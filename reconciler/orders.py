"""Work orders: what an executor is told about a request, and nothing beyond."""

from collections.abc import Mapping

from catalog.acting import ACTION
from catalog.contract import OperationName
from catalog.digest import Json, JsonObject
from catalog.fleet import Destination
from catalog.request import Request
from executors.port import GROUNDS, TRACE, ContractRef, Effect, WorkOrder
from reconciler.operation import Operation
from reconciler.plan import plan_digest
from reconciler.roots import children_root, request_root


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
    request: Request,
    ref: ContractRef,
    inputs: JsonObject,
    destination: Destination | None,
    children: Mapping[str, JsonObject] | None = None,
) -> dict[str, Json]:
    """Return what references in a definition may reach.

    Args:
        children: what children hand back, by their names in the contract.
    """
    context: dict[str, Json] = {
        "inputs": inputs,
        "request": request_root(request),
        "destination": {} if destination is None else _destination(destination),
        "outputs": dict(request.outputs),
        "contract": {"name": ref.name, "version": ref.version},
    }
    return {**context, "children": children_root(children)} if children else context


def with_grounds(context: Mapping[str, Json], request: Request, operation: Operation) -> dict[str, Json]:
    """Return a context that also says what approvals are bound to, who asked for it, and in which trace.

    No reference of a definition reaches this; what an action's definition reaches besides is added here too.
    """
    by, trace = operation.asker
    grounds: dict[str, Json] = {
        "requesters": [*dict.fromkeys((request.created_by, *request.requesters, *([by] if by else [])))],
        "contract": operation.contract_digest,
        "plan": plan_digest(operation.plan),
        "policy": operation.policy_revision,
    }
    told: dict[str, Json] = {**context, GROUNDS: grounds}
    if operation.action is not None:
        told[ACTION] = operation.action
    span = trace if operation.is_action else request.trace
    if not span:
        return told
    # A repair answers nobody, and may come years after what it mends was asked for.
    how = "link" if operation.name is OperationName.REPAIR else "parent"
    return {**told, TRACE: {how: span}}


def _destination(destination: Destination) -> Mapping[str, Json]:
    return {
        "name": destination.name,
        "kind": destination.kind,
        "labels": dict(destination.labels),
        "config": destination.config,
    }
