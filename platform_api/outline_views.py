"""What will be done, step by step, whom it asks, how long it takes and what it changes, over the wire.

Plans and impacts share these.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict, Field

from executors.workflow.outline import ComingApproval, Outlined
from platform_api.wire import Maybe, View
from reconciler.drift import Difference
from reconciler.estimate import Estimate, Quantiles


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
    def of(
        cls, estimate: Estimate | None, action: str, *, nothing: str = "nothing would be begun"
    ) -> "EstimateView":
        """Return the view of an estimate.

        Args:
            nothing: the reason when there is none to make.
        """
        if estimate is None:
            return cls(reason=nothing)
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
