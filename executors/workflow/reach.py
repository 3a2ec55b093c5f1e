"""What references and expressions reach at a place of a run.

A step sees the order's context, the steps of its own scope that are over, and within a
`for_each` its `item` and `index`. A sub-workflow's steps see its inputs instead of the
order's. Steps are looked up when they are asked for, because most references name one.
"""

from collections.abc import Iterator, Mapping

from catalog.digest import Json, JsonObject
from executors.workflow.events import Side
from executors.workflow.places import inside, instance, taken_apart
from executors.workflow.progress import Phase, Run
from executors.workflow.spec import Workflow

SHARED = ("request", "destination", "contract", "children")
"""What of the order's context a sub-workflow sees."""


class StepsOver(Mapping[str, Json]):
    """The steps of one scope that are done or skipped, by id.

    Args:
        own: the place that looks; an instance of a `for_each`, once it is done and to be undone,
            finds itself under its id and not the list that it is a part of.
    """

    def __init__(self, run: Run, workflow: Workflow, scope: str, own: str = "") -> None:
        self._run = run
        self._workflow = workflow
        self._scope = scope
        self._own = own

    def __getitem__(self, step: str) -> Json:
        place = inside(self._scope, step)
        if taken_apart(self._own)[1] == step:
            place = self._own
        phase = self._run.of(place, Side.DO).phase
        if phase is Phase.DONE and step in self._workflow.steps:
            return {"state": "done", "outputs": outputs_of(self._run, place)}
        if phase is Phase.SKIPPED:
            return {"state": "skipped"}
        raise KeyError(step)

    def __iter__(self) -> Iterator[str]:
        return (step for step in self._workflow.steps if step in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def outputs_of(run: Run, place: str) -> Json:
    """Return what a done step gave; for a `for_each` the list of what its instances gave, None if skipped."""
    fan = run.fans.get(place)
    if fan is None:
        return run.of(place, Side.DO).outputs
    each = (run.of(instance(place, index), Side.DO) for index in range(len(fan.items)))
    return [part.outputs if part.phase is Phase.DONE else None for part in each]


def scope_roots(run: Run, workflow: Workflow, context: JsonObject, scope: str, own: str = "") -> JsonObject:
    """Return what is reached at a place in a scope, or at its end."""
    steps = StepsOver(run, workflow, scope, own)
    if not scope:
        return {**context, "steps": steps}
    shared = {name: context[name] for name in SHARED if name in context}
    return {**shared, "inputs": run.scopes.get(scope, {}), "steps": steps}


def item_roots(run: Run, place: str) -> JsonObject:
    """Return `item` and `index` for an instance of a `for_each`, nothing for others."""
    scope, step, index = taken_apart(place)
    if index is None:
        return {}
    return {"item": run.fans[inside(scope, step)].items[index], "index": index}
