"""How much of the executors' work stands where: asked whenever somebody scrapes.

Each question is answered by an index that holds open work alone, so that it costs what waits
and not what was ever done. Conditions that choose an index are written out, because a database
does not match a value that is yet to come with an index's condition.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from executors.dead_letters import IS_FOLLOWED
from executors.tables import approvals, dead_letters, runs

ORPHANED_AFTER = timedelta(seconds=60)
"""A run that was due for so long, and that nobody took up, makes no progress."""

_PRIORITIES = (0, 1, 2)
_IS_BEGUN = sa.text("fence > 0 AND due_at IS NOT NULL")
_IS_NEW = sa.text("fence = 0 AND due_at IS NOT NULL")
_IS_HELD = sa.text("owner <> ''")
_IS_OPEN = sa.text("state = 'open'")
_IS_DEAD = sa.text("retried_at IS NULL")

_count = sa.func.count().label("waiting")
_late = sa.func.count(sa.case((runs.c.due_at < sa.bindparam("late"), 1)))
_NEW = sa.select(_count, sa.func.min(runs.c.due_at), _late).where(_IS_NEW)
_BEGUN = sa.select(_count, sa.func.min(runs.c.due_at)).where(
    _IS_BEGUN, runs.c.priority.in_(_PRIORITIES), runs.c.due_at <= sa.bindparam("until")
)
_HELD = sa.select(_count).select_from(runs).where(_IS_HELD)
_PARKED = sa.select(_count, sa.func.min(approvals.c.opened_at)).where(_IS_OPEN)
_DEAD = sa.select(_count).select_from(dead_letters).where(_IS_DEAD, ~IS_FOLLOWED)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, and for how long.

    Attributes:
        pending: runs that nobody has begun.
        driven: runs in a worker's hands.
        orphaned: runs that nobody took up although they were due long ago.
        lag: how long the run that is overdue the longest waits for a worker.
        parked: approvals that people are asked for; `parked_for` is the oldest's age.
        dead: runs that ended so that a person has to come, and that no other run of theirs followed.
    """

    pending: int
    driven: int
    orphaned: int
    lag: timedelta
    parked: int
    parked_for: timedelta
    dead: int


def backlog(tx: Tx, now: datetime) -> Backlog:
    """Return how much waits at this moment."""
    late = now - ORPHANED_AFTER
    pending, new_since, new_late = _row(tx, _NEW, late=late)
    begun_late, _ = _row(tx, _BEGUN, until=late)
    _, begun_since = _row(tx, _BEGUN, until=now)
    parked, parked_since = _row(tx, _PARKED)
    since = [at for at in (new_since, begun_since) if at is not None]
    return Backlog(
        pending=pending,
        driven=tx.execute(_HELD).scalar_one(),
        orphaned=new_late + begun_late,
        lag=_span(min(since, default=None), now),
        parked=parked,
        parked_for=_span(parked_since, now),
        dead=tx.execute(_DEAD).scalar_one(),
    )


def _row(tx: Tx, query: sa.Executable, **values: datetime) -> tuple[Any, ...]:
    return tuple(tx.execute(query, values).one())


def _span(since: datetime | None, now: datetime) -> timedelta:
    return timedelta(0) if since is None else max(timedelta(0), now - since)
