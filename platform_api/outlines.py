"""Workflows told before they run, and whom they ask: for plans and impacts.

Only some executors speak of steps; a definition that does not is simply not outlined.
"""

from dataclasses import dataclass, field

from catalog.contract import OperationName
from catalog.contracts import Revision
from executors.workflow.outline import ComingApproval, Outline, asks_people, outline, workflow_of
from executors.workflow.spec import Workflow
from reconciler.impact import Foresight
from reconciler.orders import order_context
from reconciler.situation import Loaded


@dataclass(frozen=True, slots=True)
class Outlines:
    """The workflows of contracts, each read once."""

    _known: dict[tuple[str, OperationName], Workflow | None] = field(default_factory=dict)

    def workflow(self, revision: Revision, name: OperationName) -> Workflow | None:
        """Return the workflow of an operation; None when it is something else."""
        known = (revision.digest, name)
        if known not in self._known:
            self._known[known] = workflow_of(revision.bundle.definition(name), revision.files)
        return self._known[known]

    def of(self, loaded: Loaded, name: OperationName, *, is_known: bool = True) -> Outline:
        """Return what an operation would do.

        Args:
            is_known: all of the inputs are; else nothing is worked out that rests on them.
        """
        workflow = self.workflow(loaded.revision_for(name), name)
        return Outline() if workflow is None else _outline(workflow, loaded, name, is_known=is_known)

    def approvals(self, seen: Foresight) -> tuple[ComingApproval, ...]:
        """Return what people would be asked before a foreseen operation is over."""
        name = seen.plan.operation
        if name is None or not seen.is_begun:
            return ()
        workflow = self.workflow(seen.loaded.revision_for(name), name)
        if workflow is None or not asks_people(workflow):
            return ()
        return _outline(workflow, seen.loaded, name, is_known=seen.is_known).approvals


def _outline(workflow: Workflow, loaded: Loaded, name: OperationName, *, is_known: bool) -> Outline:
    situation = loaded.situation
    ref = situation.current_ref if loaded.revision_for(name) is loaded.current else situation.contract_ref
    place = situation.placed.destination
    context = order_context(situation.request, ref, situation.inputs_for(name), place)
    if not is_known:
        del context["inputs"]
    return outline(workflow, context)
