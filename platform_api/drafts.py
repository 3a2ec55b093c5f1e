"""A draft: what would come of asking for something, with all that this rests on.

Made by the parts that would do it: policy, the planner, placement, the workflow's own graph.
`previews` shows a draft as a plan; `plan_binding` says when another draft is not the same any
more. Nothing is written.
"""

from collections.abc import Mapping, Sequence
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
from executors.workflow.outline import Outline
from platform_api.admission import question
from platform_api.child_impacts import Judge, flattened, questions
from platform_api.outlines import Outlines
from platform_api.parts import Platform
from policy.decision import Decision
from reconciler import operations
from reconciler.contrast import changes
from reconciler.drift import Difference
from reconciler.estimate import Estimate, Span, covered_seconds, estimated
from reconciler.impact import ChildImpact, children_of
from reconciler.plan import Move
from reconciler.preview import Preview, preview


@dataclass(frozen=True, slots=True)
class ChildDraft:
    """What would come of it for one child.

    Attributes:
        estimate: None when nothing would be begun for it.
    """

    child: ChildImpact
    outline: Outline
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What would come of it.

    Attributes:
        held: the request as it is stored; None when it is none yet.
        request: as it would be stored.
        revision: the contract revision that it is about.
        used: the uids of the requests that it uses, by their names.
        outline: of the operation that is begun at once or in the end.
        estimate: of the same; None when nothing would be begun.
        children: what would be done about them, and about theirs, each before its own.
    """

    held: Request | None
    request: Request
    revision: Revision
    used: Mapping[str, str]
    seen: Preview
    decision: Decision
    outline: Outline
    changes: tuple[Difference, ...]
    estimate: Estimate | None
    children: tuple[ChildDraft, ...]

    @property
    def action(self) -> str:
        """Return the operation that would run; else `none`, `wait`, or `compose`: children come first."""
        plan = self.seen.plan
        if not self.decision.is_allowed:
            return "none"
        if plan.operation is not None:
            return str(plan.operation)
        return str(plan.move) if plan.move in (Move.WAIT, Move.COMPOSE) else "none"

    @property
    def follows(self) -> str | None:
        """Return the operation that is begun once what is waited for is there; None when none is."""
        found = self.seen.operation if self.action in (Move.WAIT, Move.COMPOSE) else None
        return None if found is None else str(found)


def drafted(platform: Platform, actor: Actor, operation: str, request: Request, revision: Revision) -> Draft:
    """Return what accepting a request like this would lead to.

    Raises:
        Unavailable: `policy_unavailable`; without policy's answer there is no plan.
    """
    with platform.db.read() as tx:
        held = _held(tx, request.uid)
        used = uids_of(tx, request.project, [use.request for use in request.uses])
        seen = preview(tx, request, revision, platform.clock())
    asked = replace(request, inputs=seen.situation.inputs)
    decision = platform.admission.decide(question(actor, operation, asked, revision, held))
    outlines, below = Outlines(), _below(platform, seen) if decision.is_allowed else ()
    with platform.db.read() as tx:
        named = seen.operation if decision.is_allowed else None
        return Draft(
            held=held,
            request=request,
            revision=revision,
            used=used,
            seen=seen,
            decision=decision,
            outline=Outline() if named is None else outlines.of(seen.loaded, named),
            changes=changes(held, seen.situation, seen.plan),
            estimate=None if named is None else _estimate(platform, tx, revision.name, named),
            children=tuple(_child(platform, tx, seen, each) for each in below),
        )


def uids_of(tx: Tx, project: str, names: Sequence[str]) -> dict[str, str]:
    """Return the uids of some requests of a project by their names; of those that are there."""
    found = requests.by_names(tx, project, names) if names else {}
    return {name: found[name].uid for name in names if name in found}


def _below(platform: Platform, seen: Preview) -> tuple[ChildImpact, ...]:
    """Return what would become of the children, and of theirs."""
    ahead = seen.ahead
    if not ahead.children:
        return ()
    asked = {uid: query for uid, query in questions([ahead]).items() if uid != ahead.request.uid}
    answers = dict(zip(asked, platform.admission.decide_many(list(asked.values())), strict=True))
    impacts = Judge(Outlines(), answers).children(ahead)
    return tuple(flattened(children_of(ahead, impacts)))


def _child(platform: Platform, tx: Tx, seen: Preview, child: ChildImpact) -> ChildDraft:
    uid, impact = child.impact.request.uid, child.impact
    below = next(each for each in seen.ahead.family if each.request.uid == uid)
    name = below.plan.operation if impact.operation else None
    if name is None:
        return ChildDraft(child, Outline(), None)
    outline = Outlines().of(below.loaded, name, is_known=below.is_known)
    return ChildDraft(child, outline, _estimate(platform, tx, impact.request.contract, name))


def _held(tx: Tx, uid: str) -> Request | None:
    try:
        return requests.by_uid(tx, uid)
    except NotFound:
        return None


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
