"""From a situation and its plan to conditions: the only place that states them.

Every condition carries a reason and a sentence. `Ready` follows from the others and is
true only when each of them is, so that nothing shows ready while its observation, its
policy check or its writeback fails.
"""

from collections.abc import Iterator
from datetime import datetime

from catalog.conditions import Condition, Conditions, Status, Type, first_unmet, merged
from catalog.contract import OperationName
from catalog.fleet import Presence
from catalog.request import Request
from executors.port import RunReport, RunState
from reconciler.composition import leaving_first
from reconciler.operation import Operation, OperationState
from reconciler.plan import GONE, Move, Plan, Situation

_TRUE, _FALSE, _UNKNOWN = Status.TRUE, Status.FALSE, Status.UNKNOWN
WAITING_FOR_APPROVAL = "WaitingForApproval"
_NO_LONGER_THERE = (GONE, "WritePending")
_PROVEN = frozenset({Type.APPLIED, Type.OBSERVED, Type.IN_SYNC, Type.WRITTEN})


class Statements:
    """States conditions about one request at one time, so that call sites say only what is new."""

    def __init__(self, request: Request, now: datetime) -> None:
        self._generation = request.generation
        self._now = now

    def say(self, type_: Type, status: Status, reason: str, message: str) -> Condition:
        """Return the condition."""
        return Condition(type_, status, reason, message, self._now, self._generation)


def standing(situation: Situation, plan: Plan, write_error: str, now: datetime) -> dict[Type, Condition]:
    """Return a request's conditions when no operation is under way."""
    changes = list(_standing(situation, plan, write_error, Statements(situation.request, now)))
    return with_ready(situation.request, merged(situation.request.conditions, changes), now)


def accepted(request: Request, now: datetime) -> dict[Type, Condition]:
    """Return a request's conditions just after people changed what is wanted.

    What kept it from the version that it wished before says nothing of what comes now.
    """
    message = "accepted; work begins shortly"
    change = Statements(request, now).say(Type.APPLIED, _UNKNOWN, "Accepted", message)
    before = request.conditions
    kept = {type_: each for type_, each in before.items() if type_ is not Type.AVAILABLE or each.is_true}
    return with_ready(request, merged(kept, [change]), now)


def with_ready(request: Request, conditions: Conditions, now: datetime) -> dict[Type, Condition]:
    """Return the conditions with `Ready` derived from the others."""
    if request.is_deleting:  # what is taken down is not kept in sync any more
        conditions = {type_: each for type_, each in conditions.items() if type_ is not Type.IN_SYNC}
    unmet = first_unmet(conditions)
    say = Statements(request, now).say
    if unmet is not None:
        ready = say(Type.READY, _FALSE, unmet.reason, unmet.message)
    elif request.is_deleting or request.deleted_at is not None:
        ready = say(Type.READY, _FALSE, "Deleting", "it is being taken down")
    elif request.paused:
        ready = say(Type.READY, _FALSE, "Paused", "this request is paused")
    elif conditions.keys() >= _PROVEN:
        ready = say(Type.READY, _TRUE, "Delivered", "delivered, in sync, and in git")
    else:
        ready = say(Type.READY, _FALSE, "Accepted", "accepted; work begins shortly")
    return merged(conditions, [ready])


def under_way(
    request: Request, operation: Operation, report: RunReport, now: datetime, asked: str = ""
) -> dict[Type, Condition]:
    """Return a request's conditions while an operation runs.

    Args:
        asked: what is asked of people meanwhile; empty when nothing is.
    """
    reason, message = _progress(operation, report)
    if asked and report.state is RunState.WAITING:
        reason, message = WAITING_FOR_APPROVAL, f"{operation.title} waits for {asked}"
    change = Statements(request, now).say(Type.APPLIED, _UNKNOWN, reason, message)
    return with_ready(request, merged(request.conditions, [change]), now)


def begins_to_ask(before: Conditions, after: Conditions) -> bool:
    """Say whether people are asked from now on."""
    asking = [
        Type.APPLIED in each and each[Type.APPLIED].reason == WAITING_FOR_APPROVAL for each in (before, after)
    ]
    return asking == [False, True]


