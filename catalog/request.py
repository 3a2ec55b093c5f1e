"""A request: a developer's standing claim on a capability.

A request is not a job. It holds what is wanted (inputs, version), counts its changes
(generation), and carries what is known about it (conditions, outputs, hashes). Changing
what is wanted makes a new generation; everything else is status and never does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from catalog.conditions import Condition, Conditions, Status, Type, first_unmet
from catalog.digest import JsonObject, digest
from catalog.ids import ContractName, ProjectName, RequestUid


class Phase(StrEnum):
    """The one word for a request's state; derived, never set by hand."""

    PENDING = "pending"  # accepted, nothing was done yet
    PAUSED = "paused"  # held on purpose; edits are kept and nothing is done
    BLOCKED = "blocked"  # policy says no, or no destination or contract fits
    PROGRESSING = "progressing"  # an executor is at work, or its result is being recorded
    READY = "ready"  # delivered, seen, in sync, written to git
    DRIFTED = "drifted"  # what exists differs from what was delivered
    FAILED = "failed"  # the last operation failed; see `why` for what happens next
    DELETING = "deleting"  # teardown is under way
    DELETED = "deleted"  # seen gone; only the tombstone is left


@dataclass(frozen=True, slots=True)
class Applied:
    """What the last successful operation delivered.

    Attributes:
        desired_digest: digest of what was wanted then; differs from now = pending change.
        inputs: what was wanted then, defaults filled in; for showing what would change.
        facts: what the executor says it made, in the shape that observing reports.
        facts_digest: digest of the normalised facts; differs from the observed = drift.
    """

    generation: int
    contract_version: str
    contract_digest: str
    desired_digest: str
    inputs: JsonObject
    facts: JsonObject
    facts_digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One claim with its status, as the store returns it.

    Attributes:
        version: the exact version asked for; None follows the newest published one.
        contract_version: the version resolved last, with its digest; pinned until the next plan.
        generation: counts changes of what is wanted, from 1.
        revision: counts what people changed (not status); the ETag.
        attempt: counts operations begun within this generation; part of idempotency keys.
    """

    uid: RequestUid
    project: ProjectName
    name: str
    contract: ContractName
    version: str | None
    contract_version: str
    contract_digest: str
    environment: str
    owner: str
    labels: Mapping[str, str]
    inputs: JsonObject
    generation: int
    revision: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    destination: str | None = None
    paused: bool = False
    attempt: int = 0
    conditions: Conditions = field(default_factory=dict)
    phase: Phase = Phase.PENDING
    outputs: JsonObject = field(default_factory=dict)
    applied: Applied | None = None
    deletion_requested_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def is_deleting(self) -> bool:
        """Say whether teardown was asked for and is not over."""
        return self.deletion_requested_at is not None and self.deleted_at is None


def desired_digest(contract_digest: str, destination: str | None, inputs: JsonObject) -> str:
    """Return the digest of all that an operation's outcome depends on."""
    return digest({"contract": contract_digest, "destination": destination, "inputs": inputs})


def phase_of(request: Request, conditions: Conditions) -> Phase:
    """Return the phase that the facts amount to.

    The order matters: deletion beats everything, a pause beats what is held by it, and
    `ready` is what is left when no needed condition fails.
    """
    if request.deleted_at is not None:
        return Phase.DELETED
    if request.deletion_requested_at is not None:
        return Phase.DELETING
    if request.paused:
        return Phase.PAUSED
    unmet = first_unmet(conditions)
    if unmet is None:
        ready = conditions.get(Type.READY)
        return Phase.READY if ready is not None and ready.is_true else Phase.PENDING
    return _phase_of_unmet(unmet)


def _phase_of_unmet(unmet: Condition) -> Phase:
    if unmet.type in (Type.AVAILABLE, Type.PLACED, Type.ALLOWED):
        return Phase.BLOCKED
    if unmet.type is Type.IN_SYNC and unmet.status is Status.FALSE:
        return Phase.DRIFTED
    failed = unmet.status is Status.FALSE and unmet.reason in FAILURES
    return Phase.FAILED if failed else Phase.PROGRESSING


FAILURES = frozenset({"OperationFailed", "OutcomeUnknown", "InvalidOutput", "Stuck"})
"""Reasons for which an `Applied` condition that is False means failure and not progress."""
