"""Claims: who may drive a run, and the only writes made on its behalf.

A claim is one conditional UPDATE that raises the run's fence and sets `due_at` to the end
of the lease; a run whose worker died simply comes due again. Every later write names the
fence, so a worker that was declared dead cannot write. It also names how much journal and
mail it has seen: a save that lost its answer can be repeated, and no letter is overlooked.
The engine's journal calls this; nobody else drives runs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from catalog.db import Tx
from catalog.digest import JsonObject
from executors.port import RunReport
from executors.runs import TOPIC, Entry, append, entries
from executors.tables import runs


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that is ours to drive until its lease ends, with all that driving needs."""

    id: str
    project: str
    request_uid: str
    idempotency_key: str
    operation: str
    contract_digest: str
    definition: JsonObject
    context: JsonObject
    created_at: datetime
    fence: int
    seq: int
    mail: int


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that somebody should look at; `fence` 0 means that nobody ever has."""

    id: str
    due_at: datetime
    fence: int


@dataclass(frozen=True, slots=True)
class Page:
    """What one save writes: new entries, the projection after them, and whether to let go.

    Attributes:
        releases: give the claim up; the run is due again at `due_at`, never when that is None.
    """

    entries: Sequence[Entry]
    report: RunReport
    releases: bool
    due_at: datetime | None
    now: datetime


class Written(StrEnum):
    """What became of a save."""

    SAVED = "saved"
    NEW_MAIL = "new_mail"  # nothing was written; read the mail and decide again
    FENCED = "fenced"  # nothing was written and nothing may be: another worker has the run


_PROJECTION = (runs.c.state, runs.c.step, runs.c.attempts, runs.c.message, runs.c.next_attempt_at)
_CLAIMED = tuple(runs.c[name] for name in ClaimedRun.__slots__)

# Built once: composing a statement costs more than executing it on a warm cache.
_take = (
    sa.update(runs)
    .values(owner=sa.bindparam("me"), fence=runs.c.fence + 1, due_at=sa.bindparam("until"))
    .returning(*_CLAIMED)
)
_is_due = runs.c.due_at <= sa.bindparam("at")
# A run that nobody has claimed yet is due whatever a skewed clock says.
_CLAIM_ONE = _take.where(
    runs.c.id == sa.bindparam("run"), _is_due | ((runs.c.fence == 0) & runs.c.due_at.is_not(None))
)
_CLAIM_ANY = _take.where(
    runs.c.id
    == sa.select(runs.c.id)
    .where(_is_due)
    .order_by(runs.c.due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
    .scalar_subquery(),
    _is_due,
)
_under_claim = sa.update(runs).where(
    runs.c.id == sa.bindparam("run"),
    runs.c.fence == sa.bindparam("held_fence"),
    runs.c.seq == sa.bindparam("held_seq"),
    runs.c.mail == sa.bindparam("held_mail"),
)
_KEEP = _under_claim.values(
    {column: sa.bindparam(f"new_{column.name}") for column in (runs.c.seq, *_PROJECTION)}
)
_RELEASE = _KEEP.values(
    {
        column: sa.bindparam(f"new_{column.name}")
        for column in (runs.c.owner, runs.c.due_at, runs.c.outputs, runs.c.facts, runs.c.ended_at)
    }
)
_STANDING = sa.select(runs.c.fence, runs.c.seq, runs.c.mail).where(runs.c.id == sa.bindparam("run"))


def claim(tx: Tx, run_id: str | None, *, owner: str, now: datetime, until: datetime) -> ClaimedRun | None:
    """Take a run over if it is due, any due one when none is named; None when there is none."""
    values: dict[str, object] = {"me": owner, "at": now, "until": until}
    if run_id is None:
        found = tx.execute(_CLAIM_ANY, values)
    else:
        found = tx.execute(_CLAIM_ONE, {**values, "run": run_id})
    row = found.mappings().one_or_none()
    return None if row is None else ClaimedRun(**row)


def save(tx: Tx, held: ClaimedRun, page: Page) -> Written:
    """Append entries and store the projection, if the claim still holds and no mail came in.

    Saving the same page twice is harmless, so a save whose answer was lost is repeated.
    """
    last = page.entries[-1].seq if page.entries else held.seq
    where = {"run": held.id, "held_fence": held.fence, "held_seq": held.seq, "held_mail": held.mail}
    values = {**where, **_projection(page, last)}
    if tx.execute(_RELEASE if page.releases else _KEEP, values).rowcount == 0:
        return _why_not(tx, held, page)
    append(tx, held.id, held.project, page.entries)
    if page.releases and page.due_at is not None:
        tx.ring(TOPIC)
    return Written.SAVED


def _projection(page: Page, last: int) -> dict[str, object]:
    report = page.report
    values: dict[str, object] = {
        "new_seq": last,
        "new_state": report.state,
        "new_step": report.step,
        "new_attempts": report.attempts,
        "new_message": report.message,
        "new_next_attempt_at": report.next_attempt_at,
    }
    if page.releases:
        is_final = report.state.is_final
        values |= {
            "new_owner": "",
            "new_due_at": page.due_at,
            "new_outputs": dict(report.outputs) if is_final else None,
            "new_facts": dict(report.facts) if is_final else None,
            "new_ended_at": page.now if is_final else None,
        }
    return values


def _why_not(tx: Tx, held: ClaimedRun, page: Page) -> Written:
    standing = tx.execute(_STANDING, {"run": held.id}).one_or_none()
    if standing is None or standing.fence != held.fence:
        return Written.FENCED
    if standing.seq != held.seq:
        # Only this claim can have written since, so it was an earlier try whose answer was lost.
        # Should that one have decided otherwise, the claim runs out and the run is taken up anew.
        wrote_this = entries(tx, held.id, held.seq) == list(page.entries)
        return Written.SAVED if wrote_this else Written.FENCED
    return Written.NEW_MAIL


def renew(tx: Tx, owner: str, run_ids: Collection[str], until: datetime) -> None:
    """Put off the end of the leases that an owner holds on these runs."""
    mine = (runs.c.owner == owner) & runs.c.id.in_(run_ids)
    tx.execute(sa.update(runs).where(mine).values(due_at=until))


def due(tx: Tx, now: datetime, limit: int) -> list[DueRun]:
    """Return runs that somebody should look at, the longest waiting first."""
    query = sa.select(runs.c.id, runs.c.due_at, runs.c.fence).where(runs.c.due_at <= now)
    rows = tx.execute(query.order_by(runs.c.due_at).limit(limit)).mappings()
    return [DueRun(**row) for row in rows]


def next_due(tx: Tx, after: datetime | None = None) -> datetime | None:
    """Return when the next run is due (of those due later than a time), None when none ever is."""
    query = sa.select(runs.c.due_at).where(runs.c.due_at.is_not(None)).order_by(runs.c.due_at).limit(1)
    if after is not None:
        query = query.where(runs.c.due_at > after)
    return tx.execute(query).scalar_one_or_none()
