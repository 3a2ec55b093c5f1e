"""Lets a watcher follow the runs of a worker.

`WatchedJournal` stands before the journal and sees what was really written down, after the
commit; so nothing is told that did not happen, nothing is told twice, and the worker knows
nothing of it. What a watcher does with the facts (count, trace, log) is the wiring's choice; no
watcher, no cost. A watcher's own mistakes never reach a run.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from traceback import format_tb
from typing import Protocol, TypeVar

from catalog.digest import JsonObject
from executors.claims import ClaimedRun, Page, Written
from executors.gates import Asked
from executors.late_answers import LateAnswer
from executors.runs import Entry, Letter
from executors.workflow.account import APPROVAL, OTHER, WAIT, Account
from executors.workflow.events import Event, Side, decode
from executors.workflow.exchange import Course
from executors.workflow.facts import CameTooLate, Fact
from executors.workflow.journal import Book, Draft, Journal
from executors.workflow.spec import Action, Ask, Wait, parse_workflow

MOST_ACCOUNTS = 10_000
"""Runs that are in hand or rest; those that were not heard of for the longest are forgotten beyond this."""

_DOCUMENTS = 256

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Watcher(Protocol):
    """Is told what happened to runs, after it was written down, by any thread of a worker."""

    def start(self) -> None:
        """Begin; called in the process that does the work, after any fork."""
        ...

    def stop(self) -> None:
        """End, after what was told."""
        ...

    def tell(self, run: ClaimedRun, facts: Sequence[Fact]) -> None:
        """Take in what happened to a run, in order."""
        ...


class WatchedJournal:
    """A journal that tells a watcher what became durable."""

    def __init__(self, journal: Journal, watcher: Watcher) -> None:
        self._journal = journal
        self._watcher = watcher
        self._accounts: dict[str, Account] = {}
        self._kinds = _Kinds()

    def commit(self, turn: Callable[[Book], T]) -> T:
        """Run a function in one transaction, then tell what it wrote."""
        seen: list[_WatchedBook] = []

        def watched(book: Book) -> T:
            seen[:] = [_WatchedBook(book)]
            return turn(seen[0])

        answer = self._journal.commit(watched)
        for book in seen:
            self._told(book.read, book.written, book.late)
        return answer

    def save(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        """Save drafts in one transaction, then tell of them."""
        written = self._journal.save(drafts)
        self._told({}, [*zip(drafts, written, strict=True)], ())
        return written

    def renew(self, owner: str, run_ids: Collection[str], until: datetime) -> Mapping[str, int]:
        """Put off the end of leases."""
        return self._journal.renew(owner, run_ids, until)

    def _told(
        self,
        read: Mapping[str, Sequence[Entry]],
        written: Sequence[tuple[Draft, Written]],
        late: Sequence[LateAnswer],
    ) -> None:
        try:
            for draft, became in written:
                self._tell(draft, became, read.get(draft.held.id, ()))
            for answer in late:
                self._watcher.tell(_run_of(answer), [CameTooLate(1)])
        except Exception as error:  # noqa: BLE001  # the edge of watching: its fault must not become the run's
            where = "".join(format_tb(error.__traceback__))
            _log.error(
                "a watcher met the unexpected (%s), at\n%s", type(error).__name__, where
            )  # no more: the text may hold anything

    def _tell(self, draft: Draft, became: Written, entries: Sequence[Entry]) -> None:
        # Whoever takes a run up again that rested here need not read its journal, so its account is kept.
        run, account = draft.held, self._accounts.pop(draft.held.id, None)
        if entries or account is None:
            account = self._opened(run, entries)
        if became is Written.FENCED:
            return
        has_ended = draft.page.releases and draft.page.report.state.is_final
        if became is Written.NEW_MAIL or not has_ended:
            self._accounts[run.id] = account
        if became is Written.SAVED:
            facts = [fact for event in draft.events for fact in account.facts(event)]
            if facts:
                self._watcher.tell(run, facts)

    def _opened(self, run: ClaimedRun, entries: Iterable[Entry]) -> Account:
        while len(self._accounts) >= MOST_ACCOUNTS:
            self._accounts.pop(next(iter(self._accounts)), None)
        account = Account(run.created_at, partial(self._kinds.of, run.definition))
        for entry in entries:
            for _told_before in account.facts(decode(entry.type, entry.body)):
                pass
        return account


@dataclass(slots=True)
class _WatchedBook:
    """A book that remembers what was read and written in it."""

    book: Book
    read: dict[str, Sequence[Entry]] = field(default_factory=dict)
    written: list[tuple[Draft, Written]] = field(default_factory=list)
    late: list[LateAnswer] = field(default_factory=list)

    def claim(self, run_id: str | None, owner: str, now: datetime, until: datetime) -> ClaimedRun | None:
        return self.book.claim(run_id, owner, now, until)

    def claim_some(self, limit: int, owner: str, now: datetime, until: datetime) -> Sequence[ClaimedRun]:
        return self.book.claim_some(limit, owner, now, until)

    def entries(self, run_id: str) -> Sequence[Entry]:
        self.read[run_id] = entries = self.book.entries(run_id)
        return entries

    def letters(self, run_id: str, after: int) -> Sequence[Letter]:
        return self.book.letters(run_id, after)

    def save(self, held: ClaimedRun, page: Page, events: Sequence[Event]) -> Written:
        return self.save_all([Draft(held, page, events)])[0]

    def save_all(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        written = self.book.save_all(drafts)
        self.written += zip(drafts, written, strict=True)
        return written

    def admit(self, held: ClaimedRun, asked: Asked, now: datetime) -> datetime | None:
        return self.book.admit(held, asked, now)

    def leave(self, held: ClaimedRun, holders: Mapping[str, bool | None], now: datetime) -> None:
        self.book.leave(held, holders, now)

    def doubt(self, held: ClaimedRun, holders: Collection[str], now: datetime) -> None:
        self.book.doubt(held, holders, now)

    def set_aside(self, answers: Sequence[LateAnswer]) -> None:
        self.book.set_aside(answers)
        self.late += answers


class _Kinds:
    """The kinds of steps, by the document that a run follows; each is read but once."""

    def __init__(self) -> None:
        # The document is kept with what it was read into: while it is there, no other has its identity.
        self._read: dict[int, tuple[JsonObject, Course]] = {}

    def of(self, document: JsonObject, place: str, side: Side) -> str:
        """Return what carries a step out, or what it waits for."""
        known = self._read.get(id(document))
        if known is None or known[0] is not document:
            if len(self._read) >= _DOCUMENTS:
                self._read.clear()
            known = self._read[id(document)] = document, Course(parse_workflow(document), {})
        step = known[1].step(place)
        match step.do if side is Side.DO else step.undo:
            case Action(uses=uses):
                return uses
            case Ask():
                return APPROVAL
            case Wait():
                return WAIT
            case _:
                return OTHER


def _run_of(answer: LateAnswer) -> ClaimedRun:
    """Return as much of a run as an answer that came too late tells."""
    return ClaimedRun(
        id=answer.run_id,
        project=answer.project,
        request_uid="",
        idempotency_key="",
        operation="",
        contract_digest="",
        definition={},
        context={},
        created_at=answer.at,
        fence=answer.fence,
        seq=0,
        mail=0,
    )
