"""How the entries about steps that make no call change where a run stands.

Skipping, being held, waiting, fanning out, running a sub-workflow. `put`, `entered` and
`left` keep the lists of what is under way for all entries, those about calls included.
"""

from dataclasses import replace
from datetime import datetime

from executors.workflow.approval_events import ApprovalOpened
from executors.workflow.events import AttemptStarted, FailureKind, Side, StepFailed
from executors.workflow.milestones import (
    FanOpened,
    ScopeOpened,
    StepCompleted,
    StepHeld,
    StepSkipped,
    WaitEnded,
    WaitStarted,
)
from executors.workflow.places import parent, taken_apart
from executors.workflow.progress import IN_FLIGHT, OVER, CallId, Fan, Phase, Progress, Run, illegal

Beginning = AttemptStarted | StepSkipped | StepHeld | FanOpened | ScopeOpened | WaitStarted | ApprovalOpened
"""Entries with which a step can begin; it may also fail before it does."""


def put(run: Run, call: CallId, progress: Progress) -> None:
    """Store how far a call has come, in every list it belongs to."""
    run.progress[call] = progress
    if progress.phase in IN_FLIGHT:
        run.flying[call] = None
    else:
        run.flying.pop(call, None)
    if progress.phase in OVER or progress.phase is Phase.IDLE:
        run.live.pop(call, None)
    else:
        run.live[call] = None


def entered(run: Run, event: Beginning | StepFailed) -> None:
    """Note that a step begins as a part of its whole."""
    if not run.goes_forward and not isinstance(event, StepFailed):
        raise illegal(event, "nothing begins once the run was cancelled or a step failed")
    if not run.has_begun:
        run.has_begun = True
        for known in (run.progress, run.live):
            known.pop(("", Side.DO), None)  # the run itself is held no longer
    whole = parent(event.step)
    _scope, _step, index = taken_apart(event.step)
    if index is None:
        if whole and (whole not in run.scopes or run.of(whole, Side.DO).phase is not Phase.OPEN):
            raise illegal(event, "its sub-workflow is not under way")
        return
    fan = run.fans.get(whole)
    if fan is None or fan.begun >= len(fan.todo) or fan.todo[fan.begun] != index:
        raise illegal(event, "instances begin in order")
    run.fans[whole] = Fan(fan.items, fan.todo, fan.begun + 1, fan.live + 1)


def left(run: Run, place: str) -> None:
    """Note that a part of a whole is over."""
    whole = parent(place)
    run.over_in[whole] = run.over_in.get(whole, 0) + 1
    fan = run.fans.get(whole)
    if fan is not None:
        run.fans[whole] = replace(fan, live=fan.live - 1)


def step_skipped(run: Run, event: StepSkipped) -> None:
    """It is not done at all."""
    _begin(run, event, Progress(phase=Phase.SKIPPED, ended_at=event.at))
    left(run, event.step)


def step_held(run: Run, event: StepHeld) -> None:
    """A gate refused it, or the whole run before its first step."""
    if not event.step:
        if run.has_begun or not run.goes_forward:
            raise illegal(event, "the run has begun")
        held = Progress(phase=Phase.HELD, due_at=event.until, awaited=event.key, began_at=event.at)
        put(run, ("", Side.DO), held)
        return
    before = run.of(event.step, Side.DO)
    if before.phase is Phase.IDLE:
        entered(run, event)
    elif before.phase is not Phase.WAITING:
        raise illegal(event, f"{event.step} is {before.phase}")
    began_at = before.began_at or event.at
    held = before.but(phase=Phase.HELD, due_at=event.until, awaited=event.key, began_at=began_at)
    _moved(run, event.step, held)


def step_failed(run: Run, event: StepFailed) -> None:
    """It failed for good without a call."""
    before = run.of(event.step, Side.DO)
    if before.phase in OVER or before.phase in IN_FLIGHT or before.may_have_happened:
        raise illegal(event, f"{event.step} is {before.phase}, and only a call can tell how it ends")
    if before.phase is Phase.ASKING:
        raise illegal(event, "an approval is closed")
    if event.failure.kind is not FailureKind.PERMANENT:
        raise illegal(event, "it certainly did not happen")
    if before.phase is Phase.IDLE:
        entered(run, event)
    _over(run, event.step, before.but(phase=Phase.FAILED, failure=event.failure), event.at)
    run.failures = (*run.failures, event.step)


def fan_opened(run: Run, event: FanOpened) -> None:
    """A `for_each` knows its list."""
    _begin(run, event, Progress(phase=Phase.OPEN, began_at=event.at))
    run.fans[event.step] = Fan(event.items, range(len(event.items)))


def scope_opened(run: Run, event: ScopeOpened) -> None:
    """A sub-workflow knows its inputs."""
    _begin(run, event, Progress(phase=Phase.OPEN, began_at=event.at))
    run.scopes[event.step] = event.inputs


def step_completed(run: Run, event: StepCompleted) -> None:
    """All parts are over."""
    before = _expect(run, event, Phase.OPEN)
    fan = run.fans.get(event.step)
    if fan is not None and run.over_in.get(event.step, 0) != len(fan.items):
        raise illegal(event, "an instance is not over")
    _over(run, event.step, before.but(phase=Phase.DONE, outputs=event.outputs), event.at)


def wait_started(run: Run, event: WaitStarted) -> None:
    """It waits."""
    parked = Progress(phase=Phase.PARKED, due_at=event.due_at, awaited=event.signal, began_at=event.at)
    _begin(run, event, parked)


def wait_ended(run: Run, event: WaitEnded) -> None:
    """What it waited for came; a signal is taken by one wait."""
    before = _expect(run, event, Phase.PARKED)
    if event.number:
        taken = [signal for signal in run.signals if signal.number == event.number]
        if not taken or taken[0].name != before.awaited:
            raise illegal(event, "there is no such signal")
        run.signals = tuple(signal for signal in run.signals if signal.number != event.number)
    elif before.awaited:
        raise illegal(event, "no signal came")
    done = before.but(phase=Phase.DONE, outputs=event.outputs, due_at=None)
    _over(run, event.step, done, event.at)


def _begin(run: Run, event: Beginning, progress: Progress) -> None:
    """Let a step begin that makes no call; what it was before it was opened again is kept."""
    before = _expect(run, event, Phase.IDLE)
    entered(run, event)
    _moved(run, event.step, progress.but(attempts=before.attempts, round=before.round))


def _over(run: Run, place: str, progress: Progress, at: datetime) -> None:
    _moved(run, place, progress.but(ended_at=at, due_at=None))
    left(run, place)


def _expect(run: Run, event: Beginning | StepCompleted | WaitEnded, phase: Phase) -> Progress:
    before = run.of(event.step, Side.DO)
    if before.phase is not phase:
        raise illegal(event, f"{event.step} is {before.phase}")
    return before


def _moved(run: Run, place: str, progress: Progress) -> None:
    call = (place, Side.DO)
    run.current = call
    put(run, call, progress)
