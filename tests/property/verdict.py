"""What a played-out schedule broke: the promises, checked on the journal and on the ledger.

The fold has refused impossible journals already; here stands what it cannot know, because it
does not know the definition: order by needs, limits of lists, who may approve. And what only
the ledger knows: how often things really happened, and whether all of it was undone.
"""

from collections import Counter
from collections.abc import Iterator

from executors.port import RunState
from executors.workflow.approval_events import ApprovalClosed, ApprovalVoted
from executors.workflow.ballot import Outcome, Verdict
from executors.workflow.events import (
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CompensationStarted,
    Ended,
    Event,
    FailureKind,
    Side,
)
from executors.workflow.milestones import RetryRequested, StepCompleted, StepSkipped, WaitEnded
from executors.workflow.places import inside, taken_apart, within
from executors.workflow.progress import Phase, Run
from executors.workflow.spec import Action
from executors.workflow.view import report_of
from tests.property.shelf import Stored
from tests.property.simulation import Simulation
from tests.property.worlds import MEMBERS, Entry

GOOD = (Outcome.APPROVED,)


def complaints(simulation: Simulation) -> Iterator[str]:
    """Yield every promise that a played-out schedule breaks."""
    yield from (f"P6 {each}" for each in simulation.history if each.startswith("moved after the end"))
    for stored in simulation.shelf.runs.values():
        if not stored.is_over:
            yield f"{stored.id} was lost: it has not ended"
            continue
        run = stored.folded()  # raises on an impossible story: P3
        if stored.report != report_of(run, stored.id):
            yield f"P3 {stored.id}: the row is not what the journal folds to"
        if stored.taken != len(stored.mail):
            yield f"{stored.id}: a letter was never taken in"
        elif simulation.final[stored.id] != (stored.report.state, len(stored.entries), stored.retries):
            yield f"P6 {stored.id}: something changed after the end"
        events = stored.events()
        yield from _keys(simulation, stored, run)
        yield from _undone(simulation, stored, run, events)
        yield from _order(stored, events)
        yield from _lists(stored, events)
        yield from _approvals(stored, events)
    for key, holders in simulation.shelf.gates.holders.items():
        if holders:
            yield f"the gate {key} is held by {list(holders)} after the end"


def _keys(simulation: Simulation, stored: Stored, run: Run) -> Iterator[str]:
    effects = [entry for entry in simulation.ledger.effects if entry.run_id == stored.id]
    twice = [key for key, count in Counter(entry.key for entry in effects).items() if count > 1]
    if twice:
        yield f"P2 {stored.id}: an effect happened twice under its key"
    used = {
        (entry.place, entry.is_undo, entry.key)
        for entry in simulation.ledger.calls
        if entry.run_id == stored.id
    }
    for (place, is_undo), count in Counter((place, is_undo) for place, is_undo, _ in used).items():
        rounds = run.of(place, Side.UNDO if is_undo else Side.DO).round
        if count > 1 + rounds:
            yield f"P2 {stored.id}: {place} was called under {count} keys in {1 + rounds} rounds"


def _undone(simulation: Simulation, stored: Stored, run: Run, events: list[Event]) -> Iterator[str]:
    effects = [entry for entry in simulation.ledger.effects if entry.run_id == stored.id]
    undoable = {entry.place for entry in effects if stored.course.step(entry.place).undo is not None}
    done = Counter(entry.place for entry in effects if not entry.is_undo)
    undone = Counter(entry.place for entry in effects if entry.is_undo)
    state = stored.report.state
    if state is RunState.SUCCEEDED:
        yield from _succeeded(stored, run, done, undone)
    if state in (RunState.FAILED, RunState.CANCELLED):
        missing = {place for place in undoable if done[place] > undone[place]}
        if missing:
            yield f"P5 {stored.id}: {missing} was done and not undone"
        extra = {place for place in undone if undone[place] > done[place]} - _uncertain(events)
        if extra:
            yield f"P5 {stored.id}: {extra} was undone and never done"
    yield from _undo_order(stored, effects, events)
    if not stored.retries and any(not late.is_undo for late in effects[_first_undo(effects) :]):
        yield f"P5 {stored.id}: something was done after the first undo"


def _succeeded(stored: Stored, run: Run, done: Counter[str], undone: Counter[str]) -> Iterator[str]:
    for (place, side), progress in run.progress.items():
        if side is Side.UNDO or not isinstance(stored.course.step(place).do, Action) or place in run.fans:
            continue
        if progress.phase is Phase.DONE and done[place] - undone[place] < 1 and not undone[place]:
            yield f"P5 {stored.id}: {place} is said to be done and was not"
        if stored.course.step(place).undo is not None and done[place] - undone[place] > 1:
            yield f"P5 {stored.id}: {place} was done twice"
    if undone and not stored.retries:
        yield f"P5 {stored.id}: it succeeded, and something was undone"


