"""Why a request is not ready: what, since when, whose move it is, and what to do.

The answer comes from the conditions alone, with the table below; a reason without a row
would leave somebody without an answer, so the tests walk every reason that is stated.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from catalog.conditions import Condition, Status, Type, first_unmet
from catalog.request import Phase, Request
from reconciler.drift import Difference
from reconciler.operation import Operation


class Mover(StrEnum):
    """Whose move it is."""

    NOBODY = "nobody"  # nothing is left to do
    PLATFORM = "platform"  # Avow goes on by itself
    EXECUTOR = "executor"  # an executor is at work
    REQUESTER = "requester"
    OWNER = "contract-owner"
    OPERATOR = "platform-operator"


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
    # an executor is at work
    "Operating": (Mover.EXECUTOR, "follow it: avow watch {name}"),
    "Retrying": (Mover.EXECUTOR, "follow it: avow watch {name}"),
    "Waiting": (Mover.EXECUTOR, "follow it: avow watch {name}"),
    "Compensating": (Mover.EXECUTOR, "follow it: avow watch {name}"),
    "ExecutorSilent": (Mover.OPERATOR, "check the executor: avow doctor"),
    # something failed
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
        "see what could not be undone: avow get runs --request {name}; then: avow reconcile {name}",
    ),
    "ObserveFailed": (Mover.PLATFORM, "check the destination; try now: avow reconcile {name}"),
    "WritebackFailed": (Mover.OPERATOR, "check the git remote: avow doctor"),
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
) -> Explanation:
    """Return why a request is where it is.

    Args:
        operation: the newest one.
        due_at: when the request is looked at next.
    """
    standing = _standing(request)
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
        next_action=action.format(name=request.name, contract=request.contract),
        retry_at=None if held else _retry_at(operation, due_at),
        differences=differences if standing.type is Type.IN_SYNC or standing.reason == "Paused" else (),
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


def _retry_at(operation: Operation | None, due_at: datetime | None) -> datetime | None:
    waits = operation is not None and operation.next_attempt_at is not None
    return operation.next_attempt_at if operation is not None and waits else due_at
