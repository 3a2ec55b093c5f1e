"""Policy's answers as they go over the wire; used wherever a decision is shown."""

from platform_api.wire import At, JsonDocument, Maybe, View
from policy.decision import Decision, Result


class ResultView(View):
    """One thing that one policy says."""

    policy: str
    rule: str
    action: str
    message: str
    path: Maybe[str] = None
    remediation: Maybe[str] = None

    @classmethod
    def of(cls, result: Result) -> "ResultView":
        """Return the view of a result."""
        return cls(
            policy=result.policy,
            rule=result.rule,
            action=str(result.action),
            message=result.message,
            path=result.path or None,
            remediation=result.remediation or None,
        )


class PolicyVerdict(View):
    """What policy says, without being on record."""

    outcome: str
    revision: str
    engine: str
    results: list[ResultView]

    @classmethod
    def of(cls, decision: Decision) -> "PolicyVerdict":
        """Return what a decision says."""
        return cls(
            outcome=str(decision.outcome),
            revision=decision.revision,
            engine=decision.engine,
            results=[ResultView.of(result) for result in decision.results],
        )


class DecisionView(View):
    """A decision on record."""

    id: str
    project: str
    subject: str
    operation: str
    enforcement_point: str
    outcome: str
    results: list[ResultView]
    revision: str
    engine: str
    input_digest: str
    input: JsonDocument
    evaluated_at: At
    duration_seconds: float

    @classmethod
    def of(cls, decision: Decision) -> "DecisionView":
        """Return the view of a decision."""
        return cls(
            id=decision.id,
            project=decision.project,
            subject=decision.subject,
            operation=decision.operation,
            enforcement_point=str(decision.enforcement_point),
            outcome=str(decision.outcome),
            results=[ResultView.of(result) for result in decision.results],
            revision=decision.revision,
            engine=decision.engine,
            input_digest=decision.input_digest,
            input=dict(decision.input),
            evaluated_at=decision.evaluated_at,
            duration_seconds=decision.duration_seconds,
        )
