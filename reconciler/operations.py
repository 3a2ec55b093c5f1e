"""The only queries on operations."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.contract import OPERATIONS, OperationName
from catalog.db import Tx
from catalog.tables import requests
from reconciler.estimate import Interval
from reconciler.operation import Operation, OperationState
from reconciler.tables import operations

_OPEN = [str(state) for state in OperationState if state.is_open]

_NO_ACTION = operations.c.name.in_(sorted(OPERATIONS))
"""An action delivers nothing, so what became of it says nothing of what is to be delivered."""

_REPAIRS = operations.c.reason.in_(["Drifted", "Missing"]) & operations.c.superseded.is_(False)

_LATEST, _MOST_SPANS = 1000, 200
"""Of so many requests, and so many operations, history is read; more would say the same later."""

_KEPT = 12
"""So many are never pruned: retries and repairs are counted from them."""


def begin(tx: Tx, operation: Operation) -> None:
    """Record an intent; must be committed before the executor hears of it."""
    tx.execute(operations.insert(), _row(operation))


def save(tx: Tx, operation: Operation) -> None:
    """Store an operation's new state."""
    tx.execute(operations.update().where(operations.c.id == operation.id).values(**_row(operation)))


def open_one(tx: Tx, request_uid: str) -> Operation | None:
    """Return the operation whose outcome is awaited."""
    return _first(tx, _of(request_uid).where(operations.c.state.in_(_OPEN)))


def open_on(tx: Tx, contract_digest: str) -> list[str]:
    """Return the requests that are being brought to a contract revision now."""
    query = sa.select(operations.c.request_uid).where(operations.c.contract_digest == contract_digest)
    return list(tx.execute(query.where(operations.c.state.in_(_OPEN)).order_by(operations.c.id)).scalars())


def last_finished(tx: Tx, request_uid: str) -> Operation | None:
    """Return the newest finished operation that was not superseded; actions are none."""
    done = operations.c.state.not_in(_OPEN) & operations.c.superseded.is_(False) & _NO_ACTION
    return _first(tx, _of(request_uid).where(done))


def newest(tx: Tx, request_uid: str) -> Operation | None:
    """Return the newest operation, whatever its state."""
    return _first(tx, _of(request_uid))


def open_of(tx: Tx, request_uids: Collection[str]) -> dict[str, Operation]:
    """Return the operations of some requests whose outcome is awaited, by request."""
    mine = operations.c.request_uid.in_(request_uids) & operations.c.state.in_(_OPEN)
    rows = tx.execute(sa.select(operations).where(mine)).mappings()
    return {row["request_uid"]: _operation(row) for row in rows}


def last_finished_of(tx: Tx, request_uids: Collection[str]) -> dict[str, Operation]:
    """Return what `last_finished` returns, of each of some requests that has any."""
    done = operations.c.state.not_in(_OPEN) & operations.c.superseded.is_(False) & _NO_ACTION
    newest_first = (operations.c.fence.desc(), operations.c.id.desc())
    place = sa.func.row_number().over(partition_by=operations.c.request_uid, order_by=newest_first)
    ranked = sa.select(operations.c.id, place.label("place"))
    ranked_here = ranked.where(operations.c.request_uid.in_(request_uids), done).subquery()
    newest_ids = sa.select(ranked_here.c.id).where(ranked_here.c.place == 1)
    rows = tx.execute(sa.select(operations).where(operations.c.id.in_(newest_ids))).mappings()
    return {row["request_uid"]: _operation(row) for row in rows}


def repairs_of(tx: Tx, request_uids: Collection[str], since: datetime) -> dict[str, int]:
    """Return how many repairs were begun since then, by request; whoever has any operation is in it."""
    counted = sa.case((_REPAIRS & (operations.c.created_at > since), 1), else_=0)
    query = sa.select(operations.c.request_uid, sa.func.sum(counted).label("repairs"))
    grouped = query.where(operations.c.request_uid.in_(request_uids)).group_by(operations.c.request_uid)
    return {row.request_uid: int(row.repairs) for row in tx.execute(grouped)}


