"""What is asked of people: the approvals of all runs, as a projection of their journals.

The engine's journal calls `project` in the transaction that saves the events, so a row never
says anything else than its run. What people do about an approval goes the other way, as a
letter to the run (`post`); until the run has read it, whoever looks folds the unread letters
in (`seen`), and whoever acts does so under the run's lock (`locked`), so that two who act at
once are judged one after the other. No rule is written here: all of them are in `approval`.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from catalog.ids import mint
from executors import runs
from executors.tables import approvals, approvers
from executors.tables import runs as runs_table
from executors.workflow.approval import after, outcome, refusal, verdict_sentence
from executors.workflow.ballot import ACTS, Act, Outcome, Standing, closed
from executors.workflow.forms import Misfit, restored, stored

CANCEL = "cancel"
MAX_LETTERS = 1000
"""A run takes in so many letters before nobody can act any more; signals end far earlier."""

ANYONE = "*"
"""Stands for every approver of the project, in approvals from before that ask nobody in particular."""

_PERSON, _GROUP, _REQUESTER = "person", "group", "requester"


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval.

    Attributes:
        generation: of the request, when the order was given.
        mail: how many of the run's letters the standing has taken in.
    """

    id: str
    project: str
    request_uid: str
    run_id: str
    operation: str
    generation: int
    step: str
    mail: int
    standing: Standing


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which approvals to list; None means any.

    Attributes:
        projects: where the reader may look.
        state: where they stand.
        people: asked of one of these by name, or handed to him; together with `groups`, either.
        groups: asked of one of these groups.
        is_open_to_all: also those that are asked of nobody in particular.
        not_asked_by: whose own requests are left out.
    """

    projects: Collection[str] | None = None
    state: Outcome | None = Outcome.OPEN
    request_uid: str | None = None
    people: Collection[str] | None = None
    groups: Collection[str] | None = None
    is_open_to_all: bool = False
    not_asked_by: str | None = None


def approval_id(run_id: str, step: str, opened_at: datetime) -> str:
    """Return the id of what a step asks; the same whenever its journal is read."""
    seed = hashlib.sha256(f"{run_id}|{step}|{opened_at.isoformat()}".encode()).digest()
    return mint("apr", opened_at, lambda count: seed[:count])


def load(tx: Tx, project: str, approval: str) -> Approval:
    """Return an approval, with what was done about it and the run has not read yet.

    Raises:
        NotFound: `approval_not_found`, also for another project's.
    """
    return seen(tx, unread(tx, project, approval))


def unread(tx: Tx, project: str, approval: str) -> Approval:
    """Return an approval as its run has told it, without the letters that it has not read.

    Raises:
        NotFound: `approval_not_found`.
    """
    query = sa.select(approvals).where(approvals.c.project == project, approvals.c.id == approval)
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("approval_not_found", "There is no such approval.", fix="see avow approvals")
    return _approval(row)


def locked(tx: Tx, project: str, approval: str) -> Approval:
    """Return an approval as `load` does, and keep everybody else off it until the transaction ends.

    Raises:
        NotFound: `approval_not_found`.
    """
    of_run = sa.select(runs_table.c.id).where(runs_table.c.id == unread(tx, project, approval).run_id)
    tx.execute(of_run.with_for_update())
    return load(tx, project, approval)


def seen(tx: Tx, approval: Approval) -> Approval:
    """Return an approval with the letters that its run has not read yet."""
    if approval.standing.outcome is not Outcome.OPEN:
        return approval
    standing, mail = approval.standing, approval.mail
    for letter in runs.letters(tx, approval.run_id, approval.mail):
        mail = letter.number
        if standing.outcome is Outcome.OPEN:
            standing = _with_letter(approval.step, standing, letter)
    return replace(approval, standing=standing, mail=mail)


def post(tx: Tx, approval: Approval, act: Act, now: datetime) -> None:
    """Send an act to the run that asks; whoever calls has locked the approval and judged the act.

    Raises:
        Conflict: `approval_closed`, when the run is over; `mailbox_full`.
    """
    [kind] = [kind for kind, cls in ACTS.items() if type(act) is cls]
    key = tx.execute(
        sa.select(runs_table.c.idempotency_key).where(runs_table.c.id == approval.run_id)
    ).scalar_one()
    if runs.post(tx, key, kind, stored(act), now=now, limit=MAX_LETTERS) is None:
        raise Conflict("approval_closed", "Its run is over.", fix="see avow approvals")


def page(tx: Tx, wanted: Wanted, after_id: str, limit: int) -> list[Approval]:
    """Return approvals, the longest waiting first, after an id."""
    query = sa.select(approvals, runs_table.c.mail.label("posted")).join(runs_table)
    query = query.where(approvals.c.id > after_id, *_clauses(wanted))
    rows = tx.execute(query.order_by(approvals.c.id).limit(limit)).mappings().all()
    return [seen(tx, _approval(row)) if row["posted"] > row["mail"] else _approval(row) for row in rows]


def open_of(tx: Tx, request_uid: str) -> list[Approval]:
    """Return what is asked of people for a request now."""
    return page(tx, Wanted(request_uid=request_uid), "", 100)


def asking(tx: Tx, request_uids: Collection[str]) -> set[str]:
    """Return those of some requests for which people are asked now."""
    query = sa.select(approvals.c.request_uid).join(runs_table).distinct()
    is_open = (approvals.c.state == str(Outcome.OPEN)) & runs_table.c.ended_at.is_(None)
    return set(tx.execute(query.where(is_open, approvals.c.request_uid.in_(request_uids))).scalars())


def asked_times(tx: Tx, run_ids: Collection[str]) -> dict[str, list[tuple[datetime, datetime]]]:
    """Return from when to when people were asked by some runs, by run."""
    query = sa.select(approvals.c.run_id, approvals.c.opened_at, approvals.c.closed_at)
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for row in tx.execute(query.where(approvals.c.run_id.in_(run_ids), approvals.c.closed_at.is_not(None))):
        found.setdefault(row.run_id, []).append((row.opened_at, row.closed_at))
    return found


def last_of_run(tx: Tx, run_id: str) -> Approval | None:
    """Return the approval of a run that ended last, None when none did."""
    ended = (approvals.c.run_id == run_id) & approvals.c.closed_at.is_not(None)
    query = sa.select(approvals).where(ended).order_by(approvals.c.closed_at.desc(), approvals.c.id.desc())
    row = tx.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else _approval(row)


def _with_letter(step: str, standing: Standing, letter: runs.Letter) -> Standing:
    if letter.kind == CANCEL:
        return replace(standing, outcome=Outcome.VOIDED, message="the run is being cancelled")
    try:
        act = restored(ACTS[letter.kind], letter.body) if letter.kind in ACTS else None
    except Misfit:
        return standing
    if act is None or act.step != step or refusal(standing, act) is not None:
        return standing
    acted = after(standing, act, letter.number)
    end = outcome(acted)
    return acted if end is Outcome.OPEN else closed(acted, end, act.at, verdict_sentence(acted))


def _clauses(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.projects is not None:
        yield approvals.c.project.in_(wanted.projects)
    if wanted.state is not None:
        yield approvals.c.state == str(wanted.state)
    if wanted.state is Outcome.OPEN:
        # A run that was frozen leaves its approvals as they were.
        yield runs_table.c.ended_at.is_(None)
    if wanted.request_uid is not None:
        yield approvals.c.request_uid == wanted.request_uid
    asked = list(_asked(wanted))
    if asked:
        yield approvals.c.id.in_(sa.select(approvers.c.approval_id).where(sa.or_(*asked)))
    if wanted.not_asked_by is not None:
        own = _named(_REQUESTER, [wanted.not_asked_by])
        yield approvals.c.id.not_in(sa.select(approvers.c.approval_id).where(own))


def _asked(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.people is not None:
        yield _named(_PERSON, wanted.people)
    if wanted.groups is not None:
        yield _named(_GROUP, wanted.groups)
    if wanted.is_open_to_all:
        yield _named(_GROUP, [ANYONE])


def _named(kind: str, names: Collection[str]) -> sa.ColumnElement[bool]:
    return (approvers.c.kind == kind) & approvers.c.name.in_(names)


def asked_of(standing: Standing) -> Iterator[tuple[str, str]]:
    """Yield kind and name of everybody whom an approval concerns."""
    task = standing.task
    yield from ((_REQUESTER, person) for person in task.requesters)
    yield from ((_PERSON, person) for person in task.assignees)
    yield from ((_PERSON, each.delegate) for each in standing.delegations)
    yield from ((_GROUP, group) for group in standing.groups)
    if not task.groups and not task.assignees:
        yield _GROUP, ANYONE


def _approval(row: Mapping[Any, Any]) -> Approval:
    fields = {name: row[name] for name in Approval.__dataclass_fields__ if name != "standing"}
    return Approval(standing=restored(Standing, row["standing"]), **fields)
