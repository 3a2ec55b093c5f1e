"""The queries on runs that routes, the reconciler and the engine's door need.

A run is stored once per idempotency key, together with the first entry of its journal.
Messages from outside (cancel, signals) are numbered letters that the run's driver takes
in; nobody but the driver writes to the journal (`executors.claims`). Entries and letters
are opaque here: what they mean is the engine's matter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from catalog.db import Tx
from catalog.digest import Json, JsonObject
from catalog.errors import Conflict, NotFound
from executors.port import RunReport, RunState, WorkOrder
from executors.tables import newest_orders, run_events, run_mail, runs

TOPIC = "runs"
"""The bell's topic; rung by every transaction that makes a run due."""


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
_ENTRIES = (
    sa.select(run_events.c.seq, run_events.c.type, run_events.c.body)
    .where(run_events.c.run_id == sa.bindparam("run"), run_events.c.seq > sa.bindparam("seen"))
    .order_by(run_events.c.seq)
    .limit(sa.bindparam("most"))
)


def _starts(insert: Callable[[sa.Table], Any]) -> tuple[sa.Executable, sa.Executable]:
    """Return how to store a run once, and how to admit an order unless a newer one was seen."""
    add_run = insert(runs).on_conflict_do_nothing(index_elements=[runs.c.idempotency_key])
    order = insert(newest_orders)
    admit_order = order.on_conflict_do_update(
        index_elements=[newest_orders.c.project, newest_orders.c.request_uid],
        set_={"fence": order.excluded.fence},
        where=newest_orders.c.fence <= order.excluded.fence,
    )
    # SQLAlchemy forgets how many rows an INSERT made unless it is asked to remember.
    counted = {"preserve_rowcount": True}
    return add_run.execution_options(**counted), admit_order.execution_options(**counted)


_STARTS = {"sqlite": _starts(sqlite.insert), "postgresql": _starts(postgresql.insert)}


def add(tx: Tx, run_id: str, order: WorkOrder, first: Entry, now: datetime) -> bool:
    """Store a new run and wake the workers; return False when its key has a run already.

    Raises:
        Conflict: `stale_fence`, when a newer order of this request was seen.
    """
    row = {
        "id": run_id,
        "project": order.project,
        "request_uid": order.request_uid,
        "idempotency_key": order.idempotency_key,
        "operation": order.operation,
        "contract_digest": order.contract.digest,
        "definition": order.definition,
        "context": order.context,
        "created_at": now,
        "due_at": now,
        "seq": first.seq,
        "state": RunState.PENDING,
    }
    add_run, admit_order = _STARTS[tx.dialect]
    if tx.execute(add_run, row).rowcount == 0:
        return False
    newest = {"project": order.project, "request_uid": order.request_uid, "fence": order.fence}
    if tx.execute(admit_order, newest).rowcount == 0:
        raise Conflict(
            "stale_fence",
            "A newer order for this request was accepted before.",
            fix="look at the request again and decide anew",
        )
    append(tx, run_id, order.project, [first])
    tx.ring(TOPIC)
    return True


def entries(tx: Tx, run_id: str, after: int = 0, limit: int = 100_000) -> list[Entry]:
    """Return a run's journal after an entry, in order."""
    rows = tx.execute(_ENTRIES, {"run": run_id, "seen": after, "most": limit})
    return [Entry(**row) for row in rows.mappings()]


def append(tx: Tx, run_id: str, project: str, new: Sequence[Entry]) -> None:
    """Add entries to a run's journal; a number that is taken fails the transaction."""
    values: dict[str, object] = {"run_id": run_id, "project": project}
    for place, entry in enumerate(new):
        values |= {f"seq_{place}": entry.seq, f"type_{place}": entry.type, f"body_{place}": entry.body}
    if new:
        tx.execute(_appending(len(new)), values)


@lru_cache(maxsize=64)
def _appending(count: int) -> sa.TextClause:
    # One round trip for all rows; the drivers' own ways of many rows take several.
    rows = ", ".join(
        f"(:run_id, :seq_{place}, :project, :type_{place}, :body_{place})" for place in range(count)
    )
    bodies = [sa.bindparam(f"body_{place}", type_=run_events.c.body.type) for place in range(count)]
    columns = "(run_id, seq, project, type, body)"
    statement = f"INSERT INTO {run_events.name} {columns} VALUES {rows}"  # noqa: S608  # names of our own
    return sa.text(statement).bindparams(*bodies)


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
    letter = {"run_id": row.id, "project": row.project, "number": row.mail, "kind": kind, "body": body}
    tx.execute(sa.insert(run_mail), letter)
    tx.ring(TOPIC)
    run_id: str = row.id
    return run_id


def has_letter(tx: Tx, idempotency_key: str, kind: str) -> bool:
    """Say whether a message of this kind was left for the run before."""
    query = sa.select(run_mail.c.number).join(runs, runs.c.id == run_mail.c.run_id)
    found = query.where(runs.c.idempotency_key == idempotency_key, run_mail.c.kind == kind)
    return tx.execute(found.limit(1)).one_or_none() is not None


def letters(tx: Tx, run_id: str, after: int) -> list[Letter]:
    """Return a run's messages after a number, in order."""
    query = sa.select(run_mail.c.number, run_mail.c.kind, run_mail.c.body)
    new = query.where(run_mail.c.run_id == run_id, run_mail.c.number > after).order_by(run_mail.c.number)
    return [Letter(**row) for row in tx.execute(new).mappings()]


def by_key(tx: Tx, idempotency_key: str) -> RunRecord | None:
    """Return the run under a key, None when there is none."""
    row = tx.execute(_BY_KEY, {"key": idempotency_key}).mappings().one_or_none()
    return None if row is None else _record(row)


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


def prune(tx: Tx, request_uid: str, keep: int) -> int:
    """Delete all but the newest ended runs of a request and return how many went.

    The last one always stays: it is what makes a repeated order find its run, and older
    orders are refused by their fence.
    """
    ended = (runs.c.request_uid == request_uid) & runs.c.ended_at.is_not(None)
    kept = sa.select(runs.c.id).where(ended).order_by(runs.c.id.desc()).limit(max(keep, 1))
    return tx.execute(sa.delete(runs).where(ended, runs.c.id.not_in(kept))).rowcount


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
