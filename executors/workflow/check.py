"""What is wrong with a workflow document, found before anything runs.

Called when a contract is published, and again before a run is accepted, because an order
may come from anywhere. Every finding has a JSON Pointer and says what to do; one within a
sub-workflow points into the definition as it is stored, `/workflows/<file>/steps/0`.
"""

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from itertools import islice
from typing import Any, cast

from catalog.digest import Json, JsonObject, canonical_json
from catalog.errors import Finding
from catalog.references import references
from catalog.schema import MAX_FINDINGS, violations
from catalog.storable import unstorable
from executors.workflow.check_references import Reach, condition_findings, reference_findings
from executors.workflow.check_steps import Kinds, span_findings, step_findings
from executors.workflow.graph import before, cycle
from executors.workflow.linkage import circle_findings, followed, pointer_of
from executors.workflow.spec import OnUnknown, needs_of

SCHEMA: JsonObject = json.loads(
    resources.files("executors.workflow").joinpath("workflow.v1.json").read_text("utf-8")
)
OBSERVE = "observe"
"""A workflow of this name only looks; others are held to it when they are run as READ orders."""

MAX_BYTES = 1024 * 1024
MAX_STEPS = 200
_OUTERMOST_ONLY = ("workflows", "concurrency", "rate")
_TOLD_APART = frozenset({"one_of"})
"""Codes of the schema for which this module says more exactly what is wrong."""

_OWN_SPANS = ("rate",)


def workflow_findings(
    document: JsonObject, kinds: Kinds, *, files: Mapping[str, str] | None = None, reads_only: bool = False
) -> tuple[Finding, ...]:
    """Return what is wrong with a workflow document; empty when it can be run.

    Args:
        files: the bundle's files, where sub-workflows are found that the document does not carry.
        reads_only: hold it to step kinds that change nothing.
    """
    unfit = _size_findings(document) or _shape_findings(document, "")
    if unfit:
        return unfit
    links = followed(document, files or {})
    parts = [("", document), *((pointer_of(file), part) for file, part in links.documents.items())]
    broken = [finding for pointer, part in parts[1:] for finding in _nested_shape_findings(part, pointer)]
    if broken:
        return (*links.findings, *broken)
    own_name = cast("dict[str, Any]", document)["metadata"]["name"]
    reads_only = reads_only or own_name == OBSERVE
    found = [*links.findings, *circle_findings(document, links.documents)]
    for pointer, part in parts:
        found += _findings(cast("dict[str, Any]", part), pointer, kinds, reads_only=reads_only)
    return tuple(found)


def _size_findings(document: JsonObject) -> tuple[Finding, ...]:
    steps = document.get("steps")
    if isinstance(steps, list | tuple) and len(steps) > MAX_STEPS:
        message = f"a workflow has at most {MAX_STEPS} steps"
        return (Finding("/steps", "max_items", message, "use for_each, or move some into a sub-workflow"),)
    unfit = tuple(islice(unstorable(document), MAX_FINDINGS))
    if unfit:
        return unfit
    if len(canonical_json(document)) > MAX_BYTES:
        return (Finding("", "document_too_large", "the workflow is larger than 1 MiB", "split it"),)
    return ()


def _shape_findings(document: JsonObject, pointer: str) -> tuple[Finding, ...]:
    broken = violations(SCHEMA, document, pointer)
    return tuple(finding for finding in broken if finding.code not in _TOLD_APART)


def _nested_shape_findings(document: JsonObject, pointer: str) -> Iterator[Finding]:
    broken = _size_findings(document) or _shape_findings(document, pointer)
    yield from broken
    for field in _OUTERMOST_ONLY if not broken else ():
        if field in document:
            message = f"{field} belongs to the workflow that is started"
            yield Finding(f"{pointer}/{field}", "misplaced_field", message, "remove it here")