def begun(situation: Situation, plan: Plan, now: datetime) -> dict[Type, Condition]:
    """Return a request's conditions when policy let a plan pass and its operation begins."""
    statements = Statements(situation.request, now)
    changes = [
        *_founded(situation, statements),
        statements.say(Type.ALLOWED, _TRUE, "PolicyAllowed", "policy allows the plan"),
        *_observed(situation, plan, statements),
        statements.say(Type.APPLIED, _UNKNOWN, "Operating", f"{plan.operation}: {plan.message}"),
    ]
    return with_ready(situation.request, merged(situation.request.conditions, changes), now)


def ended(request: Request, operation: Operation, now: datetime) -> dict[Type, Condition]:
    """Return a request's conditions when an operation ended.

    What was seen and what git holds is from before; a delivery is not ready on their word.
    """
    say = Statements(request, now).say
    if operation.state is not OperationState.SUCCEEDED and not _still_counts(request, operation):
        changes = [say(Type.APPLIED, _UNKNOWN, "DeletionRequested", "what was under way has ended")]
    elif operation.state is not OperationState.SUCCEEDED and operation.superseded:
        changes = [say(Type.APPLIED, _UNKNOWN, "DesiredChanged", "what is wanted changed; it begins anew")]
    elif operation.state is not OperationState.SUCCEEDED:
        changes = [say(Type.APPLIED, _FALSE, operation.reason, operation.message)]
    elif operation.name is OperationName.DELETE:
        changes = [say(Type.APPLIED, _UNKNOWN, "TakenDown", "taken down; a look will confirm it")]
    else:
        changes = [
            say(Type.APPLIED, _TRUE, "Delivered", f"{operation.contract_version} is delivered"),
            say(Type.OBSERVED, _UNKNOWN, "LookPending", "delivered; a look will confirm it"),
            say(Type.WRITTEN, _UNKNOWN, "WritePending", "git is being written"),
        ]
    return with_ready(request, merged(request.conditions, changes), now)


def refused(request: Request, reason: str, message: str, now: datetime) -> dict[Type, Condition]:
    """Return a request's conditions when policy does not let a plan pass, or cannot be asked."""
    status = _UNKNOWN if reason == "PolicyUnavailable" else _FALSE
    change = Statements(request, now).say(Type.ALLOWED, status, reason, message)
    return with_ready(request, merged(request.conditions, [change]), now)


def headline(request: Request) -> str:
    """Return the sentence that goes with a request's phase."""
    ready = request.conditions.get(Type.READY)
    return str(request.phase) if ready is None else ready.message


def _standing(
    situation: Situation, plan: Plan, write_error: str, statements: Statements
) -> Iterator[Condition]:
    say = statements.say
    yield from _founded(situation, statements)
    if plan.move is Move.NOTHING:
        yield say(Type.ALLOWED, _TRUE, "NothingToAllow", "the present state needs no decision")
    yield from _applied(situation, plan, statements)
    yield from _observed(situation, plan, statements)
    yield _written(situation, write_error, statements)


def _founded(situation: Situation, statements: Statements) -> Iterator[Condition]:
    placed = situation.placed
    yield _available(situation, statements)
    yield from _composed(situation, statements)
    if placed.is_settled:
        reason = "Chosen" if placed.is_needed else "NotNeeded"
        yield statements.say(Type.PLACED, _TRUE, reason, placed.message)
    else:
        yield statements.say(Type.PLACED, _FALSE, "NoDestination", placed.message)


def _available(situation: Situation, statements: Statements) -> Condition:
    ref, relations, trouble = situation.contract_ref, situation.relations, situation.trouble
    if trouble is not None and trouble.type is Type.AVAILABLE:
        return statements.say(Type.AVAILABLE, _FALSE, trouble.reason, trouble.message)
    is_awaiting = not situation.is_delivered  # what is delivered stands on its own feet
    obstacle = relations.lacking or (relations.awaited if is_awaiting else None)
    if obstacle is None or situation.request.is_deleting:
        return statements.say(Type.AVAILABLE, _TRUE, "Published", f"{ref.name} {ref.version} is published")
    return statements.say(obstacle.type, obstacle.status, obstacle.reason, obstacle.message)


