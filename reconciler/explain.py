"""Why a request is not ready: what, since when, whose move it is, and what to do.

The answer comes from the conditions alone, with the table below; a reason without a row
would leave somebody without an answer, so the tests walk every reason that is stated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from catalog.conditions import Condition, Status, Type, first_unmet
from catalog.request import Phase, Request
from reconciler.drift import Difference
from reconciler.operation import Operation, OperationState
from reconciler.relation import Obstacle


class Mover(StrEnum):
    """Whose move it is."""

    NOBODY = "nobody"  # nothing is left to do
    PLATFORM = "platform"  # Avow goes on by itself
    EXECUTOR = "executor"  # an executor is at work
    REQUESTER = "requester"
    OWNER = "contract-owner"
    OPERATOR = "platform-operator"
    APPROVER = "approver"  # somebody of whom an approval is asked


@dataclass(frozen=True, slots=True)
class WaitingOn:
    """What it waits for.

    Attributes:
        kind: who moves next.
        ref: the thing at hand: an operation, a contract, a destination; empty when there is none.
        owner: the subject or team behind it; empty when nobody in particular.
    """

    kind: Mover
    ref: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that is asked of people.

    Attributes:
        ref: the approval's id.
        whom: of whom, for a sentence.
        message: what it takes.
    """

    ref: str
    whom: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole answer.

    Attributes:
        next_action: a command, or a sentence, that moves it on.
        retry_at: when Avow tries again by itself.
        differences: what drifted, path by path, while that is what it is about or nothing is done about it.
    """

    phase: Phase
    reason: str
    message: str
    since: datetime
    waiting_on: WaitingOn
    next_action: str
    retry_at: datetime | None = None
    differences: tuple[Difference, ...] = ()


_NEXT: dict[str, tuple[Mover, str]] = {
    # accepted and on its way
    "Accepted": (Mover.PLATFORM, "wait: avow wait {name}"),
    "NotDelivered": (Mover.PLATFORM, "wait: avow wait {name}"),
    "DesiredChanged": (Mover.PLATFORM, "wait: avow wait {name}"),
    "DeletionRequested": (Mover.PLATFORM, "wait: avow wait {name} --for deleted"),
    "Deleting": (Mover.PLATFORM, "wait: avow wait {name} --for deleted"),
    "Gone": (Mover.PLATFORM, "wait: avow wait {name} --for deleted"),
    "TakenDown": (Mover.PLATFORM, "wait: avow wait {name} --for deleted"),
    "LookPending": (Mover.PLATFORM, "wait: avow wait {name}"),
    "WritePending": (Mover.PLATFORM, "wait: avow wait {name}"),
    # other contracts and requests
    "RequirementMissing": (Mover.OWNER, "have {ref} published; the request goes on by itself then"),
    "UsedNotReady": (Mover.PLATFORM, "see what holds {ref}: avow why {ref}"),
    "Composing": (Mover.PLATFORM, "wait: avow wait {name}"),
    "ChildNotReady": (Mover.PLATFORM, "see what holds {ref}: avow why {ref}"),
    "ChildHeldUp": (Mover.PLATFORM, "see what holds {ref}: avow why {ref}"),
    "ChildMisfit": (
        Mover.OWNER,
        "change the request, or have the owner of {contract} mend what it gives {ref}",
    ),
    "ChildNameTaken": (Mover.REQUESTER, "give the other {ref} back: avow delete {ref}"),
    "ChildrenLeaving": (Mover.PLATFORM, "see what holds {ref}: avow why {ref}"),
    "DeletionQueued": (Mover.REQUESTER, "delete what uses it, or keep it: avow keep {name}"),
    # an executor is at work
    "Operating": (Mover.EXECUTOR, "follow it: avow watch {name}"),
    "Retrying": (Mover.EXECUTOR, "follow it: avow watch {name}"),
    "Waiting": (Mover.EXECUTOR, "follow it: avow watch {name}"),
    "Compensating": (Mover.EXECUTOR, "follow it: avow watch {name}"),
    "ExecutorSilent": (Mover.OPERATOR, "check the executor: avow doctor"),
    "WaitingForApproval": (Mover.APPROVER, "see of whom: avow approvals --request {name}"),
    # something failed
    "ApprovalRejected": (
        Mover.REQUESTER,
        "change the request as the reason says: avow apply -f; or ask once more: avow reconcile {name}",
    ),
    "ApprovalExpired": (
        Mover.REQUESTER,
        "tell those who are asked, then ask once more: avow reconcile {name}",
    ),
    "OperationFailed": (
        Mover.PLATFORM,
        "see the failing step: avow get runs --request {name}; try now: avow reconcile {name}",
    ),
    "InvalidOutput": (
        Mover.OWNER,
        "the owner of {contract} must mend its workflow; then: avow reconcile {name}",
    ),
    "Stuck": (
        Mover.OPERATOR,
        "see what could not be undone: avow get runs --request {name}; then: avow dead-letters retry {run}",
    ),
    "UpgradeFailed": (
        Mover.REQUESTER,
        "see avow get runs --request {name}; try again: avow reconcile {name}; go back: avow rollback {name}",
    ),
    # an action failed; what was delivered stands
    "ActionFailed": (
        Mover.REQUESTER,
        "see why: avow get runs --request {name}; then: avow action {name} {ref}, or avow reconcile {name}",
    ),
    "ActionStuck": (
        Mover.OPERATOR,
        "see what could not be undone: avow get runs --request {name}; then: avow dead-letters retry {run}",
    ),
    "ObserveFailed": (Mover.PLATFORM, "check the destination; try now: avow reconcile {name}"),
    "WritebackFailed": (Mover.OPERATOR, "check the git remote: avow doctor"),
    # the version that is wished cannot be delivered
    "VersionGone": (
        Mover.REQUESTER,
        "wish a version that is published: avow upgrade {name} --to VERSION; or keep it: avow pin {name}",
    ),
    "ConversionFailed": (
        Mover.OWNER,
        "the owner of {contract} must mend its conversion; or write the inputs anew: avow apply -f",
    ),
    "InputsDoNotFit": (
        Mover.REQUESTER,
        "change the inputs as the message says: avow apply -f; or stay: avow pin {name}",
    ),
    # policy and placement
    "PolicyDenied": (Mover.REQUESTER, "change the request as the message says: avow apply -f"),
    "PolicyUnavailable": (Mover.OPERATOR, "check the policy engine: avow doctor"),
    "NoDestination": (Mover.OPERATOR, "register or uncordon a destination: avow apply -f"),
    # drift
    "Drifted": (Mover.PLATFORM, "wait for the repair: avow watch {name}"),
    "Missing": (Mover.PLATFORM, "wait for the repair: avow watch {name}"),
    "DriftReported": (Mover.OWNER, "the contract only reports drift; mend it by hand, or change the request"),
    "RepairsDoNotHold": (Mover.OPERATOR, "find who changes it; then: avow reconcile {name}"),
    # held on purpose
    "Paused": (Mover.REQUESTER, "let it go on: avow resume {name}"),
    "ContractPaused": (Mover.OWNER, "the owner of {contract} holds it"),
    # done
    "Delivered": (Mover.NOBODY, "nothing to do"),
    "Deleted": (Mover.NOBODY, "nothing to do"),
}

REASONS = frozenset(_NEXT)
"""Every reason that may keep a request from being ready."""


def explain(
    request: Request,
    contract_owner: str,
    operation: Operation | None,
    due_at: datetime | None,
    differences: tuple[Difference, ...] = (),
    *,
    asked: Sequence[Asked] = (),
    signal: str = "",
    obstacle: Obstacle | None = None,
    behind: Explanation | None = None,
) -> Explanation:
    """Return why a request is where it is.

    Args:
        operation: the newest one.
        due_at: when the request is looked at next.
        asked: what is asked of people for it now, the longest waiting first.
        signal: the signal that the operation's run waits for; empty when it waits for none.
        obstacle: what keeps a delivery from beginning, when something does.
        behind: why the request that is the obstacle is where it is.
    """
    standing = _standing(request)
    if obstacle is not None and obstacle.reason == standing.reason:
        found = _obstructed(request, standing, obstacle, behind)
        return found if found.retry_at is not None else replace(found, retry_at=due_at)
    if asked and standing.type is Type.APPLIED and standing.status is Status.UNKNOWN:
        return _waiting_for_people(request, asked)
    if signal and operation is not None and standing.reason == "Waiting":
        return _waiting_for_a_signal(request, standing, operation, signal)
    if operation is not None and operation.is_failed_action and standing.reason == "Delivered":
        return _failed_action(request, operation)
    mover, action = _NEXT[standing.reason]
    ref = _ref(request, mover, operation)
    owner = {Mover.OWNER: contract_owner, Mover.REQUESTER: request.owner}.get(mover, "")
    held = mover is Mover.NOBODY
    return Explanation(
        phase=request.phase,
        reason=standing.reason,
        message=standing.message,
        since=standing.since,
        waiting_on=WaitingOn(mover, ref, owner),
        next_action=action.format(
            name=request.name, contract=request.contract, ref=request.name, run=_run(operation)
        ),
        retry_at=None if held else _retry_at(operation, due_at),
        differences=differences if standing.type is Type.IN_SYNC or standing.reason == "Paused" else (),
    )


def _obstructed(
    request: Request, standing: Condition, obstacle: Obstacle, behind: Explanation | None
) -> Explanation:
    mover, action = _NEXT[standing.reason]
    owner = obstacle.owner
    if standing.reason == "RequirementMissing" and not owner:
        mover = Mover.OPERATOR  # nobody owns that name yet
    if behind is not None and behind.waiting_on.kind is not Mover.NOBODY:
        mover, owner = behind.waiting_on.kind, behind.waiting_on.owner
    return Explanation(
        phase=request.phase,
        reason=standing.reason,
        message=standing.message,
        since=standing.since,
        waiting_on=WaitingOn(mover, obstacle.ref, owner),
        next_action=action.format(name=request.name, contract=request.contract, ref=obstacle.ref),
        retry_at=None if behind is None else behind.retry_at,
    )


def _failed_action(request: Request, operation: Operation) -> Explanation:
    reason = "ActionStuck" if operation.state is OperationState.STUCK else "ActionFailed"
    mover, action = _NEXT[reason]
    return Explanation(
        phase=request.phase,
        reason=reason,
        message=f"what was delivered is ready, and {operation.title} failed: {operation.message}"[:1000],
        since=operation.finished_at or operation.created_at,
        waiting_on=WaitingOn(mover, operation.run_id, request.owner if mover is Mover.REQUESTER else ""),
        next_action=action.format(name=request.name, ref=operation.name, run=_run(operation)),
    )


def _waiting_for_people(request: Request, asked: Sequence[Asked]) -> Explanation:
    first = asked[0]
    more = f"; and {len(asked) - 1} more" if len(asked) > 1 else ""
    return Explanation(
        phase=request.phase,
        reason="WaitingForApproval",
        message=f"it waits for {first.message}{more}",
        since=first.since,
        waiting_on=WaitingOn(Mover.APPROVER, first.ref, first.whom),
        next_action=f"ask {first.whom}, who can: avow approve {first.ref}, or avow reject {first.ref}",
    )


def _waiting_for_a_signal(
    request: Request, standing: Condition, operation: Operation, signal: str
) -> Explanation:
    run = _run(operation)
    return Explanation(
        phase=request.phase,
        reason=standing.reason,
        message=standing.message,
        since=standing.since,
        waiting_on=WaitingOn(Mover.REQUESTER, run, request.owner),
        next_action=f"send it once it is so: avow runs signal {run} {signal}",
    )


def _standing(request: Request) -> Condition:
    if request.deleted_at is not None:
        return _said(request, "Deleted", "it was taken down and seen gone", request.deleted_at)
    unmet = first_unmet(request.conditions)
    if request.paused and not request.is_deleting:
        return _said(request, "Paused", "this request is paused", request.updated_at)
    if unmet is not None:
        return unmet
    ready = request.conditions.get(Type.READY)
    if ready is not None and ready.is_true and request.deletion_queued_at is not None:
        message = "it is ready, and deleted as soon as nothing uses it any more"
        return _said(request, "DeletionQueued", message, request.deletion_queued_at)
    if ready is not None:
        return ready
    return _said(request, "Accepted", "accepted; work begins shortly", request.created_at)


def _said(request: Request, reason: str, message: str, since: datetime) -> Condition:
    return Condition(Type.READY, Status.FALSE, reason, message, since, request.generation)


def _ref(request: Request, mover: Mover, operation: Operation | None) -> str:
    if mover is Mover.EXECUTOR and operation is not None:
        return operation.run_id or operation.id
    if mover is Mover.OWNER:
        return f"{request.contract} {request.contract_version}"
    return ""


def _run(operation: Operation | None) -> str:
    """Return the operation's run as a command names it."""
    return "RUN" if operation is None else operation.run_id or "RUN"


def _retry_at(operation: Operation | None, due_at: datetime | None) -> datetime | None:
    waits = operation is not None and operation.next_attempt_at is not None
    return operation.next_attempt_at if operation is not None and waits else due_at
