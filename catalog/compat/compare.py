"""The comparison of two revisions of a contract."""

from collections.abc import Callable, Iterable

from catalog.compat import actions, body, relations
from catalog.compat.change import Change, Comparison, ordered
from catalog.compat.policies import Policy, policy_changes
from catalog.compat.schemas import schema_changes
from catalog.compat.section import INPUTS, OUTPUTS
from catalog.contract import Contract

Comparer = Callable[[Contract, Contract], Iterable[Change]]

_BODY: tuple[Comparer, ...] = (
    body.lifecycle_changes,
    body.service_level_changes,
    body.placement_changes,
    body.operation_changes,
    body.drift_changes,
    body.reconcile_changes,
    body.docs_changes,
    actions.action_changes,
    relations.requirement_changes,
    relations.child_changes,
    relations.conversion_changes,
)
"""Everything that is compared by itself; another field of the contract gets its function here."""


def compare(
    old: Contract, new: Contract, *, old_policy: str | None = None, new_policy: str | None = None
) -> Comparison:
    """Return what is different in a new revision, and whom it breaks.

    What cannot be decided counts as breaking. The files that a contract names, the policy
    aside, are not compared: a bundle with other workflows and an equal contract has no
    changes here and is due a patch all the same. Name, version and owner are nobody's promise.

    Args:
        old_policy: the text of the old contract's policy; one that is named and not given
            is taken to have changed.
        new_policy: the text of the new one's.
    """
    changes: list[Change] = [
        *schema_changes(INPUTS, old.inputs, new.inputs),
        *schema_changes(OUTPUTS, old.outputs, new.outputs),
        *policy_changes(Policy(old.policy, old_policy), Policy(new.policy, new_policy)),
    ]
    for comparer in _BODY:
        changes.extend(comparer(old, new))
    return Comparison(ordered(changes))
