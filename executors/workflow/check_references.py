"""Whether references and conditions of a workflow document can hold.

A step may speak of what certainly lies before it: the order's context, the steps that it
needs directly or over others, and within a `for_each` its item. Called by `check`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from catalog.digest import Json
from catalog.errors import Finding
from catalog.expression import Unfit, expression
from catalog.references import Path, malformed, references

_REQUEST_FIELDS = frozenset({"uid", "name", "project", "owner", "environment", "generation", "labels"})
_DESTINATION_FIELDS = frozenset({"name", "kind", "labels", "config"})
_FIELDS: Mapping[str, frozenset[str] | None] = {
    "inputs": None,  # the contract's own; whether a field is there is known only at run time
    "outputs": None,
    "request": _REQUEST_FIELDS,
    "destination": _DESTINATION_FIELDS,
    "contract": frozenset({"name", "version"}),
    "children": None,  # the contract's own, which `catalog.composing` knows
    "action": frozenset({"name", "inputs"}),  # whose definition has it, `catalog.acting` knows
    "item": None,
    "index": frozenset(),
}
_OPEN_FIELDS = frozenset({"labels", "config", "inputs"})
_OF_ITEMS = frozenset({"item", "index"})
_OUTERMOST = frozenset({"outputs", "action"})
_CHILD_DEPTH = 2  # name.outputs


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be spoken of at a place.

    Attributes:
        steps: the ids of steps that lie before it.
        every_step: all ids of the workflow.
        lists: the steps that are done for each of a list.
        in_item: it stands within a `for_each`.
        is_nested: it stands in a sub-workflow, which sees neither the request's last outputs nor the action.
    """

    steps: frozenset[str]
    every_step: frozenset[str]
    lists: frozenset[str] = frozenset()
    in_item: bool = False
    is_nested: bool = False

    def with_steps(self, *more: str) -> "Reach":
        """Return the same with more steps before it."""
        return replace(self, steps=self.steps | set(more))

    @property
    def roots(self) -> list[str]:
        """Return the first words that mean something here."""
        hidden = (frozenset() if self.in_item else _OF_ITEMS) | (
            _OUTERMOST if self.is_nested else frozenset()
        )
        return [root for root in _FIELDS if root not in hidden] + ["steps"]


def reference_findings(value: Json, pointer: str, reach: Reach) -> Iterator[Finding]:
    """Yield every reference in a value that can never be resolved."""
    for place in malformed(value, pointer):
        message = "a reference is the whole text, ${path}, of letters, digits, _ and -"
        yield Finding(
            place, "malformed_reference", message, "write the reference alone, or $${ for a literal ${"
        )
    for reference in references(value, pointer):
        problem = _problem(reference.path, reach)
        if problem is not None:
            yield Finding(reference.pointer, "unknown_reference", *problem)


def condition_findings(text: str, pointer: str, reach: Reach) -> Iterator[Finding]:
    """Yield what is wrong with an `if`."""
    try:
        condition = expression(text)
    except Unfit as error:
        yield Finding(pointer, error.code, error.message, error.fix)
        return
    strange = sorted(condition.roots - set(reach.roots))
    if strange:
        message = f"nothing named {strange[0][:40]} is known here"
        yield Finding(pointer, "unknown_reference", message, f"start with one of {', '.join(reach.roots)}")
        return
    for path in condition.paths:
        problem = _problem(path, reach)
        if problem is not None:
            yield Finding(pointer, "unknown_reference", *problem)


def _problem(path: Path, reach: Reach) -> tuple[str, str] | None:
    root, *rest = path
    if root == "steps":
        return _step_problem(rest, reach)
    if root not in reach.roots:
        message = "nothing of this name can be referred to"
        if root in _OF_ITEMS:
            message = f"{root} is known only within a for_each"
        return message, f"start with one of {', '.join(reach.roots)}"
    if root == "children" and (len(rest) < _CHILD_DEPTH or rest[1] != "outputs"):
        return "of a child only the outputs can be referred to", "write ${children.name.outputs.field}"
    known = _FIELDS[root]
    if known is None or not rest:
        return None
    if rest[0] not in known:
        return f"{root} has no such field", f"use one of {', '.join(sorted(known)) or f'${{{root}}}'}"
    if len(rest) > 1 and rest[0] not in _OPEN_FIELDS:
        return f"{root}.{rest[0]} has no fields", f"write ${{{root}.{rest[0]}}}"
    return None


def _step_problem(rest: list[str], reach: Reach) -> tuple[str, str] | None:
    if not rest or rest[0] not in reach.every_step:
        return "there is no step of this id", f"use one of {', '.join(sorted(reach.steps)) or 'the inputs'}"
    step, *of_step = rest
    if step not in reach.steps:
        return (
            "this step need not have run at that place",
            f"add {step} to its needs, or refer to one before it",
        )
    if of_step == ["state"]:
        return None
    if of_step[:1] != ["outputs"]:
        return "only a step's outputs and state can be referred to", f"write ${{steps.{step}.outputs}}"
    if step in reach.lists and len(of_step) > 1 and not of_step[1].isdecimal():
        return f"{step} is done for each of a list", f"write ${{steps.{step}.outputs.0.{of_step[1]}}}"
    return None
