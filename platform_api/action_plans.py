"""The plan that a dry run of an action answers with: policy's verdict, whom it asks, its steps.

Made by the parts that would do it, in the shape in which other plans are shown. Nothing is written.
"""

from dataclasses import replace
from datetime import timedelta

from catalog.acting import ACTION, action_root
from catalog.actor import Actor
from catalog.db import Tx
from executors.port import ContractRef
from executors.workflow import inbox
from executors.workflow.outline import Outline, outline, workflow_of
from platform_api.commands import actions
from platform_api.commands.actions import Proposal
from platform_api.decision_views import PolicyVerdict
from platform_api.outline_views import ApprovalOutline, EstimateView, StepOutline
from platform_api.parts import Platform
from platform_api.previews import ContractChoice, PlacementView, PlanView
from policy.combine import outcome
from policy.decision import Decision
from reconciler import operations
from reconciler.acting import REQUESTED
from reconciler.estimate import Estimate, Span, covered_seconds, estimated
from reconciler.orders import order_context


def action_plan(
    platform: Platform, actor: Actor, proposal: Proposal, inputs_given: frozenset[str]
) -> PlanView:
    """Return what asking for an action now would lead to.

    Args:
        inputs_given: the names of the inputs that were sent; the others are defaults.

    Raises:
        Conflict: as for the action itself.
        Unavailable: `policy_unavailable`.
    """
    verdict = _whole(actions.decided(platform, actor, proposal))
    allowed, asked, revision = verdict.is_allowed, proposal.asked, proposal.revision
    with platform.db.read() as tx:
        estimate = _estimate(platform, tx, revision.name, asked.name) if allowed else None
    outlined = _outline(proposal) if allowed else Outline()
    return PlanView(
        action=asked.name if allowed else "none",
        reason=REQUESTED if allowed else "PolicyDenied",
        message=asked.message if allowed else "policy denies it: nothing would be done",
        generation=proposal.held.generation,
        contract=ContractChoice(name=revision.name, version=revision.version, digest=revision.digest),
        inputs=dict(asked.inputs),
        defaults=sorted(asked.inputs.keys() - inputs_given),
        placement=PlacementView(
            destination=proposal.held.destination, message="it is done where it was delivered", considered=[]
        ),
        policy=PolicyVerdict.of(verdict),
        approvals=[ApprovalOutline.of(each) for each in outlined.approvals],
        steps=[StepOutline.of(each) for each in outlined.steps],
        estimate=EstimateView.of(estimate, asked.name),
        children=[],
        changes=[],
    )


def _whole(verdicts: tuple[Decision, Decision]) -> Decision:
    """Return what both say, each thing once."""
    said = tuple(dict.fromkeys(result for verdict in verdicts for result in verdict.results))
    return replace(verdicts[0], results=said, outcome=outcome(said))


def _outline(proposal: Proposal) -> Outline:
    revision, applied, asked = proposal.revision, proposal.applied, proposal.asked
    workflow = workflow_of(revision.bundle.action_definition(asked.name), revision.files)
    if workflow is None:
        return Outline()
    ref = ContractRef(revision.name, revision.version, revision.digest)
    context = order_context(proposal.held, ref, applied.inputs, proposal.destination, applied.children)
    return outline(workflow, {**context, ACTION: action_root(asked.name, asked.inputs)})


def _estimate(platform: Platform, tx: Tx, contract: str, action: str) -> Estimate:
    since = platform.clock() - timedelta(days=platform.settings.run_retention_days)
    took = operations.spans(tx, contract, action, since)
    asked = inbox.asked_times(tx, list(took))
    return estimated(
        [
            Span((end - start).total_seconds(), covered_seconds(asked.get(run, ())))
            for run, (start, end) in took.items()
        ]
    )
