"""What a trace tells of a crash."""

import pytest

from tests.bench.peers.aftermath import END, START, Aftermath, Noted

KILLED, RESTARTED = 10.0, 11.0


def done(run: str, step: int, at: float) -> list[Noted]:
    return [Noted(run, step, START, at - 0.1), Noted(run, step, END, at)]


def begun(run: str, step: int, at: float) -> Noted:
    return Noted(run, step, START, at)


def figures(*lines: Noted, runs: int = 1) -> dict[str, int | float | None]:
    return Aftermath(lines, runs, KILLED, RESTARTED).figures()


# Two steps were done when the worker was killed in the third; another one went on two seconds later.
HALF = [*done("a", 1, 8), *done("a", 2, 9), begun("a", 3, 9.9)]
REST = [*done("a", 3, 13.1), *done("a", 4, 14)]


def test_a_run_that_was_finished_by_another_worker_has_lost_nothing() -> None:
    told = figures(*HALF, *REST)

    assert (told["steps_total"], told["steps_done_before_kill"], told["lost_steps"]) == (4, 2, 0)
    assert told["all_done_s"] == pytest.approx(3)


def test_the_step_that_was_under_way_counts_as_repeated_in_flight_alone() -> None:
    told = figures(*HALF, *REST)

    assert (told["rerun_inflight"], told["rerun_completed"]) == (1, 0)


def test_a_step_that_was_done_and_is_done_again_counts_as_repeated_after_completion() -> None:
    told = figures(*HALF, *done("a", 2, 12.1), *REST)

    assert (told["rerun_inflight"], told["rerun_completed"]) == (1, 1)
    assert told["steps_done_before_kill"] == 2


def test_steps_that_were_never_done_are_lost() -> None:
    told = figures(*HALF)

    assert told["lost_steps"] == 2
    assert told["resume_s"] is told["takeover_first_s"] is told["takeover_last_s"] is None


def test_a_run_that_begins_only_after_the_kill_resumes_but_takes_nothing_over() -> None:
    told = figures(*HALF, *done("b", 1, 12.1), *REST, runs=2)

    assert told["resume_s"] == pytest.approx(1)
    assert told["takeover_first_s"] == told["takeover_last_s"] == pytest.approx(2)


def test_the_last_takeover_waits_for_every_run_that_was_under_way() -> None:
    other = [*done("b", 1, 9), begun("b", 2, 9.9)]

    assert figures(*HALF, *other, *REST, runs=2)["takeover_last_s"] is None
    assert figures(*HALF, *other, *REST, begun("b", 2, 15), runs=2)["takeover_last_s"] == pytest.approx(4)


def test_a_run_that_was_done_before_the_kill_is_not_taken_over() -> None:
    whole = [line for step in (1, 2, 3, 4) for line in done("b", step, 5.0 + step)]

    assert figures(*whole, *HALF, *REST, runs=2)["takeover_last_s"] == pytest.approx(2)
