"""The dry run: what a workflow would do, and whom it would ask, told without doing any of it.

Effects are replaced by stand-ins, people agree, signals come at once, and timers pass. What
is told are the calls with their arguments as they would be resolved, in their order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from catalog.digest import Json, JsonObject
from catalog.schema import sensitive_names
from executors.port import RunState
from executors.workflow.approval import whom
from executors.workflow.approval_events import ApprovalOpened
from executors.workflow.ballot import opened
from executors.workflow.events import AttemptStarted, Event, Side, StepFailed
from executors.workflow.milestones import FanOpened, ScopeOpened, StepSkipped, WaitStarted
from executors.workflow.progress import CallId
from executors.workflow.rehearsal.script import Case, Given
from executors.workflow.rehearsal.stage import Called, Play, Played, rehearse
from executors.workflow.rehearsal.verdict import span, state_of

HIDDEN = "(sensitive)"


@dataclass(frozen=True, slots=True)
class Would:
    """One thing that would be done.

    Attributes:
        does: call, ask, wait, skip, open or fail.
        what: a sentence's end.
        arguments: of a call.
    """

    at: timedelta
    step: str
    does: str
    what: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would be done, how it would end, and what a failure at the end would undo."""

    steps: tuple[Would, ...]
    state: str
    message: str
    outputs: JsonObject
    undo: tuple[str, ...]

    @property
    def is_fine(self) -> bool:
        """Say whether it would go through."""
        return self.state == RunState.SUCCEEDED


def dry_run(play: Play, given: Given, schema: JsonObject) -> DryRun:
    """Return what a workflow would do with these inputs.

    Args:
        schema: of the inputs; what it marks sensitive is not told.
    """
    played = rehearse(play, Case("dry run", given), agrees=True)
    secret = {str(given.inputs[name]) for name in sensitive_names(schema) if name in given.inputs}
    calls = {(called.call.step, called.call.side): called for called in played.calls}
    would = (_of_event(event, played, calls, secret) for event in played.events)
    ended = played.run.ended
    return DryRun(
        steps=tuple(each for each in would if each is not None),
        state=state_of(played),
        message="" if ended is None else ended.message,
        outputs={} if ended is None else ended.outputs,
        undo=tuple(_undo_order(play.document, played)),
    )


def _call(called: Called, played: Played, secret: set[str]) -> Would:
    arguments = {name: _shown(value, secret) for name, value in called.arguments.items()}
    return Would(called.at - played.began_at, called.call.step, "call", called.uses, arguments)


def _shown(value: Json, secret: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _shown(part, secret) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(part, secret) for part in value]
    return HIDDEN if str(value) in secret else value


def _of_event(event: Event, played: Played, calls: Mapping[CallId, Called], secret: set[str]) -> Would | None:
    at = event.at - played.began_at
    match event:
        case AttemptStarted(step=step, side=Side.DO) if (step, Side.DO) in calls:
            return _call(calls[step, Side.DO], played, secret)
        case ApprovalOpened(step=step, task=task):
            why = f": {task.reason}" if task.reason else ""
            votes = f" ({task.quorum} votes)" if task.quorum > 1 else ""
            return Would(at, step, "ask", f"{whom(opened(task))}{votes}{why}", {})
        case WaitStarted(step=step, due_at=due_at, signal=signal):
            what = f"for the signal {signal}" if signal else f"for {span((due_at or event.at) - event.at)}"
            return Would(at, step, "wait", what, {})
        case StepSkipped(step=step):
            return Would(at, step, "skip", "its condition is false", {})
        case FanOpened(step=step, items=items):
            return Would(at, step, "open", f"{len(items)} times", {})
        case ScopeOpened(step=step):
            return Would(at, step, "open", "a sub-workflow", {})
        case StepFailed(step=step, failure=failure):
            return Would(at, step, "fail", failure.message, {})
    return None


def _undo_order(document: Mapping[str, Any], played: Played) -> Iterator[str]:
    undoable = {("", step["id"]) for step in document["steps"] if "compensate" in step}
    for file, part in document.get("workflows", {}).items():
        undoable |= {(file, step["id"]) for step in part["steps"] if "compensate" in step}
    ids = {step for _, step in undoable}
    for place in reversed(played.run.finished):
        if place.rpartition("/")[2].partition("[")[0] in ids:
            yield place
