"""Whether a migrated run fits its new definition: the order of its steps, and what they refer to.

Asked by `migration` about a run whose steps bear their new names already. A step that was
begun needs no step that is still to be done. What is still to be done, and the undoing of
what was done, must find what it refers to among what there is; what refers to a step that is
to come is judged when it comes. Pure.
"""

from collections.abc import Iterator, Mapping

from catalog.digest import Json
from catalog.errors import Finding
from catalog.references import Path, Unresolved, references, resolved
from catalog.schema import escape
from executors.workflow.events import Side
from executors.workflow.exchange import Course
from executors.workflow.migrating import begun, path_of
from executors.workflow.places import inside, taken_apart
from executors.workflow.progress import Phase, Run
from executors.workflow.spec import Action, Ask, Doing, Nested, Step, Wait, Workflow

_ENOUGH = (Phase.DONE, Phase.SKIPPED)
_OF_ITEMS = ("item", "index")


def steps_at(workflow: Workflow) -> Mapping[str, Step]:
    """Return the steps of a workflow, and those of its sub-workflows, by path."""
    return dict(_steps_at(workflow, workflow, ""))


def order_problems(course: Course, run: Run) -> Iterator[Finding]:
    """Yield the steps that were begun before a step that they need."""
    for place in begun(run):
        if not place or taken_apart(place)[2] is not None:
            continue
        scope, step, _index = taken_apart(place)
        for need in course.workflow_in(scope).steps[step].needs:
            if run.of(inside(scope, need), Side.DO).phase not in _ENOUGH:
                yield Finding(
                    f"{pointer_to(course, place)}/needs",
                    "order_broken",
                    f"{path_of(place)} was begun, and needs {need}, which is still to be done",
                    f"put {need} after it, or map a step that was done to {need}",
                )


def reference_problems(course: Course, run: Run) -> Iterator[Finding]:
    """Yield the references that have no value, as far as that can be told."""
    scopes = ["", *(scope for scope in run.scopes if run.of(scope, Side.DO).phase is Phase.OPEN)]
    for scope in scopes:
        workflow = course.workflow_in(scope)
        for step in workflow.steps.values():
            place = inside(scope, step.id)
            yield from _unresolved(course, run, scope, _parts(step, run.of(place, Side.DO).phase), place)
        ends: dict[str, Json] = {"outputs": workflow.outputs, "facts": workflow.facts}
        yield from _unresolved(course, run, scope, ends, "")


def pointer_to(course: Course, place: str) -> str:
    """Return where a step stands in the new document."""
    scope, step, _index = taken_apart(place)
    where = ""
    if scope:
        nested = course.step(scope).do
        where = f"/workflows/{escape(nested.file)}" if isinstance(nested, Nested) else ""
    return f"{where}/steps/{list(course.workflow_in(scope).steps).index(step)}"


def _unresolved(
    course: Course, run: Run, scope: str, parts: Mapping[str, Json], place: str
) -> Iterator[Finding]:
    roots = course.end_roots(run, scope)
    for name, part in parts.items():
        where = f"{pointer_to(course, place)}/{name}" if place else f"/{name}"
        for reference in references(part, where):
            path = reference.path
            if path[0] in _OF_ITEMS or not _can_be_told(run, scope, path):
                continue
            try:
                resolved("${" + ".".join(path) + "}", roots)
            except Unresolved as error:
                fix = "refer to something that this run has"
                yield Finding(reference.pointer, "unresolved_reference", str(error), fix)


def _can_be_told(run: Run, scope: str, path: Path) -> bool:
    """Say whether a reference speaks of something that there would be by now."""
    if path[0] != "steps":
        return True
    return len(path) > 1 and run.of(inside(scope, path[1]), Side.DO).phase is Phase.DONE


def _parts(step: Step, phase: Phase) -> dict[str, Json]:
    undo: dict[str, Json] = {"compensate/with": step.undo.arguments} if step.undo is not None else {}
    if phase in _ENOUGH:
        return undo if phase is Phase.DONE else {}
    gates: dict[str, Json] = {f"{gate.kind}/key": gate.key for gate in step.gates}
    each: dict[str, Json] = {"for_each": step.each.items} if step.each is not None else {}
    return {**_doing_parts(step.do), **gates, **each, **undo}


def _doing_parts(doing: Doing) -> dict[str, Json]:
    match doing:
        case Action(arguments=arguments) | Nested(arguments=arguments):
            return {"with": arguments}
        case Ask(asked=asked):
            return {"approval": asked}
        case Wait(until=until, signal=signal):
            return {"wait/until": until, "wait/signal": signal}


def _steps_at(whole: Workflow, workflow: Workflow, scope: str) -> Iterator[tuple[str, Step]]:
    for step in workflow.steps.values():
        path = inside(scope, step.id)
        yield path, step
        if isinstance(step.do, Nested):
            yield from _steps_at(whole, whole.nested[step.do.file], path)
