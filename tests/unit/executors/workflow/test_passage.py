"""A worker asks the gates in the transaction in which it begins something, and gives places up in time."""

from collections.abc import Iterator
from typing import Any

import pytest

from catalog.db import Database
from executors import gates
from executors.port import RunReport, RunState
from executors.workflow.parts import worker_of
from tests.engine import Engine, VirtualClock, cannot_tell, document, fails_for_now, order, step
from tests.factories import created_database

BROKEN: Any = {"breaker": {"key": "target", "limit": 1, "rest": "1d"}}
ONE_AT_A_TIME: Any = {"concurrency": {"key": "db", "limit": 1}}


class Site:
    def __init__(self, database: Database) -> None:
        self.clock = VirtualClock()
        self.engine = Engine(database, self.clock, lease_seconds=10)

    def start(self, number: int, *steps: dict[str, object], **more: Any) -> None:
        value = order(document(*steps, **more), key=f"key-{number}", request_uid=f"req_{number}")
        self.engine.executor.start(value)

    def report(self, number: int) -> RunReport:
        report = self.engine.executor.observe(f"key-{number}")
        assert report is not None
        return report

    def done(self, *numbers: int) -> list[bool]:
        return [self.report(number).state is RunState.SUCCEEDED for number in numbers]


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with created_database(database_url) as database:
        yield Site(database)


def test_a_place_is_free_for_the_next_as_soon_as_its_step_has_ended(site: Site) -> None:
    for number in range(3):
        site.start(number, step("a", **ONE_AT_A_TIME))
    site.engine.drive()
    assert site.done(0, 1, 2) == [True, True, True]


def test_who_finds_no_place_waits_and_is_woken_when_there_is_one(site: Site) -> None:
    site.engine.world.script["a"], site.engine.world.looks["a"] = [cannot_tell], [cannot_tell]
    site.start(1, step("a", **ONE_AT_A_TIME))
    site.start(2, step("b", **ONE_AT_A_TIME))
    site.engine.drive()
    assert (site.done(1, 2), site.engine.world.done()) == ([False, False], [])
    site.clock.advance(5)
    site.engine.drive()
    assert site.done(2) == [True], "long before the net"


def test_a_step_that_waits_for_its_next_attempt_leaves_its_place_to_others(site: Site) -> None:
    site.engine.world.script["a"] = [fails_for_now]
    retry = {"initial": "1h", "max": "1h", "jitter": "none"}
    site.start(1, step("a", retry=retry, **ONE_AT_A_TIME))
    site.start(2, step("b", **ONE_AT_A_TIME))
    site.engine.drive()
    assert site.done(1, 2) == [False, True]


def test_steps_of_one_run_share_a_gate_and_all_get_through(site: Site) -> None:
    steps = [step(name, needs=[], **ONE_AT_A_TIME) for name in "abc"]
    site.start(1, *steps)
    for _ in range(3):
        site.engine.drive()
        site.clock.advance(gates.AGAIN_SECONDS)
    assert site.done(1) == [True]
    assert len(site.engine.world.calls) == 3


def test_a_whole_run_keeps_its_place_until_it_is_over(site: Site) -> None:
    site.engine.world.script["a"] = [fails_for_now]
    retry = {"initial": "1m", "max": "1m", "jitter": "none"}
    site.start(1, step("a", retry=retry), step("x"), **ONE_AT_A_TIME)
    site.start(2, step("b"), **ONE_AT_A_TIME)
    site.engine.drive()
    assert site.engine.world.done() == []
    site.clock.advance(60)
    site.engine.drive()
    assert site.done(1, 2) == [True, True]
    assert site.engine.world.done() == ["a", "x", "b"]


def test_a_rate_spreads_steps_over_time(site: Site) -> None:
    for number in range(3):
        site.start(number, step("a", rate={"key": "api", "limit": 1, "per": "10s"}))
    seen = []
    for _ in range(3):
        site.engine.drive()
        seen.append(sum(site.done(0, 1, 2)))
        site.clock.advance(10)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("on_unknown", ["observe", "retry", "halt"])
def test_a_target_that_hangs_is_left_alone(site: Site, on_unknown: str) -> None:
    hung: Any = {"breaker": {"key": "target", "limit": 2, "rest": "1d"}, "on_unknown": on_unknown}
    site.engine.world.script["a"] = [cannot_tell] * 9
    site.engine.world.looks["a"] = [cannot_tell] * 99
    worker = worker_of(site.engine.parts)
    for number in range(4):
        site.start(number, step("a", retry={"attempts": 1}, **hung))
        for _ in range(9):
            while (turn := worker.take()) is not None:
                worker.follow(turn)
            site.clock.advance(5)
    attempts = [call for call in site.engine.world.calls if call[0] == "test.do"]
    assert len(attempts) == 2, "counted once for each attempt, and not for each look"


def test_a_turn_within_a_rate_is_not_used_up_by_who_is_refused_elsewhere(site: Site) -> None:
    both: Any = {"rate": {"key": "api", "limit": 1, "per": "1h"}, **BROKEN}
    site.engine.world.script["a"] = [fails_for_now]
    site.start(1, step("a", retry={"attempts": 1}, **BROKEN))
    site.engine.drive()
    site.start(2, step("b", **both))
    site.engine.drive()
    site.start(3, step("c", rate=both["rate"]))
    site.engine.drive()
    assert site.done(2, 3) == [False, True]


def test_a_broken_target_is_left_alone_and_tried_again_after_its_rest(site: Site) -> None:
    broken: Any = {"breaker": {"key": "target", "limit": 2, "rest": "60s"}}
    site.engine.world.script["a"] = [fails_for_now, fails_for_now]
    for number in range(3):
        site.start(number, step("a", retry={"initial": "1s", "jitter": "none"}, **broken))
    site.engine.drive()
    assert len(site.engine.world.calls) == 2, "the third was not let through"
    site.clock.advance(10)
    site.engine.drive()
    assert len(site.engine.world.calls) == 2
    for _ in range(5):
        site.clock.advance(60)
        site.engine.drive()
    assert site.done(0, 1, 2) == [True, True, True]
