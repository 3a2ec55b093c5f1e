"""Runs that ended so that a person has to come: the dead letters.

A run is one when it is stuck, when one of its steps killed its workers again and again, or
when its journal could not be gone on with. The note is written in the transaction that ends
the run, and settled in the one in which a person has it tried again; a run that ends badly
once more gets another note. One that a later run of its request followed lies there for nobody
any more: it is not taken up again (`executors.runs.reopen`). What a retry means is the engine's
matter.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from catalog.db import Tx
from executors.claims import ClaimedRun, Page
from executors.tables import dead_letters, runs


class Reason(StrEnum):
    """Why a person has to come."""

    STUCK = "stuck"  # it is not known what happened, or what was done cannot be undone
    POISON = "poison"  # a step killed its workers
    SPOILT = "spoilt"  # its journal or definition cannot be gone on with


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A run that ended badly.

    Attributes:
        seq: the number of the run's last entry when it ended.
        retried_at: when it was last opened again; None while it lies.
    """

    run_id: str
    seq: int
    project: str
    request_uid: str
    operation: str
    reason: Reason
    step: str
    message: str
    at: datetime
    retried_at: datetime | None = None


_COLUMNS = [dead_letters.c[name] for name in DeadLetter.__dataclass_fields__]
_later = runs.alias("later")
_followers = sa.select(_later.c.id).where(
    _later.c.request_uid == dead_letters.c.request_uid, _later.c.id > dead_letters.c.run_id
)
IS_FOLLOWED = _followers.exists()
"""Of a note: a later run of the same request came after its run. What is counted is what is listed."""


def note(tx: Tx, held: ClaimedRun, page: Page) -> None:
    """Note a run that ends with this page, if a person has to come."""
    if not page.dead:
        return
    row = {
        "run_id": held.id,
        "seq": page.last(held.seq),
        "project": held.project,
        "request_uid": held.request_uid,
        "operation": held.operation,
        "reason": page.dead,
        "step": page.report.step,
        "message": page.report.message,
        "at": page.now,
    }
    tx.insert_missing(dead_letters, row)


def settle(tx: Tx, run_id: str, now: datetime) -> bool:
    """Settle a run's notes because it is opened again; return whether there was one that lay."""
    lying = (dead_letters.c.run_id == run_id) & dead_letters.c.retried_at.is_(None)
    return tx.execute(sa.update(dead_letters).where(lying).values(retried_at=now)).rowcount > 0


def page(
    tx: Tx,
    projects: Collection[str] | None,
    after: tuple[str, int],
    limit: int,
    *,
    reason: Reason | None = None,
) -> list[DeadLetter]:
    """Return what lies, the oldest run first, after a run and number; `projects=None` means all of them."""
    place = sa.tuple_(dead_letters.c.run_id, dead_letters.c.seq)
    lies = dead_letters.c.retried_at.is_(None) & ~IS_FOLLOWED
    query = sa.select(*_COLUMNS).where(lies, place > sa.tuple_(*after))
    if projects is not None:
        query = query.where(dead_letters.c.project.in_(projects))
    if reason is not None:
        query = query.where(dead_letters.c.reason == str(reason))
    rows = tx.execute(query.order_by(dead_letters.c.run_id, dead_letters.c.seq).limit(limit)).mappings()
    return [DeadLetter(**(dict(row) | {"reason": Reason(row["reason"])})) for row in rows]
