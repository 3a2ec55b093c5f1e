"""The only queries on operations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.contract import OperationName
from catalog.db import Tx
from reconciler.operation import Operation, OperationState
from reconciler.tables import operations

_OPEN = [str(state) for state in OperationState if state.is_open]

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


def last_finished(tx: Tx, request_uid: str) -> Operation | None:
    """Return the newest finished operation that was not superseded."""
    done = operations.c.state.not_in(_OPEN) & operations.c.superseded.is_(False)
    return _first(tx, _of(request_uid).where(done))


def newest(tx: Tx, request_uid: str) -> Operation | None:
    """Return the newest operation, whatever its state."""
    return _first(tx, _of(request_uid))


def failures_in_a_row(tx: Tx, request_uid: str) -> int:
    """Return how many operations failed since the last one that succeeded."""
    mine = operations.c.request_uid == request_uid
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
    repairs = operations.c.reason.in_(["Drifted", "Missing"]) & operations.c.superseded.is_(False)
    return int(tx.execute(query.where(mine, repairs, operations.c.created_at > since)).scalar_one())


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
    """Remove finished operations beyond the newest `keep`, or beyond those that are still counted."""
    kept = _of(request_uid).with_only_columns(operations.c.id).limit(max(keep, _KEPT))
    ids = list(tx.execute(kept).scalars())
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
    fields["name"] = OperationName(fields["name"])
    fields["state"] = OperationState(fields["state"])
    return Operation(**fields)
