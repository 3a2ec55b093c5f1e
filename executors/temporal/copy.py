"""The copy of a run that people see: its row, its journal, what it asks of whom.

Temporal has the run; what it wrote down is copied here, page after page, by whoever makes the
run's next call. So a run on Temporal is listed, opened step by step, and its approvals are
asked and answered like any other's. The row belongs to an owner who never lets go of it and is
due at no time, so that no worker of the built-in engine takes it up. A page is taken once and
in its turn, however often it comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.clock import Clock
from catalog.db import Database, Tx
from catalog.events import Event as Happening
from executors import claims, dead_letters, runs
from executors.claims import ClaimedRun, Page, Saving
from executors.port import RunReport, RunState, WorkOrder
from executors.runs import Entry, RunRecord
from executors.tables import runs as rows
from executors.temporal.wire import Leaf
from executors.workflow import projection
from executors.workflow.events import Ended, Event, decode
from executors.workflow.journal import OnFinal, accepted
from executors.workflow.narrate import told

OWNER = "temporal"

_ROW = sa.select(*(rows.c[name] for name in ClaimedRun.__slots__)).where(
    rows.c.id == sa.bindparam("run"), rows.c.owner == OWNER
)


_OWNER = sa.select(rows.c.owner).where(rows.c.idempotency_key == sa.bindparam("key"))


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies in this process's database."""

    database: Database
    clock: Clock
    on_final: OnFinal

    def open(self, order: WorkOrder, run_id: str) -> RunRecord:
        """Begin the copy of a run, and return what is there under its key.

        Raises:
            Conflict: `stale_fence`.
        """
        now = self.clock()
        message = f"{order.operation}: the run was accepted"
        happening = Happening(order.project, order.request_uid, "RunStarted", message, now)
        with self.database.write() as tx:
            if runs.add(tx, run_id, order, accepted(now), now, told=[happening]):
                tx.execute(sa.update(rows).where(rows.c.id == run_id).values(owner=OWNER, due_at=None))
            record = runs.by_key(tx, order.idempotency_key)
        assert record is not None  # noqa: S101  # stored just now, or before; tells mypy
        return record

    def ended(self, idempotency_key: str) -> RunReport | None:
        """Return how the run under a key ended, or how it goes since it was opened again, None before."""
        with self.database.read() as tx:
            owner = tx.execute(_OWNER, {"key": idempotency_key}).scalar_one_or_none()
            return None if owner in (None, OWNER) else runs.report_by_key(tx, idempotency_key)

    def take(self, leaf: Leaf) -> bool:
        """Copy a page; return False when one before it is missing."""
        with self.database.write() as tx:
            held = _held(tx, leaf.run_id)
            new = [] if held is None else [entry for entry in leaf.entries if entry.seq > held.seq]
            if held is None or not new:
                return True
            if new[0].seq != held.seq + 1:
                return False
            self._write(tx, held, leaf, new)
        return True

    def close(self, report: RunReport, dead: str) -> None:
        """End the copy of a run that Temporal says is over, and of whose end nothing was copied."""
        with self.database.write() as tx:
            held = _held(tx, report.run_id)
            if held is not None:
                page = Page((), report, releases=True, due_at=None, now=self.clock(), dead=dead)
                claims.write(tx, [Saving(held, page)])
                dead_letters.note(tx, held, page)
                self.on_final(tx, [held.request_uid])

    def _write(self, tx: Tx, held: ClaimedRun, leaf: Leaf, new: Sequence[Entry]) -> None:
        events = [decode(entry.type, entry.body) for entry in new]
        report, is_end = _ended(leaf.report, events), leaf.report.state.is_final
        page = Page(
            new, report, is_end, due_at=None, now=self.clock(), told=_happenings(held, events), dead=leaf.dead
        )
        claims.write(tx, [Saving(held, page)])
        has_news = projection.project(tx, replace(held, mail=leaf.heard), events)
        if is_end:
            dead_letters.note(tx, held, page)
            # Whoever has it tried again goes on in the built-in engine, under a fence beyond ours.
            tx.execute(sa.update(rows).where(rows.c.id == held.id).values(fence=leaf.fence))
        if is_end or has_news:
            self.on_final(tx, [held.request_uid])


def unread(tx: Tx) -> list[tuple[str, str, int]]:
    """Return run, key and number of letters of every run under way that was ever written to."""
    query = sa.select(rows.c.id, rows.c.idempotency_key, rows.c.mail)
    found = tx.execute(query.where(rows.c.owner != "", rows.c.owner == OWNER, rows.c.mail > 0))
    return [(row.id, row.idempotency_key, row.mail) for row in found]


def _held(tx: Tx, run_id: str) -> ClaimedRun | None:
    row = tx.execute(_ROW.with_for_update(), {"run": run_id}).mappings().one_or_none()
    return None if row is None else ClaimedRun(**row)


def _ended(report: RunReport, events: Sequence[Event]) -> RunReport:
    end = events[-1]
    if isinstance(end, Ended) and end.state is RunState.SUCCEEDED:
        return replace(report, outputs=end.outputs, facts=end.facts)
    return report


def _happenings(held: ClaimedRun, events: Sequence[Event]) -> list[Happening]:
    pairs: list[tuple[datetime, Any]] = [(event.at, told(event)) for event in events]
    return [
        Happening(
            held.project, held.request_uid, each.kind, f"{held.operation}: {each.message}", at, each.reason
        )
        for at, each in pairs
        if each is not None
    ]
