"""What would become of a request under another contract revision, or under other policies.

Nothing is loaded and nothing is asked here: a situation, a plan and policy's decision come in, as
they would come to a pass, and one `Impact` goes out. A pass is held up by what passes by itself or
by a word (an operation under way, a pause, something used that is not ready), and children come
before their parent; an impact looks beyond that and says so, because whoever publishes wants to
know what is coming, and not only what comes first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from catalog.conditions import Type
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
from reconciler.prospect import NOTHING as NO_PROSPECTS
from reconciler.prospect import Prospect, Prospects, prospects
from reconciler.relation import Obstacle
from reconciler.situation import Loaded

DELIVERIES = frozenset({OperationName.PROVISION, OperationName.UPDATE})
_GOING_ON = frozenset({Move.COMPOSE, Move.OPERATE, Move.RELEASE, Move.WAIT})
_CODES = {"ChildMisfit": "child_misfit", "ChildNameTaken": "child_name_taken"}


class Outcome(StrEnum):
    """What a new version would make of a request that follows it."""

    UNCHANGED = "unchanged"  # nothing would be begun
    CHANGES = "changes"  # an operation would be begun, of it or a child of it, and nobody asked
    NEEDS_APPROVAL = "needs_approval"  # an operation would be begun, and people asked
    DENIED = "denied"  # policy would not let it be begun
    BREAKS = "breaks"  # the version could not be delivered: inputs, place, needs or children do not fit


_MILD_FIRST = tuple(Outcome)


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
        children: what would become of its children, and of theirs.
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
    children: tuple["ChildImpact", ...] = ()

    @property
    def all_results(self) -> tuple[Result, ...]:
        """Return what policy has to say of it and of its children."""
        return (*self.results, *(result for each in self.children for result in each.impact.all_results))


@dataclass(frozen=True, slots=True)
class ChildImpact:
    """What would become of one child."""

    prospect: Prospect
    impact: Impact

    @property
    def weight(self) -> Outcome:
        """Return what of that counts for the parent."""
        outcome = Outcome(self.impact.outcome)
        counts_whole = self.prospect.is_certain and self.prospect.is_awaited
        if counts_whole:
            return max(outcome, Outcome.CHANGES, key=_MILD_FIRST.index)
        return outcome if outcome is Outcome.NEEDS_APPROVAL else Outcome.UNCHANGED

    @property
    def is_in_the_way(self) -> bool:
        """Say whether the parent is not delivered for it."""
        return self.prospect.is_awaited and self.weight in (Outcome.DENIED, Outcome.BREAKS)


@dataclass(frozen=True, slots=True)
class Foresight:
    """What would be done about a request once nothing holds it.

    Attributes:
        request: as it is stored.
        loaded: the situation that it would be in then.
        first: the next move.
        plan: the move once its children are as they should be; the same when there is nothing about them.
        is_delivery: something else than what is delivered would be delivered.
        is_known: all of its inputs are; else policy cannot be asked yet.
        prospects: what would be done about its children.
        children: what would be done about those as requests of their own, in the same order.
    """

    request: Request
    loaded: Loaded
    first: Plan
    plan: Plan
    held_by: str
    is_delivery: bool
    is_known: bool = True
    prospects: Prospects = NO_PROSPECTS
    children: tuple["Foresight", ...] = ()

    @property
    def from_version(self) -> str:
        """Return the version that it stands on, or that is on its way to it."""
        applied = self.loaded.situation.request.applied
        return self.request.contract_version if applied is None else applied.contract_version

    @property
    def is_begun(self) -> bool:
        """Say whether something is delivered, or taken down."""
        return self.is_delivery or self.plan.operation is OperationName.DELETE

    @property
    def family(self) -> "Iterator[Foresight]":
        """Yield it, and everything below it."""
        yield self
        for child in self.children:
            yield from child.family


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
    if under_way is not None and not (is_asked or request.is_deleting):
        loaded, held = _as_delivered(loaded, under_way, revision_of), held or "Operating"
    situation = _let_go(loaded.situation)
    first = plan(situation, now)
    found = plan(replace(situation, is_composed=True), now) if situation.relations.members else first
    is_begun = found.move is Move.OPERATE and found.operation in DELIVERIES
    is_delivery = is_begun and not situation.is_delivered
    return Foresight(request, replace(loaded, situation=situation), first, found, held, is_delivery)


def unhindered(situation: Situation) -> Situation:
    """Return the situation without what has to be there first, or is waited out."""
    last = situation.last
    is_tried_again = last is not None and last.next_attempt_at is not None
    return replace(
        situation,
        relations=replace(situation.relations, lacking=None),
        placed=situation.placed
        if situation.placed.is_settled
        else replace(situation.placed, is_needed=False),
        last=None if is_tried_again else last,
    )


def with_prospects(seen: Foresight) -> Foresight:
    """Return a foresight with what would be done about the children."""
    situation = seen.loaded.situation
    relations = situation.relations
    if not relations.members or relations.lacking is not None or seen.first.move not in _GOING_ON:
        return seen
    if not (situation.placed.is_settled or situation.request.is_deleting):
        return seen
    found = prospects(situation.request, situation.inputs, relations.members, is_whole=seen.is_known)
    waits = next((each.reason for each in found.waits), "") if seen.is_delivery else ""
    return replace(seen, prospects=found, held_by=seen.held_by or waits)


def supposed(seen: Foresight, prospect: Prospect) -> Foresight:
    """Return the foresight of a child, who is not asked whether what is not known of it fits."""
    if prospect.is_certain and prospect.is_whole:
        return seen
    situation = replace(seen.loaded.situation, trouble=None)
    is_new = situation.request.applied is None
    name = OperationName.PROVISION if is_new else OperationName.UPDATE
    said = "what it is given shows once other children are there"
    found = Plan(Move.OPERATE, "NotDelivered" if is_new else "DesiredChanged", said, name)
    loaded = replace(seen.loaded, situation=situation)
    return replace(seen, loaded=loaded, first=found, plan=found, is_delivery=True, is_known=prospect.is_whole)


def of_version(
    seen: Foresight,
    to_version: str,
    decision: Decision | Unavailable | None,
    changes: tuple[Difference, ...],
    approvals: tuple[ComingApproval, ...],
    *,
    children: Sequence[Impact] = (),
) -> Impact:
    """Return what becomes of a request under the version that it would follow.

    Args:
        to_version: the one that its wish comes to, be it that it does not fit.
        decision: policy's answer to the plan; None when there is nothing to ask about, or not yet.
        children: what becomes of its children, as `seen.children` has them.
    """
    findings = _misfits(seen)
    below = children_of(seen, children)
    outcome = max(
        (_own_outcome(seen, findings, decision, approvals), *(each.weight for each in below)),
        key=_MILD_FIRST.index,
    )
    is_begun = outcome in (Outcome.CHANGES, Outcome.NEEDS_APPROVAL)
    return Impact(
        request=seen.request,
        outcome=outcome,
        from_version=seen.from_version,
        to_version=to_version,
        reason=seen.first.reason,
        message=seen.first.message,
        operation=str(seen.plan.operation) if seen.is_begun else "",
        held_by=seen.held_by,
        changes=() if outcome is Outcome.UNCHANGED else changes,
        findings=findings or _silence(decision),
        results=decision.results if isinstance(decision, Decision) else (),
        approvals=approvals if is_begun else (),
        children=below,
    )


def children_of(seen: Foresight, children: Sequence[Impact]) -> tuple[ChildImpact, ...]:
    """Return the children to which something happens: not those that wait for others in vain.

    Args:
        children: what would become of each, as `seen.children` has them.
    """
    found: list[ChildImpact] = []
    in_vain: set[str] = set()
    for prospect, impact in zip(seen.prospects.children, children, strict=True):
        if prospect.needs & in_vain or (in_vain and not prospect.is_awaited):
            in_vain.add(prospect.member.name)
            continue
        found.append(ChildImpact(prospect, impact))
        if found[-1].is_in_the_way:
            in_vain.add(prospect.member.name)
    return tuple(found)


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
    if situation.contract_paused:
        return "ContractPaused"
    awaited = situation.relations.awaited
    return "" if awaited is None or situation.is_delivered else awaited.reason


def _let_go(situation: Situation) -> Situation:
    """Return the situation without what passes by itself or by a word."""
    request, relations = situation.request, situation.relations
    if relations.awaited is not None:
        relations = replace(relations, awaited=None)
    if request.paused:
        request = replace(request, paused=False)
    return replace(situation, request=request, contract_paused=False, relations=relations)


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


def _own_outcome(
    seen: Foresight,
    findings: Sequence[Finding],
    decision: Decision | Unavailable | None,
    approvals: Sequence[ComingApproval],
) -> Outcome:
    if findings:
        return Outcome.BREAKS
    if not seen.is_begun:
        return Outcome.UNCHANGED
    if isinstance(decision, Unavailable) or (decision is not None and not decision.is_allowed):
        return Outcome.DENIED
    return Outcome.NEEDS_APPROVAL if approvals else Outcome.CHANGES


def _misfits(seen: Foresight) -> tuple[Finding, ...]:
    situation, request = seen.loaded.situation, seen.loaded.situation.request
    if situation.trouble is not None:
        return situation.trouble.findings
    if situation.is_delivered or request.is_deleting:
        return ()
    if not situation.placed.is_settled:
        return _displaced(situation)
    lacking = situation.relations.lacking
    obstacles = seen.prospects.misfits if lacking is None else (lacking,)
    return tuple(_finding(each) for each in obstacles if not _is_told(request, each.type, each.reason))


def _displaced(situation: Situation) -> tuple[Finding, ...]:
    if _is_told(situation.request, Type.PLACED, "NoDestination"):
        return ()
    fix = "register a destination that fits, or leave the rule of placement as it was"
    return (Finding("/destination", "no_destination", situation.placed.message, fix),)


def _is_told(request: Request, type_: Type, reason: str) -> bool:
    """Say whether a request that was never delivered waits for this already, whatever the version."""
    told = request.conditions.get(type_)
    return request.applied is None and told is not None and told.reason == reason


def _finding(obstacle: Obstacle) -> Finding:
    if obstacle.type is Type.AVAILABLE:
        return Finding("/requires", "requirement_missing", obstacle.message, f"have {obstacle.ref} published")
    fix = "mend what the contract says of the child, or the request"
    if obstacle.reason == "ChildNameTaken":
        fix = f"delete {obstacle.ref}, or give the child another name"
    return Finding("/children", _CODES[obstacle.reason], obstacle.message, fix)


def _silence(decision: Decision | Unavailable | None) -> tuple[Finding, ...]:
    if not isinstance(decision, Unavailable):
        return ()
    return (Finding("", decision.code, decision.message, decision.fix),)


def _steps(workflow: Workflow | None) -> Iterator[tuple[str, str]]:
    for step in () if workflow is None else workflow.steps.values():
        condition = f" if {step.condition}" if step.condition else ""
        yield step.id, uses_of(step.do) + condition
