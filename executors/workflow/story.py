"""A decision in the making: what was decided so far, and where that leaves the run.

`decide` makes one from the run at hand; the rules tell it events, which it folds at once into
a copy, so that each rule sees what those before it did. It also keeps the agenda of a forward
run: the places that came into question by what was just told.
"""

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from executors.workflow.approval_events import ApprovalClosed
from executors.workflow.events import (
    AttemptSucceeded,
    Event,
    Failure,
    FailureKind,
    Side,
    StepFailed,
)
from executors.workflow.exchange import Call, Course, Decision, Moment
from executors.workflow.milestones import StepCompleted, StepSkipped, WaitEnded
from executors.workflow.places import inside, parent, taken_apart
from executors.workflow.progress import Phase, Progress, Run
from executors.workflow.state import record

ENOUGH = (Phase.DONE, Phase.SKIPPED)
"""Where a step stands that others need not wait for."""

_ENDINGS = (AttemptSucceeded, StepCompleted, StepSkipped, WaitEnded, ApprovalClosed)


class Story:
    """One decision in the making.

    Attributes:
        run: our own copy.
        agenda: places to look at, in order.
        is_fresh: anything may have become possible, and not only what rests on these events.
        refused: until when gates refused a place.
        is_migrated: the run follows another definition from now on, so nothing is begun by the old one.
    """

    __slots__ = (
        "agenda",
        "calls",
        "course",
        "events",
        "is_fresh",
        "is_migrated",
        "moment",
        "now",
        "refused",
        "run",
    )

    def __init__(self, course: Course, run: Run, moment: Moment) -> None:
        self.course = course
        self.run = run.copy()
        self.moment = moment
        self.now = moment.now
        self.events: list[Event] = []
        self.calls: list[Call] = []
        self.agenda: deque[str] = deque()
        self.is_fresh = False
        self.refused: dict[str, datetime] = {}
        self.is_migrated = False

    def tell(self, event: Event) -> None:
        """Let something happen."""
        record(self.run, event)
        self.events.append(event)
        if isinstance(event, _ENDINGS):
            self._follow(event.step)

    def fail(self, place: str, code: str, message: str) -> None:
        """Let a step fail for good that made no call."""
        self.tell(StepFailed(self.now, place, Failure(FailureKind.PERMANENT, code, message)))

    def of(self, place: str) -> Progress:
        """Return how far the doing of a step has come."""
        return self.run.of(place, Side.DO)

    def is_ready(self, scope: str, step: str) -> bool:
        """Say whether a step can begin."""
        if self.of(inside(scope, step)).phase is not Phase.IDLE:
            return False
        needs = self.course.workflow_in(scope).steps[step].needs
        return all(self.of(inside(scope, need)).phase in ENOUGH for need in needs)

    def is_over(self, scope: str) -> bool:
        """Say whether every step of a scope is done or skipped."""
        return self.run.over_in.get(scope, 0) == len(self.course.workflow_in(scope).steps)

    def first_of(self, scope: str) -> Iterator[str]:
        """Yield the places in a scope that can begin."""
        steps = self.course.workflow_in(scope).steps
        return (inside(scope, step) for step in steps if self.is_ready(scope, step))

    def deadline_of(self, place: str) -> datetime | None:
        """Return when a step, or a whole that it is a part of, has to be over."""
        if not self.course.workflow.has_deadlines:
            return None
        ends = [end for each in _wholes(place) if (end := self._own_deadline(each)) is not None]
        return min(ends, default=None)

    def decision(self, due_at: datetime | None = None) -> Decision:
        """Return what was decided."""
        return Decision(self.run, tuple(self.events), tuple(self.calls), due_at)

    def _own_deadline(self, place: str) -> datetime | None:
        step = self.course.step(place)
        _scope, _step, index = taken_apart(place)
        # The instances of a for_each share its deadline.
        if step.deadline_seconds is None or index is not None:
            return None
        return (self.of(place).began_at or self.now) + timedelta(seconds=step.deadline_seconds)

    def _follow(self, place: str) -> None:
        scope, step, index = taken_apart(place)
        if index is not None:
            self._look_at(inside(scope, step))
            return
        wanted_by = self.course.workflow_in(scope).wanted_by[step]
        self.agenda += (inside(scope, other) for other in wanted_by if self.is_ready(scope, other))
        if scope and self.is_over(scope):
            self._look_at(scope)

    def _look_at(self, place: str) -> None:
        if not self.agenda or self.agenda[-1] != place:
            self.agenda.append(place)


def _wholes(place: str) -> Iterator[str]:
    while place:
        yield place
        place = parent(place)
