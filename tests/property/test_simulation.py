"""Thousands of small worlds in which everything goes wrong; the promises hold in each.

SIMULATION_SCHEDULES=100000 pytest tests/property/test_simulation.py   more of them
SIMULATION_BASE=7000000 ...                                           other ones
SIMULATION_SEED=4711 ...                                              that one alone
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from catalog.errors import Internal
from executors.workflow import act, answers, approval, backward, forward, letters, reopening, state
from executors.workflow import decide as core
from executors.workflow.events import AttemptFailed, AttemptLost, Failure, FailureKind
from executors.workflow.milestones import RetryRequested
from executors.workflow.state import Run
from executors.workflow.story import Story
from tests.property import simulation as world
from tests.property.shelf import Gates, Saving, Shelf, Stored, Written
from tests.property.simulation import Simulation
from tests.property.verdict import complaints

SCHEDULES = int(os.environ.get("SIMULATION_SCHEDULES", "10000"))
BASE = int(os.environ.get("SIMULATION_BASE", "0"))
ONE = os.environ.get("SIMULATION_SEED")
SEEDS = [int(ONE)] if ONE else range(BASE, BASE + SCHEDULES)
PARTS = 1 if ONE else 20


def play(seed: int) -> list[str]:
    """Play one schedule and return what it breaks."""
    simulation = Simulation(seed)
    simulation.run()
    return list(complaints(simulation))


@pytest.mark.parametrize("part", range(PARTS))
def test_no_schedule_breaks_a_promise(part: int) -> None:
    for seed in SEEDS[part::PARTS]:
        try:
            broken = play(seed)
        except Exception as error:  # the seed is what a reader needs, whatever happened
            raise AssertionError(f"SIMULATION_SEED={seed} replays this") from error
        assert not broken, f"SIMULATION_SEED={seed} replays this: {broken}"


@pytest.mark.parametrize("seed", [4711, 7, 281])
def test_a_seed_replays_its_schedule_exactly(seed: int) -> None:
    first, second = Simulation(seed), Simulation(seed)
    first.run()
    second.run()
    assert first.history == second.history
    assert first.ledger == second.ledger
    stories = [[run.entries for run in one.shelf.runs.values()] for one in (first, second)]
    assert stories[0] == stories[1]


def test_the_schedules_meet_every_fault_every_end_and_every_event() -> None:
    met: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for seed in range(1000):
        simulation = Simulation(seed)
        simulation.run()
        met.update(simulation.history)
        for run in simulation.shelf.runs.values():
            met[run.report.state.value] += 1
            told.update(type_ for type_, _ in run.entries)
    faults = {"crash", "fenced", "late answer", "answer doubled", "message lost", "message doubled"}
    faults |= {"lost", "answer lost", "clock stepped back", "retry of failed", "retry of stuck"}
    outcomes = {
        "transient",
        "permanent",
        "unknown with effect",
        "unknown without effect",
        "hostile",
        "cannot tell",
    }
    assert faults | outcomes | {"succeeded", "failed", "cancelled", "stuck"} <= met.keys()
    never = {cls.__name__ for cls in state._CHANGES} - told.keys()
    assert never <= {"Migrated"}, never


# --------------------------------------------------------------------------- planted faults


def _lets_everybody_write(patch: pytest.MonkeyPatch) -> None:
    honest = Shelf.save

    def save(shelf: Shelf, run: Stored, saving: Saving) -> Written:
        now = Saving(run.fence, len(run.entries), len(run.mail), saving.decision, saving.admitted)
        return honest(shelf, run, now)

    patch.setattr(Shelf, "save", save)


def _takes_lost_for_not_happened(patch: pytest.MonkeyPatch) -> None:
    def lost(story: Story) -> None:
        for place, side in story.run.in_flight():
            story.tell(AttemptLost(story.now, place, side))
            again = Failure(FailureKind.TRANSIENT, "lost", "lost")
            story.tell(AttemptFailed(story.now, place, side, again, story.now))

    patch.setattr(core, "lost", lost)


def _takes_unknown_for_not_happened(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers, "cannot_tell", answers.again_or_never)


def _undoes_forward(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(backward, "reversed", list, raising=False)


def _forgets_what_may_have_happened(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FailureKind, "may_have_happened", property(lambda kind: kind is FailureKind.UNKNOWN))


def _undoes_before_all_calls_have_answered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Run, "in_flight", lambda run: [])
    patch.setattr(state, "_drop", lambda run, event: run.live.clear())


def _loses_letters(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Simulation, "_answer_people", lambda _: None)


def _changes_keys_with_the_fence(patch: pytest.MonkeyPatch) -> None:
    honest = act.step_key
    patch.setattr(world, "step_key", lambda held, name, side: honest(held, f"{name}{held.fence}", side))


def _begins_too_early(patch: pytest.MonkeyPatch) -> None:
    honest = Story.is_ready

    def is_ready(story: Story, scope: str, step: str) -> bool:
        index = list(story.course.workflow_in(scope).steps).index(step)
        return honest(story, scope, step) or (
            index == 1 and story.of(f"{scope}/{step}".strip("/")).phase == "idle"
        )

    patch.setattr(Story, "is_ready", is_ready)


def _fills_lists_without_limit(patch: pytest.MonkeyPatch) -> None:
    honest = forward._fill_fan

    def fill(story: Story, place: str) -> None:
        fan = story.run.fans[place]
        story.run.fans[place] = type(fan)(fan.items, fan.todo, fan.begun, fan.live - 1)
        honest(story, place)

    patch.setattr(forward, "_fill_fan", fill)


def _lets_anybody_approve(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(approval, "refusal", lambda standing, act: None)


def _retries_under_the_old_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(letters, "_afresh", lambda story: iter(()))


def _takes_letters_in_after_the_end(patch: pytest.MonkeyPatch) -> None:
    honest = letters.take_in

    def take_in(story: Story, letter: Any) -> None:
        if story.run.ended is not None and story.run.ended.state in reopening.REOPENED:
            story.tell(RetryRequested(story.now, story.run.mail + 1, ""))
        honest(story, letter)

    patch.setattr(core, "take_in", take_in)


def _keeps_places(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gates, "leave", lambda gates, holder: None)


def _never_wakes_up(patch: pytest.MonkeyPatch) -> None:
    def due_at(_story: Story) -> datetime | None:
        return None

    patch.setattr(core, "_due_at", due_at)


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        (_lets_everybody_write, ""),
        (_takes_lost_for_not_happened, "P2"),
        (_takes_unknown_for_not_happened, "P2"),
        (_undoes_forward, ""),
        (_forgets_what_may_have_happened, "P5"),
        (_undoes_before_all_calls_have_answered, ""),
        (_loses_letters, "lost"),
        (_changes_keys_with_the_fence, "P2"),
        (_begins_too_early, "began before"),
        (_fills_lists_without_limit, "at a time"),
        (_lets_anybody_approve, ""),
        (_retries_under_the_old_keys, ""),
        (_takes_letters_in_after_the_end, ""),
        (_keeps_places, "lost"),
        (_never_wakes_up, "lost"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_planted_fault_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    monkeypatch.setattr(world, "HEALING_ROUNDS", 40)
    found: list[str] = []
    for seed in range(500):
        try:
            found += play(seed)
        except Internal as error:
            found.append(error.message)
        except AttributeError as error:
            found.append(str(error))
        if any(promise in complaint for complaint in found):
            return
    pytest.fail(f"500 schedules did not find it; they found {found[:5]}")
