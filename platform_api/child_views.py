"""Children as plans and impacts show them: what would become of each, over the wire."""

from catalog.errors import Finding
from platform_api.decision_views import ResultView
from platform_api.drafts import ChildDraft
from platform_api.outline_views import ApprovalOutline, ChangeView, EstimateView, StepOutline
from platform_api.wire import Maybe, View
from reconciler.impact import ChildImpact


class MisfitView(View):
    """Why a request could not be delivered."""

    pointer: str
    code: str
    detail: str
    fix: Maybe[str] = None

    @classmethod
    def of(cls, finding: Finding) -> "MisfitView":
        """Return the view of a finding."""
        return cls(
            pointer=finding.pointer, code=finding.code, detail=finding.message, fix=finding.fix or None
        )


class ChildView(View):
    """What would become of one child.

    Attributes:
        request: the name of its request.
        parent: the name of the request that has it.
        deed: it is to `make`, `change` or `give_back`.
        is_certain: it is done whatever other children hand back.
        version: of its contract; where it is given back, the one that it is on.
        outcome: as of a request of its own.
        operation: what would be begun for it, or is denied.
        held_by: why that would not be at once.
        findings: why it cannot be delivered.
        policy: what policy has to say.
        approvals: what people would be asked.
    """

    request: str
    parent: str
    deed: str
    is_certain: bool
    contract: str
    version: str
    outcome: str
    operation: Maybe[str] = None
    held_by: Maybe[str] = None
    changes: list[ChangeView]
    findings: list[MisfitView]
    policy: list[ResultView]
    approvals: list[ApprovalOutline]

    @classmethod
    def of(cls, child: ChildImpact) -> "ChildView":
        """Return the view of a child."""
        prospect, impact = child.prospect, child.impact
        return ChildView(
            request=impact.request.name,
            parent=impact.request.parent,
            deed=prospect.deed.name.lower(),
            is_certain=prospect.is_certain,
            contract=impact.request.contract,
            version=impact.to_version,
            outcome=str(impact.outcome),
            operation=impact.operation or None,
            held_by=impact.held_by or None,
            changes=ChangeView.of_all(impact.changes),
            findings=[MisfitView.of(finding) for finding in impact.findings],
            policy=[ResultView.of(result) for result in impact.results],
            approvals=[ApprovalOutline.of(approval) for approval in impact.approvals],
        )


class ChildPlanView(ChildView):
    """What would be done about one child, as a plan tells it; `steps` and `estimate` as there."""

    steps: list[StepOutline]
    estimate: EstimateView

    @classmethod
    def of_draft(cls, draft: ChildDraft) -> "ChildPlanView":
        """Return the view of a child's draft."""
        return cls(
            **ChildView.of(draft.child).model_dump(),
            steps=[StepOutline.of(each) for each in draft.outline.steps],
            estimate=EstimateView.of(draft.estimate, draft.child.impact.operation),
        )
