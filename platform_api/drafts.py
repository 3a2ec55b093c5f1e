"""A draft: what would come of asking for something, with all that this rests on.

Made by the parts that would do it: policy, the planner, placement, the workflow's own graph.
`previews` shows a draft as a plan; `plan_binding` says when another draft is not the same any
more. Nothing is written.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from catalog import requests
from catalog.actor import Actor
from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.errors import NotFound
from catalog.request import Request
from executors.workflow import inbox
from executors.workflow.outline import Outline, outline, workflow_of
from platform_api.admission import question
from platform_api.parts import Platform
from policy.decision import Decision
from reconciler import operations
from reconciler.contrast import changes
from reconciler.drift import Difference
from reconciler.estimate import Estimate, Span, covered_seconds, estimated
from reconciler.orders import order_context
from reconciler.plan import Move
from reconciler.preview import Preview, preview


@dataclass(frozen=True, slots=True)
class Draft:
    """What would come of it.

    Attributes:
        held: the request as it is stored; None when it is none yet.
        request: as it would be stored.
        revision: the contract revision that it is about.
        estimate: None when nothing would be begun.
    """

    held: Request | None
    request: Request
    revision: Revision
    seen: Preview
    decision: Decision
    outline: Outline
    changes: tuple[Difference, ...]
    estimate: Estimate | None

    @property
    def action(self) -> str:
        """Return the operation that would run; else `none`, `wait`, or `compose`: children come first."""
        plan = self.seen.plan
        if not self.decision.is_allowed:
            return "none"
        if plan.operation is not None:
            return str(plan.operation)
        return str(plan.move) if plan.move in (Move.WAIT, Move.COMPOSE) else "none"


def drafted(platform: Platform, actor: Actor, operation: str, request: Request, revision: Revision) -> Draft:
    """Return what accepting a request like this would lead to.

    Raises:
        Unavailable: `policy_unavailable`; without policy's answer there is no plan.
    """
    with platform.db.read() as tx:
        held = _held(tx, request.uid)
        seen = preview(tx, request, revision, platform.clock())
    asked = replace(request, inputs=seen.situation.inputs)
    decision = platform.admission.decide(question(actor, operation, asked, revision, held))
    with platform.db.read() as tx:
        named = seen.plan.operation if decision.is_allowed else None
        return Draft(
            held=held,
            request=request,
            revision=revision,
            seen=seen,
            decision=decision,
            outline=Outline() if named is None else _outline(seen, named),
            changes=changes(held, seen.situation, seen.plan),
            estimate=None if named is None else _estimate(platform, tx, revision.name, named),
        )


def _held(tx: Tx, uid: str) -> Request | None:
    try:
        return requests.by_uid(tx, uid)
    except NotFound:
        return None


def _outline(seen: Preview, operation: OperationName) -> Outline:
    # Only some executors speak of steps; a definition that does not is simply not outlined.
    situation, revision = seen.situation, seen.loaded.revision_for(operation)
    workflow = workflow_of(revision.bundle.definition(operation), revision.files)
    if workflow is None:
        return Outline()
    ref = situation.current_ref if revision is seen.loaded.current else situation.contract_ref
    inputs, place = situation.inputs_for(operation), situation.placed.destination
    return outline(workflow, order_context(situation.request, ref, inputs, place))


def _estimate(platform: Platform, tx: Tx, contract: str, operation: OperationName) -> Estimate:
    # Runs are forgotten after a while, and with them how long people took; what is older would mislead.
    since = platform.clock() - timedelta(days=platform.settings.run_retention_days)
    took = operations.spans(tx, contract, operation, since)
    asked = inbox.asked_times(tx, list(took))
    spans = [
        Span((end - start).total_seconds(), covered_seconds(asked.get(run, ())))
        for run, (start, end) in took.items()
    ]
    return estimated(spans)
