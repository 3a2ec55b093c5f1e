"""Drives runs: claim, decide, write down, carry out, and again, until nothing is due now.

A dispatcher calls `drive` with the run it was told of, or takes some that are due. The claim
and the first decision share a transaction, and so do the end of some calls and the beginning of
the next; calls are made in between, outside of any (`hands`). A decision that asks a gate is
made inside the transaction that writes it down. A worker that finds its fence outdated puts
aside what it heard and writes nothing: the run is another's by then.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from catalog import trace
from catalog.clock import Clock
from catalog.errors import Internal, Unavailable
from executors.claims import ClaimedRun, Written
from executors.retry import Roll
from executors.runs import Entry, Letter
from executors.workflow.act import Actor
from executors.workflow.decide import decide, settle
from executors.workflow.exchange import (
    Absent,
    Call,
    Claimed,
    Decision,
    Moment,
    News,
    Returned,
    Verb,
    admits_all,
)
from executors.workflow.hands import Hands
from executors.workflow.journal import Book, Draft, Journal, accepted, draft_of, frozen, run_of
from executors.workflow.keeper import Keeper
from executors.workflow.mail import mail_of
from executors.workflow.naming import names_of, names_of_call
from executors.workflow.opening import Openings, late_answer
from executors.workflow.passage import Passage
from executors.workflow.turns import Answered, Turn

SAVE_PATIENCE_SECONDS = 60.0
"""How long a worker holds on to an answer that it cannot write down."""

_PAUSE_SECONDS = 0.2
_log = logging.getLogger(__name__)

T = TypeVar("T")


class _Broken(Exception):
    """The run's journal or definition cannot be gone on with."""


