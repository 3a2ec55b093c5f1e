"""The work queue: one row per live request, woken by key and never by event.

A row says when its request is due, in which lane, and who works on it. `due_at` doubles as
the end of a lease: a dead worker's rows come due again by themselves. Every claim raises the
row's fence, and whatever is written on behalf of a claim fails once another claim was made.
Wake-ups during a pass are counted in `seq`, and the row comes due again when the pass ends.
The statements have one shape on SQLite and PostgreSQL. Times come from the caller.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx, UtcDateTime
from catalog.line import sqlite_time
from reconciler.tables import work

TOPIC = "work"
LEASE = timedelta(seconds=4)
"""How long a claim lasts without a heartbeat; a dead worker's work waits that long at most."""

_CHUNK = 1000  # databases take only so many parameters
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FLOOR_SLACK = timedelta(seconds=60)
_SHARE = 10  # every lane with work gets a tenth of each claim, and at least one place


class Lane(IntEnum):
    """Who is served first; every lane gets a share of each claim, so none starves."""

    TEARDOWN = 0
    CHANGE = 1  # a person changed what is wanted
    CALLBACK = 2  # an executor or the git writer has news
    REPAIR = 3  # drift, and passes that failed
    RESYNC = 4  # the periodic look


class Fenced(Exception):
    """Another holder has taken over; what was done under the old claim must not be recorded."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one request until the lease ends.

    Attributes:
        fence: grows with every claim of this request; the highest one is the only valid one.
        seq: the wake-ups that this claim has seen.
        attempts: how many passes failed in a row before this one.
    """

    request_uid: str
    project: str
    fence: int
    seq: int
    lane: Lane
    attempts: int


def enqueue(tx: Tx, project: str, request_uid: str, lane: Lane, now: datetime) -> None:
    """Put a new request into the queue, due now."""
    row = {
        "request_uid": request_uid,
        "project": project,
        "lane": lane,
        "due_at": now,
        "seq": 1,
        "fence": 0,
        "attempts": 0,
    }
    tx.execute(work.insert(), row)
    tx.ring(TOPIC)


def wake(tx: Tx, request_uid: str, lane: Lane, now: datetime, delay: timedelta = timedelta(0)) -> None:
    """Make a request due; one that is being worked on comes due again when that pass ends.

    A request that is gone for good is left alone: wake-ups may arrive late.
    """
    due_at = sqlite_time(now + delay) if tx.dialect == "sqlite" else now + delay
    tx.swift(_WAKE_ONE, (int(lane), int(lane), due_at, due_at, due_at, due_at, request_uid))
    tx.ring(TOPIC)


def wake_many(tx: Tx, request_uids: Sequence[str], lane: Lane, now: datetime) -> None:
    """Make any number of requests due at once; those that are gone for good are left alone."""
    uids = sorted(set(request_uids))
    for start in range(0, len(uids), _CHUNK):
        these = [row.request_uid for row in _locked(tx, uids[start : start + _CHUNK])]
        tx.execute(_WAKE_THESE, {"uids": these, "for_lane": int(lane), "at": now})
    if uids:
        tx.ring(TOPIC)


def wake_beside(tx: Tx, claim: Claim, lanes: Mapping[str, Lane], now: datetime) -> None:
    """Wake other requests in a transaction that gives a claim back later on.

    Passes that wake one another lock all their rows in one order first, so that none waits in a ring.
    """
    others = {uid: lane for uid, lane in lanes.items() if uid != claim.request_uid}
    if not others:
        return
    _locked(tx, [claim.request_uid, *others])
    for lane in sorted(set(others.values())):
        wake_many(tx, [uid for uid, each in others.items() if each is lane], lane, now)


