"""The input document: everything that a policy may know about what it is asked.

Built for every decision from the request, its contract and what the caller adds (plan,
facts, destination). Rego sees it as `input`; its shape is public, documented by `SHAPE`,
and the linter refuses a path that cannot exist, because a misspelt path would be undefined
and would deny nothing. The time stands in it as `now`, so that a decision can be replayed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from catalog.actor import Actor
from catalog.contract import Contract
from catalog.digest import Json, JsonObject
from catalog.fleet import Destination
from catalog.lifecycle import PUBLISHED, Lifecycle
from catalog.request import Request
from policy.decision import EnforcementPoint

SHAPE: Mapping[str, frozenset[str] | None] = {
    "subject": None,
    "operation": None,
    "enforcement_point": None,
    "project": None,
    "actor": frozenset({"subject", "roles"}),
    "request": frozenset({"uid", "name", "environment", "owner", "labels", "generation", "version"}),
    "contract": frozenset(
        {"name", "version", "owner", "lifecycle", "state", "sunset_at", "replacement", "is_new_here"}
    ),
    "inputs": None,
    "action": frozenset({"name", "inputs"}),
    "destination": frozenset({"name", "kind", "labels"}),
    "plan": None,
    "facts": None,
    "now": None,
}
"""Each member of `input`, with its members where these are fixed."""

_EXACT = 2.0**53


@dataclass(frozen=True, slots=True)
class AskedAction:
    """An action of the contract that somebody asks for.

    Attributes:
        inputs: with the action's defaults filled in.
        schema: of the inputs; it says which of them are sensitive.
    """

    name: str
    inputs: JsonObject
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class Query:
    """A question to policy.

    Attributes:
        operation: `create`, `update`, `delete` at admission; the operation's name at a plan; an action's
            name at either.
        contract_policy: source of the contract's own `policy.rego`, when it has one.
        plan: what would change, at a plan; secrets must not stand in it under other names.
        facts: what was computed outside because Rego cannot or must not.
        lifecycle: where the contract's version stands in its life.
        is_new_here: the request was not on this version before.
    """

    request: Request
    contract: Contract
    operation: str
    enforcement_point: EnforcementPoint
    actor: Actor
    contract_policy: str | None = None
    destination: Destination | None = None
    plan: JsonObject | None = None
    facts: JsonObject = field(default_factory=dict)
    lifecycle: Lifecycle = PUBLISHED
    is_new_here: bool = False
    action: AskedAction | None = None

    @property
    def subject(self) -> str:
        """Return what the decision is about: the request's uid."""
        return self.request.uid


def document(query: Query, now: datetime) -> JsonObject:
    """Return the input document for a question asked now."""
    members: JsonObject = {
        "subject": query.subject,
        "operation": str(query.operation),
        "enforcement_point": str(query.enforcement_point),
        "project": query.request.project,
        "actor": _actor(query.actor, query.request.project),
        "request": _request(query.request),
        "contract": _contract(query),
        "inputs": query.request.inputs,
        "action": None
        if query.action is None
        else {"name": query.action.name, "inputs": query.action.inputs},
        "destination": None if query.destination is None else _destination(query.destination),
        "plan": query.plan,
        "facts": query.facts,
        "now": _time(now),
    }
    return {name: plain_numbers(value) for name, value in members.items()}


def plain_numbers(value: Json) -> Json:
    """Return the value with whole numbers written as such, 100 and not 100.0.

    JSON means the same by both, and OPA 1.18 takes 100.0 for 1.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, Mapping):
        return {name: plain_numbers(part) for name, part in value.items()}
    return [plain_numbers(part) for part in value]


def _actor(actor: Actor, project: str) -> JsonObject:
    roles: list[Json] = [*sorted({str(grant.role) for grant in actor.grants if grant.covers(project)})]
    return {"subject": actor.subject, "roles": roles}


def _request(request: Request) -> JsonObject:
    return {
        "uid": request.uid,
        "name": request.name,
        "environment": request.environment,
        "owner": request.owner,
        "labels": dict(request.labels),
        "generation": request.generation,
        "version": request.version,
    }


def _contract(query: Query) -> JsonObject:
    contract, held = query.contract, query.lifecycle
    return {
        "name": contract.name,
        "version": contract.version,
        "owner": contract.owner,
        "lifecycle": contract.lifecycle,
        "state": str(held.state),
        "sunset_at": None if held.sunset_at is None else _time(held.sunset_at),
        "replacement": held.replacement,
        "is_new_here": query.is_new_here,
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _destination(destination: Destination) -> JsonObject:
    return {"name": destination.name, "kind": destination.kind, "labels": dict(destination.labels)}
