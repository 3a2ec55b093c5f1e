"""How long finished runs are kept: neither too old nor too many, and never the last of a request.

The last one is what makes a repeated order find its run; older orders are refused by their
fence. A sweep goes from request to request along an index and deletes in small transactions,
so that it holds nobody up; journals, mail and whatever lies beside a run go with it. What gates
counted for keys that are no longer used goes too, because keys may be made of anything. Started by
the wiring; any number of processes may sweep at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from catalog.db import Database, Tx
from executors import gates
from executors.tables import runs

REQUESTS_AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept.

    Attributes:
        age: finished runs are kept that long.
        count: so many finished runs are kept of each request, however young they are.
    """

    age: timedelta
    count: int


def sweep(
    database: Database, retention: Retention, now: datetime, goes_on: Callable[[], bool] = lambda: True
) -> int:
    """Delete what is kept no longer, and return how many runs that were."""
    before, after, gone = now - retention.age, "", 0
    with database.write() as tx:
        gates.forget_idle(tx, now)
    while goes_on():
        with database.glance() as tx:
            requests = list(tx.execute(_REQUESTS, {"after": after, "most": REQUESTS_AT_A_TIME}).scalars())
        if not requests:
            break
        with database.write() as tx:
            gone += prune(tx, requests, before, retention.count)
        after = requests[-1]
    return gone


def prune(tx: Tx, requests: Sequence[str], before: datetime, count: int) -> int:
    """Delete finished runs of these requests that are too old or too many; return how many went."""
    ranked = _RANKED.where(runs.c.request_uid.in_(requests)).subquery()
    is_too_much = (ranked.c.place > max(count, 1)) | (ranked.c.ended_at < before)
    # Of those that have not ended none goes, and the newest of a request has the first place.
    old = sa.select(ranked.c.id).where(ranked.c.ended_at.is_not(None), ranked.c.place > 1, is_too_much)
    return tx.execute(sa.delete(runs).where(runs.c.id.in_(old))).rowcount


_newest_first = sa.func.row_number().over(partition_by=runs.c.request_uid, order_by=runs.c.id.desc())
_RANKED = sa.select(runs.c.id, runs.c.ended_at, _newest_first.label("place"))
_REQUESTS = (
    sa.select(runs.c.request_uid)
    .where(runs.c.request_uid > sa.bindparam("after"))
    .group_by(runs.c.request_uid)
    .order_by(runs.c.request_uid)
    .limit(sa.bindparam("most"))
)
