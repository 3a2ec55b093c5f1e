"""A READ order is answered at once, within its time, and leaves nothing behind."""

from typing import Any

import pytest

from executors.port import RunReport, RunState
from executors.workflow.act import Actor, Held
from executors.workflow.exchange import Course
from executors.workflow.look import Looker
from executors.workflow.spec import parse_workflow
from executors.workflow.state import Run
from tests.engine import (
    DIGEST,
    VirtualClock,
    World,
    answers,
    cannot_tell,
    document,
    fails_for_good,
    fails_for_now,
    step,
)

FACTS = {"exists": "${steps.a.outputs.exists}"}


def look(world: World, clock: VirtualClock | None = None, **more: Any) -> RunReport:
    clock = clock or VirtualClock()
    doc = document(step("a", "test.look", **more), name="observe", facts=FACTS)
    course = Course(parse_workflow(doc), {})
    looker = Looker(
        Actor(world.kinds(), lambda _digest: {}),
        clock=clock,
        roll=lambda: 0.5,
        pause=clock.pause,
        limit_seconds=10,
    )
    return looker.look(Held("", "shop", "req_1", "key-1", DIGEST, 1, course, Run()))


def test_a_look_brings_facts() -> None:
    assert look(World()) == RunReport(RunState.SUCCEEDED, facts={"exists": True})


def test_a_passing_failure_is_retried_within_the_time() -> None:
    world = World()
    world.script["a"] = [fails_for_now]
    assert look(world).state is RunState.SUCCEEDED


@pytest.mark.parametrize("behaviour", [fails_for_good, answers({"x": {1}})], ids=["refused", "hostile"])
def test_a_look_that_fails_is_a_failed_run(behaviour: Any) -> None:
    world = World()
    world.script["a"] = [behaviour]
    report = look(world)
    assert report.state is RunState.FAILED
    assert report.message.startswith("a failed: ")
    assert report.facts == {}


def test_a_look_that_waits_too_long_is_given_up() -> None:
    world = World()
    world.script["a"] = [fails_for_now]
    report = look(world, retry={"initial": "1m", "max": "1m", "jitter": "none"})
    assert (report.state, report.message) == (
        RunState.FAILED,
        "the look took too long: the target is busy",
    )


def test_a_look_that_runs_too_long_is_given_up_after_the_call() -> None:
    world, clock = World(), VirtualClock()

    def dawdles(_call: object) -> None:
        clock.advance(11)
        cannot_tell(_call)  # type: ignore[arg-type]  # it raises whatever it is given

    world.script["a"] = [dawdles]
    assert look(world, clock).state is RunState.FAILED
    assert len(world.calls) == 1


def test_a_call_gets_no_more_than_what_is_left() -> None:
    world, seen = World(), []
    world.script["a"] = [fails_for_now, lambda call: seen.append(call.timeout_seconds)]
    look(world, retry={"initial": "4s", "jitter": "none"})
    assert seen == [6]


def looker(world: World, clock: VirtualClock) -> Looker:
    actor = Actor(world.kinds(), lambda _digest: {})
    return Looker(actor, clock=clock, roll=lambda: 0.5, pause=clock.pause, limit_seconds=10)


def test_branches_and_lists_are_looked_at_too() -> None:
    doc = document(
        step("a", "test.look", for_each=["x", "y"]),
        step("b", "test.look", needs=[]),
        name="observe",
        facts={"many": "${steps.a.outputs}", "exists": "${steps.b.outputs.exists}"},
    )
    course = Course(parse_workflow(doc), {})
    report = looker(World(), VirtualClock()).look(
        Held("", "shop", "req_1", "key-1", DIGEST, 1, course, Run())
    )
    assert report.facts == {"many": [{"id": "a", "exists": True}] * 2, "exists": True}


def test_a_look_that_would_wait_for_ever_is_given_up_at_once() -> None:
    clock = VirtualClock()
    course = Course(parse_workflow(document({"id": "w", "wait": {"signal": "go"}}, name="observe")), {})
    report = looker(World(), clock).look(Held("", "shop", "req_1", "key-1", DIGEST, 1, course, Run()))
    assert report.state is RunState.FAILED
    assert clock() == VirtualClock()()
