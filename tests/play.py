"""Playing a run by hand: the deciding core, a virtual clock, and answers given by the test.

After every decision the journal so far is stored, read back and folded anew, and has to come
to the same state: a test of anything is a test of that too.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from catalog.digest import JsonObject
from executors.workflow.ballot import Cast, Verdict, Voter
from executors.workflow.decide import decide
from executors.workflow.events import (
    Accepted,
    Ended,
    Event,
    Failure,
    FailureKind,
    Side,
    decode,
    encode,
)
from executors.workflow.exchange import (
    Acted,
    Admit,
    Call,
    Claimed,
    Course,
    Decision,
    Done,
    Failed,
    Moment,
    News,
    Outcome,
    Returned,
    admits_all,
)
from executors.workflow.spec import parse_workflow
from executors.workflow.state import Phase, Run, fold
from tests.workflows import VirtualClock

STEADY = {"attempts": 3, "initial": "1s", "max": "30s", "jitter": "none"}


def transient(after: float = 0.0) -> Failed:
    """Return a failure that passes, and how long the other side asked to be left alone."""
    return Failed(Failure(FailureKind.TRANSIENT, "busy", "it is busy"), after)


PERMANENT = Failed(Failure(FailureKind.PERMANENT, "no", "it refuses"))
UNKNOWN = Failed(Failure(FailureKind.UNKNOWN, "line_broke", "the line broke"))
REJECTED = Failed(Failure(FailureKind.REJECTED, "invalid_output", "the answer is not an object"))


class Play:
    """One run, decided on step by step.

    Attributes:
        open: the calls that are under way, by step.
        mail: how many letters were sent.
    """

    def __init__(
        self, doc: dict[str, Any], context: JsonObject | None = None, admit: Admit = admits_all
    ) -> None:
        self.clock = VirtualClock()
        self.admit = admit
        self.course = Course(parse_workflow(doc), context or {"inputs": {"size": "s"}})
        self.run: Run = fold([(1, Accepted(self.clock()))])
        self.events: list[Event] = []
        self.open: dict[str, Call] = {}
        self.mail = 0
        self.decision = self.hear(Claimed())

    def moment(self) -> Moment:
        """Return the present, with dice that always show the middle."""
        return Moment(self.clock(), lambda: 0.5, 1, self.admit)

    def hear(self, *news: News) -> Decision:
        """Decide on the news."""
        self.decision = decide(self.course, self.run, news, self.moment())
        self.run = self.decision.run
        self.events += self.decision.events
        self.open |= {call.step: call for call in self.decision.calls}
        assert folded(self.events) == self.run, "the journal comes to another state"
        return self.decision

    def call(self) -> Call:
        """Return the one call that is wanted now."""
        [call] = self.decision.calls
        return call

    def answer(self, *outcomes: Outcome) -> "Play":
        """Answer one wanted call after the other."""
        for outcome in outcomes:
            self.hear(Returned(self.call(), outcome))
        return self

    def reply(self, replies: Mapping[str, Outcome] | str, *more: str) -> "Play":
        """Answer calls under way by the names of their steps; bare names are done."""
        each = dict.fromkeys([replies, *more], Done()) if isinstance(replies, str) else replies
        for step, outcome in each.items():
            self.hear(Returned(self.open.pop(step), outcome))
        return self

    def send(self, letter: type[Any], *values: Any) -> "Play":
        """Send a letter."""
        self.mail += 1
        self.hear(letter(self.mail, *values))
        return self

    def vote(
        self,
        step: str,
        person: str,
        verdict: Verdict = Verdict.APPROVE,
        *,
        groups: tuple[str, ...] = ("sec",),
        reason: str = "because",
    ) -> "Play":
        """Send a vote on an approval that is asked."""
        task = self.run.asked[step].task
        now = self.clock()
        act = Cast(step, task.opened_at, Voter(person, groups), now, task.binding, verdict, reason)
        return self.send(Acted, act)

    def pass_time(self, seconds: float) -> "Play":
        """Let time pass, and let the run notice."""
        self.clock.advance(seconds)
        self.hear()
        return self

    def wait(self) -> float:
        """Let the time pass until the run is due, and return the seconds that took."""
        assert self.decision.due_at is not None
        seconds = (self.decision.due_at - self.clock()) / timedelta(seconds=1)
        self.clock.advance(seconds)
        self.hear()
        return seconds

    def wants(self) -> tuple[str, str, str]:
        """Return the wanted call as step, side and verb."""
        return self.call().step, self.call().side.value, self.call().verb.value

    def begun(self) -> list[str]:
        """Return the steps whose calls are wanted now, `-` before those to be undone."""
        return [("-" if call.side is Side.UNDO else "") + call.step for call in self.decision.calls]

    def phase(self, step: str) -> Phase:
        """Return where a step stands."""
        return self.run.of(step, Side.DO).phase

    def told(self) -> list[str]:
        """Return the names of the events of the last decision."""
        return [type(event).__name__ for event in self.decision.events]

    def end(self) -> Ended:
        """Return how the run ended."""
        assert self.run.ended is not None
        return self.run.ended


def folded(events: list[Event]) -> Run:
    """Return the state that a stored and re-read journal comes to, after an acceptance at its first time."""
    stored = [encode(event) for event in (Accepted(VirtualClock()()), *events)]
    return fold(
        (seq, decode(type_, json.loads(json.dumps(body)))) for seq, (type_, body) in enumerate(stored, 1)
    )
