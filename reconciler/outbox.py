"""The outbox: changes to files in git, stored in the transaction of what they tell of.

Passes and commands put rows in; the one writer of each branch (`reconciler.writeback`) takes
them out in order, turns them into commits and marks them written. A request counts as written
when it has no row left. Rows of one file are written in the order in which they came: whoever
puts one has its request's row locked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx, UtcDateTime
from catalog.ids import Mint
from reconciler.change import Change, Kind
from reconciler.tables import git_branches, git_outbox

TOPIC = "git"
ERROR_LENGTH = 500
MESSAGE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """A change in the queue.

    Attributes:
        sequence: the order among the rows of one file.
        change_id: stands in the commit; by it a pushed change is known again after a crash.
        attempts: how often the remote refused exactly this change.
    """

    sequence: int
    change_id: str
    kind: Kind
    change: Change
    created_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Pending:
    """What a request still waits for.

    Attributes:
        error: why it is not written yet, for people; empty when nothing failed.
    """

    count: int
    oldest_at: datetime | None
    error: str


NOTHING_PENDING = Pending(0, None, "")


def put(tx: Tx, change: Change, now: datetime, mint: Mint) -> None:
    """Queue a change; the caller's transaction decides whether it happens."""
    kind = Kind.DELETE if change.content is None else Kind.WRITE
    tx.execute(git_outbox.insert(), _values(change, kind, now, mint))
    tx.ring(TOPIC)


def restore(tx: Tx, branch: str, changes: Sequence[Change], now: datetime, mint: Mint) -> None:
    """Queue that files of a branch get their last content again, unless they get a new one anyway.

    The content is not stored with the row: a new one may be queued at the same moment, and
    then that is what stands in the end.
    """
    same = _waiting(branch) & git_outbox.c.path.in_([change.path for change in changes])
    queued = set(tx.execute(sa.select(git_outbox.c.path).where(same)).scalars())
    rows = [_values(change, Kind.RESTORE, now, mint) for change in changes if change.path not in queued]
    if rows:
        tx.execute(git_outbox.insert(), rows)


def batch(tx: Tx, branch: str, now: datetime, limit: int) -> list[Row]:
    """Return the next rows of a branch, in order, without files that wait for a later try."""
    aside = git_outbox.alias()
    waits = aside.c.written_at.is_(None) & (aside.c.branch == branch) & (aside.c.retry_at > now)
    paths = sa.select(aside.c.path).where(waits)
    query = sa.select(git_outbox).where(_waiting(branch), git_outbox.c.path.not_in(paths))
    return [_row(row) for row in tx.execute(query.order_by(git_outbox.c.sequence).limit(limit)).mappings()]


def unwritten(tx: Tx, branch: str, change_ids: Collection[str]) -> list[Row]:
    """Return those of the changes that are still queued, in order."""
    query = sa.select(git_outbox).where(_waiting(branch), git_outbox.c.change_id.in_(change_ids))
    return [_row(row) for row in tx.execute(query.order_by(git_outbox.c.sequence)).mappings()]


def up_to(tx: Tx, branch: str, rows: Sequence[Row]) -> list[Row]:
    """Return the queued rows of the same files that are no younger than these."""
    newest = {row.change.path: row.sequence for row in rows}
    query = sa.select(git_outbox).where(_waiting(branch), git_outbox.c.path.in_(newest))
    found = [_row(row) for row in tx.execute(query.order_by(git_outbox.c.sequence)).mappings()]
    return [row for row in found if row.sequence <= newest[row.change.path]]


def change_ids(tx: Tx, branch: str, limit: int) -> list[str]:
    """Return the oldest queued changes' ids."""
    query = sa.select(git_outbox.c.change_id).where(_waiting(branch))
    return list(tx.execute(query.order_by(git_outbox.c.sequence).limit(limit)).scalars())


def mark_written(tx: Tx, shas: Mapping[int, str | None], now: datetime) -> None:
    """Take rows off the queue, each with the commit that holds it."""
    update = git_outbox.update().where(git_outbox.c.sequence == sa.bindparam("row"))
    update = update.values(written_at=sa.bindparam("at", type_=UtcDateTime), commit_sha=sa.bindparam("sha"))
    if shas:
        tx.execute(update, [{"row": row, "at": now, "sha": sha} for row, sha in shas.items()])