def _uncertain(events: list[Event]) -> set[str]:
    """Return the steps of which nobody knew whether they had happened when they were undone."""
    return {
        event.step
        for event in events
        if isinstance(event, AttemptFailed)
        and event.retry_at is None
        and event.failure.kind in (FailureKind.POISON, FailureKind.UNKNOWN)
    }


def _first_undo(effects: list[Entry]) -> int:
    return next((place for place, entry in enumerate(effects) if entry.is_undo), len(effects))


def _undo_order(stored: Stored, effects: list[Entry], events: list[Event]) -> Iterator[str]:
    """Check each phase of undoing against the completions before it, and the ledger against both."""
    finished: list[str] = []
    told: list[str] = []
    phase: list[str] = []
    for event in events:
        match event:
            case AttemptSucceeded(side=Side.DO):
                finished = [place for place in finished if place != event.step] + [event.step]
            case AttemptFailed(side=Side.DO, retry_at=None) if event.failure.kind.may_have_happened:
                finished = [place for place in finished if place != event.step] + [event.step]
            case AttemptSucceeded(side=Side.UNDO):
                phase.append(event.step)
            case RetryRequested():
                finished = [place for place in finished if not any(within(place, one) for one in event.again)]
                told, phase = (told + phase, []) if event.again else (told, phase)
            case CompensationStarted():
                told, phase = told + phase, []
        expected = [place for place in reversed(finished) if place in phase]
        if phase != expected:
            yield f"P5 {stored.id}: undone in the order {phase} and not {expected}"
            return
    told += phase
    really = [entry.place for entry in effects if entry.is_undo and entry.place in told]
    if not stored.retries and really != [place for place in dict.fromkeys(told) if place in really]:
        yield f"P5 {stored.id}: the ledger has undone {really}, the journal {told}"


def _order(stored: Stored, events: list[Event]) -> Iterator[str]:
    """Check that nothing began before what it needs was over."""
    over: set[str] = set()
    for event in events:
        if isinstance(event, RetryRequested):
            over = {place for place in over if not any(_touches(place, one) for one in event.again)}
        elif isinstance(event, AttemptStarted) and event.side is Side.DO and event.attempt == 1:
            scope, step, _index = taken_apart(event.step)
            needs = stored.course.workflow_in(scope).steps[step].needs
            early = [need for need in needs if inside(scope, need) not in over]
            if early:
                yield f"{stored.id}: {event.step} began before {early} were over"
        elif _is_end(event):
            over.add(event.step)  # type: ignore[union-attr]  # what ends a step names it


def _touches(place: str, again: str) -> bool:
    return within(place, again) or within(again, place)


def _is_end(event: Event) -> bool:
    if isinstance(event, ApprovalClosed):
        return event.outcome in GOOD
    if isinstance(event, AttemptSucceeded):
        return event.side is Side.DO
    return isinstance(event, StepSkipped | StepCompleted | WaitEnded)


def _lists(stored: Stored, events: list[Event]) -> Iterator[str]:
    """Check that no more instances were under way than the list allows."""
    running: set[str] = set()
    for event in events:
        if isinstance(event, AttemptStarted) and event.side is Side.DO:
            scope, step, index = taken_apart(event.step)
            each = stored.course.workflow_in(scope).steps[step].each
            if each is None or index is None:
                continue
            running.add(event.step)
            beside = [place for place in running if taken_apart(place)[:2] == (scope, step)]
            if len(beside) > each.max_parallel:
                yield f"{stored.id}: {beside} are under way at a time, {each.max_parallel} may be"
        elif isinstance(event, AttemptSucceeded) or (isinstance(event, AttemptFailed) and not event.retry_at):
            running.discard(event.step)
        elif isinstance(event, CompensationStarted | Ended):
            running.clear()


def _approvals(stored: Stored, events: list[Event]) -> Iterator[str]:
    """Check that nothing was approved but by as many of those who may."""
    votes: dict[str, set[str]] = {}
    for event in events:
        if isinstance(event, RetryRequested):
            votes.clear()
        elif isinstance(event, ApprovalVoted) and event.vote.verdict is Verdict.APPROVE:
            votes.setdefault(event.step, set()).add(event.vote.seat)
        elif isinstance(event, ApprovalClosed) and event.outcome is Outcome.APPROVED:
            seats = votes.get(event.step, set())
            _scope, step, _index = taken_apart(event.step)
            asked = stored.course.step(event.step).do
            quorum = getattr(asked, "asked", {}).get("quorum", 1)
            if len(seats) < quorum or not seats <= set(MEMBERS):
                yield f"{stored.id}: {step} was approved by {sorted(seats)}"
