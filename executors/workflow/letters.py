"""What the letters to a run amount to.

A letter always takes its place in the mail; one that changes nothing, because it is late,
doubled, forged or unreadable, is written down as dropped. After the end none is taken in,
except a person's wish to try a failed or stuck run again.
"""

from collections.abc import Iterator

from executors.workflow import approval
from executors.workflow.approval_events import (
    ApprovalClaimed,
    ApprovalClosed,
    ApprovalDelegated,
    ApprovalVoted,
)
from executors.workflow.ballot import Cast, HandOn, Outcome, TakeInHand
from executors.workflow.events import CancelRequested, Side, SignalReceived
from executors.workflow.exchange import Acted, Cancel, Garbled, Mail, Migrate, Pause, Resume, Retry, Signal
from executors.workflow.migration import Migration, entries, problems
from executors.workflow.milestones import MailDropped, Paused, Resumed, RetryRequested
from executors.workflow.places import inside, parent, taken_apart, within
from executors.workflow.progress import Phase
from executors.workflow.reopening import REOPENED
from executors.workflow.story import Story


def take_in(story: Story, letter: Mail) -> None:
    """Let a letter have its effect."""
    if story.run.ended is not None and not isinstance(letter, Retry):
        return
    now = story.now
    match letter:
        case Cancel(number, reason):
            story.tell(CancelRequested(now, number, reason))
        case Signal(number, name, payload):
            story.tell(SignalReceived(now, number, name, payload))
        case Acted():
            _act(story, letter)
        case Pause(number, reason):
            story.tell(Paused(now, number, reason))
        case Resume(number):
            _resume(story, number)
        case Retry(number):
            _retry(story, number)
        case Migrate():
            _migrate(story, letter)
        case Garbled(number):
            story.tell(MailDropped(now, number, "unreadable"))


def _resume(story: Story, number: int) -> None:
    pause = story.run.pause
    if pause is None:
        story.tell(MailDropped(story.now, number, "not_paused"))
    else:
        seconds = max(0.0, (story.now - pause.at).total_seconds())
        story.tell(Resumed(story.now, number, seconds))
        story.is_fresh = True


def _act(story: Story, letter: Acted) -> None:
    act, number = letter.act, letter.number
    is_asked = story.of(act.step).phase is Phase.ASKING
    standing = story.run.asked.get(act.step) if is_asked else None
    refused = approval.refusal(standing, act)
    if standing is None or refused is not None:
        story.tell(MailDropped(story.now, number, "approval_closed" if refused is None else refused.code))
        return
    match act:
        case Cast():
            story.tell(ApprovalVoted(story.now, act.step, number, approval.vote_of(standing, act, number)))
            _close(story, act.step)
        case HandOn():
            story.tell(ApprovalDelegated(story.now, act.step, number, approval.delegation_of(act)))
        case TakeInHand():
            story.tell(ApprovalClaimed(story.now, act.step, number, approval.claim_of(act)))
        case _:
            story.tell(MailDropped(story.now, number, "unreadable"))


def _close(story: Story, place: str) -> None:
    standing = story.run.asked[place]
    outcome = approval.outcome(standing)
    if outcome is not Outcome.OPEN:
        story.tell(ApprovalClosed(story.now, place, outcome, approval.verdict_sentence(standing)))


def _migrate(story: Story, wish: Migrate) -> None:
    migration = Migration(story.course, wish)
    found = problems(migration, story.run)
    if found:
        story.tell(MailDropped(story.now, wish.number, found[0].code))
        return
    for event in list(entries(wish, story.run, story.now)):
        story.tell(event)
    story.course, story.is_migrated = migration.after, True


def _retry(story: Story, number: int) -> None:
    ended = story.run.ended
    if ended is None:
        story.tell(MailDropped(story.now, number, "run_not_ended"))
    elif ended.state in REOPENED:
        again = tuple(dict.fromkeys(_afresh(story)))
        # Once the undoing has begun, it is what goes on, or else has been done: the cancel was heeded.
        is_cancelled = story.run.cancel is not None and story.run.compensation is None
        story.tell(RetryRequested(story.now, number, ended.step, again, is_cancelled))
        story.is_fresh = True


def _afresh(story: Story) -> Iterator[str]:
    """Yield what was undone, and whatever was done on top of that."""
    run = story.run
    undone = [
        place
        for (place, side), progress in run.progress.items()
        if side is Side.UNDO and progress.phase is Phase.DONE
    ]
    begun = {place for place, side in run.progress if side is Side.DO}
    wholes: set[str] = set()
    for place in undone:
        part = place
        while part and part not in wholes:
            wholes.add(part)
            part = parent(part)
    dependants = {other for part in wholes for other in _resting_on(story, part)} & begun
    yield from sorted(dependants)
    yield from (place for place in undone if not any(within(place, whole) for whole in dependants))


def _resting_on(story: Story, place: str) -> set[str]:
    """Return the steps of the same scope that need a step, directly or over others."""
    scope, step, _index = taken_apart(place)
    wanted_by = story.course.workflow_in(scope).wanted_by
    found: set[str] = set()
    waiting = [step]
    while waiting:
        for other in wanted_by[waiting.pop()]:
            if other not in found:
                found.add(other)
                waiting.append(other)
    return {inside(scope, other) for other in found}
