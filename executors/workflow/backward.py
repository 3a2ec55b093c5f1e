"""Brings a run to a halt, and takes back what it did.

First nothing new begins: calls under way are awaited, what may have happened is looked up,
people are no longer asked. Then the undoing, one call at a time, in reverse order of
completion over all branches, lists and sub-workflows. All of it follows from the journal, so
that it goes on where it stood after any crash.
"""

from executors.port import RunState
from executors.workflow.approval_events import ApprovalClosed
from executors.workflow.ballot import Outcome
from executors.workflow.calling import go_on, pursue
from executors.workflow.events import CompensationStarted, Ended, FailureKind, Side
from executors.workflow.progress import Phase, Progress
from executors.workflow.spec import Action, OnUnknown
from executors.workflow.story import Story


def halt(story: Story) -> None:
    """Wait for what is under way and uncertain; then begin to undo, or stop where nobody knows."""
    _void_approvals(story)
    for place, side in list(story.run.live):
        progress = story.run.of(place, side)
        if progress.may_have_happened and progress.phase not in (Phase.RUNNING, Phase.LOOKING):
            go_on(story, place)
    if any(story.run.progress[call].may_have_happened for call in story.run.live) or story.run.flying:
        return
    unknown = next((place for place in story.run.failures if _is_unknown(story, place)), None)
    if unknown is not None:
        what = f"it is not known whether {unknown} took effect"
        story.tell(_stuck(story, unknown, what, story.of(unknown)))
    else:
        story.tell(_compensation(story))


def backward(story: Story) -> None:
    """Undo the next step, or end the run when none is left."""
    run = story.run
    for place in reversed(run.finished[: len(run.finished) - run.undone]):
        progress = run.of(place, Side.UNDO)
        if story.course.step(place).undo is None or progress.phase is Phase.DONE:
            continue
        if progress.phase is Phase.FAILED:
            story.tell(_stuck(story, place, f"undoing {place} failed", progress))
        elif not run.flying:
            pursue(story, place, Side.UNDO)
        return
    cause = run.compensation
    assert cause is not None  # noqa: S101  # only a compensating run goes backward; tells mypy
    story.tell(Ended(story.now, cause.ends, cause.step, cause.message))


def _void_approvals(story: Story) -> None:
    why = "the run is being cancelled" if not story.run.failures else f"{story.run.failures[0]} failed"
    for place, side in list(story.run.live):
        if side is Side.DO and story.of(place).phase is Phase.ASKING:
            story.tell(ApprovalClosed(story.now, place, Outcome.VOIDED, why))


def _is_unknown(story: Story, place: str) -> bool:
    failure, doing = story.of(place).failure, story.course.step(place).do
    if failure is None or failure.kind is not FailureKind.UNKNOWN or not isinstance(doing, Action):
        return False
    return doing.on_unknown is not OnUnknown.COMPENSATE


def _compensation(story: Story) -> CompensationStarted:
    run = story.run
    if not run.failures:
        reason = run.cancel.reason if run.cancel is not None else ""
        return CompensationStarted(story.now, RunState.CANCELLED, "", reason)
    place = run.failures[0]
    failure = story.of(place).failure
    message = f"{place} failed: {failure.message}" if failure is not None else f"{place} failed"
    return CompensationStarted(story.now, RunState.FAILED, place, message)


def _stuck(story: Story, place: str, what: str, progress: Progress) -> Ended:
    why = f": {progress.failure.message}" if progress.failure is not None else ""
    return Ended(story.now, RunState.STUCK, place, what + why)
