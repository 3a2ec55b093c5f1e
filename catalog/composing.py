"""Children of a contract: which needs which, and what their inputs may refer to.

Works on documents, so that the checks at publish and the contract itself share it. A child
needs those that it names and those whose outputs it refers to.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from catalog.digest import Json, JsonObject
from catalog.errors import Finding
from catalog.references import Path, Reference, malformed, references
from catalog.schema import violations

CHILDREN = "children"
ROOTS = frozenset({"inputs", "request", CHILDREN})
"""What a child's inputs may refer to: the parent's inputs, the parent, and the children that it needs."""

_CHILD_DEPTH = 3  # children.<name>.outputs


def needed_children(inputs: JsonObject) -> list[str]:
    """Return the children whose outputs some inputs refer to."""
    found = (reference.path for reference in references(inputs, ""))
    return [path[1] for path in found if path[0] == CHILDREN and len(path) > 1]


def child_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return children so that each comes after those that it needs; those in a circle are left out."""
    order: list[str] = []
    while True:
        free = [name for name in needs if name not in order and all(each in order for each in needs[name])]
        if not free:
            return order
        order += free


def composing_findings(spec: Mapping[str, Any], own: str, pointer: str) -> Iterator[Finding]:
    """Yield what is wrong with a contract's children; the ranges of their versions are checked elsewhere.

    Args:
        own: the contract's own name.
    """
    children = spec.get(CHILDREN, ())
    names = [child["name"] for child in children]
    for index, child in enumerate(children):
        place = f"{pointer}/{CHILDREN}/{index}"
        if child["name"] in names[:index]:
            yield Finding(
                f"{place}/name", "duplicate_child", "two children have this name", "give it another name"
            )
        if child["contract"] == own:
            message = "a contract cannot be among its own children"
            yield Finding(f"{place}/contract", "dependency_cycle", message, "take it out")
        yield from _need_findings(child, names, place)
        yield from _reference_findings(child, names, f"{place}/inputs")
    yield from _cycle_findings(children, names, f"{pointer}/{CHILDREN}")


def outputs_findings(
    referred: Iterable[tuple[str, Path]], promised: Mapping[str, JsonObject | None]
) -> Iterator[Finding]:
    """Yield what is wrong with references to the outputs of children.

    Args:
        referred: places and paths; those that do not speak of children are left alone.
        promised: the children, each with the schema of its outputs where its contract is published.
    """
    for pointer, path in referred:
        if path[0] != CHILDREN or path[2:3] != ("outputs",):
            continue
        if path[1] not in promised:
            yield _unknown(pointer, path[1], list(promised))
        elif len(path) > _CHILD_DEPTH:
            yield from _promise_findings(pointer, path, promised[path[1]])


def given_findings(inputs: JsonObject, schema: JsonObject, pointer: str) -> Iterator[Finding]:
    """Yield what a child's contract says about the inputs that it is given, as far as they are known."""
    places = [reference.pointer for reference in references(inputs, pointer)]
    for finding in violations(schema, inputs, pointer):
        is_open = any(_lie_together(finding.pointer, place) for place in places)
        if not is_open or finding.code in ("unknown_field", "required"):
            yield finding


def _lie_together(one: str, other: str) -> bool:
    return f"{other}/".startswith(f"{one}/") or f"{one}/".startswith(f"{other}/")


def _promise_findings(pointer: str, path: Path, schema: JsonObject | None) -> Iterator[Finding]:
    if schema is None:
        return
    declared = schema.get("properties")
    known = sorted(declared) if isinstance(declared, Mapping) else []
    if path[_CHILD_DEPTH] not in known:
        message = f"the contract of {path[1]} promises no output {path[_CHILD_DEPTH]}"
        yield Finding(pointer, "unknown_output", message, f"it promises {', '.join(known) or 'nothing'}")


def _need_findings(child: Mapping[str, Any], names: Sequence[str], place: str) -> Iterator[Finding]:
    for index, need in enumerate(child.get("needs", ())):
        if need not in names:
            yield _unknown(f"{place}/needs/{index}", need, names)


def _reference_findings(child: Mapping[str, Any], names: Sequence[str], place: str) -> Iterator[Finding]:
    inputs: Json = child.get("inputs", {})
    for pointer in malformed(inputs, place):
        message = "a reference is a whole value, ${path}, and never part of a text"
        yield Finding(pointer, "malformed_reference", message, "write ${inputs.size}, or $${ for the signs")
    for reference in references(inputs, place):
        yield from _root_findings(reference, names)


def _root_findings(reference: Reference, names: Sequence[str]) -> Iterator[Finding]:
    root = reference.path[0]
    if root not in ROOTS:
        known = ", ".join(sorted(ROOTS))
        yield Finding(
            reference.pointer, "unknown_reference", f"there is no {root} here", f"refer to one of {known}"
        )
    elif root == CHILDREN and reference.path[1:2] and reference.path[1] not in names:
        yield _unknown(reference.pointer, reference.path[1], names)
    elif root == CHILDREN and (len(reference.path) < _CHILD_DEPTH or reference.path[2] != "outputs"):
        message = "of a child only the outputs can be referred to"
        yield Finding(reference.pointer, "unknown_reference", message, "write ${children.name.outputs.field}")


def _cycle_findings(
    children: Sequence[Mapping[str, Any]], names: Sequence[str], pointer: str
) -> Iterator[Finding]:
    needs = {
        child["name"]: [
            each
            for each in (*child.get("needs", ()), *needed_children(child.get("inputs", {})))
            if each in names
        ]
        for child in children
    }
    circle = [name for name in needs if name not in child_order(needs)]
    if circle:
        message = f"these children need one another: {', '.join(circle)}"
        yield Finding(pointer, "dependency_cycle", message, "let one of them go without the other")


def _unknown(pointer: str, name: str, names: Sequence[str]) -> Finding:
    return Finding(
        pointer, "unknown_child", f"there is no child {name}", f"children here: {', '.join(names)}"
    )