def spans(tx: Tx, contract: str, name: str, since: datetime) -> dict[str, Interval]:
    """Return when successful operations on a contract began and ended, by run, for the latest requests on it.

    Args:
        since: those that ended before are left out.
    """
    of_contract = sa.select(requests.c.uid).where(requests.c.contract == contract)
    latest = of_contract.order_by(requests.c.uid.desc()).limit(_LATEST).subquery()
    query = (
        sa.select(operations.c.run_id, operations.c.created_at, operations.c.finished_at)
        .join(latest, latest.c.uid == operations.c.request_uid)
        .where(operations.c.name == str(name), operations.c.state == "succeeded")
        .where(operations.c.finished_at > since)
    )
    rows = tx.execute(query.order_by(latest.c.uid.desc()).limit(_MOST_SPANS))
    return {row.run_id: (row.created_at, row.finished_at) for row in rows}


def failures_in_a_row(tx: Tx, request_uid: str) -> int:
    """Return how many operations failed since the last one that succeeded."""
    mine = (operations.c.request_uid == request_uid) & _NO_ACTION
    success = (
        sa.select(sa.func.max(operations.c.fence))
        .where(mine, operations.c.state == "succeeded")
        .scalar_subquery()
    )
    failed = operations.c.state.in_(["failed", "stuck"])
    after = operations.c.fence > sa.func.coalesce(success, -1)
    query = sa.select(sa.func.count()).select_from(operations).where(mine, failed, after)
    return int(tx.execute(query).scalar_one())


def repairs_since(tx: Tx, request_uid: str, since: datetime) -> int:
    """Return how many repairs were begun on their own account since then."""
    query = sa.select(sa.func.count()).select_from(operations)
    mine = operations.c.request_uid == request_uid
    return int(tx.execute(query.where(mine, _REPAIRS, operations.c.created_at > since)).scalar_one())


def supersede(tx: Tx, request_uid: str) -> int:
    """Let the planner forget past failures and repairs, because somebody asked to try again."""
    mine = (operations.c.request_uid == request_uid) & operations.c.state.not_in(_OPEN)
    held = mine & (operations.c.state != "succeeded") | mine & operations.c.reason.in_(["Drifted", "Missing"])
    return tx.execute(operations.update().where(held).values(superseded=True)).rowcount


def page(tx: Tx, request_uid: str, before: str | None, limit: int) -> list[Operation]:
    """Return a request's operations, newest first, before an id."""
    query = _of(request_uid).order_by(None).order_by(operations.c.id.desc())
    if before is not None:
        query = query.where(operations.c.id < before)
    return [_operation(row) for row in tx.execute(query.limit(limit)).mappings()]


def prune(tx: Tx, request_uid: str, keep: int) -> None:
    """Remove finished operations, and actions, beyond the newest `keep`, or those that are still counted."""
    newest_first = _of(request_uid).with_only_columns(operations.c.id).limit(max(keep, _KEPT))
    ids = [
        each
        for kind in (_NO_ACTION, sa.not_(_NO_ACTION))
        for each in tx.execute(newest_first.where(kind)).scalars()
    ]
    old = (operations.c.request_uid == request_uid) & operations.c.id.not_in(ids)
    tx.execute(operations.delete().where(old, operations.c.state.not_in(_OPEN)))


def _of(request_uid: str) -> sa.Select[Any]:
    # By fence and not by id: ids carry the clocks of several machines, fences grow in the database.
    mine = sa.select(operations).where(operations.c.request_uid == request_uid)
    return mine.order_by(operations.c.fence.desc(), operations.c.id.desc())


def _first(tx: Tx, query: sa.Select[Any]) -> Operation | None:
    row = tx.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else _operation(row)


def _row(operation: Operation) -> dict[str, Any]:
    row = {key: getattr(operation, key) for key in Operation.__dataclass_fields__}
    return row | {"name": str(operation.name), "state": str(operation.state)}


def _operation(row: Mapping[Any, Any]) -> Operation:
    fields = dict(row)
    name = fields["name"]
    fields["name"] = OperationName(name) if name in OPERATIONS else name
    fields["state"] = OperationState(fields["state"])
    return Operation(**fields)
