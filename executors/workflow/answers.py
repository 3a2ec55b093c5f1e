"""What the answers to calls amount to, and what it means when none will come.

An answer to a call that is not under way amounts to nothing. A passing failure is tried again
as the step's policy says; what may have happened is looked up and never taken for a failure.
"""

from datetime import datetime, timedelta

from executors.retry import Again, delay_before, retry_decision
from executors.workflow.events import (
    AttemptFailed,
    AttemptLost,
    AttemptSucceeded,
    AttemptUncertain,
    Event,
    Failure,
    FailureKind,
    Side,
)
from executors.workflow.exchange import Absent, Call, Done, Failed, Returned, Verb
from executors.workflow.progress import Phase, Progress
from executors.workflow.spec import Action, OnUnknown
from executors.workflow.story import Story

MAX_CRASHES = 3
"""So many lost workers in one step make it poison: it is the step that kills them."""

MAX_LOOKS = 5
"""So often an uncertain effect is looked up before a person is asked."""

MAX_ASKED_WAIT_SECONDS = 3600.0
"""The other side may ask to be left alone for this long, and no longer."""


def lost(story: Story) -> None:
    """Take every call under way for lost, with the worker that made it."""
    for place, side in story.run.in_flight():
        story.tell(AttemptLost(story.now, place, side))
        if story.run.of(place, side).crashes >= MAX_CRASHES:
            message = f"the worker was lost {MAX_CRASHES} times in the middle of this step"
            failure = Failure(FailureKind.POISON, "poison_step", message)
            story.tell(AttemptFailed(story.now, place, side, failure, None))


def answered(story: Story, returned: Returned) -> None:
    """Take in what came of a call."""
    call = returned.call
    progress = story.run.of(call.step, call.side)
    expected = Phase.RUNNING if call.verb is Verb.RUN else Phase.LOOKING
    if progress.phase is not expected or progress.attempts != call.attempt:
        return
    match returned.outcome:
        case Done(outputs):
            found = call.verb is Verb.LOOK
            story.tell(AttemptSucceeded(story.now, call.step, call.side, outputs, found=found))
        case Absent():
            story.tell(did_not_happen(story, progress, call))
        case Failed(failure) as failed if failure.kind is FailureKind.UNKNOWN:
            story.tell(cannot_tell(story, progress, call, failed))
        case Failed(failure) as failed if _is_passing(_action(story, call), failure):
            story.tell(again_or_never(story, progress, call, failed))
        case Failed(failure):
            story.tell(given_up(story, progress, call, failure))


def did_not_happen(story: Story, progress: Progress, call: Call) -> Event:
    """Return what follows once a look says that an attempt had no effect, or a worker that it made none."""
    failure = progress.failure
    if progress.was_lost or failure is None or call.verb is Verb.RUN:
        # Nobody's fault but the worker's, and crashes are counted apart: at once, and for free.
        away = Failure(FailureKind.TRANSIENT, "worker_lost", "the worker was lost before it happened")
        return AttemptFailed(story.now, call.step, call.side, away, retry_at=story.now, is_free=True)
    asked = _action(story, call).retry_on
    if failure.kind is FailureKind.PERMANENT or not (asked is None or {"unknown", failure.code} & asked):
        settled = Failure(FailureKind.PERMANENT, failure.code, failure.message)
        return AttemptFailed(story.now, call.step, call.side, settled, None)
    passing = Failure(FailureKind.TRANSIENT, failure.code, failure.message)
    return again_or_never(story, progress, call, Failed(passing))


def again_or_never(story: Story, progress: Progress, call: Call, failed: Failed) -> Event:
    """Return the next attempt, if the step's policy and its deadline leave one."""
    decision = retry_decision(_action(story, call).retry, progress.failures + 1, story.moment.roll)
    if not isinstance(decision, Again):
        return given_up(story, progress, call, failed.failure)
    wait = max(decision.delay_seconds, min(failed.retry_after_seconds, MAX_ASKED_WAIT_SECONDS))
    retry_at = story.now + timedelta(seconds=wait)
    if _is_past_deadline(story, call, retry_at):
        return given_up(story, progress, call, failed.failure)
    return AttemptFailed(story.now, call.step, call.side, failed.failure, retry_at)


def given_up(story: Story, progress: Progress, call: Call, failure: Failure) -> Event:
    """Return the end of the attempts, unless an earlier one has to be looked up first."""
    if progress.in_doubt and call.verb is Verb.RUN and not failure.kind.may_have_happened:
        # This attempt did not happen; an earlier one still may have.
        return AttemptUncertain(story.now, call.step, call.side, failure, look_at=story.now)
    return AttemptFailed(story.now, call.step, call.side, failure, None)


def cannot_tell(story: Story, progress: Progress, call: Call, failed: Failed) -> Event:
    """Return what follows when it is not known whether a call took effect."""
    if call.verb is Verb.RUN:
        return AttemptUncertain(story.now, call.step, call.side, failed.failure, look_at=story.now)
    action = _action(story, call)
    if action.on_unknown is OnUnknown.RETRY or progress.is_insisted:
        return again_or_never(story, progress, call, failed)
    if action.on_unknown in (OnUnknown.OBSERVE, OnUnknown.COMPENSATE) and progress.looks < MAX_LOOKS:
        wait = delay_before(progress.looks + 1, action.retry, story.moment.roll)
        look_at = story.now + timedelta(seconds=wait)
        return AttemptUncertain(story.now, call.step, call.side, failed.failure, look_at)
    return AttemptFailed(story.now, call.step, call.side, failed.failure, None)


def _action(story: Story, call: Call) -> Action:
    return story.course.action(call.step, call.side)


def _is_passing(action: Action, failure: Failure) -> bool:
    if action.retry_on is None:
        return failure.kind is FailureKind.TRANSIENT
    if failure.kind is FailureKind.TRANSIENT and "transient" in action.retry_on:
        return True
    return failure.kind in (FailureKind.TRANSIENT, FailureKind.PERMANENT) and failure.code in action.retry_on


def _is_past_deadline(story: Story, call: Call, at: datetime) -> bool:
    deadline = story.deadline_of(call.step) if call.side is Side.DO else None
    return deadline is not None and at > deadline
