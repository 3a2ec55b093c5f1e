"""What a workflow would do, told before it runs: its steps as a graph, and what it will ask of people.

Pure. Plans show it to whoever is about to ask for something. Conditions are worked out as far as
they rest on what is known beforehand (inputs, request, destination, contract), by the rules of the
engine; those that rest on what steps give are left open. A step of a sub-workflow is named as in a
run, `network/reserve`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from catalog.digest import Json, JsonObject
from catalog.errors import Invalid
from catalog.expression import Unanswerable, expression
from catalog.references import Unresolved, resolved
from executors.workflow.ballot import OnExpiry
from executors.workflow.linkage import linked
from executors.workflow.places import inside
from executors.workflow.reach import SHARED
from executors.workflow.spec import Ask, Nested, Step, Workflow, parse_workflow
from executors.workflow.view import uses_of

KIND = "Workflow"


@dataclass(frozen=True, slots=True)
class Outlined:
    """One step.

    Attributes:
        needs: the steps that end before it.
        condition: the expression after `if`; empty when it is always done.
        holds: whether the condition holds; None when only the run can tell.
        each: over which list it is repeated; empty when it is done once.
    """

    id: str
    uses: str
    needs: tuple[str, ...] = ()
    condition: str = ""
    holds: bool | None = True
    each: str = ""
    has_undo: bool = False


@dataclass(frozen=True, slots=True)
class ComingApproval:
    """An approval that will be asked for, or may be.

    Attributes:
        expires: after how long, as the document says it; empty when it waits for ever.
        conditions: the expressions on which it depends, the outermost first.
        is_certain: all of them hold, and it is asked exactly once.
    """

    step: str
    groups: tuple[str, ...]
    assignees: tuple[str, ...]
    quorum: int
    expires: str
    on_expiry: str
    conditions: tuple[str, ...]
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Outline:
    """A whole workflow before it runs; what is certain not to be asked is not among the approvals."""

    steps: tuple[Outlined, ...] = ()
    approvals: tuple[ComingApproval, ...] = ()


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a step stands: the workflow, the name around it, what is known there, and on what it rests."""

    whole: Workflow
    workflow: Workflow
    name: str
    roots: JsonObject
    conditions: tuple[str, ...] = ()
    is_certain: bool = True


def workflow_of(definition: JsonObject, files: Mapping[str, str]) -> Workflow | None:
    """Return the workflow that a definition of a published bundle is; None when it is something else."""
    if definition.get("kind") != KIND:
        return None
    try:
        return parse_workflow(linked(definition, files))
    except Invalid:
        return None


def outline(workflow: Workflow, context: JsonObject) -> Outline:
    """Return what a workflow would do.

    Args:
        context: what references would reach, as far as it is known before the run.
    """
    steps: list[Outlined] = []
    approvals: list[ComingApproval] = []
    for step, scope in _walk(_Scope(workflow, workflow, "", context)):
        holds = _holds(step, scope.roots)
        steps.append(_outlined(step, scope, holds=holds))
        if isinstance(step.do, Ask) and holds is not False:
            approvals.append(_approval(step, step.do, _under(scope, step, holds=holds)))
    return Outline(tuple(steps), tuple(approvals))


def asks_people(workflow: Workflow) -> bool:
    """Say whether any step of it, or of what it runs, asks people."""
    parts = (workflow, *workflow.nested.values())
    return any(isinstance(step.do, Ask) for part in parts for step in part.steps.values())


def _walk(scope: _Scope) -> Iterator[tuple[Step, _Scope]]:
    for step in scope.workflow.steps.values():
        yield step, scope
        holds = _holds(step, scope.roots)
        if isinstance(step.do, Nested) and holds is not False:
            yield from _walk(_inner(_under(scope, step, holds=holds), step.id, step.do))


def _under(scope: _Scope, step: Step, *, holds: bool | None) -> _Scope:
    """Return the scope of what a step does, with the conditions on which that rests."""
    return _Scope(
        scope.whole,
        scope.workflow,
        scope.name,
        scope.roots,
        (*scope.conditions, step.condition) if step.condition else scope.conditions,
        scope.is_certain and holds is True and step.each is None,
    )


def _inner(scope: _Scope, step: str, nested: Nested) -> _Scope:
    roots = {name: scope.roots[name] for name in SHARED if name in scope.roots}
    with suppress(Unresolved):  # what is handed down may show only once other steps are over
        roots["inputs"] = resolved(nested.arguments, scope.roots)
    whole, name = scope.whole, inside(scope.name, step)
    return _Scope(whole, whole.nested[nested.file], name, roots, scope.conditions, scope.is_certain)


def _holds(step: Step, roots: JsonObject) -> bool | None:
    if not step.condition:
        return True
    try:
        asked = expression(step.condition)
        return asked.holds(roots) if asked.roots <= roots.keys() else None
    except Unanswerable:
        return None


def _outlined(step: Step, scope: _Scope, *, holds: bool | None) -> Outlined:
    return Outlined(
        id=inside(scope.name, step.id),
        uses=uses_of(step.do),
        needs=tuple(inside(scope.name, need) for need in step.needs),
        condition=step.condition,
        holds=holds,
        each="" if step.each is None else _list_text(step.each.items),
        has_undo=step.undo is not None,
    )


def _list_text(items: Json) -> str:
    return items if isinstance(items, str) else f"{len(cast('Sequence[Json]', items))} items"


def _approval(step: Step, ask: Ask, scope: _Scope) -> ComingApproval:
    asked = cast("Mapping[str, Any]", _known(ask.asked, scope.roots))
    return ComingApproval(
        step=inside(scope.name, step.id),
        groups=names_said(asked.get("groups", ())),
        assignees=names_said(asked.get("assignees", ())),
        quorum=asked.get("quorum", 1),
        expires=asked.get("expires", ""),
        on_expiry=asked.get("on_expiry", str(OnExpiry.REJECT)) if "expires" in asked else "",
        conditions=scope.conditions,
        is_certain=scope.is_certain,
    )


def _known(value: JsonObject, roots: JsonObject) -> dict[str, Json]:
    """Return a document with its references replaced, each member as far as that goes."""
    known: dict[str, Json] = {}
    for name, part in value.items():
        try:
            known[name] = resolved(part, roots)
        except Unresolved:
            known[name] = part
    return known


def names_said(value: object) -> tuple[str, ...]:
    """Return the names of those asked; a reference that nobody knows yet stands for them as it is written."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(str(name) for name in value)
    return (str(value),)