def claim(
    tx: Tx,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
    *,
    floors: Mapping[Lane, datetime] | None = None,
) -> list[Claim]:
    """Claim up to `limit` due requests.

    Every lane gets a small share first and the rest goes to the highest lanes, so that neither
    periodic looks delay people nor a busy day stops the periodic looks. A limit below five
    leaves the lowest lanes nothing while higher ones have work.

    Args:
        floors: see `floors`; rows due before it are not looked for.
    """
    terms = {"at": now, "until": now + lease, "holder": owner}
    bounds = dict.fromkeys(Lane, _LONG_AGO) | dict(floors or {})
    heads = _heads(tx, bounds)
    lanes = [lane for lane in Lane if lane in heads and heads[lane] <= now]
    claimed: list[Claim] = []
    for most in (max(1, limit // _SHARE), limit):
        busy = []
        for lane in lanes:
            wanted = min(most, limit - len(claimed))
            found = _claim_lane(tx, lane, terms | {"floor": bounds[lane], "most": wanted}) if wanted else []
            claimed += found
            if len(found) == wanted:
                busy.append(lane)
        lanes = busy
    return claimed


def next_fence(tx: Tx, request_uid: str) -> int:
    """Return the fence of the next claim: above all that was begun under earlier ones."""
    query = sa.select(work.c.fence).where(work.c.request_uid == request_uid)
    return int(tx.execute(query).scalar_one()) + 1


def hold(tx: Tx, claim: Claim, now: datetime, lease: timedelta) -> None:
    """Extend a claim.

    Raises:
        Fenced: another worker has taken over.
    """
    if not held(tx, [claim], now, lease):
        raise _fenced(claim)


def held(tx: Tx, claims: Sequence[Claim], now: datetime, lease: timedelta) -> set[str]:
    """Extend many claims and return the requests whose claims are still valid."""
    valid = _valid(tx, claims)
    tx.execute(work.update().where(work.c.request_uid.in_(valid)).values(due_at=now + lease))
    return valid


def complete(
    tx: Tx, claim: Claim, due_at: datetime, lane: Lane = Lane.RESYNC, *, failed: bool = False
) -> None:
    """Give a claim back until `due_at`, or until it was woken for when that happened meanwhile.

    Raises:
        Fenced: another worker has taken over; the caller's transaction must not commit.
    """
    attempts = work.c.attempts + 1 if failed else 0
    rest = _at_rest(sa.literal(claim.seq, sa.BigInteger), _time(due_at), lane)
    update = _mine(work.update(), claim).values(rest | {"attempts": attempts})
    if tx.execute(update).rowcount == 0:
        raise _fenced(claim)


def complete_many(tx: Tx, rests: Sequence[tuple[Claim, datetime]], lane: Lane = Lane.RESYNC) -> set[str]:
    """Give many claims back at once, each until its own time, as `complete` does.

    Return the requests whose claims were valid; nothing may be recorded for the others.
    """
    valid = _valid(tx, [claim for claim, _ in rests])
    seq = sa.bindparam("seen", type_=sa.BigInteger)
    at_rest = _at_rest(seq, sa.bindparam("until", type_=UtcDateTime), lane) | {"attempts": 0}
    update = work.update().where(work.c.request_uid == sa.bindparam("uid")).values(at_rest)
    rows = [
        {"uid": claim.request_uid, "seen": claim.seq, "until": due_at}
        for claim, due_at in rests
        if claim.request_uid in valid
    ]
    if rows:
        tx.execute(update, rows)
    return valid


def release(tx: Tx, claim: Claim, now: datetime) -> None:
    """Give a claim back unused, due at once; a fenced one was given back already."""
    tx.execute(_mine(work.update(), claim).values(owner=None, woken_at=None, due_at=now))
    tx.ring(TOPIC)


def remove(tx: Tx, claim: Claim) -> None:
    """Take a request that is gone for good out of the queue.

    Raises:
        Fenced: another worker has taken over.
    """
    if tx.execute(_mine(work.delete(), claim)).rowcount == 0:
        raise _fenced(claim)


def next_due(tx: Tx) -> datetime | None:
    """Return when the next request comes due, or a lease ends; None when the queue is empty."""
    return min(_heads(tx, dict.fromkeys(Lane, _LONG_AGO)).values(), default=None)


def floors(tx: Tx, now: datetime) -> dict[Lane, datetime]:
    """Return a time for each lane before which nothing is due.

    Every claim moves its row's `due_at`, so dead index entries pile up exactly where the next
    claim starts to look, and PostgreSQL cannot remove them while any old snapshot is open. A
    claim that begins at the floor skips them. It may be used for a few seconds; a row that
    slips below it (a skewed clock) is found again with the next floor.
    """
    heads = _heads(tx, dict.fromkeys(Lane, _LONG_AGO))
    return {lane: min(now, heads.get(lane, now)) - FLOOR_SLACK for lane in Lane}


def backlog(tx: Tx, now: datetime) -> dict[Lane, int]:
    """Return how many requests of each lane wait for a worker."""
    due = work.c.lane.in_(list(Lane)) & (work.c.due_at <= now)
    query = sa.select(work.c.lane, sa.func.count().label("waiting")).where(due).group_by(work.c.lane)
    return dict.fromkeys(Lane, 0) | {Lane(row.lane): row.waiting for row in tx.execute(query)}


def overdue_since(tx: Tx) -> dict[Lane, datetime]:
    """Return when the first request of each lane is or was due; a lane without any is left out."""
    return _heads(tx, dict.fromkeys(Lane, _LONG_AGO))


def spread(tx: Tx, now: datetime, over: timedelta, limit: int = 1000) -> int:
    """Re-date overdue periodic looks evenly over a time to come, and return how many were.

    Called when a loop starts: after a long standstill every request is overdue at once, and
    without this all of them would be looked at in the same minute, now and ever after.
    Call it again while it returns `limit`.
    """
    overdue = (work.c.lane == Lane.RESYNC) & (work.c.due_at <= now) & work.c.owner.is_(None)
    query = sa.select(work.c.request_uid).where(overdue).order_by(work.c.request_uid).limit(limit)
    uids = list(tx.execute(query.with_for_update(skip_locked=True)).scalars())
    if uids:
        update = work.update().where(work.c.request_uid == sa.bindparam("uid"))
        # The whole microsecond above `now` keeps a row from being overdue, and so found, again.
        rows = [{"uid": uid, "due": now + timedelta(microseconds=1) + over * share_of(uid)} for uid in uids]
        tx.execute(update.values(due_at=sa.bindparam("due", type_=UtcDateTime)), rows)
    return len(uids)


def share_of(request_uid: str) -> float:
    """Return a request's place in [0, 1), always the same one and spread evenly over requests."""
    mark = hashlib.blake2b(request_uid.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(mark, "big") / 2**64


def _heads_statement() -> sa.CompoundSelect[tuple[int, datetime | None]]:
    # One look at the head of each lane; a plain min() over all would walk the whole index.
    heads = (
        sa.select(sa.literal(int(lane)).label("lane"), sa.func.min(work.c.due_at).label("due_at")).where(
            work.c.lane == int(lane), work.c.due_at >= sa.bindparam(f"floor_{int(lane)}", type_=UtcDateTime)
        )
        for lane in Lane
    )
    return sa.union_all(*heads)


def _claim_statement() -> sa.Executable:
    due = work.c.due_at.between(sa.bindparam("floor"), sa.bindparam("at"))
    query = sa.select(work.c.request_uid).where(work.c.lane == sa.bindparam("of_lane"), due)
    query = query.order_by(work.c.due_at).limit(sa.bindparam("most", type_=sa.Integer))
    # A common table expression that locks is evaluated once; as a plain subquery the planner
    # may run it again for every row and claim more than the limit.
    first = query.with_for_update(skip_locked=True).cte("first").prefix_with("MATERIALIZED")
    update = work.update().where(work.c.request_uid.in_(sa.select(first.c.request_uid)))
    update = update.values(
        due_at=sa.bindparam("until", type_=UtcDateTime),
        owner=sa.bindparam("holder"),
        fence=work.c.fence + 1,
        woken_at=None,
    )
    return update.returning(*(work.c[name] for name in Claim.__dataclass_fields__))


def _wake_statement() -> sa.Update:
    lane = sa.bindparam("for_lane", type_=sa.Integer)
    due_at = sa.bindparam("at", type_=UtcDateTime)
    is_free = work.c.owner.is_(None)
    sooner = work.c.woken_at.is_(None) | (work.c.woken_at > due_at)
    return work.update().values(
        seq=work.c.seq + 1,
        lane=sa.case((work.c.lane > lane, lane), else_=work.c.lane),
        due_at=sa.case((is_free & (work.c.due_at > due_at), due_at), else_=work.c.due_at),
        woken_at=sa.case((~is_free & sooner, due_at), else_=work.c.woken_at),
    )


# Made once: they run for every batch, and making them costs more than running them.
_HEADS = _heads_statement()
_CLAIM = _claim_statement()
_these = work.c.request_uid.in_(sa.bindparam("uids", expanding=True))
_LOCK_THESE = (
    sa.select(work.c.request_uid, work.c.fence, work.c.owner)
    .where(_these)
    .order_by(work.c.request_uid)
    .with_for_update()
)
_WAKE_ONE = {  # as `_WAKE_THESE`; every run that ends does this
    dialect: "UPDATE reconciler_work SET seq = seq + 1,"  # noqa: S608  # words of our own
    f" lane = CASE WHEN lane > {mark} THEN {mark} ELSE lane END,"
    f" due_at = CASE WHEN owner IS NULL AND due_at > {mark} THEN {mark} ELSE due_at END,"
    f" woken_at = CASE WHEN owner IS NOT NULL AND (woken_at IS NULL OR woken_at > {mark}) THEN {mark}"
    f" ELSE woken_at END WHERE request_uid = {mark}"
    for dialect, mark in (("sqlite", "?"), ("postgresql", "%s"))
}
_WAKE_THESE = _wake_statement().where(_these)


def _heads(tx: Tx, bounds: Mapping[Lane, datetime]) -> dict[Lane, datetime]:
    rows = tx.execute(_HEADS, {f"floor_{int(lane)}": bound for lane, bound in bounds.items()})
    return {Lane(row.lane): row.due_at for row in rows if row.due_at is not None}


def _claim_lane(tx: Tx, lane: Lane, terms: Mapping[str, object]) -> list[Claim]:
    rows = tx.execute(_CLAIM, {**terms, "of_lane": int(lane)})
    return [Claim(**(dict(row) | {"lane": lane})) for row in rows.mappings()]


def _at_rest(seq: sa.ColumnElement[int], due_at: sa.ColumnElement[datetime], lane: Lane) -> dict[str, object]:
    was_woken = work.c.seq > seq
    return {
        "owner": None,
        "woken_at": None,
        "due_at": sa.case((was_woken, sa.func.coalesce(work.c.woken_at, due_at)), else_=due_at),
        "lane": sa.case((was_woken, work.c.lane), else_=int(lane)),
    }


def _valid(tx: Tx, claims: Sequence[Claim]) -> set[str]:
    fences = {claim.request_uid: claim.fence for claim in claims}
    rows = _locked(tx, list(fences))
    return {row.request_uid for row in rows if row.owner is not None and row.fence == fences[row.request_uid]}


def _locked(tx: Tx, request_uids: Sequence[str]) -> Sequence[sa.Row[Any]]:
    # Everybody who locks several rows locks them in this order, so that none waits for another in a ring.
    if not request_uids:
        return []
    return tx.execute(_LOCK_THESE, {"uids": sorted(set(request_uids))}).all()


def _mine(statement: Any, claim: Claim) -> Any:
    # The fence alone would also fit a claim that was given back and not taken by anybody since.
    is_mine = (work.c.request_uid == claim.request_uid) & (work.c.fence == claim.fence)
    return statement.where(is_mine, work.c.owner.is_not(None))


def _time(at: datetime) -> sa.BindParameter[datetime]:
    return sa.literal(at, UtcDateTime)


def _fenced(claim: Claim) -> Fenced:
    return Fenced(f"the claim {claim.fence} on {claim.request_uid} is not valid any more")