def mark_refused(tx: Tx, row: Row, error: str, retry_at: datetime) -> None:
    """Set a row that the remote does not take aside until a later try, with the reason."""
    update = git_outbox.update().where(git_outbox.c.sequence == row.sequence)
    tx.execute(update.values(attempts=row.attempts + 1, error=error[:ERROR_LENGTH], retry_at=retry_at))


def pending(tx: Tx, request_uid: str) -> Pending:
    """Return what of a request is not in git yet, and why."""
    return _pending(tx.execute(_PENDING.where(git_outbox.c.request_uid == request_uid)).all())


def pending_of(tx: Tx, request_uids: Collection[str]) -> dict[str, Pending]:
    """Return the same of each of some requests that wait for anything."""
    rows = tx.execute(_PENDING.where(git_outbox.c.request_uid.in_(request_uids))).all()
    by_request: dict[str, list[sa.Row[Any]]] = {}
    for row in rows:
        by_request.setdefault(row.request_uid, []).append(row)
    return {uid: _pending(found) for uid, found in by_request.items()}


def _pending(rows: Sequence[sa.Row[Any]]) -> Pending:
    errors = [row.error or row.remote_error for row in rows]
    return Pending(
        count=len(rows),
        oldest_at=rows[0].created_at if rows else None,
        error=next((error for error in errors if error), ""),
    )


def backlog(tx: Tx) -> dict[str, tuple[int, datetime]]:
    """Return for each branch how many rows wait and how old the oldest is."""
    count, oldest_at = sa.func.count().label("rows"), sa.func.min(git_outbox.c.created_at).label("oldest_at")
    rows = tx.execute(
        sa.select(git_outbox.c.branch, count, oldest_at).where(_waits).group_by(git_outbox.c.branch)
    )
    return {row.branch: (row.rows, row.oldest_at) for row in rows}


def waiting_requests(tx: Tx, branch: str, limit: int) -> list[str]:
    """Return requests that have rows in the queue, those that wait longest first."""
    query = sa.select(git_outbox.c.request_uid).where(_waiting(branch))
    return list(tx.execute(query.order_by(git_outbox.c.sequence).limit(limit)).scalars())


def prune(tx: Tx, branch: str, before: datetime, limit: int = 1000) -> int:
    """Remove rows written before a time and return how many; what git holds is kept elsewhere."""
    old = git_outbox.alias()
    rows = sa.select(old.c.sequence).where(old.c.branch == branch, old.c.written_at < before).limit(limit)
    return tx.execute(git_outbox.delete().where(git_outbox.c.sequence.in_(rows))).rowcount


_waits = git_outbox.c.written_at.is_(None)
_PENDING = (
    sa.select(git_outbox.c.request_uid, git_outbox.c.created_at, git_outbox.c.error)
    .add_columns(git_branches.c.error.label("remote_error"))
    .select_from(git_outbox.outerjoin(git_branches, git_branches.c.branch == git_outbox.c.branch))
    .where(_waits)
    .order_by(git_outbox.c.sequence)
)


def _waiting(branch: str) -> sa.ColumnElement[bool]:
    return _waits & (git_outbox.c.branch == branch)


def _values(change: Change, kind: Kind, now: datetime, mint: Mint) -> dict[str, Any]:
    return {
        "change_id": mint("git"),
        "project": change.project,
        "request_uid": change.request_uid,
        "branch": str(change.branch),
        "path": change.path,
        "kind": str(kind),
        "content": change.content,
        "message": change.message[:MESSAGE_LENGTH],
        "trailers": dict(change.trailers),
        "created_at": now,
        "attempts": 0,
        "error": "",
    }


def _row(row: Mapping[Any, Any]) -> Row:
    change = Change(**{name: row[name] for name in Change.__dataclass_fields__})
    return Row(
        row["sequence"], row["change_id"], Kind(row["kind"]), change, row["created_at"], row["attempts"]
    )
