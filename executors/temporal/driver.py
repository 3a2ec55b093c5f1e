"""One run in the hands of a Temporal workflow: the deciding core, and what it waits for.

The program puts in what came up (answers, lost calls, letters) and takes out decisions; the
server's history is the journal, so nothing is written here. A lost call is treated as a lost
worker is in the built-in engine: whatever else is under way may answer, nothing new begins,
and then the run is taken over under a higher fence. Pure, since a history is replayed.
"""

import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime

from catalog.digest import JsonObject, canonical_json
from executors.port import RunReport, RunState
from executors.retry import Roll
from executors.runs import Entry, Letter
from executors.temporal.wire import Errand, Form, Leaf, settled_arguments
from executors.workflow.decide import decide, settle
from executors.workflow.events import Accepted, Event, Failure, FailureKind, decode, encode
from executors.workflow.exchange import (
    Absent,
    Call,
    Claimed,
    Course,
    Decision,
    Failed,
    Moment,
    News,
    Outcome,
    Returned,
    Verb,
)
from executors.workflow.mail import CANCEL, MIGRATE, SIGNAL, mail_of
from executors.workflow.progress import Run
from executors.workflow.spec import parse_workflow
from executors.workflow.state import fold
from executors.workflow.view import report_of

MAX_SIGNALS = 200
"""So many letters take a run's signals in; other letters still get through after that."""

MAX_LETTERS = 1000
"""After so many letters only a cancel gets through."""

MAX_CROSSING_BYTES = 1_500_000
"""The server takes no more than 2 MiB at once."""

MAX_HISTORY = 20_000
"""A history of so many events is ended, and the run goes on in a new one; the server's limit is 51,200."""


