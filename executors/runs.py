"""The queries on runs that routes, the reconciler and the engine's door need.

A run is stored once per idempotency key, together with the first entry of its journal.
Messages from outside (cancel, signals) are numbered letters that the run's driver takes
in; nobody but the driver writes to the journal (`executors.claims`). Entries and letters
are opaque here: what they mean is the engine's matter.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog import events
from catalog.db import Tx
from catalog.digest import Json, JsonObject
from catalog.errors import Conflict, NotFound
from catalog.events import Event
from catalog.line import sqlite_time, time_of
from executors import swift
from executors.port import RunReport, RunState, WorkOrder
from executors.tables import run_mail, runs

TOPIC = "runs"
"""The bell's topic; rung by every transaction that makes a run due, or says when it will be."""

SWEEP = "sweep"
"""The same, but for starts: whoever starts a run rings for it himself, where rings go through a broker."""

HIGH, NORMAL, LOW = swift.PRIORITIES
REOPENED = (RunState.FAILED, RunState.STUCK)
"""How runs ended that may be tried again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal, as stored."""

    seq: int
    type: str
    body: JsonObject


@dataclass(frozen=True, slots=True)
class Letter:
    """One message from outside to a run; numbered from 1 without a gap."""

    number: int
    kind: str
    body: JsonObject


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it is listed."""

    id: str
    project: str
    request_uid: str
    idempotency_key: str
    operation: str
    contract_digest: str
    created_at: datetime
    ended_at: datetime | None
    report: RunReport


_RECORD = [
    column for column in runs.c if column.name not in {"definition", "context", "owner", "due_at", "fence"}
]
_BY_KEY = sa.select(*_RECORD).where(runs.c.idempotency_key == sa.bindparam("key"))


def add(
    tx: Tx,
    run_id: str,
    order: WorkOrder,
    first: Entry,
    now: datetime,
    *,
    priority: int = NORMAL,
    told: Sequence[Event] = (),
) -> bool:
    """Store a new run and wake the workers; return False when its key has a run already.

    Args:
        told: what the requester is told of it.

    Raises:
        Conflict: `stale_fence`, when a newer order of this request was seen.
    """
    starting = _Starting(run_id, order, first, now, priority)
    is_new = _start_lite(tx, starting, told) if tx.dialect == "sqlite" else _start_post(tx, starting, told)
    if is_new:
        tx.ring(TOPIC, told=True)
        if told:
            tx.ring(events.TOPIC)
    return is_new


@dataclass(frozen=True, slots=True)
class _Starting:
    run_id: str
    order: WorkOrder
    first: Entry
    now: datetime
    priority: int

    def row(self, definition: object, context: object, at: object) -> tuple[object, ...]:
        """Return the values of `swift.ADD_RUN`."""
        order = self.order
        names = (self.run_id, order.project, order.request_uid, order.idempotency_key, order.operation)
        documents = (order.contract.digest, definition, context)
        return (*names, *documents, at, self.priority, at, self.first.seq, RunState.PENDING.value)


def _start_lite(tx: Tx, starting: _Starting, told: Sequence[Event]) -> bool:
    order = starting.order
    if tx.swift(swift.HAS_KEY, (order.idempotency_key,)):
        return False
    if not tx.swift(swift.ADMIT_ORDER, (order.project, order.request_uid, order.fence)):
        raise _stale()
    documents = json.dumps(order.definition), json.dumps(order.context)
    tx.swift(swift.ADD_RUN, starting.row(*documents, sqlite_time(starting.now)))
    append(tx, starting.run_id, order.project, [starting.first])
    events.append_all(tx, told)
    return True


def _start_post(tx: Tx, starting: _Starting, told: Sequence[Event]) -> bool:
    order, first = starting.order, starting.first
    row = starting.row(order.definition, order.context, starting.now.isoformat())
    given = dict(zip(swift.RUN_COLUMNS, row, strict=True))
    given |= {"newest": order.fence, "type": first.type, "body": first.body, "told": events.stored(told)}
    values = (json.dumps(given), order.idempotency_key, TOPIC, TOPIC)
    [(stored, admitted, known, _)] = tx.swift(swift.START, values)
    if not known and not admitted:
        raise _stale()
    return bool(stored)


def _stale() -> Conflict:
    return Conflict(
        "stale_fence",
        "A newer order for this request was accepted before.",
        fix="look at the request again and decide anew",
    )


def entries(tx: Tx, run_id: str, after: int = 0, limit: int = 100_000) -> list[Entry]:
    """Return a run's journal after an entry, in order."""
    rows = tx.swift(swift.ENTRIES, (run_id, after, limit))
    return [Entry(seq, type_, _document(body)) for seq, type_, body in rows]


