"""Where driven runs are written down: the worker's port to the database.

`Journal.commit` runs a function in one transaction and hands it a `Book`. What is written
most often, the end of some calls and the beginning of the next, needs no function: `save`
takes the drafts of any number of runs and writes them in one transaction, of which each is
taken or refused for itself. `SqlJournal` is the real one; it also tells the requester, shows
people what they are asked, and wakes the reconciler. `memory` has its twin.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from catalog.db import Database, Tx
from catalog.events import Event as Happening
from executors import claims, dead_letters, definitions, gates, late_answers, runs, swift
from executors.claims import ClaimedRun, Page, Saving, Written
from executors.dead_letters import Reason
from executors.definitions import Definition
from executors.gates import Asked
from executors.late_answers import LateAnswer
from executors.port import RunReport, RunState
from executors.runs import Entry, Letter
from executors.workflow import projection
from executors.workflow.events import Accepted, Event, FailureKind, decode, encode
from executors.workflow.exchange import Decision
from executors.workflow.migration import context_after
from executors.workflow.milestones import Migrated
from executors.workflow.narrate import told
from executors.workflow.state import Run, fold
from executors.workflow.view import report_of

_OF_OTHERS: tuple[type[Any], ...] = (*projection.TOLD, Migrated)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """What one run has to write: a page under its claim, and the events that it tells of.

    Attributes:
        is_gated: it may hold places at gates, which it gives up when it ends.
    """

    held: ClaimedRun
    page: Page
    events: Sequence[Event] = ()
    is_gated: bool = False

    @property
    def is_plain(self) -> bool:
        """Say whether nobody but the run itself is concerned."""
        return not self.page.report.state.is_final and not any(
            isinstance(event, _OF_OTHERS) for event in self.events
        )


class Book(Protocol):
    """One open transaction on runs."""

    def claim(self, run_id: str | None, owner: str, now: datetime, until: datetime) -> ClaimedRun | None:
        """Take over a due run, any when none is named; None when there is none."""
        ...

    def claim_some(self, limit: int, owner: str, now: datetime, until: datetime) -> Sequence[ClaimedRun]:
        """Take over so many due runs at most, in the order in which they are to be served."""
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

    def save_all(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        """Save each of them, as `save` does."""
        ...

    def admit(self, held: ClaimedRun, asked: Asked, now: datetime) -> datetime | None:
        """Let a run's holder through a gate; None admits, else the time to ask again."""
        ...

    def leave(self, held: ClaimedRun, holders: Mapping[str, bool | None], now: datetime) -> None:
        """Give up the places of holders whose attempts ended; each with whether its target did well."""
        ...

    def doubt(self, held: ClaimedRun, holders: Collection[str], now: datetime) -> None:
        """Tell that nobody knows what became of the attempts of these holders; their places stay theirs."""
        ...

    def set_aside(self, answers: Sequence[LateAnswer]) -> None:
        """Keep answers that came when the run was another's, for people to see."""
        ...


