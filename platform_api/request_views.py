"""A request as it goes over the wire; used by its own routes and wherever requests are listed."""

from catalog.conditions import Condition
from catalog.request import Applied, Request
from platform_api.wire import At, JsonDocument, Maybe, View


class ConditionView(View):
    """One fact about a request."""

    type: str
    status: str
    reason: str
    message: str
    since: At
    generation: int

    @classmethod
    def of(cls, condition: Condition) -> "ConditionView":
        """Return the view of a condition."""
        return cls(
            type=str(condition.type),
            status=str(condition.status),
            reason=condition.reason,
            message=condition.message,
            since=condition.since,
            generation=condition.generation,
        )


class AppliedView(View):
    """What was delivered last."""

    generation: int
    contract_version: str
    contract_digest: str
    inputs: JsonDocument
    facts: JsonDocument
    at: At

    @classmethod
    def of(cls, applied: Applied) -> "AppliedView":
        """Return the view of a delivery."""
        return cls(
            generation=applied.generation,
            contract_version=applied.contract_version,
            contract_digest=applied.contract_digest,
            inputs=dict(applied.inputs),
            facts=dict(applied.facts),
            at=applied.at,
        )


class RequestView(View):
    """A request with its status; `revision` is its ETag."""

    uid: str
    project: str
    name: str
    contract: str
    version: Maybe[str] = None
    contract_version: str
    contract_digest: str
    environment: str
    owner: Maybe[str] = None
    labels: dict[str, str]
    inputs: JsonDocument
    generation: int
    revision: int
    attempt: int
    phase: str
    paused: bool
    destination: Maybe[str] = None
    conditions: list[ConditionView]
    outputs: JsonDocument
    applied: Maybe[AppliedView] = None
    created_at: At
    created_by: str
    updated_at: At
    deletion_requested_at: Maybe[At] = None

    @classmethod
    def of(cls, request: Request) -> "RequestView":
        """Return the view of a request."""
        return cls(
            uid=request.uid,
            project=request.project,
            name=request.name,
            contract=request.contract,
            version=request.version,
            contract_version=request.contract_version,
            contract_digest=request.contract_digest,
            environment=request.environment,
            owner=request.owner or None,
            labels=dict(request.labels),
            inputs=dict(request.inputs),
            generation=request.generation,
            revision=request.revision,
            attempt=request.attempt,
            phase=str(request.phase),
            paused=request.paused,
            destination=request.destination,
            conditions=[ConditionView.of(condition) for condition in request.conditions.values()],
            outputs=dict(request.outputs),
            applied=None if request.applied is None else AppliedView.of(request.applied),
            created_at=request.created_at,
            created_by=request.created_by,
            updated_at=request.updated_at,
            deletion_requested_at=request.deletion_requested_at,
        )


def path_of(request: Request) -> str:
    """Return where a request is found."""
    return f"/v1/projects/{request.project}/requests/{request.name}"