class Worker:
    """One claimant; the keeper's owner name is unique to this boot of this process.

    Args:
        roll: the dice for waits between attempts.
        pause: waits that long, or less when it returns True because of a stop.
        side_by_side: so many calls of a run it follows beyond the first are made at the same time.
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
        side_by_side: int = 0,
    ) -> None:
        self.keeper = keeper
        self._journal = journal
        self._actor = actor
        self._clock = clock
        self._roll = roll
        self._stopping = threading.Event()
        self._pause = pause or self._stopping.wait
        self._side_by_side = side_by_side
        self._openings = Openings()

    @property
    def is_stopping(self) -> bool:
        """Say whether nothing more may be begun."""
        return self._stopping.is_set()

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
        """Claim a run if it is due (any due one when none is named) and announce its next calls."""

        def claimed(book: Book, now: datetime) -> list[ClaimedRun]:
            claim = book.claim(run_id, self.keeper.owner, now, self.keeper.lease_end(now))
            return [] if claim is None else [claim]

        return next(iter(self._take(claimed)), None)

    def take_some(self, limit: int) -> list[Turn]:
        """Claim so many due runs at most, and announce their next calls."""

        def claimed(book: Book, now: datetime) -> Sequence[ClaimedRun]:
            return book.claim_some(limit, self.keeper.owner, now, self.keeper.lease_end(now))

        return self._take(claimed)

    def follow(self, *turns: Turn) -> None:
        """Carry out the announced calls and all that follows from them now."""
        hands = Hands(self, self._clock, self._side_by_side)
        self.keeper.on_mail = hands.hear
        hands.take_on(turns)
        hands.finish()

    def carry_out(self, turn: Turn, call: Call) -> Returned:
        """Make one announced call."""
        held = turn.held
        timeout_seconds = held.course.action(call.step, call.side).timeout_seconds
        named = partial(names_of_call, held, call)
        with trace.about(named), self.keeper.expecting(held.run_id, call, timeout_seconds):
            return Returned(call, self._actor.carry_out(held, call))

    def leave_out(self, turn: Turn, call: Call) -> Returned:
        """Return the answer to an announced call that nobody began, and nobody will."""
        return self.carry_out(turn, call) if call.verb is Verb.LOOK else Returned(call, Absent())

    def record(self, answered: Sequence[Answered]) -> list[Turn | None]:
        """Write down what came up for runs, and what follows; None for one that is not ours any more.

        Raises:
            Unavailable: it could not be written down for a long time.
        """
        now = self._clock()
        shares = [self._share(each, now) for each in answered]
        plain = [share for share in shares if share.draft is not None]
        for share, written in zip(plain, self._save(plain), strict=True):
            share.written = written
        return [self._onward(share, now) for share in shares]

    def _take(self, claimed: Callable[[Book, datetime], Sequence[ClaimedRun]]) -> list[Turn]:
        if self._stopping.is_set():
            return []
        now = self._clock()

        def turn(book: Book) -> list[Turn]:
            begun = [self._begin(book, claim, now) for claim in claimed(book, now)]
            book.save_all([draft for draft, _ in begun])
            return [turn for _, turn in begun if turn is not None]

        turns = self._journal.commit(turn)
        for each in turns:
            self._openings.keep(each)
        return turns

    def _begin(self, book: Book, claim: ClaimedRun, now: datetime) -> tuple[Draft, Turn | None]:
        known, entries = self._openings.known(claim), list[Entry]()
        if known is None:  # a run that was never driven has nothing in its journal but the acceptance
            entries += book.entries(claim.id) if claim.seq > 1 else [accepted(claim.created_at)]
        passage = Passage(book, claim, now)
        try:
            with _contained(claim):
                turn = self._openings.turn(claim, known or run_of(entries))
            letters = book.letters(claim.id, turn.held.run.mail) if claim.mail > turn.held.run.mail else ()
            return self._drafted(turn, [Claimed()], now, letters=letters, passage=passage)
        except _Broken:
            return frozen(claim, now), None

    def _share(self, answered: Answered, now: datetime) -> "_Share":
        """Return what a run has to write down, unless that takes a transaction of its own."""
        if answered.has_mail or answered.turn.is_gated:
            return _Share(answered, written=Written.NEW_MAIL)
        try:
            draft, onward = self._drafted(answered.turn, answered.answers, now)
        except _Broken:
            return _Share(answered, frozen(answered.turn.claim, now))
        if not draft.events and not draft.page.releases:
            return _Share(answered, onward=onward, written=Written.SAVED)
        return _Share(answered, draft, onward)

    def _drafted(
        self,
        turn: Turn,
        news: Sequence[News],
        now: datetime,
        *,
        letters: Sequence[Letter] = (),
        passage: Passage | None = None,
    ) -> tuple[Draft, Turn]:
        """Return what to write down for a decision, and the run as it stands once it is.

        Raises:
            _Broken: it cannot be gone on with.
        """
        with _contained(turn.claim, passage):
            moment = Moment(now, self._roll, turn.claim.fence, passage.admit if passage else admits_all)
            decision = self._decision(turn, (*news, *mail_of(letters)), moment)
            if letters and decision.run.mail != letters[-1].number:
                raise Internal("mail_refused", "The run does not take in its mail.")  # else asked for ever
            claim = turn.claim.at(turn.claim.seq, decision.run.mail)
            draft = draft_of(claim, decision, now, is_gated=turn.is_gated)
        if passage is not None and turn.is_gated:
            passage.leave_given_up(decision.events)
        return draft, turn.after(claim.at(decision.run.seq, decision.run.mail), decision)

    def _decision(self, turn: Turn, news: Sequence[News], moment: Moment) -> Decision:
        held = turn.held
        if not self._stopping.is_set():
            return decide(held.course, held.run, news, moment)
        decision = settle(held.course, held.run, news, moment)
        return decision if decision.run.ended is not None else replace(decision, due_at=moment.now)

    def _save(self, shares: Sequence["_Share"]) -> Sequence[Written]:
        """Save what was drafted in one transaction; what spoils it for all is tried alone."""
        drafts = [share.draft for share in shares if share.draft is not None]
        try:
            return self._patiently(lambda: self._journal.save(drafts)) if drafts else ()
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001  # what cannot be written comes due for another try, and the others go on
            names = ", ".join(draft.held.id for draft in drafts)
            _log.exception("run %s cannot be written down", names)
        if len(shares) == 1:
            return [Written.FENCED]
        return [written for share in shares for written in self._save([share])]

    def _onward(self, share: "_Share", now: datetime) -> Turn | None:
        if share.written is Written.NEW_MAIL:
            turn = partial(self._record, answered=share.answered, now=now)
            written, share.onward = self._patiently(lambda: self._journal.commit(turn))
        else:
            written = share.written
        if written is Written.FENCED:
            self._set_aside(share.answered, now)
            return None
        if share.onward is not None:
            self._openings.keep(share.onward)
        return share.onward

    def _record(self, book: Book, answered: Answered, now: datetime) -> tuple[Written, Turn | None]:
        """Decide and write down in one transaction, with all mail taken in and the gates at hand."""
        claim = answered.turn.claim
        passage = Passage(book, claim, now)
        if answered.turn.is_gated:
            passage.leave_after(answered.answers)
        while True:
            letters = book.letters(claim.id, answered.turn.held.run.mail)
            try:
                draft, onward = self._drafted(
                    answered.turn, answered.answers, now, letters=letters, passage=passage
                )
            except _Broken:
                return book.save_all([frozen(claim, now)])[0], None
            written = book.save_all([draft])[0]
            if written is not Written.NEW_MAIL:
                return written, onward

    def _set_aside(self, answered: Answered, now: datetime) -> None:
        _log.warning(
            "run %s was taken over; what came too late is put aside (%s)",
            answered.turn.claim.id,
            len(answered.answers),
            extra=names_of(answered.turn.claim),
        )
        late = [late_answer(answered.turn, each, now) for each in answered.answers]
        if late:
            self._patiently(lambda: self._journal.commit(lambda book: book.set_aside(late)))

    def _patiently(self, commit: Callable[[], T]) -> T:
        """Commit, and again while the database does not answer: an answer in hand is worth waiting for."""
        until = self._clock() + timedelta(seconds=SAVE_PATIENCE_SECONDS)
        while True:
            try:
                return commit()
            except Unavailable:
                if self._pause(_PAUSE_SECONDS) or self._clock() > until:
                    raise


@dataclass(slots=True)
class _Share:
    """What one run has to write down, and what became of it."""

    answered: Answered
    draft: Draft | None = None
    onward: Turn | None = None
    written: Written = Written.FENCED


@contextmanager
def _contained(claim: ClaimedRun, passage: Passage | None = None) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a bug or a spoilt journal stops this run, and no other
        if passage is not None and passage.is_asking:
            raise  # the database's fault and not the run's
        _log.exception("run %s is frozen", claim.id, extra=names_of(claim))
        raise _Broken from error