class Journal(Protocol):
    """Runs functions in transactions."""

    def commit(self, turn: Callable[[Book], T]) -> T:
        """Run a function in one transaction and return its answer once that is durable.

        Raises:
            Unavailable: it is not known whether the transaction took place.
        """
        ...

    def save(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        """Save drafts of different runs in one transaction; return once that is durable.

        Raises:
            Unavailable: it is not known whether the transaction took place.
        """
        ...

    def renew(self, owner: str, run_ids: Collection[str], until: datetime) -> Mapping[str, int]:
        """Put off the end of leases; return how much mail each run has that is still the owner's."""
        ...


class OnFinal(Protocol):
    """Learns in the same transaction that runs of requests are over, or wait for somebody."""

    def __call__(self, tx: Tx, request_uids: Sequence[str]) -> None:
        """Wake whoever waits for them."""
        ...


class SqlJournal:
    """The journal in the database, over a connection of its own."""

    def __init__(self, database: Database, on_final: OnFinal) -> None:
        self._database = database
        self._on_final = on_final
        self._line = database.line(*swift.SETTINGS)
        self._rota = _Rota()

    def commit(self, turn: Callable[[Book], T]) -> T:
        """Run a function in one transaction."""
        with self._database.write(self._line) as tx:
            return turn(_SqlBook(tx, self._on_final, self._rota))

    def save(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        """Save drafts in one transaction, in one statement if nobody else is concerned."""
        is_plain = all(draft.is_plain for draft in drafts)
        with self._database.write(self._line, single=is_plain) as tx:
            return _SqlBook(tx, self._on_final, self._rota).save_all(drafts)

    def renew(self, owner: str, run_ids: Collection[str], until: datetime) -> Mapping[str, int]:
        """Put off the end of leases, past whatever holds up the line."""
        with self._database.write() as tx:
            return claims.renew(tx, owner, run_ids, until)


@dataclass(slots=True)
class _Rota:
    """The project that was served last, so that the next look begins after it."""

    project: str = ""


@dataclass(frozen=True, slots=True)
class _SqlBook:
    tx: Tx
    on_final: OnFinal
    rota: _Rota

    def claim(self, run_id: str | None, owner: str, now: datetime, until: datetime) -> ClaimedRun | None:
        return claims.claim(self.tx, run_id, owner=owner, now=now, until=until)

    def claim_some(self, limit: int, owner: str, now: datetime, until: datetime) -> Sequence[ClaimedRun]:
        claimed = claims.claim_some(
            self.tx, limit, owner=owner, now=now, until=until, after=self.rota.project
        )
        self.rota.project = max((claim.project for claim in claimed), default="")
        return claimed

    def entries(self, run_id: str) -> Sequence[Entry]:
        return runs.entries(self.tx, run_id)

    def letters(self, run_id: str, after: int) -> Sequence[Letter]:
        return runs.letters(self.tx, run_id, after)

    def save(self, held: ClaimedRun, page: Page, events: Sequence[Event]) -> Written:
        return self.save_all([Draft(held, page, events)])[0]

    def save_all(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        savings = [Saving(draft.held, draft.page) for draft in drafts]
        saved = claims.write(self.tx, savings)
        concerned = [draft for draft in drafts if draft.held.id in saved and self._concerns_others(draft)]
        if concerned:
            self.on_final(self.tx, [draft.held.request_uid for draft in concerned])
        return [
            Written.SAVED if saving.held.id in saved else claims.why_not(self.tx, saving)
            for saving in savings
        ]

    def admit(self, held: ClaimedRun, asked: Asked, now: datetime) -> datetime | None:
        return gates.admit(self.tx, held, asked, now)

    def leave(self, held: ClaimedRun, holders: Mapping[str, bool | None], now: datetime) -> None:
        gates.leave(self.tx, held, holders, now)

    def doubt(self, held: ClaimedRun, holders: Collection[str], now: datetime) -> None:
        gates.doubt(self.tx, held, holders, now)

    def set_aside(self, answers: Sequence[LateAnswer]) -> None:
        late_answers.keep(self.tx, answers)

    def _concerns_others(self, draft: Draft) -> bool:
        if draft.is_plain:
            return False
        if draft.page.report.state.is_final:
            dead_letters.note(self.tx, draft.held, draft.page)
            if draft.is_gated:
                gates.leave_all(self.tx, draft.held, draft.page.now)
        for event in draft.events:
            if isinstance(event, Migrated):
                [letter] = runs.letters(self.tx, draft.held.id, event.number - 1)[:1]
                definitions.replace(self.tx, draft.held, event.former, followed(draft.held, letter.body))
        has_news = projection.project(self.tx, draft.held, draft.events)
        return has_news or draft.page.report.state.is_final


def followed(held: ClaimedRun, body: Mapping[str, Any]) -> Definition:
    """Return what a run follows once a letter that migrates it was taken in."""
    contract: Mapping[str, str] = body["contract"]
    return Definition(
        digest=body["definition"],
        document=body["document"],
        context=context_after(held.context, contract),
        contract_digest=contract.get("digest", held.contract_digest),
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


def entries_of(events: Sequence[Event], after: int) -> list[Entry]:
    """Return events as they are stored, numbered from the one after `after`."""
    return [Entry(seq, *encode(event)) for seq, event in enumerate(events, start=after + 1)]


def draft_of(held: ClaimedRun, decision: Decision, now: datetime, *, is_gated: bool = False) -> Draft:
    """Return what to write for a decision; when no call is under way, the claim is given up."""
    happenings = [
        Happening(
            held.project, held.request_uid, each.kind, f"{held.operation}: {each.message}", now, each.reason
        )
        for each in filter(None, map(told, decision.events))
    ]
    page = Page(
        entries=entries_of(decision.events, held.seq),
        report=report_of(decision.run, held.id),
        releases=decision.rests,
        due_at=decision.due_at,
        now=now,
        told=happenings,
        dead=_dead(decision.run),
    )
    return Draft(held, page, decision.events, is_gated)


def frozen(held: ClaimedRun, now: datetime) -> Draft:
    """Return what to write for a run that cannot go on: nothing but its standing."""
    message = "invariant_violation: the run cannot go on; its journal is kept as it is"
    report = RunReport(RunState.STUCK, held.id, message=message)
    return Draft(held, Page((), report, releases=True, due_at=None, now=now, dead=Reason.SPOILT))


def _dead(run: Run) -> str:
    if run.ended is None:
        return ""
    failures = (progress.failure for progress in run.progress.values() if progress.failure is not None)
    if any(failure.kind is FailureKind.POISON for failure in failures):
        return Reason.POISON
    return Reason.STUCK if run.ended.state is RunState.STUCK else ""
