"""Drives runs: claim, decide, write down, carry out, and again, until nothing is due now.

A dispatcher calls `drive` with the run it was told of, or takes any that is due. The claim
and the first decision share a transaction, and so do a step's end and the next one's
start; calls are made in between, outside of any. A worker that finds its fence outdated
drops what it has and writes nothing: the run is another's by then.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from catalog.clock import Clock
from catalog.errors import Internal, Unavailable
from executors.claims import ClaimedRun, Written
from executors.port import RunReport, RunState
from executors.retry import Roll
from executors.runs import Letter
from executors.workflow.act import Actor, Held
from executors.workflow.decide import decide, settle
from executors.workflow.exchange import Call, Claimed, Course, Decision, Moment, News, Returned
from executors.workflow.journal import Book, Journal, accepted, frozen_page, mail_of, page_of, run_of
from executors.workflow.keeper import Keeper
from executors.workflow.spec import parse_workflow
from executors.workflow.state import Run

SAVE_PATIENCE_SECONDS = 60.0
"""How long a worker holds on to an answer that it cannot write down."""

_PAUSE_SECONDS = 0.2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Turn:
    """A run under our claim, with the calls that were announced for it."""

    claim: ClaimedRun
    held: Held
    calls: tuple[Call, ...] = ()


class _Broken(Exception):
    """The run's journal or definition cannot be gone on with."""


class Worker:
    """One claimant; the keeper's owner name is unique to this boot of this process.

    Args:
        roll: the dice for waits between attempts.
        pause: waits that long, or less when it returns True because of a stop.
    """

    def __init__(
        self,
        journal: Journal,
        actor: Actor,
        keeper: Keeper,
        *,
        clock: Clock,
        roll: Roll,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self.keeper = keeper
        self._journal = journal
        self._actor = actor
        self._clock = clock
        self._roll = roll
        self._stopping = threading.Event()
        self._pause = pause or self._stopping.wait

    def drive(self, run_id: str) -> bool:
        """Drive a run as far as it goes now; return False when it is not due or another's."""
        turn = self.take(run_id)
        if turn is not None:
            self.follow(turn)
        return turn is not None

    def stop(self) -> None:
        """Let the calls under way end and their answers be written down; begin nothing more."""
        self._stopping.set()

    def take(self, run_id: str | None = None) -> Turn | None:
        """Claim a run if it is due (any due one when none is named) and announce its next call."""
        if self._stopping.is_set():
            return None
        return self._journal.commit(lambda book: self._claim(book, run_id))

    def follow(self, turn: Turn) -> None:
        """Carry out the announced calls and all that follows from them now."""
        onward: Turn | None = turn
        with self.keeper.holding(turn.claim.id):
            while onward is not None and onward.calls:
                onward = self._step(onward)

    def _step(self, turn: Turn) -> Turn | None:
        news = [self._carry_out(turn.held, call) for call in turn.calls]
        now = self._clock()
        return self._patiently(lambda book: self._record(book, turn, news, now))

    def _carry_out(self, held: Held, call: Call) -> Returned:
        self.keeper.expect(held.run_id, held.course.action(call.step, call.side).timeout_seconds)
        return Returned(call, self._actor.carry_out(held, call))

    def _claim(self, book: Book, run_id: str | None) -> Turn | None:
        now = self._clock()
        claim = book.claim(run_id, self.keeper.owner, now, self.keeper.lease_end(now))
        if claim is None:
            return None
        # A run that was never driven has nothing in its journal but the acceptance.
        entries = book.entries(claim.id) if claim.seq > 1 else [accepted(claim.created_at)]
        try:
            with _contained(claim):
                run = run_of(entries)
                course = Course(parse_workflow(claim.definition), claim.context)
        except _Broken:
            _freeze(book, claim, now)
            return None
        return self._record(book, Turn(claim, _held(claim, course, run)), [Claimed()], now)

    def _record(self, book: Book, turn: Turn, news: Sequence[News], now: datetime) -> Turn | None:
        """Decide on the news and write it down; None when the run is over, waits, or is not ours."""
        letters: Sequence[Letter] = ()
        while True:
            try:
                decision = self._decision(turn, news, letters, now)
            except _Broken:
                _freeze(book, turn.claim, now)
                return None
            claim = replace(turn.claim, mail=decision.run.mail)
            written = book.save(claim, page_of(claim, decision, now), decision.events)
            if written is not Written.NEW_MAIL:
                break
            letters = book.letters(claim.id, turn.held.run.mail)
        if written is Written.FENCED:
            _log.warning("run %s was taken over; a late answer is dropped", claim.id)
            return None
        return Turn(
            replace(claim, seq=decision.run.seq), replace(turn.held, run=decision.run), decision.calls
        )

    def _decision(
        self, turn: Turn, news: Sequence[News], letters: Sequence[Letter], now: datetime
    ) -> Decision:
        moment = Moment(now, self._roll, turn.claim.fence)
        held = turn.held
        with _contained(turn.claim):
            mail = mail_of(letters)
            if self._stopping.is_set():
                decision = settle(held.course, held.run, (*news, *mail), moment)
                decision = decision if decision.run.ended is not None else replace(decision, due_at=now)
            else:
                decision = decide(held.course, held.run, (*news, *mail), moment)
            if mail and decision.run.mail != mail[-1].number:
                raise Internal("mail_refused", "The run does not take in its mail.")  # else asked for ever
            return decision

    def _patiently(self, turn: Callable[[Book], Turn | None]) -> Turn | None:
        """Commit, and again while the database does not answer: an answer in hand is worth waiting for."""
        until = self._clock() + timedelta(seconds=SAVE_PATIENCE_SECONDS)
        while True:
            try:
                return self._journal.commit(turn)
            except Unavailable:
                if self._pause(_PAUSE_SECONDS) or self._clock() > until:
                    raise


@contextmanager
def _contained(claim: ClaimedRun) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a bug or a spoilt journal stops this run, and no other
        _log.exception("run %s is frozen", claim.id)
        raise _Broken from error


def _freeze(book: Book, claim: ClaimedRun, now: datetime) -> None:
    message = "invariant_violation: the run cannot go on; its journal is kept as it is"
    book.save(claim, frozen_page(RunReport(RunState.STUCK, claim.id, message=message), now), ())


def _held(claim: ClaimedRun, course: Course, run: Run) -> Held:
    return Held(
        run_id=claim.id,
        project=claim.project,
        request_uid=claim.request_uid,
        idempotency_key=claim.idempotency_key,
        contract_digest=claim.contract_digest,
        fence=claim.fence,
        course=course,
        run=run,
    )
