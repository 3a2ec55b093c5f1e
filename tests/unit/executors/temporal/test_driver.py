"""A run in a Temporal workflow's hands: what is lost, what comes twice, what is too large."""

import random
from collections import Counter
from typing import Any

import pytest

from executors.port import RunState
from executors.temporal import driver
from executors.temporal.driver import Driver
from executors.temporal.wire import Leaf, order_form
from executors.workflow.act import Actor, Held
from executors.workflow.events import Failure, FailureKind
from executors.workflow.exchange import Call, Decision, Done, Failed, Verb
from executors.workflow.state import fold
from tests.engine import World, order
from tests.workflows import EPOCH, VirtualClock, document, step, undoable

SEEDS = 150


def driven(*steps: dict[str, Any], **more: Any) -> Driver:
    """Return the driver of a run of these steps."""
    return Driver.of(order_form(order(document(*steps, **more)), "run_1", EPOCH, 3.0), None)


def begun(of: Driver, clock: VirtualClock) -> Decision:
    """Take a turn and begin its calls."""
    decision = of.turn(clock(), lambda: 0.5)
    for call in decision.calls:
        assert of.errand(call) is not None
    return decision


def test_an_answer_leads_to_the_next_call() -> None:
    run, clock = driven(step("a"), step("b")), VirtualClock()
    [first] = begun(run, clock).calls
    run.answered(first, Done({"id": "a"}))
    [second] = begun(run, clock).calls
    assert (first.step, second.step, run.under_way) == ("a", "b", {second})


def test_after_a_loss_nothing_begins_until_the_others_have_answered() -> None:
    roots = [step(name, needs=[]) for name in ("a", "b", "d")]
    run, clock = driven(*roots, step("c", needs=["b"])), VirtualClock()
    lost, other, last = begun(run, clock).calls
    run.lost(lost)
    assert not run.has_news
    run.answered(other, Done())
    assert begun(run, clock).calls == (), "c has to wait"
    assert run.fence == 1
    run.answered(last, Done())
    calls = begun(run, clock).calls
    assert run.fence == 2
    assert {(call.step, call.verb) for call in calls} == {("a", Verb.LOOK), ("c", Verb.RUN)}
    assert {errand.fence for call in calls if (errand := run.errand(call))} == {2}


def test_a_letter_from_our_door_counts_once() -> None:
    run, clock = (
        driven({"id": "w", "wait": {"signal": "go"}}, {"id": "x", "wait": {"signal": "go"}}),
        VirtualClock(),
    )
    body: dict[str, Any] = {"name": "go", "payload": {}}
    for number in (1, 2, 1, 2):
        run.posted("signal", body, number)
    begun(run, clock)
    assert (run.letters, run.heard, run.run.mail) == (2, 2, 2)
    assert run.report.state is RunState.SUCCEEDED


def test_too_many_signals_are_left_out_and_a_cancel_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MAX_SIGNALS", 3)
    run, clock = driven({"id": "w", "wait": {"signal": "never"}}), VirtualClock()
    begun(run, clock)
    for _ in range(10):
        run.posted("signal", {"name": "go", "payload": {}})
    for _ in range(3):
        run.posted("cancel", {"reason": "enough"})
    begun(run, clock)
    assert (run.letters, run.report.state) == (4, RunState.CANCELLED)


@pytest.mark.parametrize("letter", [("migrate", {}), ("nonsense", {}), ("vote", {"step": 7})])
def test_a_letter_that_means_nothing_changes_nothing(letter: tuple[str, dict[str, Any]]) -> None:
    run, clock = driven({"id": "w", "wait": {"signal": "go"}}), VirtualClock()
    begun(run, clock)
    run.posted(*letter)
    begun(run, clock)
    assert (run.run.mail, run.report.state) == (1, RunState.WAITING)


def test_the_copy_gets_the_journal_page_by_page() -> None:
    run, clock = driven(step("a")), VirtualClock()
    [call] = begun(run, clock).calls
    first = run.leaf()
    assert first is not None
    assert [entry.seq for entry in first.entries] == [2]
    assert run.leaf() is None, "it is on its way"
    run.answered(call, Done())
    begun(run, clock)
    second = run.leaf()
    assert second is not None
    assert second.report.state is RunState.SUCCEEDED
    run.was_not_copied()
    again = run.leaf()
    assert again is not None
    assert again.entries == first.entries + second.entries
    run.was_copied(again)
    assert (run.copied, run.leaf()) == (len(run.journal), None)


