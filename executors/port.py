"""The port behind which every executor stands.

The orchestrator says what and who in a `WorkOrder`; an executor delivers how and answers
with a `RunReport`. Nothing of policy, ownership or fleet crosses this line. The contract
of each verb is written at the verb, and `tests/conformance` holds every executor to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from catalog.digest import Json, JsonObject
from catalog.errors import Finding


class Effect(StrEnum):
    """Whether a work order may change the world."""

    READ = "read"  # looks only; the answer of `start` is already final
    WRITE = "write"


class RunState(StrEnum):
    """Where a run stands, in words that fit every engine."""

    PENDING = "pending"  # accepted, not begun
    RUNNING = "running"
    RETRYING = "retrying"  # between two attempts of a step
    WAITING = "waiting"  # for a timer, a signal or a person
    COMPENSATING = "compensating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # and everything done was undone
    CANCELLED = "cancelled"  # and everything done was undone
    STUCK = "stuck"  # an undo failed or an outcome stays unknown; a person is needed
    UNKNOWN = "unknown"  # the executor cannot say at present

    @property
    def is_final(self) -> bool:
        """Say whether the run will not change any more by itself."""
        return self in FINAL


FINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.STUCK})


GROUNDS = "grounds"
"""The member of an order's context that says what approvals are bound to and who asked.

It holds `requesters`, and the digests or revisions of `contract`, `plan` and `policy`.
"""

TRACE = "trace"
"""The member of an order's context that names the span which caused it, as a W3C trace parent.

Its `parent` is the span that the work continues; its `link` one that it only comes after.
"""


@dataclass(frozen=True, slots=True)
class ContractRef:
    """The pinned revision that an order belongs to; its files are in the catalogue."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What an executor is handed.

    Attributes:
        idempotency_key: stable for this operation; the same key is the same run for ever.
        fence: grows with every order of one request; a lower one is stale and is refused.
        operation: `provision`, `update`, `delete`, `observe`, or a day-2 action.
        definition: what the contract's operation names, in the executor's own format.
        context: `inputs`, `request`, `destination`, `outputs`: what references may reach.
    """

    idempotency_key: str
    fence: int
    project: str
    request_uid: str
    operation: str
    effect: Effect
    contract: ContractRef
    definition: JsonObject
    context: JsonObject


@dataclass(frozen=True, slots=True)
class RunReport:
    """What an executor answers.

    Attributes:
        run_id: the executor's name for the run; empty when there is none yet.
        outputs: what was promised back; only when succeeded.
        facts: what exists now, in the shape that observing reports; only when succeeded.
        message: the first failing cause, for people, without secrets.
        step: the step it speaks of, when there is one.
        attempts: how often that step was tried.
        next_attempt_at: when it is tried again.
        link: where to look in the executor's own console.
        contract_digest: the revision it follows, when that is not its order's any more; else empty.
    """

    state: RunState
    run_id: str = ""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)
    message: str = ""
    step: str = ""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    link: str = ""
    contract_digest: str = ""


class Executor(Protocol):
    """Someone who knows how."""

    def check(self, definition: JsonObject, files: Mapping[str, str]) -> tuple[Finding, ...]:
        """Return what is wrong with a definition, at publish time; changes nothing."""
        ...

    def start(self, order: WorkOrder) -> RunReport:
        """Begin the work, or return the report of the run that already has this key.

        A READ order is answered with a final report and leaves no trace.

        Raises:
            Unavailable: it is not known whether the run was begun; ask `observe`.
            Conflict: `stale_fence`, a newer order of this request was seen.
        """
        ...

    def observe(self, idempotency_key: str) -> RunReport | None:
        """Return the run under this key, None when there is none for certain; changes nothing."""
        ...

    def cancel(self, idempotency_key: str, reason: str) -> None:
        """Ask the run to stop and to undo what it did; a finished run stays as it is."""
        ...

    def signal(self, idempotency_key: str, name: str, payload: JsonObject) -> None:
        """Hand a named event to the run; one that it does not wait for is kept for later."""
        ...
