"""The plan that a dry run answers with: what would happen to a request, and why.

`drafts` makes it out of the parts that would do it. A denial is part of the answer instead of
a refusal, because whoever asks for a plan wants to see all of it.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict, Field

from catalog import requests
from catalog.actor import Actor
from catalog.contracts import Revision
from catalog.errors import Conflict, NotFound
from catalog.request import Request
from executors.workflow.outline import ComingApproval, Outlined
from platform_api.decision_views import PolicyVerdict
from platform_api.drafts import Draft, drafted
from platform_api.parts import Platform
from platform_api.wire import JsonDocument, Maybe, View
from reconciler.drift import Difference
from reconciler.estimate import Estimate, Quantiles
from reconciler.placement import Placed


class ConsideredView(View):
    """One destination that was looked at."""

    destination: str
    objection: Maybe[str] = None


class PlacementView(View):
    """Where it would land, and why there."""

    destination: Maybe[str] = None
    message: str
    considered: list[ConsideredView]

    @classmethod
    def of(cls, placed: Placed) -> "PlacementView":
        """Return the view of a placement."""
        return cls(
            destination=None if placed.destination is None else placed.destination.name,
            message=placed.message,
            considered=[
                ConsideredView(destination=each.destination, objection=each.objection or None)
                for each in placed.considered
            ],
        )


class StepOutline(View):
    """One step of the workflow that would run.

    Attributes:
        needs: the steps that end before it.
        if_: the expression on which it depends.
        holds: whether that holds; left out when only the run can tell.
        for_each: over which list it is repeated.
        compensate: a step that undoes it is there.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    id: str
    uses: str
    needs: list[str]
    if_: Maybe[str] = Field(None, serialization_alias="if")
    holds: Maybe[bool] = None
    for_each: Maybe[str] = None
    compensate: bool

    @classmethod
    def of(cls, step: Outlined) -> "StepOutline":
        """Return the view of a step."""
        return cls(
            id=step.id,
            uses=step.uses,
            needs=list(step.needs),
            if_=step.condition or None,
            holds=step.holds if step.condition else None,
            for_each=step.each or None,
            compensate=step.has_undo,
        )


class ApprovalOutline(View):
    """An approval that will be asked for, or may be.

    Attributes:
        conditions: the expressions on which it depends.
        is_certain: they hold, and it is asked once.
        expires: after how long it ends by itself, and `on_expiry` what then.
    """

    step: str
    groups: list[str]
    assignees: list[str]
    quorum: int
    expires: Maybe[str] = None
    on_expiry: Maybe[str] = None
    conditions: list[str]
    is_certain: bool

    @classmethod
    def of(cls, approval: ComingApproval) -> "ApprovalOutline":
        """Return the view of an approval."""
        return cls(
            step=approval.step,
            groups=list(approval.groups),
            assignees=list(approval.assignees),
            quorum=approval.quorum,
            expires=approval.expires or None,
            on_expiry=approval.on_expiry or None,
            conditions=list(approval.conditions),
            is_certain=approval.is_certain,
        )


class QuantilesView(View):
    """How long it took in half of the runs, in nearly all of them, and how many these were."""

    p50_seconds: float
    p95_seconds: float
    runs: int

    @classmethod
    def of(cls, found: Quantiles | None) -> "QuantilesView | None":
        """Return the view; None for what never happened."""
        if found is None:
            return None
        return cls(p50_seconds=found.p50_seconds, p95_seconds=found.p95_seconds, runs=found.runs)


class EstimateView(View):
    """How long it will take, by the runs of this operation on this contract that succeeded.

    Attributes:
        work: without the time in which people were asked; left out without any history.
        people: how long people took where they were asked; left out when they never were.
        reason: why there is no estimate.
    """

    work: Maybe[QuantilesView] = None
    people: Maybe[QuantilesView] = None
    reason: Maybe[str] = None

    @classmethod
    def of(cls, estimate: Estimate | None, action: str) -> "EstimateView":
        """Return the view of an estimate; None when nothing would be begun."""
        if estimate is None:
            return cls(reason="nothing would be begun")
        work, people = QuantilesView.of(estimate.work), QuantilesView.of(estimate.people)
        reason = f"no {action} of this contract has succeeded lately" if work is None else None
        return cls(work=work, people=people, reason=reason)


class ChangeView(View):
    """One thing that would become different."""

    path: str
    before: Any = None
    after: Any = None

    @classmethod
    def of_all(cls, differences: Iterable[Difference]) -> "list[ChangeView]":
        """Return the views of differences."""
        return [cls(path=each.path, before=each.applied, after=each.observed) for each in differences]


class ContractChoice(View):
    """The revision that it would be made from."""

    name: str
    version: str
    digest: str


class PlanView(View):
    """What would happen.

    Attributes:
        action: the operation that would run; when there is none, `none`, `wait`, or `compose`, which
            makes or changes children first.
        inputs: as the workflow would get them, with the contract's defaults filled in.
        defaults: the inputs that were filled in.
        approvals: what people would be asked; what is certain not to be asked is left out.
        changes: against what is delivered now, or where nothing is, against what is wanted.
    """

    dry_run: bool = True
    action: str
    reason: str
    message: str
    generation: int
    contract: ContractChoice
    inputs: JsonDocument
    defaults: list[str]
    placement: PlacementView
    policy: PolicyVerdict
    approvals: list[ApprovalOutline]
    steps: list[StepOutline]
    estimate: EstimateView
    changes: list[ChangeView]

    @classmethod
    def of(cls, draft: Draft) -> "PlanView":
        """Return the view of a draft."""
        revision, plan, situation = draft.revision, draft.seen.plan, draft.seen.situation
        given = draft.request.inputs if situation.given is None else situation.given
        allowed = draft.decision.is_allowed
        return cls(
            action=draft.action,
            reason=plan.reason if allowed else "PolicyDenied",
            message=plan.message if allowed else "policy denies it: nothing would be done",
            generation=draft.request.generation,
            contract=ContractChoice(name=revision.name, version=revision.version, digest=revision.digest),
            inputs=situation.inputs,
            defaults=sorted(name for name in situation.inputs if name not in given),
            placement=PlacementView.of(draft.seen.placed),
            policy=PolicyVerdict.of(draft.decision),
            approvals=[ApprovalOutline.of(each) for each in draft.outline.approvals],
            steps=[StepOutline.of(each) for each in draft.outline.steps],
            estimate=EstimateView.of(draft.estimate, draft.action),
            changes=ChangeView.of_all(draft.changes),
        )


def plan_view(
    platform: Platform, actor: Actor, operation: str, request: Request, revision: Revision
) -> PlanView:
    """Return what accepting a request like this would lead to.

    Raises:
        Unavailable: `policy_unavailable`; without policy's answer there is no plan.
    """
    return PlanView.of(drafted(platform, actor, operation, request, revision))


def check_name_free(platform: Platform, request: Request) -> None:
    """Refuse a plan for a name that is taken, as submitting would.

    Raises:
        Conflict: `request_exists`.
    """
    with platform.db.read() as tx:
        try:
            requests.by_name(tx, request.project, request.name)
        except NotFound:
            return
    raise Conflict(
        "request_exists",
        f"The project {request.project} has a request {request.name} already.",
        fix=f"see it: avow status {request.name}; change it, or choose another name",
    )
