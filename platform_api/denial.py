"""A denial by policy, which points at the stored decision."""

from catalog.errors import Denied, Finding
from policy.decision import Decision


class PolicyDenied(Denied):
    """Policy does not allow it; why stands in the decision, which is kept.

    Args:
        decision: a decision that denies.
        base: JSON Pointer under which the decision's own paths lie.
    """

    def __init__(self, decision: Decision, base: str = "/inputs") -> None:
        findings = tuple(
            Finding(
                _place(base, result.path), result.rule or result.policy, result.message, result.remediation
            )
            for result in decision.denials
        )
        super().__init__(
            "policy_denied",
            f"Policy denies this: {'; '.join(finding.message for finding in findings)}"[:1000],
            findings=findings,
            fix=next((finding.fix for finding in findings if finding.fix), "change what the policy names"),
        )
        self.decision_id = str(decision.id)


def _place(base: str, path: str) -> str:
    return base + path if path else ""
