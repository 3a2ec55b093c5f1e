"""Three harnesses that any workflow has to stand: repeat each step, fail at each step, repeat each undo.

Each takes a workflow that can be rehearsed and the world around it, plays it through once
undisturbed and then once for every disturbance, and yields what went wrong, one line each.
Everybody who is asked agrees, and every signal comes, unless the disturbance is that somebody
does not. The core and the actor are the real ones; the world honours idempotency keys.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from catalog.digest import Json
from executors.port import RunState
from executors.workflow.events import Side
from executors.workflow.exchange import Course
from executors.workflow.progress import Phase
from executors.workflow.rehearsal.script import Attempt, Case, Given, Happening
from executors.workflow.rehearsal.stage import Play, Played, rehearse
from executors.workflow.rehearsal.standins import StandIns
from executors.workflow.rehearsal.verdict import state_of
from executors.workflow.spec import Ask, parse_workflow

REPEATS = (
    Attempt(crash="before"),
    Attempt(crash="after"),
    Attempt(fails="unknown", happened=True),
    Attempt(fails="unknown", happened=False),
    Attempt(fails="transient"),
)
"""What makes the engine make a call a second time, or look what became of the first."""

REFUSED = Attempt(fails="permanent", code="refused", message="refused by the harness")


def repeat_each_step(play: Play, given: Given) -> Iterator[str]:
    """Yield every step that does not stand being done twice, or being broken off anywhere."""
    whole = _played(play, given)
    if state_of(whole) != RunState.SUCCEEDED:
        yield f"undisturbed it ends {state_of(whole)}: {_message(whole)}"
        return
    for place in _called(whole, Side.DO):
        for first in REPEATS:
            twice = _played(play, _with(given, place, first))
            what = f"{place} {_disturbance(first)}"
            if state_of(twice) != RunState.SUCCEEDED:
                yield f"{what}: it ends {state_of(twice)}: {_message(twice)}"
            elif sorted(twice.effects) != sorted(whole.effects):
                yield f"{what}: it does {twice.effects} and not {whole.effects}"
            elif _outputs(twice) != _outputs(whole):
                yield f"{what}: it hands back something else"


def fail_at_each_step(play: Play, given: Given) -> Iterator[str]:
    """Yield every step after whose failure something is left that could be undone, or undone amiss."""
    for place, failed in _failures(play, given):
        if state_of(failed) != RunState.FAILED:
            yield f"{place} failed: it ends {state_of(failed)}: {_message(failed)}"
        undone = [each for each in reversed(failed.effects) if _is_undoable(play, each)]
        if failed.compensations != undone:
            yield f"{place} failed: {failed.compensations} is undone and not {undone}"
        if place in failed.effects:
            yield f"{place} failed, and took effect"


def repeat_each_undo(play: Play, given: Given) -> Iterator[str]:
    """Yield every undoing that does not stand being done twice, or being broken off anywhere."""
    for place, failed in _failures(play, given):
        for undo in _called(failed, Side.UNDO):
            for first in REPEATS:
                world = replace(_failing(play, given, place), undo={undo: (first, Attempt())})
                twice = _played(play, world, _rejection(play, place))
                what = f"{place} failed, undoing {undo} {_disturbance(first)}"
                if state_of(twice) != RunState.FAILED:
                    yield f"{what}: it ends {state_of(twice)}: {_message(twice)}"
                if twice.compensations != failed.compensations:
                    yield f"{what}: {twice.compensations} is undone and not {failed.compensations}"


def worlds(play: Play, given: Given) -> Iterator[Given]:
    """Yield worlds that differ in what their steps find, so that both ways of a condition are gone."""
    yield given
    standins = StandIns(play.document, play.kinds, play.promised)
    script = {
        step["id"]: (Attempt(outputs=_flipped(standins.outputs("", step["id"]))),)
        for step in play.document["steps"]
        if "uses" in step
    }
    yield replace(given, steps={**script, **given.steps})


def reached(play: Play, given: Given) -> set[str]:
    """Return the steps that are called in a world, or asked of people."""
    whole = _played(play, given)
    asked = {step for step in whole.run.asked if whole.run.of(step, Side.DO).phase is Phase.DONE}
    return {*_called(whole, Side.DO), *asked}


def _failures(play: Play, given: Given) -> Iterator[tuple[str, Played]]:
    whole = _played(play, given)
    asked = [step for step in whole.run.asked if isinstance(_step_of(play, step), Ask)]
    for place in (*_called(whole, Side.DO), *asked):
        yield place, _played(play, _failing(play, given, place), _rejection(play, place))


def _failing(play: Play, given: Given, place: str) -> Given:
    if isinstance(_step_of(play, place), Ask):
        return given
    return replace(given, steps={**given.steps, place: (REFUSED,)})


def _rejection(play: Play, place: str) -> tuple[Happening, ...]:
    if not isinstance(_step_of(play, place), Ask):
        return ()
    return (Happening("reject", place, by="nobody-s-friend", reason="the harness says no"),)


def _played(play: Play, given: Given, happens: tuple[Happening, ...] = ()) -> Played:
    return rehearse(play, Case("harness", given, happens), agrees=True)


def _with(given: Given, place: str, first: Attempt) -> Given:
    then = given.steps.get(place, (Attempt(),))
    return replace(given, steps={**given.steps, place: (replace(first, outputs=then[0].outputs), *then)})


def _called(played: Played, side: Side) -> list[str]:
    return list(dict.fromkeys(each.call.step for each in played.calls if each.call.side is side))


def _step_of(play: Play, place: str) -> Any:
    return Course(parse_workflow(play.document), {}).step(place).do


def _is_undoable(play: Play, place: str) -> bool:
    return Course(parse_workflow(play.document), {}).step(place).undo is not None


def _outputs(played: Played) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    ended = played.run.ended
    return ({}, {}) if ended is None else (ended.outputs, ended.facts)


def _message(played: Played) -> str:
    return "" if played.run.ended is None else played.run.ended.message


def _disturbance(attempt: Attempt) -> str:
    if attempt.crash:
        return f"broken off {attempt.crash} its effect"
    if attempt.fails == "unknown":
        return "with its answer lost" if attempt.happened else "with its call lost"
    return "failing once"


def _flipped(value: Json) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, Mapping):
        return {name: _flipped(part) for name, part in value.items()}
    return [_flipped(part) for part in value] if isinstance(value, list) else value
