"""Writes what people are asked into rows, as the journal tells it.

Called by the journal in the transaction that saves the events, with nothing to do for most
runs. Rows are folded with the functions that fold the run's own state. What the platform does
by itself here (asking others too, ending) goes into the audit trail; what a person did, the
door that took it has put there. Reading is the matter of `inbox`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, get_args

import sqlalchemy as sa

from catalog import audit
from catalog.actor import SYSTEM
from catalog.db import Tx
from catalog.digest import Json, JsonObject
from executors.claims import ClaimedRun
from executors.tables import approvals, approvers
from executors.workflow.approval_events import (
    ApprovalClaimed,
    ApprovalClosed,
    ApprovalDelegated,
    ApprovalEscalated,
    ApprovalEvent,
    ApprovalOpened,
    ApprovalReminded,
    ApprovalVoted,
)
from executors.workflow.ballot import (
    Outcome,
    Standing,
    closed,
    opened,
    with_escalation,
    with_pause,
    with_reminder,
    with_resumption,
    with_vote,
)
from executors.workflow.events import Event
from executors.workflow.forms import restored, stored
from executors.workflow.inbox import Approval, approval_id, asked_of
from executors.workflow.milestones import Paused, Resumed

_Told = ApprovalEvent | Paused | Resumed
_OF_ALL = (Paused, Resumed)
_OF_ONE: tuple[type[Any], ...] = get_args(ApprovalEvent)
TOLD: tuple[type[Any], ...] = (*_OF_ONE, *_OF_ALL)
"""The events that change what rows say: of one approval, or of all that a run asks."""

# Built once: composing a statement costs more than executing it on a warm cache.
_IS_OPEN = (approvals.c.run_id == sa.bindparam("run")) & (approvals.c.state == Outcome.OPEN)
_OPEN = sa.select(approvals).where(_IS_OPEN, approvals.c.step == sa.bindparam("of"))
_ALL_OPEN = sa.select(approvals.c.step).where(_IS_OPEN).order_by(approvals.c.id)
_MOVE = (
    approvals.update()
    .where(approvals.c.id == sa.bindparam("which"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("state", "closed_at", "mail", "standing")})
)


def project(tx: Tx, held: ClaimedRun, events: Sequence[Event]) -> bool:
    """Bring the rows of a run's approvals up to date; return whether any was opened or ended.

    Args:
        held: the run as it is saved; `held.mail` is how much of its mail it has taken in.
    """
    told: list[_Told] = [event for event in events if isinstance(event, TOLD)]
    for step in dict.fromkeys(_concerned(tx, held, told)):
        _project_step(tx, held, step, [event for event in told if _is_about(event, step)])
    return any(isinstance(event, ApprovalOpened | ApprovalClosed) for event in told)


def moved(standing: Standing, event: _Told) -> Standing:
    """Return how an approval stands after something happened to it."""
    match event:
        case ApprovalVoted(vote=vote):
            standing = with_vote(standing, vote)
        case ApprovalClaimed(claim=claim):
            standing = replace(standing, claim=claim)
        case ApprovalDelegated(delegation=delegation):
            standing = replace(standing, delegations=(*standing.delegations, delegation))
        case ApprovalReminded(at=at):
            standing = with_reminder(standing, at)
        case ApprovalEscalated(at=at, groups=groups, expires_at=expires_at):
            standing = with_escalation(standing, at, groups, expires_at)
        case ApprovalClosed(at=at, outcome=outcome, message=message):
            standing = closed(standing, outcome, at, message)
        case Paused(at=at):
            standing = with_pause(standing, at)
        case Resumed(at=at, paused_seconds=seconds):
            standing = with_resumption(standing, at, seconds)
    return standing


def _concerned(tx: Tx, held: ClaimedRun, told: Sequence[_Told]) -> Iterator[str]:
    if any(isinstance(event, _OF_ALL) for event in told):
        yield from tx.execute(_ALL_OPEN, {"run": held.id}).scalars().all()
    yield from (event.step for event in told if not isinstance(event, _OF_ALL))


def _is_about(event: _Told, step: str) -> bool:
    return isinstance(event, _OF_ALL) or event.step == step


def _project_step(tx: Tx, held: ClaimedRun, step: str, told: Sequence[_Told]) -> None:
    current = _open_one(tx, held, step)
    for event in told:
        if isinstance(event, ApprovalOpened):
            _save(tx, held, current)
            current = _new(tx, held, event)
        elif current is not None:
            current = replace(current, standing=moved(current.standing, event))
            _note(tx, current, event)
    _save(tx, held, current)


def _open_one(tx: Tx, held: ClaimedRun, step: str) -> Approval | None:
    row = tx.execute(_OPEN, {"run": held.id, "of": step}).mappings().one_or_none()
    if row is None:
        return None
    fields = {name: row[name] for name in Approval.__dataclass_fields__ if name != "standing"}
    return Approval(standing=restored(Standing, row["standing"]), **fields)


def _new(tx: Tx, held: ClaimedRun, event: ApprovalOpened) -> Approval:
    request: Any = held.context.get("request", {})
    approval = Approval(
        id=approval_id(held.id, event.step, event.task.opened_at),
        project=held.project,
        request_uid=held.request_uid,
        run_id=held.id,
        operation=held.operation,
        generation=int(request.get("generation", 0)),
        step=event.step,
        mail=held.mail,
        standing=opened(event.task),
    )
    fields = {name: getattr(approval, name) for name in Approval.__dataclass_fields__}
    row = {**fields, "state": Outcome.OPEN, "opened_at": event.task.opened_at}
    if tx.insert_missing(approvals, {**row, "standing": stored(approval.standing)}):
        _list(tx, approval)
    return approval


def _save(tx: Tx, held: ClaimedRun, approval: Approval | None) -> None:
    if approval is None:
        return
    standing = approval.standing
    values = {
        "which": approval.id,
        "new_state": standing.outcome,
        "new_closed_at": standing.closed_at,
        "new_mail": held.mail,
        "new_standing": stored(standing),
    }
    tx.execute(_MOVE, values)


def _note(tx: Tx, approval: Approval, event: _Told) -> None:
    match event:
        case ApprovalDelegated():
            _list(tx, approval)
        case ApprovalEscalated(groups=groups):
            _list(tx, approval)
            _audit(tx, approval, event, "escalated", {"groups": [*groups]})
        case ApprovalClosed(outcome=outcome, message=message):
            votes: list[Json] = [vote.person for vote in approval.standing.votes]
            _audit(tx, approval, event, str(outcome), {"votes": votes, "message": message})


def _list(tx: Tx, approval: Approval) -> None:
    """Put everybody whom it concerns into the index of inboxes; those who are there stay."""
    for kind, name in asked_of(approval.standing):
        row = {"approval_id": approval.id, "kind": kind, "name": name, "project": approval.project}
        tx.insert_missing(approvers, row)


def _audit(tx: Tx, approval: Approval, event: ApprovalEvent, what: str, detail: JsonObject) -> None:
    bound: dict[str, Json] = {
        "uid": approval.request_uid,
        "run": approval.run_id,
        "step": approval.step,
        "binding": approval.standing.task.binding,
    }
    audit.append(
        tx,
        approval.project,
        event.at,
        actor=SYSTEM.subject,
        action=f"approval.{what}",
        subject=f"approval/{approval.id}",
        detail={**bound, **detail},
    )
