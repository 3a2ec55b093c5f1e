"""Drives a run forward: begins what can begin, and ends what has what it waited for.

It looks at what is under way, because time may have passed for it, and at what the news of
this decision made possible; only a run that was just taken up is looked at as a whole. Every
place that ends puts those that rest on it on the agenda.
"""

from collections.abc import Iterator
from datetime import datetime

from catalog.references import Unresolved, resolved
from executors.outputs import InvalidOutput, checked
from executors.port import RunState
from executors.workflow.approval import Due, deadlines, extended_until, overdue
from executors.workflow.approval_events import ApprovalClosed, ApprovalEscalated, ApprovalReminded
from executors.workflow.ballot import Outcome
from executors.workflow.beginning import begin
from executors.workflow.calling import BadKey, go_on, is_held
from executors.workflow.events import CompensationStarted, Ended, Event, Side
from executors.workflow.milestones import StepCompleted, WaitEnded
from executors.workflow.places import instance
from executors.workflow.progress import Phase
from executors.workflow.spec import Nested
from executors.workflow.story import Story


def forward(story: Story) -> None:
    """Do all that can be done now, up to the run's success or its first failure."""
    run = story.run
    if not run.has_begun and not _is_let_in(story):
        return
    is_fresh = story.is_fresh or not run.has_begun
    story.agenda.extendleft(reversed(list(_resting(story, is_fresh=is_fresh))))
    if is_fresh:
        _look_everywhere(story)
    while story.agenda and run.goes_forward:
        _consider(story, story.agenda.popleft())
    if run.goes_forward and story.is_over("") and not run.live:
        story.tell(_success(story))


def due_at(story: Story, place: str) -> datetime | None:
    """Return when something falls due at a place by itself."""
    progress = story.of(place)
    if progress.phase is Phase.ASKING:
        own = min(deadlines(story.run.asked[place]).values(), default=None)
    else:
        own = story.refused.get(place, progress.due_at)
    ends = [at for at in (own, story.deadline_of(place) if place else None) if at is not None]
    return min(ends, default=None)


def _is_let_in(story: Story) -> bool:
    try:
        return not is_held(story, "", story.course.workflow.gates)
    except (Unresolved, BadKey) as error:
        message = f"it cannot be told which gate the run has to pass: {error}"
        story.tell(CompensationStarted(story.now, RunState.FAILED, "", message))
        return False


def _resting(story: Story, *, is_fresh: bool) -> Iterator[str]:
    """Yield the places for which time may have passed; wholes hear of their parts, but may be late."""
    run, looks_at_wholes = story.run, is_fresh or story.course.workflow.has_deadlines
    for call in run.live:
        place, side = call
        is_asleep = call in run.flying or (run.progress[call].phase is Phase.OPEN and not looks_at_wholes)
        if place and side is Side.DO and not is_asleep:
            yield place


def _look_everywhere(story: Story) -> None:
    open_scopes = [scope for scope in story.run.scopes if story.of(scope).phase is Phase.OPEN]
    for scope in ("", *open_scopes):
        story.agenda += story.first_of(scope)


def _consider(story: Story, place: str) -> None:
    match story.of(place).phase:
        case Phase.IDLE:
            begin(story, place)
        case Phase.WAITING | Phase.UNCERTAIN | Phase.HELD:
            _go_on(story, place)
        case Phase.PARKED:
            _wait(story, place)
        case Phase.ASKING:
            _ask(story, place)
        case Phase.OPEN:
            _fill(story, place)


def _go_on(story: Story, place: str) -> None:
    try:
        go_on(story, place)
    except (Unresolved, BadKey) as error:
        story.fail(place, "unfit_value", str(error))


def _is_late(story: Story, place: str) -> bool:
    deadline = story.deadline_of(place)
    return deadline is not None and deadline <= story.now


def _wait(story: Story, place: str) -> None:
    progress = story.of(place)
    signal = next((each for each in story.run.signals if each.name == progress.awaited), None)
    is_due = progress.due_at is not None and progress.due_at <= story.now
    if signal is not None and progress.awaited:
        story.tell(WaitEnded(story.now, place, signal.payload, signal.number))
    elif is_due and not progress.awaited:
        story.tell(WaitEnded(story.now, place))
    elif is_due:
        story.fail(place, "wait_timed_out", f"the signal {progress.awaited} did not come in time")
    elif _is_late(story, place):
        story.fail(place, "deadline_exceeded", "its deadline has passed")


def _ask(story: Story, place: str) -> None:
    while (due := overdue(story.run.asked[place], story.now)) is not None:
        story.tell(_fallen_due(story, place, due))
        if story.of(place).phase is not Phase.ASKING:
            return
    if _is_late(story, place):
        story.tell(ApprovalClosed(story.now, place, Outcome.EXPIRED, "its deadline has passed"))


def _fallen_due(story: Story, place: str, due: Due) -> Event:
    standing = story.run.asked[place]
    match due:
        case Due.EXPIRY:
            return ApprovalClosed(story.now, place, Outcome.EXPIRED, "nobody decided in time")
        case Due.EXTENSION:
            expires_at = extended_until(standing, story.now)
            return ApprovalEscalated(story.now, place, standing.task.escalate_to, expires_at)
        case Due.ESCALATION:
            return ApprovalEscalated(story.now, place, standing.task.escalate_to, standing.expires_at)
        case Due.REMINDER:
            return ApprovalReminded(story.now, place)


def _fill(story: Story, place: str) -> None:
    if _is_late(story, place):
        story.fail(place, "deadline_exceeded", "its deadline has passed")
    elif place in story.run.fans:
        _fill_fan(story, place)
    elif story.is_over(place):
        _complete_scope(story, place)


def _fill_fan(story: Story, place: str) -> None:
    run, each = story.run, story.course.step(place).each
    assert each is not None  # noqa: S101  # only a for_each is a fan; tells mypy
    fan = run.fans[place]
    while fan.begun < len(fan.todo) and fan.live < each.max_parallel and run.goes_forward:
        begin(story, instance(place, fan.todo[fan.begun]))
        fan = run.fans[place]
    if run.goes_forward and run.over_in.get(place, 0) == len(fan.items):
        story.tell(StepCompleted(story.now, place))


def _complete_scope(story: Story, place: str) -> None:
    nested = story.course.step(place).do
    assert isinstance(nested, Nested)  # noqa: S101  # only a sub-workflow is a scope; tells mypy
    promised = story.course.workflow_in(place).outputs
    try:
        outputs = checked(resolved(promised, story.course.end_roots(story.run, place)))
    except (Unresolved, InvalidOutput) as error:
        story.fail(place, "unusable_outputs", f"what {nested.file} hands back is not usable: {error}")
    else:
        story.tell(StepCompleted(story.now, place, outputs))


def _success(story: Story) -> Event:
    roots, workflow = story.course.end_roots(story.run, ""), story.course.workflow
    try:
        outputs = checked(resolved(workflow.outputs, roots))
        facts = checked(resolved(workflow.facts, roots))
    except (Unresolved, InvalidOutput) as error:
        message = f"what the workflow hands back is not usable: {error}"
        return CompensationStarted(story.now, RunState.FAILED, "", message)
    return Ended(story.now, RunState.SUCCEEDED, outputs=outputs, facts=facts)
