"""The runs that a worker drives at this moment, and the threads that lend it a hand.

A piece of work is either one call of one run, or the writing down of all answers that have come
in meanwhile, which is one transaction for all of them. Any thread takes the next piece: so
calls of one run go on side by side, a run whose steps take no time stays in one thread, and
while one thread waits for the disk the others collect what the next transaction will hold. As
long as the calls that are ready are known to be quick, they are made before anything is written.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from catalog.clock import Clock
from catalog.errors import PlatformError
from executors.workflow.exchange import Call, Returned
from executors.workflow.turns import Answered, Driver, Turn

QUICK_SECONDS = 0.002
"""A step kind whose calls take no longer than this, as far as we have seen, is quick."""

MOST_ANSWERS = 64
"""With so many answers in hand, they are written down before more calls are made."""

IDLE_SECONDS = 5.0
"""A thread that was added for calls side by side leaves after this long without work."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Hold:
    """A run in hand."""

    turn: Turn
    running: int = 0
    answers: list[Returned] = field(default_factory=list)
    has_mail: bool = False
    is_noted: bool = False  # among those with something to write down
    is_lost: bool = False
    is_given_up: bool = False  # one of its calls hangs


@dataclass(frozen=True, slots=True)
class _Ready:
    hold: _Hold
    turn: Turn
    call: Call
    uses: str


