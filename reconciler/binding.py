"""Whether an operation is still what people were asked about.

An approval is bound to inputs, contract, place and policy as they were when its operation
began. The pass that follows an operation asks here whether to give it up, and the door that
takes a vote asks the same, so that nobody approves what is not wanted any more.
"""

from policy.admit import Admission
from reconciler.asking import contract_policy
from reconciler.operation import Operation
from reconciler.situation import Loaded


def is_outdated(admission: Admission, loaded: Loaded, operation: Operation) -> bool:
    """Say whether inputs, contract, place or policy are no longer those that the operation began with."""
    if operation.desired_digest != loaded.situation.desired_digest:
        return True
    revision = admission.revision(contract_policy(loaded))
    return operation.policy_revision not in (None, revision)
