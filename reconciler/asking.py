"""What policy is asked about a plan, and about an operation that is to go on after it failed."""

from collections.abc import Mapping
from dataclasses import replace

from catalog.actor import SYSTEM
from catalog.digest import JsonObject
from policy.decision import EnforcementPoint
from policy.document import AskedAction, Query
from reconciler.operation import Operation
from reconciler.plan import Plan
from reconciler.situation import Loaded

_SHOWN = ("move", "operation", "reason", "message", "generation", "contract", "destination", "changes")
"""What policy sees of an operation's plan; the rest is what a pass keeps beside it."""


def contract_policy(loaded: Loaded) -> str | None:
    """Return the source of the policy of the contract that is wanted, when it has one."""
    contract = loaded.situation.contract
    return None if contract.policy is None else loaded.target.files[contract.policy]


def plan_query(loaded: Loaded, found: Plan) -> Query:
    """Return the question whether a plan may be carried out, defaults filled in.

    The platform itself asks: nobody is at the keyboard when drift is repaired.
    """
    return _query(loaded, str(found.operation or found.move), found.document(loaded.situation))


def again_query(loaded: Loaded, operation: Operation) -> Query:
    """Return the question whether an operation may go on, put as it was when the operation began.

    Args:
        loaded: how things stand; the operation is not outdated (`reconciler.binding`).
    """
    plan = {name: operation.plan[name] for name in _SHOWN if name in operation.plan}
    query, asked = _query(loaded, str(operation.name), plan), operation.action
    if asked is None:
        return query
    name, inputs = str(asked["name"]), asked["inputs"]
    schema = loaded.situation.contract.actions[name].inputs
    return replace(query, action=AskedAction(name, inputs if isinstance(inputs, Mapping) else {}, schema))


def _query(loaded: Loaded, operation: str, plan: JsonObject) -> Query:
    situation = loaded.situation
    contract = situation.contract
    return Query(
        request=replace(situation.request, inputs=situation.inputs),
        contract=contract,
        operation=operation,
        enforcement_point=EnforcementPoint.PLAN,
        actor=SYSTEM,
        contract_policy=contract_policy(loaded),
        destination=situation.placed.destination,
        plan=plan,
        lifecycle=loaded.target.lifecycle,
        is_new_here=contract.version not in situation.request.versions,
    )
