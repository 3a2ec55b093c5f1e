"""What is wrong with a workflow document, found before anything runs.

Called when a contract is published, and again before a run is accepted, because an order
may come from anywhere. Every finding has a JSON Pointer and says what to do. It knows the
installed step kinds by what they say of themselves and never calls them.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, cast

from catalog.digest import Json, JsonObject
from catalog.duration import duration
from catalog.errors import Finding
from catalog.schema import violations
from executors.port import Effect
from executors.references import Path, malformed, references
from executors.step import StepKind

SCHEMA: JsonObject = json.loads(
    resources.files("executors.workflow").joinpath("workflow.v1.json").read_text("utf-8")
)
OBSERVE = "observe"
"""A workflow of this name only looks; others are held to it when they are run as READ orders."""

MAX_TIMEOUT_SECONDS = 24 * 3600.0
_REQUEST_FIELDS = frozenset({"uid", "name", "project", "owner", "environment", "generation", "labels"})
_DESTINATION_FIELDS = frozenset({"name", "kind", "labels", "config"})
_FIELDS: Mapping[str, frozenset[str] | None] = {
    "inputs": None,  # the contract's own; whether a field is there is known only at run time
    "outputs": None,
    "request": _REQUEST_FIELDS,
    "destination": _DESTINATION_FIELDS,
    "contract": frozenset({"name", "version"}),
}
_OPEN_FIELDS = frozenset({"labels", "config"})
_ALWAYS_TRUE = frozenset({"required", "unknown_field"})

Kinds = Mapping[str, StepKind]


@dataclass(frozen=True, slots=True)
class _Scope:
    """The steps whose outputs may be referred to at a place."""

    steps: frozenset[str]
    every_step: frozenset[str]


def workflow_findings(document: JsonObject, kinds: Kinds, *, reads_only: bool = False) -> tuple[Finding, ...]:
    """Return what is wrong with a workflow document; empty when it can be run.

    Args:
        reads_only: hold it to step kinds that change nothing.
    """
    broken = violations(SCHEMA, document)
    if broken:
        return broken
    shaped = cast("dict[str, Any]", document)
    reads_only = reads_only or shaped["metadata"]["name"] == OBSERVE
    return tuple(_findings(shaped, kinds, reads_only=reads_only))


def _findings(document: dict[str, Any], kinds: Kinds, *, reads_only: bool) -> Iterator[Finding]:
    ids = [step["id"] for step in document["steps"]]
    every_step = frozenset(ids)
    for index, step in enumerate(document["steps"]):
        pointer = f"/steps/{index}"
        earlier = frozenset(ids[:index])
        if step["id"] in earlier:
            yield Finding(f"{pointer}/id", "duplicate_step", "another step has this id", "choose another id")
        yield from _action(step, pointer, kinds, _Scope(earlier, every_step))
        yield from _effect(step, pointer, kinds, reads_only=reads_only)
        if "compensate" in step:
            scope = _Scope(earlier | {step["id"]}, every_step)
            yield from _action(step["compensate"], f"{pointer}/compensate", kinds, scope)
    for part in ("outputs", "facts"):
        yield from _references(document.get(part, {}), f"/{part}", _Scope(every_step, every_step))


def _action(part: dict[str, Any], pointer: str, kinds: Kinds, scope: _Scope) -> Iterator[Finding]:
    yield from _timing(part, pointer)
    yield from _references(part.get("with", {}), f"{pointer}/with", scope)
    kind = kinds.get(part["uses"])
    if kind is None:
        yield _unknown_kind(part["uses"], f"{pointer}/uses", kinds)
    else:
        yield from _arguments(part.get("with", {}), f"{pointer}/with", kind)


def _timing(part: dict[str, Any], pointer: str) -> Iterator[Finding]:
    seconds = duration(part.get("timeout", "1s")).total_seconds()
    if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        yield Finding(
            f"{pointer}/timeout",
            "timeout_out_of_range",
            "a timeout is longer than 0 and at most 1d",
            "write 30s",
        )
    longest = duration(part.get("retry", {}).get("max", "1s")).total_seconds()
    if longest > MAX_TIMEOUT_SECONDS:
        yield Finding(f"{pointer}/retry/max", "wait_out_of_range", "a wait is at most 1d", "write 30s")


def _effect(step: dict[str, Any], pointer: str, kinds: Kinds, *, reads_only: bool) -> Iterator[Finding]:
    if not reads_only:
        return
    kind = kinds.get(step["uses"])
    if kind is not None and kind.effect is not Effect.READ:
        message = f"{step['uses']} changes things, and this workflow may only look"
        yield Finding(f"{pointer}/uses", "writes_in_observe", message, "use a step kind that reads")
    if "compensate" in step:
        message = "a look leaves nothing to undo"
        yield Finding(f"{pointer}/compensate", "writes_in_observe", message, "remove it")


def _unknown_kind(name: str, pointer: str, kinds: Kinds) -> Finding:
    close = difflib.get_close_matches(name, kinds, n=1)
    fix = f"did you mean {close[0]}?" if close else "use one of " + ", ".join(sorted(kinds))
    return Finding(pointer, "unknown_step_kind", "there is no step kind of this name here", fix)


def _arguments(arguments: JsonObject, pointer: str, kind: StepKind) -> Iterator[Finding]:
    """Judge what stands there literally; a reference's value is judged when it is known."""
    unknown_yet = [reference.pointer for reference in references(arguments, pointer)]
    for finding in violations(kind.schema, arguments, pointer):
        covered = any(
            place == finding.pointer or place.startswith(f"{finding.pointer}/") for place in unknown_yet
        )
        if finding.code in _ALWAYS_TRUE or not covered:
            yield finding


def _references(value: Json, pointer: str, scope: _Scope) -> Iterator[Finding]:
    for place in malformed(value, pointer):
        message = "a reference is the whole text, ${path}, of letters, digits, _ and -"
        yield Finding(
            place, "malformed_reference", message, "write the reference alone, or $${ for a literal ${"
        )
    for reference in references(value, pointer):
        problem = _problem(reference.path, scope)
        if problem is not None:
            yield Finding(reference.pointer, "unknown_reference", *problem)


def _problem(path: Path, scope: _Scope) -> tuple[str, str] | None:
    root, *rest = path
    if root == "steps":
        return _step_problem(rest, scope)
    if root not in _FIELDS:
        roots = ", ".join([*_FIELDS, "steps"])
        return "nothing of this name can be referred to", f"start with one of {roots}"
    known = _FIELDS[root]
    if known is None or not rest:
        return None
    if rest[0] not in known:
        return f"{root} has no such field", f"use one of {', '.join(sorted(known))}"
    if len(rest) > 1 and rest[0] not in _OPEN_FIELDS:
        return f"{root}.{rest[0]} has no fields", f"write ${{{root}.{rest[0]}}}"
    return None


def _step_problem(rest: list[str], scope: _Scope) -> tuple[str, str] | None:
    if not rest or rest[0] not in scope.every_step:
        return "there is no step of this id", f"use one of {', '.join(sorted(scope.steps)) or 'the inputs'}"
    if rest[0] not in scope.steps:
        return "this step has not run yet at that place", "refer to an earlier step"
    if rest[1:2] != ["outputs"]:
        return "only a step's outputs can be referred to", f"write ${{steps.{rest[0]}.outputs}}"
    return None
