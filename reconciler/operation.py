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
        name: an operation's, or that of one of the contract's actions.
        desired_digest: what it was meant to deliver; see `catalog.request.desired_digest`.
        reason: CamelCase; why it was begun, and once it failed, why it failed.
        message: the same for people.
        next_attempt_at: when a failed one may be followed by another; None means not by itself.
        superseded: a failed one that somebody asked to try again; the planner ignores it.
    """

    id: str
    project: str
    request_uid: str
    name: OperationName | str
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
    def is_action(self) -> bool:
        """Say whether it is an action of the contract's own, which delivers nothing."""
        return not isinstance(self.name, OperationName)

    @property
    def is_failed_action(self) -> bool:
        """Say whether it is an action that came to nothing, and nobody has taken note of that yet."""
        is_failed = self.state in (OperationState.FAILED, OperationState.STUCK)
        return self.is_action and is_failed and not self.superseded

    @property
    def title(self) -> str:
        """Return what people call it in a sentence."""
        return f"the action {self.name}" if self.is_action else str(self.name)

    @property
    def action(self) -> JsonObject | None:
        """Return the action that was asked for, with its inputs; None for what is no action."""
        action = self.plan.get("action")
        return action if isinstance(action, Mapping) else None

    @property
    def asker(self) -> tuple[str, str]:
        """Return who asked for an action, and in which span; empty for what is no action."""
        asked = self.plan.get("asked")
        return (str(asked["by"]), str(asked["trace"])) if isinstance(asked, Mapping) else ("", "")

    @property
    def inputs(self) -> JsonObject:
        """Return the inputs that it was begun with, defaults filled in."""
        inputs = self.plan.get("inputs", {})
        return inputs if isinstance(inputs, Mapping) else {}

    @property
    def children(self) -> Mapping[str, JsonObject]:
        """Return what children had handed back when it was begun."""
        children = self.plan.get("children", {})
        found = children.items() if isinstance(children, Mapping) else ()
        return {name: outputs for name, outputs in found if isinstance(outputs, Mapping)}

    @property
    def policy_revision(self) -> str | None:
        """Return the revision of the policies that let it pass; older ones do not say."""
        revision = self.plan.get("policy")
        return revision if isinstance(revision, str) else None


def idempotency_key(project: str, request_uid: str, generation: int, name: str, attempt: int) -> str:
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
