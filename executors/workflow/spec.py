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

MAX_PARALLEL = 10
"""So many instances of a `for_each` are under way at a time unless it says otherwise."""


class OnUnknown(StrEnum):
    """What to do when a look could not tell whether an attempt took effect."""

    OBSERVE = "observe"  # look again a few times, then stop
    RETRY = "retry"  # try again under the same key
    HALT = "halt"  # stop at once; a person decides
    COMPENSATE = "compensate"  # take it for done and failed: undo it with the rest


class Priority(StrEnum):
    """Which of a project's runs are begun first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class GateKind(StrEnum):
    """What a gate counts."""

    CONCURRENCY = "concurrency"  # how many are under way at a time
    BREAKER = "breaker"  # how many failed one after the other
    RATE = "rate"  # how many are begun in a span


@dataclass(frozen=True, slots=True)
class Gate:
    """What a step, or a whole run, must be let through before it begins.

    Attributes:
        key: literal, or a reference; who names the same key shares the gate.
        limit: at most so many, of what the kind counts.
        per_seconds: the span of a rate; how long a broken target is left alone.
    """

    kind: GateKind
    key: str
    limit: int
    per_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One call that the engine makes until it holds: a step's doing, or its undoing.

    Attributes:
        retry_on: codes of failures, `transient` or `unknown`; None tries every passing failure again.
    """

    uses: str
    arguments: JsonObject
    retry: RetryPolicy
    timeout_seconds: float
    on_unknown: OnUnknown
    retry_on: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """People are asked; `asked` is the document's `approval`, its references unresolved."""

    asked: JsonObject


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait for a span, for a time, or for a signal.

    Attributes:
        until: a time or a reference to one.
        signal: its name or a reference to it.
        timeout_seconds: how long a signal is waited for; None waits for ever.
    """

    timer_seconds: float | None = None
    until: str = ""
    signal: str = ""
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Nested:
    """Another workflow of the bundle, run inside this one."""

    file: str
    arguments: JsonObject


Doing = Action | Ask | Wait | Nested


@dataclass(frozen=True, slots=True)
class Each:
    """A list, or the reference to one, over which a step is repeated."""

    items: Json
    max_parallel: int = MAX_PARALLEL


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a workflow.

    Attributes:
        undo: what takes it back; None when nothing does.
        needs: the steps that must have ended before it begins.
        condition: an expression; empty when it is always done.
        deadline_seconds: how long it may take in all.
    """

    id: str
    do: Doing
    undo: Action | None = None
    needs: tuple[str, ...] = ()
    condition: str = ""
    each: Each | None = None
    deadline_seconds: float | None = None
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class Workflow:
    """A whole workflow.

    Attributes:
        steps: by id, in the document's order.
        wanted_by: for each step, those that need it.
        gates: what the whole run must be let through.
        nested: the workflows that steps run, by file; all depths are in the outermost one.
        has_deadlines: a step of it, or of what it runs, has to be over in time.
    """

    name: str
    steps: Mapping[str, Step]
    outputs: Mapping[str, Json] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)
    wanted_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    priority: Priority = Priority.NORMAL
    nested: Mapping[str, "Workflow"] = field(default_factory=dict)
    has_deadlines: bool = False


def parse_workflow(document: JsonObject) -> Workflow:
    """Return the workflow that an admitted document describes."""
    checked = cast("dict[str, Any]", document)
    steps = list(_steps(checked["steps"]))
    nested = {file: parse_workflow(part) for file, part in checked.get("workflows", {}).items()}
    wanted: dict[str, list[str]] = {step.id: [] for step in steps}
    for step in steps:
        for need in step.needs:
            wanted[need].append(step.id)
    return Workflow(
        name=checked["metadata"]["name"],
        steps={step.id: step for step in steps},
        outputs=checked.get("outputs", {}),
        facts=checked.get("facts", {}),
        wanted_by={id_: tuple(others) for id_, others in wanted.items()},
        gates=_gates(checked),
        priority=Priority(checked["metadata"].get("priority", Priority.NORMAL)),
        nested=nested,
        has_deadlines=any(step.deadline_seconds is not None for step in steps)
        or any(part.has_deadlines for part in nested.values()),
    )


def needs_of(parts: list[dict[str, Any]], index: int) -> tuple[str, ...]:
    """Return the ids that a step needs: those it names, else the step before it."""
    named = parts[index].get("needs")
    if named is not None:
        return tuple(dict.fromkeys(named))
    return () if index == 0 else (parts[index - 1]["id"],)


def _steps(parts: list[dict[str, Any]]) -> list[Step]:
    return [_step(part, needs_of(parts, index)) for index, part in enumerate(parts)]


def _step(part: dict[str, Any], needs: tuple[str, ...]) -> Step:
    undo = part.get("compensate")
    return Step(
        id=part["id"],
        do=_doing(part),
        undo=None if undo is None else _action(undo, UNDO_RETRY, _on_unknown(part)),
        needs=needs,
        condition=part.get("if", ""),
        each=Each(part["for_each"], part.get("max_parallel", MAX_PARALLEL)) if "for_each" in part else None,
        deadline_seconds=_seconds(part.get("deadline")),
        gates=_gates(part),
    )


def _doing(part: dict[str, Any]) -> Doing:
    if "approval" in part:
        return Ask(part["approval"])
    if "wait" in part:
        return _wait(part["wait"])
    if "workflow" in part:
        return Nested(part["workflow"], part.get("with", {}))
    return _action(part, RetryPolicy(), _on_unknown(part))


def _wait(part: dict[str, Any]) -> Wait:
    return Wait(
        timer_seconds=_seconds(part.get("timer")),
        until=part.get("until", ""),
        signal=part.get("signal", ""),
        timeout_seconds=_seconds(part.get("timeout")),
    )


def _on_unknown(part: dict[str, Any]) -> OnUnknown:
    return OnUnknown(part.get("on_unknown", OnUnknown.OBSERVE))


def _action(part: dict[str, Any], retry: RetryPolicy, on_unknown: OnUnknown) -> Action:
    asked = part.get("retry", {})
    return Action(
        uses=part["uses"],
        arguments=part.get("with", {}),
        retry=_retry(asked, retry) if asked else retry,
        timeout_seconds=_seconds(part.get("timeout")) or TIMEOUT_SECONDS,
        on_unknown=on_unknown,
        retry_on=frozenset(asked["on"]) if "on" in asked else None,
    )


def _retry(part: dict[str, Any], default: RetryPolicy) -> RetryPolicy:
    initial, longest = _seconds(part.get("initial")), _seconds(part.get("max"))
    return RetryPolicy(
        attempts=part.get("attempts", default.attempts),
        backoff=Backoff(part.get("backoff", default.backoff)),
        initial_seconds=default.initial_seconds if initial is None else initial,
        max_seconds=default.max_seconds if longest is None else longest,
        jitter=Jitter(part.get("jitter", default.jitter)),
    )


def _gates(part: dict[str, Any]) -> tuple[Gate, ...]:
    # A place is asked for first, which whoever waits for the others may keep meanwhile; a turn within
    # a rate last, because it is used up by whoever was given it.
    found = []
    for kind in GateKind:
        asked = part.get(kind)
        if asked is not None:
            span = _seconds(asked.get("per") or asked.get("rest"))
            found.append(Gate(kind, asked["key"], asked.get("limit", 1), span))
    return tuple(found)


def _seconds(text: str | None) -> float | None:
    return None if text is None else duration(text).total_seconds()
