"""Gates before steps and runs: places under a key, rates, and breakers of targets that fail.

Asked in the transaction that writes down what is begun, so that what is let in and what is
begun are the same. Whoever was let in is listed until his attempt ends (`leave`), the run
ends, or the lease of the worker that drives it runs out; asking twice takes no second place.
Gates of different projects never meet, whatever their keys are. What a rate lets in lies its
span divided by its limit apart, so that no span sees more. A breaker opens after so many
failures in a row that a target's trouble explains, passing ones and calls without an answer,
and is tried by one call at a time once it has rested.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from executors.claims import ClaimedRun
from executors.port import RunState
from executors.runs import SWEEP, TOPIC
from executors.tables import admissions, breakers, rates, runs

NET_SECONDS = 60.0
"""Who finds all places taken asks again after this long; whoever leaves wakes the first of them earlier."""

AGAIN_SECONDS = 1.0
"""A run that waits for a place which it holds itself asks again after this long."""

PROBE_SECONDS = 5.0
"""While one call tries whether a target is back, the others ask again after this long."""

WINDOW_SECONDS = 60.0
"""Failures are in a row when the next attempt begins no later than this after the one before failed."""

REST_SECONDS = 30.0
"""How long a target is left alone when its gate does not say."""

IDLE_SECONDS = 24 * 60 * 60.0
"""What was counted for a key is forgotten when nobody came by for so long."""

_QUEUED = "queued"  # not a gate: who waits for a place, in order
_IN_LINE = "in_line"  # nor this: who waits for his turn within a rate
_TICK = timedelta(microseconds=1)


class GateKind(StrEnum):
    """What a gate counts."""

    CONCURRENCY = "concurrency"  # how many are under way at a time
    BREAKER = "breaker"  # how many failed one after the other
    RATE = "rate"  # how many are begun in a span


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish to be let in.

    Attributes:
        kind: one of `GateKind`.
        per_seconds: the span of a rate; how long a breaker rests.
        holder: a step of the run, or nothing for the run itself.
    """

    kind: str
    key: str
    limit: int
    per_seconds: float | None
    holder: str


@dataclass(frozen=True, slots=True)
class Breaker:
    """A target's breaker, as people see it; open until a time, closed when that is None."""

    project: str
    key: str
    limit: int
    failures: int
    failed_at: datetime
    open_until: datetime | None


def admit(tx: Tx, held: ClaimedRun, asked: Asked, now: datetime) -> datetime | None:
    """Let a holder in and return None, or return when to ask again."""
    if asked.kind == GateKind.RATE:
        return _admit_at_rate(tx, held, asked, now)
    if asked.kind == GateKind.BREAKER:
        until = _closed_until(tx, held, asked, now)
    else:
        until = _place_from(tx, held, asked, now)
    if until is None:
        _list(tx, held, asked, now)
    return until


def leave(tx: Tx, held: ClaimedRun, holders: Mapping[str, bool | None], now: datetime) -> None:
    """Give up the places of holders whose attempts ended, and tell their breakers how.

    Args:
        holders: with each whether it went well; None says nothing about the target.
    """
    mine = (admissions.c.run_id == held.id) & admissions.c.holder.in_(list(holders))
    for row in tx.execute(sa.select(admissions).where(mine)).all():
        if row.kind == GateKind.BREAKER:
            _count(tx, row, holders[row.holder], now)
        elif row.kind == GateKind.CONCURRENCY:
            _wake_next(tx, held.project, row.key, now)
    tx.execute(sa.delete(admissions).where(mine))


def doubt(tx: Tx, held: ClaimedRun, holders: Collection[str], now: datetime) -> None:
    """Tell the breakers of holders that nobody knows what became of their attempts; their places stay theirs.

    Each attempt is counted once: what is found out later about it counts no more.
    """
    in_doubt = (admissions.c.run_id == held.id) & admissions.c.holder.in_(sorted(holders))
    mine = in_doubt & (admissions.c.kind == GateKind.BREAKER.value)
    for row in tx.execute(sa.select(admissions).where(mine)).all():
        _count(tx, row, False, now)  # noqa: FBT003  # a fact, not a switch
    tx.execute(sa.delete(admissions).where(mine))


def leave_all(tx: Tx, held: ClaimedRun, now: datetime) -> None:
    """Give up every place that a run holds, because it is over."""
    held_by = sa.select(admissions.c.holder).where(admissions.c.run_id == held.id).distinct()
    holders = dict.fromkeys(tx.execute(held_by).scalars())
    if holders:
        leave(tx, held, holders, now)


def breakers_of(tx: Tx, projects: Collection[str] | None) -> list[Breaker]:
    """Return the breakers that have counted failures, open ones first; `projects=None` means all."""
    query = sa.select(*(breakers.c[name] for name in Breaker.__dataclass_fields__))
    if projects is not None:
        query = query.where(breakers.c.project.in_(projects))
    rows = tx.execute(query.order_by(breakers.c.open_until.desc(), breakers.c.project, breakers.c.key))
    return [Breaker(**row) for row in rows.mappings()]


