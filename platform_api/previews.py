"""The plan that a dry run answers with: what would happen to a request, and why.

`drafts` makes it out of the parts that would do it. A denial is part of the answer instead of
a refusal, because whoever asks for a plan wants to see all of it.
"""

from platform_api.child_views import ChildPlanView
from platform_api.decision_views import PolicyVerdict
from platform_api.drafts import Draft
from platform_api.outline_views import ApprovalOutline, ChangeView, EstimateView, StepOutline
from platform_api.wire import JsonDocument, Maybe, View
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
        follows: the operation that is begun once what is waited for, or the children, are there.
        inputs: as the workflow would get them, with the contract's defaults filled in.
        defaults: the inputs that were filled in.
        approvals: what people would be asked; what is certain not to be asked is left out. This,
            `steps` and `estimate` are of the operation that would run, or that follows.
        children: what would be done about children first, and about theirs; when the request goes, after it.
        changes: against what is delivered now, or where nothing is, against what is wanted.
    """

    dry_run: bool = True
    action: str
    follows: Maybe[str] = None
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
    children: list[ChildPlanView]
    changes: list[ChangeView]

    @classmethod
    def of(cls, draft: Draft) -> "PlanView":
        """Return the view of a draft."""
        revision, plan, situation = draft.revision, draft.seen.plan, draft.seen.situation
        given = draft.request.inputs if situation.given is None else situation.given
        allowed = draft.decision.is_allowed
        return cls(
            action=draft.action,
            follows=draft.follows,
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
            estimate=EstimateView.of(draft.estimate, draft.follows or draft.action, nothing=_nothing(draft)),
            children=[ChildPlanView.of_draft(each) for each in draft.children],
            changes=ChangeView.of_all(draft.changes),
        )


def _nothing(draft: Draft) -> str:
    return "nothing of its own would be begun" if draft.children else "nothing would be begun"
