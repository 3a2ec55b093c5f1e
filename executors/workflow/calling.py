"""Begins calls: announces an attempt or a look, once its time has come and its gates are open.

Doing and undoing share this. Gates are asked last, just before an attempt would be announced,
because whoever was let through holds a place from then on; looks and undoings pass them.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from catalog.references import resolved
from executors.workflow.events import AttemptStarted, AttemptUncertain, LookStarted, Side
from executors.workflow.exchange import Call, Verb
from executors.workflow.milestones import StepHeld
from executors.workflow.progress import Phase
from executors.workflow.spec import Gate
from executors.workflow.story import Story

MAX_KEY = 150
SHORTEST_CALL_SECONDS = 0.001


class BadKey(Exception):
    """What a gate's key stands for cannot be a key."""


def pursue(story: Story, place: str, side: Side) -> None:
    """Go on with a call that was begun or can begin, if its time has come."""
    progress = story.run.of(place, side)
    # Who was held at a gate is woken as soon as somebody leaves, and asks again whenever he is awake.
    is_early = progress.due_at is not None and progress.due_at > story.now
    if is_early and progress.phase is not Phase.HELD:
        return
    if progress.phase is Phase.UNCERTAIN:
        story.tell(LookStarted(story.now, place, side, story.moment.fence))
        story.calls.append(Call(place, side, Verb.LOOK, progress.attempts))
        return
    if side is Side.DO and is_held(story, place, story.course.step(place).gates):
        return
    attempt = progress.attempts + 1
    story.tell(AttemptStarted(story.now, place, side, attempt, story.moment.fence))
    limit = _seconds_left(story, place) if side is Side.DO else None
    story.calls.append(Call(place, side, Verb.RUN, attempt, limit))


def go_on(story: Story, place: str) -> None:
    """Go on with a step's call that was begun, unless its deadline has passed."""
    deadline = story.deadline_of(place)
    progress = story.of(place)
    if deadline is None or deadline > story.now or progress.phase is Phase.UNCERTAIN:
        pursue(story, place, Side.DO)
    elif progress.may_have_happened and progress.failure is not None:
        story.tell(AttemptUncertain(story.now, place, Side.DO, progress.failure, story.now))
        pursue(story, place, Side.DO)
    else:
        why = f", the last time because {progress.failure.message}" if progress.failure is not None else ""
        story.fail(place, "deadline_exceeded", f"its deadline has passed{why}")


def is_held(story: Story, place: str, gates: Sequence[Gate]) -> bool:
    """Say whether a gate refuses a step (the run itself, for an empty place), and note until when.

    Raises:
        Unresolved: the key refers to what is not there.
        BadKey: the key is no key.
    """
    for gate in gates:
        key = _key(story, place, gate)
        until = story.moment.admit(replace(gate, key=key), place)
        if until is not None:
            story.refused[place] = until
            if story.of(place).phase is not Phase.HELD:
                story.tell(StepHeld(story.now, place, until, key))
            return True
    return False


def _key(story: Story, place: str, gate: Gate) -> str:
    key = resolved(gate.key, story.course.roots(story.run, place))
    if isinstance(key, bool) or not isinstance(key, str | int) or not 0 < len(str(key)) <= MAX_KEY:
        raise BadKey(f"the key of its {gate.kind} is no text of 1 to {MAX_KEY} characters")
    return str(key)


def _seconds_left(story: Story, place: str) -> float | None:
    deadline: datetime | None = story.deadline_of(place)
    if deadline is None:
        return None
    return max((deadline - story.now).total_seconds(), SHORTEST_CALL_SECONDS)
