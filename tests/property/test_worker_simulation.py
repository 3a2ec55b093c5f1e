"""Hundreds of small worlds around the real worker; the promises hold in each.

WORKER_SCHEDULES=100000 pytest tests/property/test_worker_simulation.py   more of them
WORKER_BASE=7000000 ...                                                  other ones
WORKER_SEED=4711 ...                                                     that one alone
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from catalog.errors import Internal
from executors.claims import ClaimedRun, Page, Written
from executors.port import RunState
from executors.workflow import act
from executors.workflow.events import (
    AttemptFailed,
    AttemptSucceeded,
    Event,
    FailureKind,
    Side,
    decode,
)
from executors.workflow.journal import run_of
from executors.workflow.memory import MemoryJournal, StoredRun, _MemoryBook
from executors.workflow.state import Run
from executors.workflow.view import report_of
from tests.property.worker_simulation import Simulation
from tests.property.worlds import Entry

SCHEDULES = int(os.environ.get("WORKER_SCHEDULES", "800"))
BASE = int(os.environ.get("WORKER_BASE", "0"))
ONE = os.environ.get("WORKER_SEED")
SEEDS = [int(ONE)] if ONE else range(BASE, BASE + SCHEDULES)
PARTS = 1 if ONE else 4


def complaints(simulation: Simulation) -> Iterator[str]:
    """Yield every promise that a played-out schedule breaks."""
    for run_id, stored in simulation.journal.runs.items():
        if not stored.is_over:
            yield f"{run_id} was lost: it has not ended"
            continue
        run = run_of(stored.entries)  # raises on a gap and on an impossible story: P3
        if stored.report != report_of(run, run_id):
            yield f"P3 {run_id}: the row is not what the journal folds to"
        if simulation.final.get(run_id, (stored.report.state, len(stored.entries))) != (
            stored.report.state,
            len(stored.entries),
        ):
            yield f"P6 {run_id}: something changed after the end"
        effects = [entry for entry in simulation.ledger.effects if entry.run_id == run_id]
        yield from _effect_complaints(effects, simulation, run_id)
        yield from _undo_complaints(effects, run, stored, simulation.undoable(run_id))


def _effect_complaints(effects: list[Entry], simulation: Simulation, run_id: str) -> Iterator[str]:
    keys = [entry.key for entry in effects]
    if len(keys) != len(set(keys)):
        yield f"P2 {run_id}: an effect happened twice under its key"
    used = {
        (entry.place, entry.is_undo, entry.key) for entry in simulation.ledger.calls if entry.run_id == run_id
    }
    if len(used) != len({(name, is_undo) for name, is_undo, _ in used}):
        yield f"P2 {run_id}: a step was called under two keys"


def _undo_complaints(effects: list[Entry], run: Run, stored: StoredRun, undoable: set[str]) -> Iterator[str]:
    done = [entry.place for entry in effects if not entry.is_undo]
    undone = [entry.place for entry in effects if entry.is_undo]
    state = stored.report.state
    if state is RunState.SUCCEEDED and (undone or done != list(dict.fromkeys(done))):
        yield f"P5 {stored.claim.id}: it succeeded, and something was undone or done twice"
    if state in (RunState.FAILED, RunState.CANCELLED):
        uncertain = {
            step for (step, side), p in run.progress.items() if side is Side.DO and _is_uncertain(p.failure)
        }
        if missing := set(done) & undoable - set(undone):
            yield f"P5 {stored.claim.id}: {missing} was done and not undone"
        if extra := set(undone) - set(done) - uncertain:
            yield f"P5 {stored.claim.id}: {extra} was undone and never done"
    if undone != [step for step in reversed(_completed(stored)) if step in undone]:
        yield f"P5 {stored.claim.id}: undone in the wrong order: {undone}"
    first_undo = next((place for place, entry in enumerate(effects) if entry.is_undo), len(effects))
    if any(not entry.is_undo for entry in effects[first_undo:]):
        yield f"P5 {stored.claim.id}: something was done after the first undo"


def _is_uncertain(failure: object) -> bool:
    return getattr(failure, "kind", None) is FailureKind.POISON


def _completed(stored: StoredRun) -> list[str]:
    """Return the steps in the order in which the journal says they came to an end."""
    ends = [
        event
        for event in (decode(entry.type, entry.body) for entry in stored.entries)
        if isinstance(event, AttemptSucceeded | AttemptFailed) and event.side is Side.DO
    ]
    return list(dict.fromkeys(event.step for event in reversed(ends)))[::-1]


def play(seed: int) -> list[str]:
    """Play one schedule and return what it breaks."""
    simulation = Simulation(seed)
    simulation.run()
    return list(complaints(simulation))


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_schedule_breaks_a_promise(part: int) -> None:
    for seed in SEEDS[part::PARTS]:
        try:
            broken = play(seed)
        except Exception as error:  # the seed is what a reader needs, whatever happened
            raise AssertionError(f"WORKER_SEED={seed} replays this") from error
        assert not broken, f"WORKER_SEED={seed} replays this: {broken}"


def test_a_seed_replays_its_schedule_exactly() -> None:
    first, second = Simulation(4711), Simulation(4711)
    first.run()
    second.run()
    assert first.history == second.history
    assert first.journal.runs == second.journal.runs


def test_the_schedules_meet_every_fault_and_every_end() -> None:
    met: Counter[str] = Counter()
    for seed in range(200):
        simulation = Simulation(seed)
        simulation.run()
        met.update(simulation.history)
        met.update(run.report.state.value for run in simulation.journal.runs.values())
    faults = {"crash", "freeze", "worker gone", "message lost", "message doubled", "lost", "answer lost"}
    answers = {
        "transient",
        "permanent",
        "unknown with effect",
        "unknown without effect",
        "hostile",
        "cannot tell",
    }
    assert faults | answers | {"succeeded", "failed", "cancelled", "stuck"} <= met.keys()


def _lets_everybody_write(patch: pytest.MonkeyPatch) -> None:
    honest = _MemoryBook.save

    def save(book: _MemoryBook, held: ClaimedRun, page: Page, events: Sequence[Event]) -> Written:
        now = book.runs[held.id].claim
        return honest(book, replace(held, fence=now.fence, seq=now.seq, mail=now.mail), page, events)

    patch.setattr(_MemoryBook, "save", save)


def _lets_the_late_worker_project(patch: pytest.MonkeyPatch) -> None:
    honest = _MemoryBook.save

    def save(book: _MemoryBook, held: ClaimedRun, page: Page, events: Sequence[Event]) -> Written:
        written = honest(book, held, page, events)
        if written is Written.FENCED:
            book.runs[held.id].report = page.report
        return written

    patch.setattr(_MemoryBook, "save", save)


def _drops_mail_on_the_way_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryJournal, "post", lambda *_: None)
    patch.setattr(Simulation, "_sweep", lambda _: None)


def _changes_keys_with_the_fence(patch: pytest.MonkeyPatch) -> None:
    honest = act.step_key
    patch.setattr(act, "step_key", lambda held, name, side: honest(held, f"{name}{held.fence}", side))


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        (_lets_everybody_write, ""),
        (_lets_the_late_worker_project, "P3"),
        (_drops_mail_on_the_way_out, "lost"),
        (_changes_keys_with_the_fence, "P2"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_planted_fault_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    found: list[str] = []
    for seed in range(400):
        try:
            found += play(seed)
        except Internal as error:
            found.append(error.message)
        if any(promise in complaint for complaint in found):
            return
    pytest.fail(f"400 schedules did not find it; they found {found[:5]}")
