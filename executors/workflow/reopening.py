"""How an ended run is opened again, by a person and at one place only.

A `RetryRequested` is the one entry that may follow an end, and only that of a failed or stuck
run. Where an undoing failed, the undoing goes on. Where a step failed, it is tried again under
its old key; what was undone, and what rests on that, is done afresh under new keys, since the
old ones have had their effect. Attempts are counted on, so that no answer from before fits.
A run that was being cancelled when it got stuck is not taken further: what is unknown is looked
up once more, and then it is undone.
"""

from collections import Counter
from datetime import datetime

from executors.port import RunState
from executors.workflow.events import Side
from executors.workflow.milestones import RetryRequested
from executors.workflow.places import instance, parent, within
from executors.workflow.progress import OVER, CallId, Fan, Phase, Progress, Run, illegal

REOPENED = (RunState.FAILED, RunState.STUCK)
_COUNTED = (Phase.DONE, Phase.SKIPPED)


def retry_requested(run: Run, event: RetryRequested) -> None:
    """Let the run go on."""
    if run.ended is None or run.ended.state not in REOPENED:
        raise illegal(event, "only a failed or stuck run is opened again")
    if event.number != run.mail + 1:
        raise illegal(event, "mail is taken in without a gap")
    is_undoing = run.compensation is not None and run.ended.state is RunState.STUCK
    run.mail, run.ended = event.number, None
    if is_undoing:
        _undo_again(run, event.at)
    else:
        _do_again(run, event)
    run.live = {call: None for call, progress in run.progress.items() if _is_live(progress)}


def _undo_again(run: Run, at: datetime) -> None:
    for call, progress in run.progress.items():
        if call[1] is Side.UNDO and progress.phase is Phase.FAILED:
            run.progress[call] = _tried_again(progress, at, is_insisted=True)


def _do_again(run: Run, event: RetryRequested) -> None:
    run.compensation = run.pause = run.current = None
    run.cancel = run.cancel if event.is_cancelled else None
    run.failures, run.undone, run.has_begun = (), 0, False
    afresh = [call for call in run.progress if any(within(call[0], whole) for whole in event.again)]
    for call in afresh:
        before = run.progress[call]
        run.progress[call] = Progress(attempts=before.attempts, round=before.round + 1)
    _forget(run, {place for place, _side in afresh})
    for call, progress in run.progress.items():
        if progress.phase in (Phase.FAILED, Phase.DROPPED):
            run.progress[call] = _taken_up(run, call, event.at)
    for place in event.again:
        _reopen(run, parent(place), event.at)
    run.finished = tuple(place for place in run.finished if run.of(place, Side.DO).phase is Phase.DONE)
    run.asked = {place: each for place, each in run.asked.items() if _is_done(run, place)}
    recount(run)


def _forget(run: Run, places: set[str]) -> None:
    run.fans = {place: fan for place, fan in run.fans.items() if place not in places}
    run.scopes = {place: inputs for place, inputs in run.scopes.items() if place not in places}


def _taken_up(run: Run, call: CallId, at: datetime) -> Progress:
    """Return what failed or was dropped, where it can go on."""
    progress = run.progress[call]
    if call[0] in run.fans or call[0] in run.scopes:
        return Progress(phase=Phase.OPEN, round=progress.round, began_at=at)
    # What is not wanted any more is not tried again because a look cannot tell.
    return _tried_again(progress, at, is_insisted=run.cancel is None)


def _tried_again(progress: Progress, at: datetime, *, is_insisted: bool) -> Progress:
    """Return a call as it is tried again: looked up first when it may have happened."""
    failure = progress.failure
    fresh = Progress(attempts=progress.attempts, round=progress.round)
    if failure is None or not failure.kind.may_have_happened:
        return fresh
    return fresh.but(phase=Phase.UNCERTAIN, is_insisted=is_insisted, failure=failure, due_at=at, began_at=at)


def _reopen(run: Run, whole: str, at: datetime) -> None:
    """Let a `for_each` or sub-workflow that was done wait for the part that is done afresh."""
    while whole and _is_done(run, whole):
        run.progress[whole, Side.DO] = run.of(whole, Side.DO).but(
            phase=Phase.OPEN, began_at=at, ended_at=None
        )
        whole = parent(whole)


def recount(run: Run) -> None:
    """Count anew what is over and what is to be begun, after steps were put back."""
    counted = (
        parent(place)
        for (place, side), progress in run.progress.items()
        if side is Side.DO and progress.phase in _COUNTED
    )
    run.over_in = dict(Counter(counted))
    for place, fan in run.fans.items():
        parts = [run.of(instance(place, index), Side.DO) for index in range(len(fan.items))]
        todo = [index for index, part in enumerate(parts) if part.phase is Phase.IDLE]
        run.fans[place] = Fan(fan.items, todo, 0, sum(map(_is_live, parts)))


def _is_done(run: Run, place: str) -> bool:
    return run.of(place, Side.DO).phase is Phase.DONE


def _is_live(progress: Progress) -> bool:
    return progress.phase is not Phase.IDLE and progress.phase not in OVER
