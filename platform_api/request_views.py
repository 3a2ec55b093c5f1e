"""A request as it goes over the wire; used by its own routes and wherever requests are listed."""

from catalog.conditions import Condition
from catalog.request import Applied, Request
from platform_api import notices
from platform_api.lifecycle_views import DeprecationView
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


class UseView(View):
    """Another request that one uses, and why."""

    request: str
    reason: Maybe[str] = None


class RequestView(View):
    """A request with its status; `revision` is its ETag.

    Attributes:
        version: what was wished: an exact version, a range or a channel; absent when it was nothing.
        contract_version: the version that this comes to, and stands on.
        previous_version: what was delivered before, when that was another version.
        failed_version: the version to which an upgrade failed last.
        deprecation: only while `contract_version` is deprecated.
    """

    uid: str
    project: str
    name: str
    contract: str
    version: Maybe[str] = None
    contract_version: str
    contract_digest: str
    previous_version: Maybe[str] = None
    failed_version: Maybe[str] = None
    deprecation: Maybe[DeprecationView] = None
    environment: str
    owner: Maybe[str] = None
    labels: dict[str, str]
    inputs: JsonDocument
    uses: list[UseView]
    parent: Maybe[str] = None
    child: Maybe[str] = None
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
    deletion_queued_at: Maybe[At] = None
    deletion_requested_at: Maybe[At] = None

    @classmethod
    def of(cls, request: Request) -> "RequestView":
        """Return the view of a request."""
        deprecated = notices.known(request)
        return cls(
            uid=request.uid,
            project=request.project,
            name=request.name,
            contract=request.contract,
            version=request.version,
            contract_version=request.contract_version,
            contract_digest=request.contract_digest,
            previous_version=request.previous_version,
            failed_version=request.failed_version,
            deprecation=None if deprecated is None else DeprecationView.of(deprecated),
            environment=request.environment,
            owner=request.owner or None,
            labels=dict(request.labels),
            inputs=dict(request.inputs),
            uses=[UseView(request=use.request, reason=use.reason or None) for use in request.uses],
            parent=request.parent or None,
            child=request.child,
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
            deletion_queued_at=request.deletion_queued_at,
            deletion_requested_at=request.deletion_requested_at,
        )


def path_of(request: Request) -> str:
    """Return where a request is found."""
    return f"/v1/projects/{request.project}/requests/{request.name}"