def append(tx: Tx, run_id: str, project: str, new: Sequence[Entry]) -> None:
    """Add entries to a run's journal; a number that is taken fails the transaction."""
    values = [
        value for entry in new for value in (run_id, entry.seq, project, entry.type, json.dumps(entry.body))
    ]
    if new:
        tx.swift(swift.adding_entries(len(new)), values)


def post(
    tx: Tx, idempotency_key: str, kind: str, body: JsonObject, *, now: datetime, limit: int | None = None
) -> str | None:
    """Leave a message for a run, wake it and return its id; None when it has ended and takes no more.

    Args:
        limit: refuse it when the run has had that many messages already.

    Raises:
        NotFound: `run_not_found`.
        Conflict: `mailbox_full`.
    """
    wakes = sa.case((runs.c.owner == "", now), else_=runs.c.due_at)
    alive = (runs.c.idempotency_key == idempotency_key) & runs.c.ended_at.is_(None)
    numbered = sa.update(runs).where(alive).values(mail=runs.c.mail + 1, due_at=wakes)
    row = tx.execute(numbered.returning(runs.c.id, runs.c.project, runs.c.mail)).one_or_none()
    if row is None:
        if by_key(tx, idempotency_key) is None:
            raise NotFound("run_not_found", "There is no run under this key.")
        return None
    if limit is not None and row.mail > limit:
        raise Conflict("mailbox_full", "The run has taken in as many messages as it may.")
    _leave(tx, row, kind, body)
    run_id: str = row.id
    return run_id


def _leave(tx: Tx, row: Any, kind: str, body: JsonObject) -> None:
    letter = {"run_id": row.id, "project": row.project, "number": row.mail, "kind": kind, "body": body}
    tx.execute(sa.insert(run_mail), letter)
    tx.ring(TOPIC)
    tx.ring(SWEEP)


def reopen(tx: Tx, idempotency_key: str, kind: str, now: datetime) -> str:
    """Leave a message for a run that ended badly, so that it is driven once more, and return its id.

    Only the last run of a request is opened again: what came after it may have built on its failure.

    Raises:
        NotFound: `run_not_found`.
        Conflict: `run_not_ended`, `run_not_retriable`, `run_superseded`.
    """
    record = by_key(tx, idempotency_key)
    if record is None:
        raise NotFound("run_not_found", "There is no run under this key.")
    check_retriable(record)
    newer = runs.alias("newer")
    has_newer = sa.exists().where(newer.c.request_uid == runs.c.request_uid, newer.c.id > runs.c.id)
    is_closed = (runs.c.id == record.id) & runs.c.ended_at.is_not(None) & runs.c.due_at.is_(None) & ~has_newer
    opened = sa.update(runs).where(is_closed).values(mail=runs.c.mail + 1, due_at=now)
    row = tx.execute(opened.returning(runs.c.id, runs.c.project, runs.c.mail)).one_or_none()
    if row is None:
        raise Conflict(
            "run_superseded", "The run is being tried again already, or another one came after it."
        )
    _leave(tx, row, kind, {})
    return record.id


def check_retriable(record: RunRecord) -> None:
    """Pass a run that ended so that it may be opened again, whatever came after it.

    Raises:
        Conflict: `run_not_ended`, `run_not_retriable`.
    """
    if record.ended_at is None:
        raise Conflict("run_not_ended", "The run has not ended.", fix="wait for its end, or cancel it")
    if record.report.state not in REOPENED:
        raise Conflict("run_not_retriable", f"The run has {record.report.state}; there is nothing to retry.")


