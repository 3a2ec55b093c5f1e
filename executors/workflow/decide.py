"""What happens next in a run: the engine's core, a function of its arguments.

    decide(course, run, news, moment) -> Decision(run, events, calls, due_at)

The worker hands in what came up (an answer, a letter, the fact that it took the run over),
writes the events down in one transaction, and only then makes the calls. Time, dice, the
claim's fence and the gates come in as a `Moment`. A run goes forward until a step fails or
somebody cancels, then halts, then goes backward. The simulator in `tests/property` drives
this through thousands of crashes a second.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from executors.workflow.answers import answered, lost
from executors.workflow.backward import backward, halt
from executors.workflow.events import Side
from executors.workflow.exchange import Claimed, Course, Decision, Moment, News, Returned
from executors.workflow.forward import due_at, forward
from executors.workflow.letters import take_in
from executors.workflow.state import Run
from executors.workflow.story import Story


def decide(course: Course, run: Run, news: Sequence[News], moment: Moment) -> Decision:
    """Return what follows from the news, up to the next calls, wait or end.

    A run that was just folded from its journal is handed in with `Claimed` in the news.
    """
    story = _settled(course, run, news, moment)
    if story.is_migrated:
        # Whoever takes it up next reads the definition that it follows from now on.
        return story.decision(moment.now)
    if story.run.ended is None and not story.run.is_paused:
        _go_on(story)
    return story.decision(_due_at(story))


def settle(course: Course, run: Run, news: Iterable[News], moment: Moment) -> Decision:
    """Return what the news amount to, without beginning anything new.

    A worker that is asked to stop uses this alone; news for a run that has ended, or about
    a call that is not under way, amount to nothing.
    """
    return _settled(course, run, news, moment).decision()


def _settled(course: Course, run: Run, news: Iterable[News], moment: Moment) -> Story:
    story = Story(course, run, moment)
    for piece in news:
        match piece:
            case Claimed():
                story.is_fresh = True
                lost(story)
            case Returned():
                answered(story, piece)
            case _:
                take_in(story, piece)
    return story


def _go_on(story: Story) -> None:
    run = story.run
    if run.goes_forward:
        forward(story)
    if run.ended is None and run.compensation is None and not run.goes_forward:
        halt(story)
    if run.ended is None and run.compensation is not None:
        backward(story)


def _due_at(story: Story) -> datetime | None:
    """Return when something falls due by itself, None when only news can move the run."""
    run = story.run
    if run.ended is not None or run.is_paused:
        return None
    times = [_due_of(story, *call) for call in run.live if call not in run.flying]
    return min((at for at in times if at is not None), default=None)


def _due_of(story: Story, place: str, side: Side) -> datetime | None:
    if side is Side.UNDO:
        return story.run.of(place, side).due_at
    if story.run.goes_forward:
        return due_at(story, place)
    progress = story.run.of(place, side)
    return progress.due_at if progress.may_have_happened else None