@dataclass(slots=True)
class Driver:
    """A run, how far it has come, and what is under way.

    Attributes:
        order: as it crossed; see `wire.order_form`.
        fence: grows whenever a call was lost.
        letters: how many came in; `heard` of them from our door.
        copied: how many entries of the journal are in the copy that people see; `sent`: or on their way.
        under_way: calls that were begun and are not answered.
        is_winding_down: nothing new is begun, because the history is to be ended.
    """

    order: Form
    course: Course
    run: Run
    journal: list[Event]
    fence: int = 1
    letters: int = 0
    heard: int = 0
    copied: int = 1
    sent: int = 1
    under_way: set[Call] = field(default_factory=set)
    is_winding_down: bool = False
    _news: list[News] = field(default_factory=lambda: [Claimed()])
    _is_cancelled: bool = False
    _was_lost: bool = False
    _is_too_large: bool = False

    @classmethod
    def of(cls, order: Form, carried: Form | None) -> "Driver":
        """Return the driver of a run, as it was accepted or as it was carried over from an older history."""
        course = Course(parse_workflow(order["definition"]), order["context"])
        if carried is None:
            journal: list[Event] = [Accepted(datetime.fromisoformat(order["accepted_at"]))]
            return cls(order, course, fold(enumerate(journal, 1)), journal)
        journal = [decode(type_, body) for type_, body in carried["journal"]]
        run = fold(enumerate(journal, 1))
        counts = {name: carried[name] for name in ("fence", "heard", "copied")}
        counts["sent"] = counts["copied"]
        return cls(
            order, course, run, journal, letters=run.mail, **counts, _is_cancelled=run.cancel is not None
        )

    @property
    def has_news(self) -> bool:
        """Say whether something came up since the last turn."""
        return bool(self._news) or (self._was_lost and not self.under_way)

    @property
    def is_done_here(self) -> bool:
        """Say whether the run is over, or nothing holds it to this history any more."""
        can_be_carried = self.is_winding_down and not self.under_way and not self.has_news
        return self.run.ended is not None or can_be_carried

    @property
    def report(self) -> RunReport:
        """Return where the run stands."""
        return report_of(self.run, self.order["run_id"])

    def mind_the_history(self, length: int) -> None:
        """Wind down when the history becomes too long for the server, unless the run has grown too large."""
        if length > MAX_HISTORY and not self.is_winding_down and not self._is_too_large:
            self._is_too_large = self.carried() is None
            self.is_winding_down = not self._is_too_large

    def turn(self, now: datetime, roll: Roll) -> Decision:
        """Return what follows from all that came up."""
        news, self._news = self._news, []
        if self._was_lost and not self.under_way:
            self._was_lost = False
            self.fence += 1
            news.append(Claimed())
        moment = Moment(now, roll, self.fence)
        is_held = self._was_lost or self.is_winding_down
        decision = (settle if is_held else decide)(self.course, self.run, news, moment)
        self.run = decision.run
        self.journal += decision.events
        return decision

    def errand(self, call: Call) -> Errand | None:
        """Return what to hand over for a call, None when it cannot be made and has its answer already."""
        action = self.course.action(call.step, call.side)
        arguments = settled_arguments(action.arguments, self.course.roots(self.run, call.step))
        self.under_way.add(call)
        if len(canonical_json(arguments)) > MAX_CROSSING_BYTES:
            self.answered(call, _too_large(call))
            return None
        limit = action.timeout_seconds if call.limit_seconds is None else call.limit_seconds
        names = ("run_id", "project", "request_uid", "idempotency_key", "contract_digest")
        return Errand(
            **{name: self.order[name] for name in names},
            fence=self.fence,
            call=call,
            uses=action.uses,
            arguments=arguments,
            timeout_seconds=min(action.timeout_seconds, limit),
        )

    def answered(self, call: Call, outcome: Outcome) -> None:
        """Take in what came of a call."""
        self.under_way.discard(call)
        self._news.append(Returned(call, outcome))

    def lost(self, call: Call) -> None:
        """Take in that whoever made a call is gone, or overstayed."""
        self.under_way.discard(call)
        self._was_lost = True

    def posted(self, kind: str, body: JsonObject, number: int | None = None) -> None:
        """Take in a letter; a second cancel, and one letter too many, are not even opened.

        Args:
            number: of a letter from our door, where each may be brought more than once.
        """
        if number is not None:
            if number <= self.heard:
                return
            self.heard = number
        if kind == CANCEL:
            if self._is_cancelled:
                return
            self._is_cancelled = True
        elif self.letters >= (MAX_SIGNALS if kind == SIGNAL else MAX_LETTERS):
            return
        self.letters += 1
        # A history is replayed by one definition from its start, so a run here keeps its own.
        readable = "" if kind == MIGRATE else kind
        self._news += mail_of([Letter(self.letters, readable, body)])

    def leaf(self, beside: Errand | None = None) -> Leaf | None:
        """Return the next page for the copy, None when all of the journal is on its way.

        Args:
            beside: an errand that takes it along; what does not fit beside it waits.
        """
        is_alone = beside is None
        room = MAX_CROSSING_BYTES - (0 if beside is None else len(canonical_json(beside.form())))
        entries: list[Entry] = []
        for seq, event in enumerate(self.journal[self.sent :], self.sent + 1):
            entry = Entry(seq, *encode(event))
            room -= len(canonical_json(entry.body))
            if room < 0 and (entries or not is_alone):
                break
            entries.append(entry)
        if not entries:
            return None
        self.sent = entries[-1].seq
        report = replace(self.report, outputs={}, facts={})
        if entries[-1].seq < len(self.journal) and report.state.is_final:
            report = replace(report, state=RunState.RUNNING)  # the end is on a later page
        return Leaf(self.order["run_id"], tuple(entries), report, self.heard, self.fence, self._dead())

    def was_copied(self, leaf: Leaf) -> None:
        """Take in that a page, and so all before it, has reached the copy."""
        self.copied = max(self.copied, leaf.entries[-1].seq)

    def was_not_copied(self) -> None:
        """Take in that a page may not have reached the copy; all that is not known to be there goes again."""
        self.sent = self.copied

    def carried(self) -> Form | None:
        """Return the run for a new history, None when it has become too large to be carried over."""
        journal = [list(encode(event)) for event in self.journal]
        form: Form = {
            "journal": journal,
            "fence": self.fence,
            "heard": self.heard,
            "copied": self.copied,
        }
        packed = zlib.compress(canonical_json(form), level=1)
        return form if len(packed) <= MAX_CROSSING_BYTES else None

    def _dead(self) -> str:
        if self.run.ended is None:
            return ""
        failures = (progress.failure for progress in self.run.progress.values())
        if any(failure is not None and failure.kind is FailureKind.POISON for failure in failures):
            return "poison"
        return "stuck" if self.run.ended.state is RunState.STUCK else ""


def _too_large(call: Call) -> Outcome:
    if call.verb is Verb.LOOK:
        return Absent()  # such a call is never made
    message = "the step's arguments are larger than Temporal takes"
    return Failed(Failure(FailureKind.PERMANENT, "arguments_too_large", message))
