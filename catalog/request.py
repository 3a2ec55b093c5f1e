"""A request: a developer's standing claim on a capability.

A request is not a job. It holds what is wanted (inputs, version), counts its changes
(generation), and carries what is known about it (conditions, outputs, hashes). Changing
what is wanted makes a new generation; everything else is status and never does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from catalog.conditions import Condition, Conditions, Status, Type, first_unmet
from catalog.digest import JsonObject, digest
from catalog.ids import ContractName, ProjectName, RequestUid


class Phase(StrEnum):
    """The one word for a request's state; derived, never set by hand."""

    PENDING = "pending"  # accepted, nothing was done yet
    PAUSED = "paused"  # held on purpose; edits are kept and nothing is done
    BLOCKED = "blocked"  # policy says no, no destination or contract fits, or a child is held up
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
        children: what its children had handed back then, by their names in the contract.
        dead_ends: digests of revisions to which upgrades from here failed; `reconciler.upgrade` tells
            for how long that means anything.
    """

    generation: int
    contract_version: str
    contract_digest: str
    desired_digest: str
    inputs: JsonObject
    facts: JsonObject
    facts_digest: str
    at: datetime
    children: Mapping[str, JsonObject] = field(default_factory=dict)
    dead_ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """Another request of the project, by name, without which one cannot be, and why."""

    request: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One claim with its status, as the store returns it.

    Attributes:
        version: what was wished: an exact version, a range, a channel; None follows what is stable.
        contract_version: the version resolved last, with its digest; pinned until the next plan.
        generation: counts changes of what is wanted, from 1.
        revision: counts what people changed (not status); the ETag.
        attempt: counts operations begun within this generation; part of idempotency keys.
        requesters: whoever had a hand in what is wanted, its creator first; none of them approves it.
        trace: the span in which somebody last said what is wanted; empty when nobody told.
        uses: the requests that it rests on.
        parent_uid: the request that made it, as its child of the name `child`.
        previous_version: what was delivered before `applied`, when that was another version.
        failed_version: the version, with its digest, to which an upgrade failed last.
        inputs_version: the version for which the inputs in force are written.
        converted: the inputs in force as conversions made them; None while they are `inputs`.
        deletion_queued_at: since when it is to be deleted as soon as nothing uses it.
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
    requesters: tuple[str, ...] = ()
    trace: str = ""
    uses: tuple[Use, ...] = ()
    parent_uid: RequestUid | None = None
    child: str | None = None
    previous_version: str | None = None
    failed_version: str | None = None
    failed_digest: str | None = None
    inputs_version: str | None = None
    converted: JsonObject | None = None
    deletion_queued_at: datetime | None = None

    @property
    def parent(self) -> str:
        """Return the name of the request that made it; empty when people did."""
        return self.name.removesuffix(f"-{self.child}") if self.child else ""

    @property
    def versions(self) -> frozenset[str]:
        """Return the versions that it lives on: the one resolved last, and the one that was delivered."""
        applied = () if self.applied is None else (self.applied.contract_version,)
        return frozenset((self.contract_version, *applied))

    @property
    def is_deleting(self) -> bool:
        """Say whether teardown was asked for and is not over."""
        return self.deletion_requested_at is not None and self.deleted_at is None


def asked_by(request: Request, *subjects: str) -> Request:
    """Return the request with more people who had a hand in what is wanted."""
    everyone = dict.fromkeys((request.created_by, *request.requesters, *subjects))
    return replace(request, requesters=tuple(everyone))


def desired_digest(
    contract_digest: str,
    destination: str | None,
    inputs: JsonObject,
    children: Mapping[str, JsonObject] | None = None,
) -> str:
    """Return the digest of all that an operation's outcome depends on.

    Args:
        children: what children hand back; most requests have none.
    """
    wanted: JsonObject = {"contract": contract_digest, "destination": destination, "inputs": inputs}
    return digest({**wanted, "children": children} if children else wanted)


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
    return _phase_of_unmet(unmet, is_untouched=request.applied is None)


def _phase_of_unmet(unmet: Condition, *, is_untouched: bool) -> Phase:
    if unmet.reason in AWAITED and is_untouched:
        return Phase.PENDING
    if unmet.type in (Type.AVAILABLE, Type.PLACED, Type.ALLOWED):
        return Phase.BLOCKED
    if unmet.type is Type.COMPOSED and unmet.status is Status.FALSE:
        return Phase.BLOCKED
    if unmet.type is Type.IN_SYNC and unmet.status is Status.FALSE:
        return Phase.DRIFTED
    failed = unmet.status is Status.FALSE and unmet.reason in FAILURES
    return Phase.FAILED if failed else Phase.PROGRESSING


AWAITED = frozenset({"RequirementMissing", "UsedNotReady"})
"""Reasons for which a request that was never delivered only waits its turn: nothing about it is wrong."""

FAILURES = frozenset(
    {"OperationFailed", "OutcomeUnknown", "InvalidOutput", "Stuck", "ApprovalRejected", "ApprovalExpired"}
    | {"UpgradeFailed"}
)
"""Reasons for which an `Applied` condition that is False means failure and not progress."""
