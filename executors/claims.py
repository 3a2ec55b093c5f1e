"""Claims: who may drive a run, and the only writes made on its behalf.

A claim is one conditional UPDATE that raises the run's fence and sets `due_at` to the end
of the lease; a run whose worker died simply comes due again. Every later write names the
fence, so a worker that was declared dead cannot write. It also names how much journal and
mail it has seen: a save that lost its answer can be repeated, and no letter is overlooked.
The engine's journal calls this; nobody else drives runs.
"""

import heapq
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from catalog import events
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.events import Event
from catalog.line import sqlite_time, time_of
from executors import swift
from executors.port import RunReport
from executors.runs import SWEEP, TOPIC, Entry, append, entries
from executors.tables import runs

PROJECTS_LOOKED_AT = 64
"""Among so many waiting projects is shared out at a time; the others come next."""


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

    def at(self, seq: int, mail: int) -> "ClaimedRun":
        """Return the claim on the run when it has come so far; `replace` is too slow for this."""
        names = (self.id, self.project, self.request_uid, self.idempotency_key, self.operation)
        documents = (self.contract_digest, self.definition, self.context)
        return ClaimedRun(*names, *documents, self.created_at, self.fence, seq, mail)


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
        told: what the requester is told of it.
        dead: why a person has to come, for a run that ends so.
    """

    entries: Sequence[Entry]
    report: RunReport
    releases: bool
    due_at: datetime | None
    now: datetime
    told: Sequence[Event] = ()
    dead: str = ""

    def last(self, seq: int) -> int:
        """Return the number of the last entry once this is written after entry `seq`."""
        return self.entries[-1].seq if self.entries else seq


class Written(StrEnum):
    """What became of a save."""

    SAVED = "saved"
    NEW_MAIL = "new_mail"  # nothing was written; read the mail and decide again
    FENCED = "fenced"  # nothing was written and nothing may be: another worker has the run


@dataclass(frozen=True, slots=True)
class Saving:
    """A page, and the claim under which it is written."""

    held: ClaimedRun
    page: Page


_IS_BEGUN = (runs.c.fence > 0) & runs.c.due_at.is_not(None)
_IS_NEW = (runs.c.fence == 0) & runs.c.due_at.is_not(None)
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_STANDING = sa.select(runs.c.fence, runs.c.seq, runs.c.mail).where(runs.c.id == sa.bindparam("run"))


def claim(tx: Tx, run_id: str | None, *, owner: str, now: datetime, until: datetime) -> ClaimedRun | None:
    """Take a run over if it is due, any due one when none is named; None when there is none."""
    if run_id is None:
        return next(iter(claim_some(tx, 1, owner=owner, now=now, until=until)), None)
    rows = tx.swift(swift.TAKE_ONE, (owner, _at(tx, until), run_id, _at(tx, now)))
    return _claimed(rows[0]) if rows else None


def claim_some(
    tx: Tx, limit: int, *, owner: str, now: datetime, until: datetime, after: str = ""
) -> list[ClaimedRun]:
    """Take over up to `limit` due runs.

    When more are due, runs that were begun come first, those of higher priority before others. Then
    come those of the project that has the fewest being driven; within a project those of higher
    priority, then those that wait the longest.

    Args:
        after: look at projects after this one first, should there be too many to look at all.
    """
    holder = (owner, _at(tx, until))
    rows = _all_of_few(tx, holder, _at(tx, now), limit) or _in_order(tx, holder, _at(tx, now), limit, after)
    return sorted((_claimed(row) for row in rows), key=lambda each: each.id)


_Values = tuple[object, ...]
_Rows = list[tuple[Any, ...]]


def _all_of_few(tx: Tx, holder: _Values, now: object, limit: int) -> _Rows:
    looks = (now, limit + 1) * (2 * len(swift.PRIORITIES))
    if tx.dialect == "sqlite":
        return tx.swift(swift.TAKE_FEW, (*looks, *holder, limit))
    return tx.swift(swift.TAKE_FEW, (*looks, now, limit, *holder))


def _in_order(tx: Tx, holder: _Values, now: object, limit: int, after: str) -> _Rows:
    rows: _Rows = []
    heads = tx.swift(swift.HEADS, (now,) * (2 * len(swift.PRIORITIES)))
    new = [priority for is_new, priority, due_at in heads if is_new and due_at is not None]
    for is_new, priority, due_at in heads:
        if not is_new and due_at is not None and len(rows) < limit:
            rows += tx.swift(swift.TAKE_BEGUN, (*holder, priority, now, limit - len(rows)))
    for project, share in _shares(tx, limit - len(rows), after) if new else ():
        taken: _Rows = []
        for priority in new:
            if len(taken) < share:
                taken += tx.swift(swift.TAKE_NEW, (*holder, priority, now, project, share - len(taken)))
        rows += taken
    return rows


def _shares(tx: Tx, room: int, after: str) -> Iterable[tuple[str, int]]:
    """Return how many runs each waiting project may begin: the next one goes to who has the fewest."""
    if room <= 0:
        return ()
    # Each jump looks for the next project after one; there is one look for each priority.
    waiting = tx.swift(swift.WAITING, _waiting_after(after))
    if after and len(waiting) < PROJECTS_LOOKED_AT:
        waiting += tx.swift(swift.WAITING, _waiting_after(""))
    queue = [(driven, place, project) for place, (project, driven) in enumerate(dict(waiting).items())]
    heapq.heapify(queue)
    shares: Counter[str] = Counter()
    for _ in range(room if queue else 0):
        driven, place, project = queue[0]
        shares[project] += 1
        heapq.heapreplace(queue, (driven + 1, place, project))
    return shares.items()


def _waiting_after(project: str) -> _Values:
    return (*(project for _ in swift.PRIORITIES), PROJECTS_LOOKED_AT)


def _claimed(row: tuple[Any, ...]) -> ClaimedRun:
    *names, definition, context, created_at, fence, seq, mail = row
    documents = read_document(definition), json.loads(context)
    return ClaimedRun(*names, *documents, time_of(created_at), fence, seq, mail)  # type: ignore[call-arg]  # as many as `swift` returns


@lru_cache(maxsize=256)
def read_document(text: str) -> JsonObject:
    """Return a document; the few that nearly all runs follow are read but once."""
    document: JsonObject = json.loads(text)
    return document


def _at(tx: Tx, at: datetime) -> object:
    return sqlite_time(at) if tx.dialect == "sqlite" else at


def save(tx: Tx, held: ClaimedRun, page: Page) -> Written:
    """Append entries and store the projection, if the claim still holds and no mail came in.

    Saving the same page twice is harmless, so a save whose answer was lost is repeated.
    """
    return save_all(tx, [Saving(held, page)])[0]


def save_all(tx: Tx, savings: Sequence[Saving]) -> list[Written]:
    """Save pages of different runs; each is saved or not for itself."""
    saved = write(tx, savings)
    return [Written.SAVED if saving.held.id in saved else why_not(tx, saving) for saving in savings]


def write(tx: Tx, savings: Sequence[Saving]) -> set[str]:
    """Write pages of different runs and return the runs whose pages were written; see `why_not`."""
    saved = _saved_lite(tx, savings) if tx.dialect == "sqlite" else _saved_post(tx, savings)
    for saving in savings:
        if saving.held.id in saved:
            _ring(tx, saving.page)
    return saved


def _ring(tx: Tx, page: Page) -> None:
    if page.releases and page.due_at is not None:
        tx.ring(TOPIC)
        tx.ring(SWEEP)
    if page.told:
        tx.ring(events.TOPIC)


def _saved_post(tx: Tx, savings: Sequence[Saving]) -> set[str]:
    given = json.dumps([_given(saving) for saving in savings])
    rows = tx.swift(swift.SAVE, (given, [saving.held.id for saving in savings]))
    return {run_id for (run_id,) in rows}


def _given(saving: Saving) -> dict[str, object]:
    held, page = saving.held, saving.page
    report, is_final = page.report, page.report.state.is_final
    given: dict[str, object] = {
        "id": held.id,
        "fence": held.fence,
        "seq": held.seq,
        "mail": held.mail,
        "last": page.last(held.seq),
        "state": report.state,
        "step": report.step,
        "attempts": report.attempts,
        "message": report.message,
        "releases": page.releases,
        "entries": [{"seq": entry.seq, "type": entry.type, "body": entry.body} for entry in page.entries],
        "told": events.stored(page.told),
    }
    if report.next_attempt_at is not None:
        given["next_attempt_at"] = report.next_attempt_at.isoformat()
    if page.due_at is not None:
        given["due_at"] = page.due_at.isoformat()
    if is_final:
        given |= {"outputs": report.outputs, "facts": report.facts, "ended_at": page.now.isoformat()}
    return given


def _saved_lite(tx: Tx, savings: Sequence[Saving]) -> set[str]:
    saved = set()
    for saving in savings:
        held, page = saving.held, saving.page
        claim_terms = (held.id, held.fence, held.seq, held.mail)
        projection = _projection(page, page.last(held.seq))
        if page.releases:
            found = tx.swift(swift.RELEASE, (*projection, *_release(page), *claim_terms))
        else:
            found = tx.swift(swift.KEEP, (*projection, *claim_terms))
        if found:
            append(tx, held.id, held.project, page.entries)
            events.append_all(tx, page.told)
            saved.add(held.id)
    return saved


def _projection(page: Page, last: int) -> _Values:
    report = page.report
    next_attempt_at = sqlite_time(report.next_attempt_at)
    return last, report.state.value, report.step, report.attempts, report.message, next_attempt_at


def _release(page: Page) -> _Values:
    if not page.report.state.is_final:
        return sqlite_time(page.due_at), None, None, None
    outputs, facts = json.dumps(dict(page.report.outputs)), json.dumps(dict(page.report.facts))
    return sqlite_time(page.due_at), outputs, facts, sqlite_time(page.now)


def why_not(tx: Tx, saving: Saving) -> Written:
    """Return why a page was not written; `SAVED` when it stood there already."""
    held = saving.held
    standing = tx.execute(_STANDING, {"run": held.id}).one_or_none()
    if standing is None or standing.fence != held.fence:
        return Written.FENCED
    if standing.seq != held.seq:
        # Only this claim can have written since, so it was an earlier try whose answer was lost.
        # Should that one have decided otherwise, the claim runs out and the run is taken up anew.
        wrote_this = entries(tx, held.id, held.seq) == list(saving.page.entries)
        return Written.SAVED if wrote_this else Written.FENCED
    return Written.NEW_MAIL


def renew(tx: Tx, owner: str, run_ids: Collection[str], until: datetime) -> dict[str, int]:
    """Put off the end of the leases that an owner holds; return how much mail each of those runs has."""
    mine = (runs.c.owner == owner) & runs.c.id.in_(sorted(run_ids))
    renewed = sa.update(runs).where(mine).values(due_at=until).returning(runs.c.id, runs.c.mail)
    return {row.id: row.mail for row in tx.execute(renewed)}


def due(tx: Tx, now: datetime, limit: int) -> list[DueRun]:
    """Return runs that somebody should look at, the longest waiting first."""
    classes = [
        sa.select(runs.c.id, runs.c.due_at, runs.c.fence).where(
            is_of_class, runs.c.priority == priority, runs.c.due_at <= now
        )
        for is_of_class in (_IS_BEGUN, _IS_NEW)
        for priority in swift.PRIORITIES
    ]
    firsts = (sa.select(each.order_by(runs.c.due_at).limit(limit).subquery()) for each in classes)
    query = sa.union_all(*firsts).order_by("due_at").limit(limit)
    return [DueRun(**row) for row in tx.execute(query).mappings()]


def next_due(tx: Tx, after: datetime | None = None) -> datetime | None:
    """Return when the next run is due (of those begun and due later than a time), None when none ever is."""
    far = _at(tx, _FOR_EVER)
    if after is None:
        times = [row[2] for row in tx.swift(swift.HEADS, (far,) * (2 * len(swift.PRIORITIES)))]
    else:
        times = [row[0] for row in tx.swift(swift.NEXT, (_at(tx, after),) * len(swift.PRIORITIES))]
    return min((at for at in map(time_of, times) if at is not None), default=None)