class Hands:
    """Runs in hand; safe to use from any number of threads.

    Args:
        helpers: so many threads are added at most, for the calls of a run beyond its first.
    """

    def __init__(self, driver: Driver, clock: Clock, helpers: int = 0) -> None:
        self._driver = driver
        self._clock = clock
        self._helpers = helpers
        self._helping = 0
        self._resting = 0
        self._guard = threading.Condition()
        self._holds: dict[str, _Hold] = {}
        self._ready: deque[_Ready] = deque()
        self._noted: list[_Hold] = []
        self._is_writing = False
        self._strays = 0  # threads that came back from calls that were given up
        self._extra = 0  # calls under way beyond the first of each run
        self._spans: dict[str, float] = {}
        self._pace = QUICK_SECONDS * 2

    @property
    def count(self) -> int:
        """Return how many runs are in hand."""
        return len(self._holds)

    @property
    def are_empty(self) -> bool:
        """Say whether no run is in hand and no answer, early or late, waits to be written down."""
        return not self._holds and not self._noted

    @property
    def are_quick(self) -> bool:
        """Say whether the last calls took no time worth speaking of."""
        return self._pace <= QUICK_SECONDS

    def take_on(self, turns: Iterable[Turn]) -> None:
        """Take runs in hand and put their calls among what is ready."""
        with self._guard:
            for turn in turns:
                if turn.calls:
                    self._driver.keeper.hold(turn.claim.id)
                    self._holds[turn.claim.id] = _Hold(turn)
                    self._announce(self._holds[turn.claim.id], turn)
                    self._mind(turn)
            self._wake()

    def lend(self, *, first_only: bool = False) -> bool:
        """Do the next piece of work; return False when there is none for this thread now.

        Args:
            first_only: make no call of a run that is in another call already.

        Raises:
            Unavailable: answers cannot be written down; their runs are let go.
        """
        with self._guard:
            ready, batch = self._next(first_only=first_only)
        if ready is not None:
            self._make(ready)
        elif batch:
            self._write(batch)
        return ready is not None or bool(batch)

    def finish(self) -> None:
        """Lend a hand until no run is in hand and nothing is left to write down."""
        while not self.are_empty:
            if not self.lend():
                self.rest(IDLE_SECONDS, while_held=True)

    def rest(self, seconds: float, *, first_only: bool = False, while_held: bool = False) -> None:
        """Wait until there may be something to do, at most so long.

        Args:
            first_only: as in `lend`.
            while_held: and not at all when no run is in hand.
        """
        with self._guard:
            if self._has_work(first_only=first_only) or (while_held and self.are_empty):
                return
            self._resting += 1
            self._guard.wait(self._until_due(seconds))
            self._resting -= 1
            self._note_due()

    def wake(self, count: int) -> None:
        """Wake some of those who rest."""
        with self._guard:
            self._guard.notify(count)

    def dismiss(self) -> bool:
        """Say whether a thread may leave because one for which another came has returned."""
        with self._guard:
            is_one_too_many = self._strays > 0
            self._strays -= is_one_too_many
        return is_one_too_many

    def hear(self, mail: Mapping[str, int]) -> None:
        """Note which runs in hand have mail that they have not taken in."""
        with self._guard:
            for run_id, number in mail.items():
                hold = self._holds.get(run_id)
                if hold is not None and number > hold.turn.held.run.mail:
                    hold.has_mail = True
                    self._note(hold)
            if self._noted:
                self._summon(1)

    def give_up(self, run_id: str) -> None:
        """Let a run go whose call hangs; what still comes of it comes too late."""
        with self._guard:
            hold = self._holds.get(run_id)
            if hold is not None:
                hold.is_given_up = True
                self._drop(hold)

    # ------------------------------------------------------------ under the guard

    def _next(self, *, first_only: bool) -> tuple[_Ready | None, list[_Hold]]:
        place = self._next_place(first_only=first_only)
        must_write = self._noted and not self._is_writing
        if must_write and (place is None or len(self._noted) >= MOST_ANSWERS or not self._is_quick(place)):
            batch, self._noted, self._is_writing = self._noted, [], True
            return None, batch
        if place is None:
            return None, []
        ready = self._ready[place]
        del self._ready[place]
        ready.hold.running += 1
        self._extra += ready.hold.running > 1
        return ready, []

    def _next_place(self, *, first_only: bool = False) -> int | None:
        # One call of each run may always be made; those beyond leave room for the first of others.
        has_room = not first_only and self._extra < self._helpers
        for place, ready in enumerate(self._ready):
            if has_room or not ready.hold.running:
                return place
        return None

    def _is_quick(self, place: int) -> bool:
        return self._spans.get(self._ready[place].uses, QUICK_SECONDS + 1) <= QUICK_SECONDS

    def _has_work(self, *, first_only: bool = False) -> bool:
        must_write = bool(self._noted) and not self._is_writing
        return must_write or self._next_place(first_only=first_only) is not None

    def _announce(self, hold: _Hold, turn: Turn) -> None:
        course = turn.held.course
        self._ready += (
            _Ready(hold, turn, call, course.action(call.step, call.side).uses) for call in turn.calls
        )

    def _note(self, hold: _Hold) -> None:
        if not hold.is_noted:
            hold.is_noted = True
            self._noted.append(hold)

    def _note_due(self) -> None:
        now = self._clock()
        for hold in self._holds.values():
            if hold.turn.due_at is not None and hold.turn.due_at <= now:
                self._note(hold)

    def _until_due(self, seconds: float) -> float:
        times = [hold.turn.due_at for hold in self._holds.values() if hold.turn.due_at is not None]
        if not times:
            return seconds
        return max(0.0, min(seconds, (min(times) - self._clock()).total_seconds()))

    def _wake(self) -> None:
        """Wake as many as there is work for beyond what the caller takes up himself."""
        more = len(self._ready) - 1
        if more > 0 and self._is_quick(0):
            self._guard.notify()
        elif more > 0:
            self._summon(more)

    def _summon(self, wanted: int) -> None:
        self._guard.notify(wanted)
        for _ in range(min(wanted - self._resting, self._helpers - self._helping)):
            self._helping += 1
            threading.Thread(target=self._help, name="avow-call", daemon=True).start()

    def _mind(self, turn: Turn) -> None:
        """See to it that somebody is there when something of a run in hand falls due."""
        if turn.due_at is not None and not self._resting:
            self._summon(1)

    def _drop(self, hold: _Hold) -> None:
        hold.is_lost = True
        self._ready = deque(ready for ready in self._ready if ready.hold is not hold)
        self._forget(hold)

    def _forget(self, hold: _Hold) -> None:
        run_id = hold.turn.claim.id
        if self._holds.get(run_id) is hold:
            del self._holds[run_id]
            self._driver.keeper.let_go(run_id)
            if not self._holds:
                self._guard.notify_all()

    # ------------------------------------------------------------ outside of it

    def _make(self, ready: _Ready) -> None:
        hold, began_at = ready.hold, self._clock()
        try:
            if self._driver.is_stopping:
                answer = self._driver.leave_out(ready.turn, ready.call)
            else:
                answer = self._driver.carry_out(ready.turn, ready.call)
        except BaseException:
            with self._guard:
                self._drop(hold)
                self._end_call(hold)
            raise
        with self._guard:
            self._measure(ready.uses, self._clock() - began_at)
            self._end_call(hold)
            hold.answers.append(answer)
            self._note(hold)

    def _end_call(self, hold: _Hold) -> None:
        self._strays += hold.is_given_up
        self._extra -= hold.running > 1
        hold.running -= 1

    def _measure(self, uses: str, span: timedelta) -> None:
        seconds, before = span.total_seconds(), self._spans.get(uses)
        self._spans[uses] = seconds if before is None else 0.8 * before + 0.2 * seconds
        self._pace = 0.9 * self._pace + 0.1 * seconds

    def _write(self, batch: list[_Hold]) -> None:
        answered = [self._answered(hold) for hold in batch]
        try:
            turns = self._driver.record(answered)
        except BaseException:
            with self._guard:
                self._is_writing = False
                for hold in batch:
                    self._drop(hold)
            raise
        with self._guard:
            self._is_writing = False
            for hold, turn in zip(batch, turns, strict=True):
                self._settle(hold, turn)
            self._wake()

    def _answered(self, hold: _Hold) -> Answered:
        with self._guard:
            answers, hold.answers = tuple(hold.answers), []
            has_mail, hold.has_mail, hold.is_noted = hold.has_mail, False, False
        return Answered(hold.turn, answers, has_mail)

    def _settle(self, hold: _Hold, turn: Turn | None) -> None:
        if hold.is_lost:
            return
        if turn is None:
            self._drop(hold)
            return
        hold.turn = turn
        self._announce(hold, turn)
        if not turn.held.run.flying:
            self._forget(hold)
        else:
            self._mind(turn)

    def _help(self) -> None:
        try:
            while self._is_wanted():
                try:
                    while self.lend():
                        pass
                except PlatformError as error:  # its runs were let go and come due for others
                    _log.warning("a thread that helps lost its runs: %s", error.message)
        finally:
            with self._guard:
                self._helping -= 1

    def _is_wanted(self) -> bool:
        rested_at = self._clock()
        self.rest(IDLE_SECONDS)
        with self._guard:
            return self._has_work() or self._clock() - rested_at < timedelta(seconds=IDLE_SECONDS)