def _composed(situation: Situation, statements: Statements) -> Iterator[Condition]:
    members = situation.relations.members
    if not members and Type.COMPOSED not in situation.request.conditions:
        return
    found = situation.composition
    obstacle = found.obstacle or leaving_first(found.leaving)
    if situation.request.is_deleting and not situation.is_released:
        yield statements.say(Type.COMPOSED, _TRUE, "ChildrenStay", "its children stay until it is gone")
    elif obstacle is None:
        what = "gone" if situation.request.is_deleting else "ready"
        yield statements.say(Type.COMPOSED, _TRUE, "ChildrenReady", f"every child is {what}")
    else:
        yield statements.say(obstacle.type, obstacle.status, obstacle.reason, obstacle.message)


def _applied(situation: Situation, plan: Plan, statements: Statements) -> Iterator[Condition]:
    applied, last = situation.request.applied, situation.last
    # What failed came right.
    is_over = plan.move is Move.NOTHING or plan.reason in _NO_LONGER_THERE or situation.is_released
    is_pending = plan.move is Move.OPERATE or not situation.is_delivered or situation.request.is_deleting
    failed = None if last is None or last.state is OperationState.SUCCEEDED or is_over else last
    if failed is not None and not _still_counts(situation.request, failed):
        failed = None
    trouble = situation.trouble
    if failed is not None and failed.desired_digest == situation.desired_digest:
        yield statements.say(Type.APPLIED, _FALSE, failed.reason, failed.message)
    elif trouble is not None and trouble.type is Type.APPLIED:
        yield statements.say(Type.APPLIED, _FALSE, trouble.reason, trouble.message)
    elif applied is None or is_pending:
        yield statements.say(Type.APPLIED, _UNKNOWN, plan.reason, plan.message)
    else:
        message = f"{applied.contract_version} is delivered (generation {applied.generation})"
        yield statements.say(Type.APPLIED, _TRUE, "Delivered", message)


def _still_counts(request: Request, failed: Operation) -> bool:
    # Nobody waits any more for what was to be delivered before the deletion.
    return failed.name is OperationName.DELETE or not request.is_deleting


def _observed(situation: Situation, plan: Plan, statements: Statements) -> Iterator[Condition]:
    seen = situation.observation
    if plan.reason in _NO_LONGER_THERE:
        yield statements.say(Type.OBSERVED, _TRUE, GONE, plan.message)
        return
    if seen is None:
        return
    if seen.presence is Presence.UNKNOWN:
        yield statements.say(Type.OBSERVED, _UNKNOWN, "ObserveFailed", seen.message)
        return
    yield statements.say(Type.OBSERVED, _TRUE, "Seen", f"it was seen {seen.presence}")
    if situation.request.applied is None or situation.request.is_deleting:
        return
    drifted = seen.presence is Presence.ABSENT or bool(situation.drifted)
    if not drifted:
        yield statements.say(Type.IN_SYNC, _TRUE, "InSync", "what is there is what was delivered")
    elif plan.reason in ("Drifted", "Missing", "DriftReported", "RepairsDoNotHold"):
        yield statements.say(Type.IN_SYNC, _FALSE, plan.reason, plan.message)
    else:
        yield statements.say(Type.IN_SYNC, _FALSE, "Drifted", "it was changed outside the platform")


def _written(situation: Situation, write_error: str, statements: Statements) -> Condition:
    if not situation.pending_writes:
        return statements.say(Type.WRITTEN, _TRUE, "Written", "git holds the present state")
    if write_error:
        return statements.say(Type.WRITTEN, _FALSE, "WritebackFailed", write_error)
    return statements.say(Type.WRITTEN, _UNKNOWN, "WritePending", "git is being written")


def _progress(operation: Operation, report: RunReport) -> tuple[str, str]:
    what = operation.title
    step = f" at step {report.step}" if report.step else ""
    match report.state:
        case RunState.RETRYING:
            return (
                "Retrying",
                f"{what}{step}: {report.message or 'a step failed'}; tried {report.attempts} times",
            )
        case RunState.WAITING:
            return "Waiting", f"{what}{step} waits: {report.message}"
        case RunState.COMPENSATING:
            return "Compensating", f"{what} failed and is being undone: {report.message}"
        case RunState.UNKNOWN:
            return "ExecutorSilent", f"the executor does not answer: {report.message}"
        case _:
            return "Operating", f"{what} is under way{step}"