def forget_idle(tx: Tx, now: datetime) -> None:
    """Delete what was counted for keys that nobody came by with for long; they begin afresh."""
    before = now - timedelta(seconds=IDLE_SECONDS)
    is_closed = breakers.c.open_until.is_(None) | (breakers.c.open_until < before)
    tx.execute(sa.delete(breakers).where(breakers.c.failed_at < before, is_closed))
    tx.execute(sa.delete(rates).where(rates.c.full_at < before))


def _admit_at_rate(tx: Tx, held: ClaimedRun, asked: Asked, now: datetime) -> datetime | None:
    """Let a holder in when it is his turn within the rate, else return when it is likely to be.

    A turn is taken by who begins and not by who waits: a turn that was given out and not used would
    come on top of a later one.
    """
    _lock(tx, held.project, asked)
    if _listed_at(tx, held, asked) == now:
        return None  # let in for this very decision, which is made again
    # Rounded up: three turns a third of a second apart must not fit into less than a second.
    interval = timedelta(microseconds=ceil((asked.per_seconds or 1.0) * 1_000_000 / max(asked.limit, 1)))
    free_at = _full_at(tx, held.project, asked.key) or now
    turn = free_at + _ahead(tx, held, asked, now) * interval
    if turn > now:
        return turn
    _unlist(tx, held, asked, _IN_LINE)
    _unlist(tx, held, asked, GateKind.RATE)
    _list(tx, held, asked, now)
    _set_full_at(tx, held.project, asked.key, now + interval)
    return None


def _ahead(tx: Tx, held: ClaimedRun, asked: Asked, now: datetime) -> int:
    """Return how many stand in line before a holder and may come; he is put at its end if he is new."""
    waiting = Asked(_IN_LINE, asked.key, asked.limit, None, asked.holder)
    since = _listed_at(tx, held, waiting)
    if since is None:
        last = tx.execute(
            sa.select(sa.func.max(admissions.c.at)).where(_under(held.project, waiting))
        ).scalar_one()
        since = now if last is None else max(now, last + _TICK)  # those who come at once have an order too
        _list(tx, held, waiting, since)
    before = sa.select(sa.func.count()).select_from(admissions.join(runs, runs.c.id == admissions.c.run_id))
    is_before = _under(held.project, waiting) & (admissions.c.at < since)
    ahead: int = tx.execute(before.where(is_before, _GOES_ON)).scalar_one()
    return ahead


def _place_from(tx: Tx, held: ClaimedRun, asked: Asked, now: datetime) -> datetime | None:
    _lock(tx, held.project, asked)
    holders = _live_holders(tx, held, asked, now)
    if (held.id, asked.holder) in holders or len(holders) < asked.limit:
        _unlist(tx, held, asked, _QUEUED)
        return None
    queued = Asked(_QUEUED, asked.key, asked.limit, None, asked.holder)
    _list(tx, held, queued, now)
    # A place that becomes free wakes the first in the queue, but not a run that is being driven.
    is_own = any(run_id == held.id for run_id, _holder in holders)
    return now + timedelta(seconds=AGAIN_SECONDS if is_own else NET_SECONDS)


def _closed_until(tx: Tx, held: ClaimedRun, asked: Asked, now: datetime) -> datetime | None:
    _lock(tx, held.project, asked)
    rest = asked.per_seconds or REST_SECONDS
    breaker = tx.execute(_BREAKER, {"of": held.project, "named": asked.key}).one_or_none()
    if breaker is None:
        row = {"project": held.project, "key": asked.key, "failures": 0, "failed_at": now}
        tx.execute(breakers.insert(), row | {"limit": asked.limit, "rest_seconds": rest})
        return None
    if (breaker.limit, breaker.rest_seconds) != (asked.limit, rest):
        changed = {"limit": asked.limit, "rest_seconds": rest}  # who asks last says what holds
        tx.execute(sa.update(breakers).where(_is_breaker(held.project, asked.key)).values(changed))
    if breaker.open_until is None:
        return None
    if breaker.open_until > now:
        until: datetime = breaker.open_until
        return until
    holders = _live_holders(tx, held, asked, now, since=breaker.open_until)
    is_free = not holders or (held.id, asked.holder) in holders
    return None if is_free else now + timedelta(seconds=PROBE_SECONDS)


