"""Playing a run by hand: the deciding core, a virtual clock, and answers given by the test."""

from typing import Any

from executors.workflow.decide import decide
from executors.workflow.events import Accepted, Ended, Event, Failure, FailureKind
from executors.workflow.exchange import (
    Call,
    Claimed,
    Course,
    Decision,
    Failed,
    Moment,
    News,
    Outcome,
    Returned,
)
from executors.workflow.spec import parse_workflow
from executors.workflow.state import Run, fold
from tests.engine import VirtualClock

STEADY = {"attempts": 3, "initial": "1s", "max": "30s", "jitter": "none"}


def transient(after: float = 0.0) -> Failed:
    """Return a failure that passes, and how long the other side asked to be left alone."""
    return Failed(Failure(FailureKind.TRANSIENT, "busy", "it is busy"), after)


PERMANENT = Failed(Failure(FailureKind.PERMANENT, "no", "it refuses"))
UNKNOWN = Failed(Failure(FailureKind.UNKNOWN, "line_broke", "the line broke"))
REJECTED = Failed(Failure(FailureKind.REJECTED, "invalid_output", "the answer is not an object"))


class Play:
    """One run, decided on step by step."""

    def __init__(self, doc: dict[str, Any]) -> None:
        self.clock = VirtualClock()
        self.course = Course(parse_workflow(doc), {"inputs": {"size": "s"}})
        self.run: Run = fold([(1, Accepted(self.clock()))])
        self.events: list[Event] = []
        self.decision = self.hear(Claimed())

    def moment(self) -> Moment:
        """Return the present, with dice that always show the middle."""
        return Moment(self.clock(), lambda: 0.5, 1)

    def hear(self, *news: News) -> Decision:
        """Decide on the news."""
        self.decision = decide(self.course, self.run, news, self.moment())
        self.run = self.decision.run
        self.events += self.decision.events
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

    def wait(self) -> float:
        """Let the time pass until the run is due, and return the seconds that took."""
        assert self.decision.due_at is not None
        seconds = (self.decision.due_at - self.clock()).total_seconds()
        self.clock.advance(seconds)
        self.hear()
        return seconds

    def wants(self) -> tuple[str, str, str]:
        """Return the wanted call as step, side and verb."""
        return self.call().step, self.call().side.value, self.call().verb.value

    def end(self) -> Ended:
        """Return how the run ended."""
        assert self.run.ended is not None
        return self.run.ended
