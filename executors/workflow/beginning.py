"""How a step begins: whether at all, and as what.

First its condition, then its list, then what it does. A condition that speaks of `item` or
`index` is asked for each instance of a `for_each`, any other one once, before the list is
looked at. Whatever stands in the document and cannot be worked out now fails the step.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from catalog.digest import Json, JsonObject
from catalog.expression import Unanswerable, expression
from catalog.references import Unresolved, resolved
from executors.workflow.approval import task_for
from executors.workflow.approval_events import ApprovalOpened
from executors.workflow.ballot import Task
from executors.workflow.calling import BadKey, pursue
from executors.workflow.events import Side
from executors.workflow.instant import instant
from executors.workflow.milestones import FanOpened, ScopeOpened, StepSkipped, WaitStarted
from executors.workflow.places import taken_apart
from executors.workflow.spec import Action, Ask, Nested, Step, Wait
from executors.workflow.story import Story

MAX_ITEMS = 1_000
MAX_PARTS = 20_000
"""So many calls and steps a run may come to, its undoing included."""

ITEM_ROOTS = frozenset({"item", "index"})


class _Unfit(Exception):
    """A value that was referred to is not of the kind that is needed there."""


def begin(story: Story, place: str) -> None:
    """Begin a step that nothing holds up any more, or skip it."""
    step = story.course.step(place)
    is_whole = step.each is not None and taken_apart(place)[2] is None
    try:
        if _is_asked_here(step, is_whole=is_whole) and not _holds(story, place, step.condition):
            story.tell(StepSkipped(story.now, place))
        elif is_whole:
            _open_fan(story, place, step)
        else:
            _BEGINNINGS[type(step.do)](story, place, step.do)
    except Unresolved as error:
        story.fail(place, "unresolved_reference", str(error))
    except Unanswerable as error:
        story.fail(place, "condition_failed", f"its condition has no answer: {error}")
    except (_Unfit, BadKey) as error:
        story.fail(place, "unfit_value", str(error))


def _is_asked_here(step: Step, *, is_whole: bool) -> bool:
    if not step.condition or step.each is None:
        return bool(step.condition)
    return is_whole is not bool(ITEM_ROOTS & expression(step.condition).roots)


def _holds(story: Story, place: str, condition: str) -> bool:
    return expression(condition).holds(story.course.roots(story.run, place))


def _open_fan(story: Story, place: str, step: Step) -> None:
    assert step.each is not None  # noqa: S101  # only a for_each is opened; tells mypy
    items = resolved(step.each.items, story.course.roots(story.run, place))
    if not isinstance(items, list | tuple):
        raise _Unfit("what its for_each names is no list")
    if len(items) > MAX_ITEMS:
        raise _Unfit(f"its for_each has more than {MAX_ITEMS} items")
    _check_room(story, len(items))
    story.tell(FanOpened(story.now, place, items))
    story.agenda.append(place)


def _check_room(story: Story, parts: int) -> None:
    # Lists within lists multiply, and nobody can tell at publish how long they will be.
    if len(story.run.progress) + parts > MAX_PARTS:
        raise _Unfit(f"the run would come to more than {MAX_PARTS} steps")


def _call(story: Story, place: str, _action: Action) -> None:
    pursue(story, place, Side.DO)


def _ask(story: Story, place: str, ask: Ask) -> None:
    asked = resolved(ask.asked, story.course.roots(story.run, place))
    assert isinstance(asked, Mapping)  # noqa: S101  # an object resolves to an object; tells mypy
    _check_asked(asked)
    task = task_for(asked, story.course.context, story.now)
    _check_reach(task)
    story.tell(ApprovalOpened(story.now, place, task))


def _check_asked(asked: JsonObject) -> None:
    for field in ("groups", "assignees"):
        names = asked.get(field, [])
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
            raise _Unfit(f"the {field} of its approval are no list of names")
    if not isinstance(asked.get("reason", ""), str):
        raise _Unfit("the reason of its approval is no text")


def _check_reach(task: Task) -> None:
    """Refuse to ask where no vote could ever decide: at publish a reference may still stand for anybody."""
    if not task.groups and not task.assignees:
        raise _Unfit("nobody is asked for its approval: its groups and assignees are empty")
    voters = set(task.assignees) - set(task.requesters)
    if not task.groups and not task.escalate_to and len(voters) < task.quorum:
        raise _Unfit("fewer people are asked than have to approve, and nobody approves his own request")


def _wait(story: Story, place: str, wait: Wait) -> None:
    roots = story.course.roots(story.run, place)
    signal = resolved(wait.signal, roots)
    if not isinstance(signal, str):
        raise _Unfit("what its wait names is no signal")
    due_at = _until(wait, resolved(wait.until, roots), story.now)
    story.tell(WaitStarted(story.now, place, due_at, signal))
    story.agenda.append(place)


def _until(wait: Wait, until: Json, now: datetime) -> datetime | None:
    if wait.until:
        at = instant(until)
        if at is None:
            raise _Unfit("what it waits for is no time as in RFC 3339")
        return at
    seconds = wait.timeout_seconds if wait.signal else wait.timer_seconds
    return None if seconds is None else now + timedelta(seconds=seconds)


def _open_scope(story: Story, place: str, nested: Nested) -> None:
    inputs = resolved(nested.arguments, story.course.roots(story.run, place))
    assert isinstance(inputs, Mapping)  # noqa: S101  # an object resolves to an object; tells mypy
    _check_room(story, len(story.course.workflow_in(place).steps))
    story.tell(ScopeOpened(story.now, place, inputs))
    story.agenda += story.first_of(place)


# Each function takes its own sort of doing; the table is what ties them together.
_BEGINNINGS: Mapping[type, Callable[[Story, str, Any], None]] = {
    Action: _call,
    Ask: _ask,
    Wait: _wait,
    Nested: _open_scope,
}
