"""What would become of a request under another contract revision, or under other policies.

Nothing is loaded and nothing is asked here: a situation, a plan and policy's decision come in, as
they would come to a pass, and one `Impact` goes out. A pass is held up by what passes by itself or
by a word (an operation under way, a pause); an impact looks beyond that and says so, because
whoever publishes wants to know what is coming, and not only what comes first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.errors import Finding, Unavailable
from catalog.request import Applied, Request
from executors.workflow.outline import ComingApproval
from executors.workflow.spec import Workflow
from executors.workflow.view import uses_of
from policy.decision import Decision, Result
from reconciler.drift import Difference
from reconciler.operation import Operation
from reconciler.plan import Move, Plan, Situation, plan
from reconciler.situation import Loaded

DELIVERIES = frozenset({OperationName.PROVISION, OperationName.UPDATE})


class Outcome(StrEnum):
    """What a new version would make of a request that follows it."""

    UNCHANGED = "unchanged"  # nothing would be begun
    CHANGES = "changes"  # an operation would be begun, and nobody asked
    NEEDS_APPROVAL = "needs_approval"  # an operation would be begun, and people asked
    DENIED = "denied"  # policy would not let it be begun
    BREAKS = "breaks"  # the version could not be delivered: inputs or place do not fit


@dataclass(frozen=True, slots=True)
class Impact:
    """What would become of one request.

    Attributes:
        from_version: what it stands on now.
        operation: what would be begun, or was to be; empty when nothing.
        held_by: the reason for which that would not be at once; empty when it would.
        findings: why it breaks.
        results: what policy has to say.
        approvals: what people would be asked.
    """

    request: Request
    outcome: StrEnum
    from_version: str
    to_version: str
    reason: str
    message: str
    operation: str = ""
    held_by: str = ""
    changes: tuple[Difference, ...] = ()
    findings: tuple[Finding, ...] = ()
    results: tuple[Result, ...] = ()
    approvals: tuple[ComingApproval, ...] = ()


@dataclass(frozen=True, slots=True)
class Foresight:
    """What would be done about a request once nothing holds it.

    Attributes:
        request: as it is stored.
        loaded: the situation that it would be in then.
        is_delivery: something else than what is delivered would be delivered.
    """

    request: Request
    loaded: Loaded
    plan: Plan
    held_by: str
    is_delivery: bool

    @property
    def from_version(self) -> str:
        """Return the version that it stands on, or that is on its way to it."""
        applied = self.loaded.situation.request.applied
        return self.request.contract_version if applied is None else applied.contract_version


def foresee(
    loaded: Loaded, revision_of: Callable[[str], Revision], now: datetime, *, is_asked: bool
) -> Foresight:
    """Return what would be done about a request once nothing holds it.

    Args:
        revision_of: returns the revision with a digest.
        is_asked: people are asked about what is under way; it is then given up for what is wanted.
    """
    request, under_way = loaded.situation.request, loaded.open
    held = _held_by(loaded.situation)
    if under_way is not None and not is_asked:
        loaded, held = _as_delivered(loaded, under_way, revision_of), held or "Operating"
    free = replace(loaded.situation.request, paused=False)
    situation = replace(loaded.situation, request=free, contract_paused=False)
    found = plan(situation, now)
    is_begun = found.move is Move.OPERATE and found.operation in DELIVERIES
    is_delivery = is_begun and not situation.is_delivered
    return Foresight(request, replace(loaded, situation=situation), found, held, is_delivery)


def of_version(
    seen: Foresight,
    to_version: str,
    decision: Decision | Unavailable | None,
    changes: tuple[Difference, ...],
    approvals: tuple[ComingApproval, ...],
) -> Impact:
    """Return what becomes of a request under the version that it would follow.

    Args:
        to_version: the one that its wish comes to, be it that it does not fit.
        decision: policy's answer to the plan; None when there is nothing to ask about.
    """
    found, findings = seen.plan, _misfits(seen)
    outcome = _outcome(seen, findings, decision, approvals)
    is_begun = outcome in (Outcome.CHANGES, Outcome.NEEDS_APPROVAL)
    return Impact(
        request=seen.request,
        outcome=outcome,
        from_version=seen.from_version,
        to_version=to_version,
        reason=found.reason,
        message=found.message,
        operation="" if decision is None else str(found.operation),
        held_by=seen.held_by,
        changes=() if outcome is Outcome.UNCHANGED else changes,
        findings=findings or _silence(decision),
        results=decision.results if isinstance(decision, Decision) else (),
        approvals=approvals if is_begun else (),
    )


def step_changes(before: Workflow | None, after: Workflow | None) -> tuple[Difference, ...]:
    """Return which steps an operation has that it had not, has no more, or has changed."""
    old, new = dict(_steps(before)), dict(_steps(after))
    names = dict.fromkeys((*old, *new))
    return tuple(
        Difference(f"/steps/{name}", old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    )


def _held_by(situation: Situation) -> str:
    if situation.request.paused:
        return "Paused"
    return "ContractPaused" if situation.contract_paused else ""


def _as_delivered(loaded: Loaded, operation: Operation, revision_of: Callable[[str], Revision]) -> Loaded:
    """Return the situation that follows when what is under way succeeds; nobody has looked since."""
    revision = revision_of(operation.contract_digest)
    applied = Applied(
        generation=operation.generation,
        contract_version=operation.contract_version,
        contract_digest=operation.contract_digest,
        desired_digest=operation.desired_digest,
        inputs=operation.inputs,
        facts={},
        facts_digest="",
        at=operation.created_at,
    )
    request = replace(
        loaded.situation.request, applied=applied, destination=operation.destination, paused=False
    )
    situation = replace(
        loaded.situation, request=request, current=revision.contract, observation=None, last=None
    )
    return replace(loaded, situation=situation, current=revision, open=None)


def _outcome(
    seen: Foresight,
    findings: Sequence[Finding],
    decision: Decision | Unavailable | None,
    approvals: Sequence[ComingApproval],
) -> Outcome:
    if findings:
        return Outcome.BREAKS
    if decision is None or not seen.is_delivery:
        return Outcome.UNCHANGED
    if isinstance(decision, Unavailable) or not decision.is_allowed:
        return Outcome.DENIED
    return Outcome.NEEDS_APPROVAL if approvals else Outcome.CHANGES


def _misfits(seen: Foresight) -> tuple[Finding, ...]:
    situation = seen.loaded.situation
    if situation.trouble is not None:
        return situation.trouble.findings
    if seen.is_delivery or situation.is_delivered:
        return ()
    if situation.placed.is_settled or situation.request.destination is None:
        return ()  # who never had a place waits for one, whatever the version
    fix = "register a destination that fits, or leave the rule of placement as it was"
    return (Finding("/destination", "no_destination", situation.placed.message, fix),)


def _silence(decision: Decision | Unavailable | None) -> tuple[Finding, ...]:
    if not isinstance(decision, Unavailable):
        return ()
    return (Finding("", decision.code, decision.message, decision.fix),)


def _steps(workflow: Workflow | None) -> Iterator[tuple[str, str]]:
    for step in () if workflow is None else workflow.steps.values():
        condition = f" if {step.condition}" if step.condition else ""
        yield step.id, uses_of(step.do) + condition