def has_letter(tx: Tx, idempotency_key: str, kind: str, *, since: str) -> bool:
    """Say whether a message of this kind was left for the run.

    Args:
        since: a kind of message; only what came after the last one of it counts.
    """
    last = (
        sa.select(run_mail.c.kind, sa.func.max(run_mail.c.number).label("number"))
        .join(runs, runs.c.id == run_mail.c.run_id)
        .where(runs.c.idempotency_key == idempotency_key, run_mail.c.kind.in_((kind, since)))
        .group_by(run_mail.c.kind)
    )
    numbers = {row.kind: row.number for row in tx.execute(last)}
    return bool(numbers.get(kind, 0) > numbers.get(since, 0))


def letters(tx: Tx, run_id: str, after: int) -> list[Letter]:
    """Return a run's messages after a number, in order."""
    query = sa.select(run_mail.c.number, run_mail.c.kind, run_mail.c.body)
    new = query.where(run_mail.c.run_id == run_id, run_mail.c.number > after).order_by(run_mail.c.number)
    return [Letter(**row) for row in tx.execute(new).mappings()]


def by_key(tx: Tx, idempotency_key: str) -> RunRecord | None:
    """Return the run under a key, None when there is none."""
    row = tx.execute(_BY_KEY, {"key": idempotency_key}).mappings().one_or_none()
    return None if row is None else _record(row)


def report_by_key(tx: Tx, idempotency_key: str) -> RunReport | None:
    """Return how the run under a key stands, None when there is none; asked over and over."""
    rows = tx.swift(swift.REPORT, (idempotency_key,))
    if not rows:
        return None
    state, run_id, outputs, facts, message, step, attempts, next_attempt_at, moved_to = rows[0]
    return RunReport(
        state=RunState(state),
        run_id=run_id,
        outputs=_document(outputs) or {},
        facts=_document(facts) or {},
        message=message,
        step=step,
        attempts=attempts,
        next_attempt_at=time_of(next_attempt_at),
        contract_digest=moved_to,
    )


def _document(stored: Any) -> Any:
    return json.loads(stored) if isinstance(stored, str) else stored


def load(tx: Tx, project: str, run_id: str) -> RunRecord:
    """Return one run of a project.

    Raises:
        NotFound: `run_not_found`, also for another project's run.
    """
    query = sa.select(*_RECORD).where(runs.c.project == project, runs.c.id == run_id)
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("run_not_found", "There is no run of this id.")
    return _record(row)


def definition(tx: Tx, project: str, run_id: str) -> JsonObject:
    """Return the workflow document that a run follows; it is the one it started with.

    Raises:
        NotFound: `run_not_found`, also for another project's run.
    """
    query = sa.select(runs.c.definition).where(runs.c.project == project, runs.c.id == run_id)
    found = tx.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFound("run_not_found", "There is no run of this id.")
    document: JsonObject = found
    return document


def by_request(
    tx: Tx, project: str, request_uid: str, limit: int, before: str | None = None
) -> list[RunRecord]:
    """Return a request's runs, newest first, those before a run when one is named."""
    query = sa.select(*_RECORD).where(runs.c.project == project, runs.c.request_uid == request_uid)
    if before is not None:
        query = query.where(runs.c.id < before)
    rows = tx.execute(query.order_by(runs.c.id.desc()).limit(limit)).mappings()
    return [_record(row) for row in rows]


def _record(row: Mapping[Any, Any]) -> RunRecord:
    outputs: Mapping[str, Json] = row["outputs"] or {}
    report = RunReport(
        state=RunState(row["state"]),
        run_id=row["id"],
        outputs=outputs,
        facts=row["facts"] or {},
        message=row["message"],
        step=row["step"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
    )
    return RunRecord(
        id=row["id"],
        project=row["project"],
        request_uid=row["request_uid"],
        idempotency_key=row["idempotency_key"],
        operation=row["operation"],
        contract_digest=row["contract_digest"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        report=report,
    )
