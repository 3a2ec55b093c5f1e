"""What a worker does at gates: asks them for the core, and says who leaves.

The core asks in the middle of a decision, so the decision is made inside the transaction in
which it is written down (`Passage`). Who was let in leaves when his attempt ends: at once when
the answer says so, and that comes first, so that the place is free for what is decided next;
else when the decision gives the attempt up.
"""

from collections.abc import Sequence
from datetime import datetime

from executors.claims import ClaimedRun
from executors.gates import Asked
from executors.workflow.events import AttemptFailed, Event, FailureKind, Side, StepFailed
from executors.workflow.exchange import Absent, Done, Outcome, Returned, Verb
from executors.workflow.journal import Book
from executors.workflow.spec import Gate, Workflow


class Passage:
    """Asks the gates of one run, in one transaction.

    Attributes:
        is_asking: true after a question that broke off: what was raised is the database's matter.
    """

    def __init__(self, book: Book, held: ClaimedRun, now: datetime) -> None:
        self._book = book
        self._held = held
        self._now = now
        self.is_asking = False

    def admit(self, gate: Gate, holder: str) -> datetime | None:
        """Let a holder in and return None, or return when to ask again."""
        self.is_asking = True
        asked = Asked(gate.kind, gate.key, gate.limit, gate.per_seconds, holder)
        until = self._book.admit(self._held, asked, self._now)
        self.is_asking = False
        return until

    def leave_after(self, answers: Sequence[Returned]) -> None:
        """Give up the places of steps whose attempts these answers end; tell breakers of those in doubt."""
        calls = [each for each in answers if each.call.side is Side.DO]
        # A call that hung says as much about its target as one that failed; a look that hangs says no more.
        unsure = [
            each.call.step for each in calls if each.call.verb is Verb.RUN and not _ends_attempt(each.outcome)
        ]
        if unsure:
            self._book.doubt(self._held, unsure, self._now)
        ended = [each for each in calls if _ends_attempt(each.outcome)]
        if ended:
            holders = {each.call.step: _target_did_well(each.outcome) for each in ended}
            self._book.leave(self._held, holders, self._now)

    def leave_given_up(self, events: Sequence[Event]) -> None:
        """Give up the places of steps that were decided to have failed."""
        given_up = [event for event in events if _gives_up(event)]
        if given_up:
            self._book.leave(self._held, {event.step: None for event in given_up}, self._now)  # type: ignore[union-attr]  # these have one


def is_gated(workflow: Workflow) -> bool:
    """Say whether anything in a workflow has a gate before it."""
    steps = any(step.gates for step in workflow.steps.values())
    return bool(workflow.gates) or steps or any(map(is_gated, workflow.nested.values()))


def _ends_attempt(outcome: Outcome) -> bool:
    return isinstance(outcome, Done | Absent) or outcome.failure.kind is not FailureKind.UNKNOWN


def _target_did_well(outcome: Outcome) -> bool | None:
    """Say whether the target answered as it should; a refusal is an answer too."""
    if isinstance(outcome, Done):
        return True
    return not isinstance(outcome, Absent) and outcome.failure.kind is not FailureKind.TRANSIENT


def _gives_up(event: Event) -> bool:
    return isinstance(event, StepFailed) or (isinstance(event, AttemptFailed) and event.side is Side.DO)