def _findings(document: dict[str, Any], pointer: str, kinds: Kinds, *, reads_only: bool) -> Iterator[Finding]:
    steps = document["steps"]
    needs = {step["id"]: needs_of(steps, index) for index, step in enumerate(steps)}
    yield from _id_findings(steps, pointer)
    circle = cycle(needs)
    if circle and len(needs) == len(steps):
        place = min(index for index, step in enumerate(steps) if step["id"] in circle)
        message = f"they need one another in a circle: {' needs '.join((*circle, circle[0]))}"
        yield Finding(f"{pointer}/steps/{place}/needs", "cycle", message, "remove one of these needs")
    earlier = before(needs) if not circle else {step: frozenset(needs) for step in needs}
    is_nested = bool(pointer)
    lists = frozenset(step["id"] for step in steps if "for_each" in step)
    whole = Reach(frozenset(needs), frozenset(needs), lists, is_nested=is_nested)
    for index, step in enumerate(steps):
        at = f"{pointer}/steps/{index}"
        reach = Reach(earlier[step["id"]], whole.every_step, lists, "for_each" in step, is_nested)
        yield from step_findings(step, at, kinds, reads_only=reads_only)
        yield from _reference_findings(step, at, reach)
    for part in ("outputs", "facts"):
        yield from reference_findings(document.get(part, {}), f"{pointer}/{part}", whole)
    yield from _gate_findings(document, pointer, Reach(frozenset(), whole.every_step, is_nested=is_nested))
    yield from span_findings({name: document[name] for name in _OWN_SPANS if name in document}, pointer)


def _id_findings(steps: list[dict[str, Any]], pointer: str) -> Iterator[Finding]:
    ids = [step["id"] for step in steps]
    for index, step in enumerate(steps):
        at = f"{pointer}/steps/{index}"
        if step["id"] in ids[:index]:
            yield Finding(f"{at}/id", "duplicate_step", "another step has this id", "choose another id")
        for place, need in enumerate(step.get("needs", ())):
            if need not in ids:
                known = ", ".join(ids[:20])
                message = "there is no step of this id"
                yield Finding(f"{at}/needs/{place}", "unknown_need", message, f"use one of {known}")


def _reference_findings(step: dict[str, Any], pointer: str, reach: Reach) -> Iterator[Finding]:
    outside = Reach(reach.steps, reach.every_step, reach.lists, is_nested=reach.is_nested)
    if "if" in step:
        yield from condition_findings(step["if"], f"{pointer}/if", reach)
    yield from reference_findings(step.get("for_each", ()), f"{pointer}/for_each", outside)
    for part in ("with", "approval", "wait"):
        yield from reference_findings(step.get(part, {}), f"{pointer}/{part}", reach)
    undo = step.get("compensate", {}).get("with", {})
    yield from reference_findings(undo, f"{pointer}/compensate/with", _undoing(step, reach))
    if step.get("on_unknown") == OnUnknown.COMPENSATE:
        yield from _blind_findings(step["id"], undo, f"{pointer}/compensate/with")
    yield from _gate_findings(step, pointer, reach)


def _undoing(step: dict[str, Any], reach: Reach) -> Reach:
    # An instance undoes itself by its own outputs, which are no list.
    own = reach.with_steps(step["id"])
    return Reach(own.steps, own.every_step, own.lists - {step["id"]}, own.in_item, own.is_nested)


def _blind_findings(own: str, undo: Json, pointer: str) -> Iterator[Finding]:
    for reference in references(undo, pointer):
        if reference.path[:2] == ("steps", own):
            message = "when nobody knows whether it happened, the step has no outputs to undo it by"
            fix = "name what is undone by inputs or by steps before it, or write on_unknown: halt"
            yield Finding(reference.pointer, "nothing_undoes_it", message, fix)


def _gate_findings(part: dict[str, Any], pointer: str, reach: Reach) -> Iterator[Finding]:
    for gate in ("concurrency", "rate", "breaker"):
        key = part.get(gate, {}).get("key", "")
        yield from reference_findings(key, f"{pointer}/{gate}/key", reach)
