"""Where a driven run is written down: the worker's port to the database.

`Journal.commit` runs a function in one transaction and hands it a `Book`; a journal may
one day put several such functions into one transaction without the worker knowing.
`SqlJournal` is the real one: it also tells the requester and wakes the reconciler in the
transaction that ends a run. `memory` has its twin.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from catalog.db import Database, Tx
from executors import claims, runs
from executors.claims import ClaimedRun, Page, Written
from executors.port import RunReport
from executors.runs import Entry, Letter
from executors.workflow.events import Accepted, Event, decode, encode
from executors.workflow.exchange import Cancel, Decision, Mail, Signal
from executors.workflow.narrate import told
from executors.workflow.state import Run, fold
from executors.workflow.view import report_of

CANCEL = "cancel"
SIGNAL = "signal"

T = TypeVar("T")


class Book(Protocol):
    """One open transaction on runs."""

    def claim(self, run_id: str | None, owner: str, now: datetime, until: datetime) -> ClaimedRun | None:
        """Take over a due run, any when none is named; None when there is none."""
        ...

    def entries(self, run_id: str) -> Sequence[Entry]:
        """Return a run's whole journal."""
        ...

    def letters(self, run_id: str, after: int) -> Sequence[Letter]:
        """Return what came in from outside after a number."""
        ...

    def save(self, held: ClaimedRun, page: Page, events: Sequence[Event]) -> Written:
        """Append and project, if the claim holds and all mail was taken in."""
        ...

    def renew(self, owner: str, run_ids: Collection[str], until: datetime) -> None:
        """Put off the end of leases."""
        ...


class Journal(Protocol):
    """Runs functions in transactions."""

    def commit(self, turn: Callable[[Book], T]) -> T:
        """Run a function in one transaction and return its answer once that is durable.

        Raises:
            Unavailable: it is not known whether the transaction took place.
        """
        ...


class RecordEvent(Protocol):
    """Tells the requester what happened; the wiring puts it into the catalogue's events."""

    def __call__(
        self, tx: Tx, *, project: str, request_uid: str, kind: str, reason: str, message: str
    ) -> None:
        """Append one happening."""
        ...


class OnFinal(Protocol):
    """Learns in the same transaction that a run of a request is over."""

    def __call__(self, tx: Tx, project: str, request_uid: str) -> None:
        """Wake whoever waits for it."""
        ...


class SqlJournal:
    """The journal in the database."""

    def __init__(self, database: Database, record_event: RecordEvent, on_final: OnFinal) -> None:
        self._database = database
        self._record_event = record_event
        self._on_final = on_final

    def commit(self, turn: Callable[[Book], T]) -> T:
        """Run a function in one transaction."""
        with self._database.write() as tx:
            return turn(_SqlBook(tx, self._record_event, self._on_final))


@dataclass(frozen=True, slots=True)
class _SqlBook:
    tx: Tx
    record_event: RecordEvent
    on_final: OnFinal

    def claim(self, run_id: str | None, owner: str, now: datetime, until: datetime) -> ClaimedRun | None:
        return claims.claim(self.tx, run_id, owner=owner, now=now, until=until)

    def entries(self, run_id: str) -> Sequence[Entry]:
        return runs.entries(self.tx, run_id)

    def letters(self, run_id: str, after: int) -> Sequence[Letter]:
        return runs.letters(self.tx, run_id, after)

    def save(self, held: ClaimedRun, page: Page, events: Sequence[Event]) -> Written:
        written = claims.save(self.tx, held, page)
        if written is Written.SAVED:
            self._tell(held, events)
            if page.report.state.is_final:
                self.on_final(self.tx, held.project, held.request_uid)
        return written

    def renew(self, owner: str, run_ids: Collection[str], until: datetime) -> None:
        claims.renew(self.tx, owner, run_ids, until)

    def _tell(self, held: ClaimedRun, events: Sequence[Event]) -> None:
        for happening in filter(None, map(told, events)):
            self.record_event(
                self.tx,
                project=held.project,
                request_uid=held.request_uid,
                kind=happening.kind,
                reason=happening.reason,
                message=f"{held.operation}: {happening.message}",
            )


def accepted(at: datetime) -> Entry:
    """Return the entry with which every journal begins."""
    return Entry(1, *encode(Accepted(at)))


def run_of(stored: Sequence[Entry]) -> Run:
    """Return the state that a stored journal amounts to.

    Raises:
        Internal: it cannot be read, has a hole, or tells of something impossible.
    """
    return fold((entry.seq, decode(entry.type, entry.body)) for entry in stored)


def mail_of(stored: Sequence[Letter]) -> tuple[Mail, ...]:
    """Return stored letters as news for the core."""
    return tuple(_mail(letter) for letter in stored)


def _mail(letter: Letter) -> Mail:
    body = letter.body
    if letter.kind == CANCEL:
        return Cancel(letter.number, str(body["reason"]))
    payload = body["payload"]
    return Signal(letter.number, str(body["name"]), payload if isinstance(payload, dict) else {})


def entries_of(events: Sequence[Event], after: int) -> list[Entry]:
    """Return events as they are stored, numbered from the one after `after`."""
    return [Entry(seq, *encode(event)) for seq, event in enumerate(events, start=after + 1)]


def page_of(held: ClaimedRun, decision: Decision, now: datetime) -> Page:
    """Return what to write for a decision; without a call to make, the claim is given up."""
    return Page(
        entries=entries_of(decision.events, held.seq),
        report=report_of(decision.run, held.id),
        releases=not decision.calls,
        due_at=decision.due_at,
        now=now,
    )


def frozen_page(report: RunReport, now: datetime) -> Page:
    """Return what to write for a run that cannot go on: nothing but its standing."""
    return Page(entries=(), report=report, releases=True, due_at=None, now=now)