def _count(tx: Tx, admitted: sa.Row[Any], went_well: bool | None, now: datetime) -> None:  # noqa: FBT001  # a fact, not a switch
    breaker = tx.execute(_BREAKER, {"of": admitted.project, "named": admitted.key}).one_or_none()
    if breaker is None or went_well is None or (went_well and not breaker.failures):
        return
    failures, open_until = 0, None
    if not went_well:
        # From where the attempt began: one that hangs may take longer than the window itself.
        since_last = admitted.at - breaker.failed_at
        is_in_a_row = since_last <= timedelta(seconds=WINDOW_SECONDS) or breaker.open_until is not None
        failures = breaker.failures + 1 if is_in_a_row else 1
        if failures >= breaker.limit:
            open_until = now + timedelta(seconds=breaker.rest_seconds)
    mine = _is_breaker(admitted.project, admitted.key)
    changed = {"failures": failures, "failed_at": now, "open_until": open_until}
    tx.execute(sa.update(breakers).where(mine).values(changed))


def _is_breaker(project: str, key: str) -> sa.ColumnElement[bool]:
    return (breakers.c.project == project) & (breakers.c.key == key)


def _live_holders(
    tx: Tx, held: ClaimedRun, asked: Asked, now: datetime, since: datetime | None = None
) -> set[tuple[str, str]]:
    """Return the runs and holders that are inside: those whose run is not over nor left by a dead worker."""
    is_left = (runs.c.owner != "") & (runs.c.due_at <= now) & (runs.c.id != held.id)
    is_inside = (
        _under(held.project, asked) & runs.c.ended_at.is_(None) & (~is_left | (admissions.c.holder == ""))
    )
    query = sa.select(admissions.c.run_id, admissions.c.holder).join(runs, runs.c.id == admissions.c.run_id)
    if since is not None:
        is_inside &= admissions.c.at >= since
    return {(row.run_id, row.holder) for row in tx.execute(query.where(is_inside))}


def _wake_next(tx: Tx, project: str, key: str, now: datetime) -> None:
    """Make the first in the queue due who rests and may go on; a paused run asks again when it is resumed."""
    in_queue = (admissions.c.project == project) & (admissions.c.kind == _QUEUED) & (admissions.c.key == key)
    rests = in_queue & (runs.c.owner == "") & _GOES_ON
    waiting = sa.select(admissions.c.run_id).join(runs, runs.c.id == admissions.c.run_id)
    first = waiting.where(rests).order_by(admissions.c.at).limit(1)
    run_id = tx.execute(first).scalar_one_or_none()
    if run_id is not None:
        is_parked = (runs.c.id == run_id) & (runs.c.owner == "") & runs.c.due_at.is_not(None)
        tx.execute(sa.update(runs).where(is_parked).values(due_at=now))
        tx.ring(TOPIC)
        tx.ring(SWEEP)


def _list(tx: Tx, held: ClaimedRun, asked: Asked, at: datetime) -> None:
    row = {"project": held.project, "kind": str(asked.kind), "key": asked.key}
    tx.insert_missing(admissions, row | {"run_id": held.id, "holder": asked.holder, "at": at})


def _unlist(tx: Tx, held: ClaimedRun, asked: Asked, kind: str) -> None:
    mine = (admissions.c.run_id == held.id) & (admissions.c.holder == asked.holder)
    mine &= admissions.c.kind == str(kind)
    tx.execute(sa.delete(admissions).where(mine, admissions.c.key == asked.key))


def _listed_at(tx: Tx, held: ClaimedRun, asked: Asked) -> datetime | None:
    mine = (admissions.c.run_id == held.id) & (admissions.c.holder == asked.holder)
    query = sa.select(admissions.c.at).where(_under(held.project, asked), mine)
    at: datetime | None = tx.execute(query).scalar_one_or_none()
    return at


def _under(project: str, asked: Asked) -> sa.ColumnElement[bool]:
    is_kind = (admissions.c.project == project) & (admissions.c.kind == str(asked.kind))
    return is_kind & (admissions.c.key == asked.key)


def _full_at(tx: Tx, project: str, key: str) -> datetime | None:
    query = sa.select(rates.c.full_at).where(rates.c.project == project, rates.c.key == key)
    at: datetime | None = tx.execute(query).scalar_one_or_none()
    return at


def _set_full_at(tx: Tx, project: str, key: str, at: datetime) -> None:
    if not tx.insert_missing(rates, {"project": project, "key": key, "full_at": at}):
        mine = (rates.c.project == project) & (rates.c.key == key)
        tx.execute(sa.update(rates).where(mine).values(full_at=at))


def _lock(tx: Tx, project: str, asked: Asked) -> None:
    # Two who ask for the last place at once must not both see it free; SQLite has one writer anyway.
    if tx.dialect == "postgresql":
        named = f"{project}|{asked.kind}|{asked.key}"
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(named, 0))))


# Neither over nor paused; and a run that takes everything back begins nothing behind a gate.
_GOES_ON = runs.c.due_at.is_not(None) & (runs.c.state != RunState.COMPENSATING.value)
_BREAKER = sa.select(breakers).where(
    breakers.c.project == sa.bindparam("of"), breakers.c.key == sa.bindparam("named")
)