def test_a_page_has_no_more_room_than_the_server_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MAX_CROSSING_BYTES", 200)
    run, clock = driven({**step("a"), "for_each": [1, 2, 3, 4]}), VirtualClock()
    begun(run, clock)
    pages: list[Leaf] = []
    while (leaf := run.leaf()) is not None:
        pages.append(leaf)
    assert len(pages) > 1
    seqs = [entry.seq for page in pages for entry in page.entries]
    assert seqs == list(range(2, len(run.journal) + 1))


def test_an_end_is_not_told_before_the_pages_that_lead_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MAX_CROSSING_BYTES", 10)
    run, clock = driven(step("a")), VirtualClock()
    [call] = run.turn(clock(), lambda: 0.5).calls
    run.answered(call, Done())
    begun(run, clock)
    states = []
    while (leaf := run.leaf()) is not None:
        states.append(leaf.report.state.is_final)
    assert states == [*[False] * (len(states) - 1), True]


def test_a_run_is_carried_over_as_it_stands() -> None:
    run, clock = driven(undoable("a"), undoable("b"), {"id": "w", "wait": {"signal": "go"}}), VirtualClock()
    [call] = begun(run, clock).calls
    run.lost(call)
    [look] = begun(run, clock).calls
    run.is_winding_down = True
    run.answered(look, Done({"id": "a"}))
    assert begun(run, clock).calls == ()
    assert run.is_done_here
    form = run.carried()
    assert form is not None
    onward = Driver.of(run.order, form)
    assert (onward.run, onward.fence, onward.journal) == (run.run, 2, run.journal)
    [call] = begun(onward, clock).calls
    assert call.step == "b"


def test_a_run_that_grew_too_large_stays_in_its_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MAX_CROSSING_BYTES", 10)
    run = driven(step("a"))
    run.mind_the_history(driver.MAX_HISTORY + 1)
    assert not run.is_winding_down


def test_arguments_that_do_not_fit_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MAX_CROSSING_BYTES", 5)
    run, clock = driven(step("a")), VirtualClock()
    [call] = run.turn(clock(), lambda: 0.5).calls
    assert run.errand(call) is None
    begun(run, clock)
    assert (run.report.state, run.report.step) == (RunState.FAILED, "a")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_is_lost_nothing_happens_twice_and_the_run_ends(seed: int) -> None:
    dice, clock, world = random.Random(seed), VirtualClock(), World()
    many = {**undoable("each"), "for_each": [1, 2, 3], "needs": ["a"]}
    last = undoable("z", needs=["each", "b"])
    run = driven(undoable("a"), undoable("b", needs=[]), many, last)
    actor = Actor(world.kinds(), lambda _digest: {})
    fails = dice.random() < 0.3
    for _ in range(500):
        decision = begun(run, clock)
        if run.run.ended is not None:
            break
        if not run.under_way:
            clock.now = decision.due_at or clock.now
            continue
        call = dice.choice(sorted(run.under_way, key=repr))
        _let_go(run, actor, call, dice, fails=fails)
        if dice.random() < 0.05:
            run.posted("cancel", {"reason": "enough"})
    assert run.report.state.is_final, seed
    assert run.run.seq == fold(enumerate(run.journal, 1)).seq
    done = [name for name in world.done() if not name.startswith("-")]
    undone = [name[1:] for name in world.done() if name.startswith("-")]
    assert len(set(world.effects)) == len(world.effects)
    if run.report.state is RunState.SUCCEEDED:
        assert sorted(done) == ["a", "b", "each", "each", "each", "z"]
        assert undone == []
    elif run.report.state is not RunState.STUCK:
        assert Counter(done) <= Counter(undone), "what may have been done is undone as well"


def _let_go(run: Driver, actor: Actor, call: Call, dice: random.Random, *, fails: bool) -> None:
    """Let one call end somehow: answered, lost before it took effect, or lost after."""
    held = Held("run_1", "shop", "req_1", "key-1", "sha256:0", run.fence, run.course, run.run)
    fate = dice.random()
    if fate < 0.15:
        run.lost(call)
    elif fate < 0.3:
        actor.carry_out(held, call)
        run.lost(call)
    elif fails and call.step == "z" and call.verb is Verb.RUN:
        run.answered(call, Failed(Failure(FailureKind.PERMANENT, "no", "the target refuses")))
    else:
        run.answered(call, actor.carry_out(held, call))
