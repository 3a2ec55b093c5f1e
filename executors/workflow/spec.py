"""A workflow: what its document says, as values.

`parse_workflow` turns a document that `executors.workflow.check` has admitted into frozen
values; the deciding core reads these and nothing else. What a document may say is in
`workflow.v1.json`, which is published. A step and its compensation share one shape here
(`Action`), because the engine does and undoes by the same rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from catalog.digest import Json, JsonObject
from catalog.duration import duration
from executors.retry import Backoff, Jitter, RetryPolicy

TIMEOUT_SECONDS = 60.0
UNDO_RETRY = RetryPolicy(attempts=8)
"""An undo is tried longer than a step: when it fails, a person has to come."""


class OnUnknown(StrEnum):
    """What to do when a look could not tell whether an attempt took effect."""

    OBSERVE = "observe"  # look again a few times, then stop
    RETRY = "retry"  # try again under the same key
    HALT = "halt"  # stop at once; a person decides


@dataclass(frozen=True, slots=True)
class Action:
    """One call that the engine makes until it holds: a step's doing, or its undoing."""

    uses: str
    arguments: JsonObject
    retry: RetryPolicy
    timeout_seconds: float
    on_unknown: OnUnknown


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a workflow; `undo` is None when nothing takes it back."""

    id: str
    do: Action
    undo: Action | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """A whole workflow; steps are done in the order of the mapping."""

    name: str
    steps: Mapping[str, Step]
    outputs: Mapping[str, Json] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)


def parse_workflow(document: JsonObject) -> Workflow:
    """Return the workflow that an admitted document describes."""
    checked = cast("dict[str, Any]", document)
    steps = [_step(part) for part in checked["steps"]]
    return Workflow(
        name=checked["metadata"]["name"],
        steps={step.id: step for step in steps},
        outputs=checked.get("outputs", {}),
        facts=checked.get("facts", {}),
    )


def _step(part: dict[str, Any]) -> Step:
    on_unknown = OnUnknown(part.get("on_unknown", "observe"))
    undo = part.get("compensate")
    return Step(
        id=part["id"],
        do=_action(part, RetryPolicy(), on_unknown),
        undo=None if undo is None else _action(undo, UNDO_RETRY, on_unknown),
    )


def _action(part: dict[str, Any], retry: RetryPolicy, on_unknown: OnUnknown) -> Action:
    timeout = part.get("timeout")
    return Action(
        uses=part["uses"],
        arguments=part.get("with", {}),
        retry=_retry(part.get("retry", {}), retry),
        timeout_seconds=TIMEOUT_SECONDS if timeout is None else duration(timeout).total_seconds(),
        on_unknown=on_unknown,
    )


def _retry(part: dict[str, Any], default: RetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        attempts=part.get("attempts", default.attempts),
        backoff=Backoff(part.get("backoff", default.backoff)),
        initial_seconds=_seconds(part.get("initial"), default.initial_seconds),
        max_seconds=_seconds(part.get("max"), default.max_seconds),
        jitter=Jitter(part.get("jitter", default.jitter)),
    )


def _seconds(text: str | None, default: float) -> float:
    return default if text is None else duration(text).total_seconds()
