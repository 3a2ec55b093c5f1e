"""What policy is asked about a plan."""

from dataclasses import replace

from catalog.actor import SYSTEM
from policy.decision import EnforcementPoint
from policy.document import Query
from reconciler.plan import Plan
from reconciler.situation import Loaded


def contract_policy(loaded: Loaded) -> str | None:
    """Return the source of the policy of the contract that is wanted, when it has one."""
    contract = loaded.situation.contract
    return None if contract.policy is None else loaded.target.files[contract.policy]


def plan_query(loaded: Loaded, found: Plan) -> Query:
    """Return the question whether a plan may be carried out, defaults filled in.

    The platform itself asks: nobody is at the keyboard when drift is repaired.
    """
    situation = loaded.situation
    contract = situation.contract
    return Query(
        request=replace(situation.request, inputs=situation.inputs),
        contract=contract,
        operation=str(found.operation or found.move),
        enforcement_point=EnforcementPoint.PLAN,
        actor=SYSTEM,
        contract_policy=contract_policy(loaded),
        destination=situation.placed.destination,
        plan=found.document(situation),
        lifecycle=loaded.target.lifecycle,
        is_new_here=contract.version not in situation.request.versions,
    )
