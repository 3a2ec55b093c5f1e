"""An operation: the intent to change the world on behalf of one request, and its outcome.

It is recorded before an executor is called, so that a crash between the call and its
recording leaves a key to ask after and not a riddle. One request has at most one open
operation.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from catalog.contract import OperationName
from catalog.digest import Json, JsonObject

FIRST_RETRY = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=5)


class OperationState(StrEnum):
    """Where an operation stands."""

    PENDING = "pending"  # intent recorded; the executor may or may not have heard of it
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STUCK = "stuck"  # the executor needs a person

    @property
    def is_open(self) -> bool:
        """Say whether its outcome is still awaited."""
        return self in (OperationState.PENDING, OperationState.RUNNING)


@dataclass(frozen=True, slots=True)
class Operation:
    """One intent with its outcome.

    Attributes:
        desired_digest: what it was meant to deliver; see `catalog.request.desired_digest`.
        reason: CamelCase; why it was begun, and once it failed, why it failed.
        message: the same for people.
        next_attempt_at: when a failed one may be followed by another; None means not by itself.
        superseded: a failed one that somebody asked to try again; the planner ignores it.
    """

    id: str
    project: str
    request_uid: str
    name: OperationName
    generation: int
    attempt: int
    idempotency_key: str
    fence: int
    state: OperationState
    executor: str
    contract_version: str
    contract_digest: str
    destination: str | None
    desired_digest: str
    reason: str
    message: str
    plan: JsonObject
    decision_id: str | None
    created_at: datetime
    run_id: str = ""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)
    next_attempt_at: datetime | None = None
    finished_at: datetime | None = None
    superseded: bool = False

    @property
    def inputs(self) -> JsonObject:
        """Return the inputs that it was begun with, defaults filled in."""
        inputs = self.plan.get("inputs", {})
        return inputs if isinstance(inputs, Mapping) else {}


def idempotency_key(
    project: str, request_uid: str, generation: int, name: OperationName, attempt: int
) -> str:
    """Return the key that stands for one attempt at one operation, over every crash and restart."""
    text = "|".join((project, request_uid, str(generation), str(name), str(attempt)))
    return "key_" + hashlib.sha256(text.encode("utf-8")).hexdigest()[:40]


def retry_delay(failures: int, roll: float) -> timedelta:
    """Return how long to wait after that many failures in a row.

    Drawn evenly below an exponential ceiling, so that what failed together does not come
    back together.

    Args:
        roll: a number in [0, 1).
    """
    ceiling = min(FIRST_RETRY * (1 << min(failures, 20)), LONGEST_RETRY)
    return FIRST_RETRY + (ceiling - FIRST_RETRY) * roll
