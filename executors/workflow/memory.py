"""The journal's in-memory twin: the same rules, without a database.

The simulator drives real workers over it, and whoever tries a workflow out can do so
without services. `tests/unit/executors/workflow/test_journal.py` holds it and the database
to the same claims. A transaction that raises leaves no trace, as in the real one.
"""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from catalog.digest import JsonObject
from executors.claims import ClaimedRun, Page, Written
from executors.definitions import Definition
from executors.gates import Asked
from executors.late_answers import LateAnswer
from executors.port import RunReport, RunState
from executors.runs import Entry, Letter
from executors.workflow.events import Event
from executors.workflow.journal import Book, Draft, followed
from executors.workflow.mail import RETRY
from executors.workflow.milestones import Migrated

T = TypeVar("T")


@dataclass
class StoredRun:
    """What the database would hold of one run."""

    claim: ClaimedRun
    due_at: datetime | None
    owner: str = ""
    entries: list[Entry] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    report: RunReport = field(default_factory=lambda: RunReport(RunState.PENDING))
    former: dict[str, JsonObject] = field(default_factory=dict)

    def follow(self, after: Definition, former: str) -> None:
        """Follow another definition, and keep the one before under its digest."""
        self.former[former] = self.claim.definition
        self.claim = replace(
            self.claim,
            definition=after.document,
            context=after.context,
            contract_digest=after.contract_digest,
        )

    @property
    def is_over(self) -> bool:
        """Say whether the run has ended."""
        return self.report.state.is_final


class MemoryJournal:
    """Runs by id; `Journal` for workers, plain attributes for whoever looks on.

    Attributes:
        late: answers that came when their run was another's.
    """

    def __init__(self) -> None:
        self.runs: dict[str, StoredRun] = {}
        self.late: list[LateAnswer] = []

    def add(self, claim: ClaimedRun, first: Entry, due_at: datetime) -> None:
        """Store a new run that nobody has claimed."""
        self.runs[claim.id] = StoredRun(replace(claim, fence=0, seq=1, mail=0), due_at, entries=[first])

    def post(self, run_id: str, kind: str, body: JsonObject, now: datetime) -> None:
        """Leave a message for a run that has not ended, and make it due unless it is being driven."""
        run = self.runs[run_id]
        if run.is_over and kind != RETRY:
            return
        number = run.claim.mail + 1
        run.claim = replace(run.claim, mail=number)
        run.letters.append(Letter(number, kind, body))
        run.due_at = run.due_at if run.owner else now

    def commit(self, turn: Callable[[Book], T]) -> T:
        """Run a function; what it did is undone when it raises."""
        before = {run_id: _copied(run) for run_id, run in self.runs.items()}
        late = list(self.late)
        try:
            return turn(_MemoryBook(self.runs, self.late))
        except BaseException:
            self.runs, self.late = before, late
            raise

    def save(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        """Save drafts as a transaction of their own."""
        return self.commit(lambda book: book.save_all(drafts))

    def renew(self, owner: str, run_ids: Collection[str], until: datetime) -> Mapping[str, int]:
        """Put off the end of leases."""
        mine = [run_id for run_id in run_ids if self.runs[run_id].owner == owner]
        for run_id in mine:
            self.runs[run_id].due_at = until
        return {run_id: self.runs[run_id].claim.mail for run_id in mine}


def _copied(run: StoredRun) -> StoredRun:
    twin = copy.copy(run)
    twin.entries, twin.letters, twin.former = list(run.entries), list(run.letters), dict(run.former)
    return twin


@dataclass(frozen=True, slots=True)
class _MemoryBook:
    runs: dict[str, StoredRun]
    late: list[LateAnswer]

    def claim(self, run_id: str | None, owner: str, now: datetime, until: datetime) -> ClaimedRun | None:
        named = [self.runs[run_id]] if run_id is not None else list(self.runs.values())
        due = [run for run in named if run.due_at is not None and _is_due(run, now, named=run_id is not None)]
        if not due:
            return None
        run = min(due, key=lambda each: (each.due_at, each.claim.id))
        run.claim = replace(run.claim, fence=run.claim.fence + 1)
        run.owner, run.due_at = owner, until
        return run.claim

    def claim_some(self, limit: int, owner: str, now: datetime, until: datetime) -> Sequence[ClaimedRun]:
        claimed = (self.claim(None, owner, now, until) for _ in range(limit))
        return [claim for claim in claimed if claim is not None]

    def entries(self, run_id: str) -> Sequence[Entry]:
        return list(self.runs[run_id].entries)

    def letters(self, run_id: str, after: int) -> Sequence[Letter]:
        return [letter for letter in self.runs[run_id].letters if letter.number > after]

    def save(self, held: ClaimedRun, page: Page, events: Sequence[Event]) -> Written:
        run = self.runs[held.id]
        if run.claim.fence != held.fence:
            return Written.FENCED
        if run.claim.seq != held.seq:
            wrote_this = run.entries[held.seq :] == list(page.entries)
            return Written.SAVED if wrote_this else Written.FENCED
        if run.claim.mail != held.mail:
            return Written.NEW_MAIL
        run.entries += page.entries
        run.claim = replace(run.claim, seq=held.seq + len(page.entries))
        run.report = page.report
        if page.releases:
            run.owner, run.due_at = "", page.due_at
        for event in events:
            if isinstance(event, Migrated):
                run.follow(followed(run.claim, run.letters[event.number - 1].body), event.former)
        return Written.SAVED

    def save_all(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        return [self.save(draft.held, draft.page, draft.events) for draft in drafts]

    def admit(self, held: ClaimedRun, asked: Asked, now: datetime) -> datetime | None:
        return None

    def leave(self, held: ClaimedRun, holders: Mapping[str, bool | None], now: datetime) -> None:
        pass

    def doubt(self, held: ClaimedRun, holders: Collection[str], now: datetime) -> None:
        pass

    def set_aside(self, answers: Sequence[LateAnswer]) -> None:
        self.late.extend(answer for answer in answers if answer not in self.late)


def _is_due(run: StoredRun, now: datetime, *, named: bool) -> bool:
    never_claimed = named and run.claim.fence == 0
    return run.due_at is not None and (run.due_at <= now or never_claimed)
