"""A worker drives runs in few commits, survives a lost database, and gives way when fenced."""

import logging
from collections.abc import Callable
from typing import TypeVar

import pytest

from catalog.errors import Unavailable
from executors.port import RunReport, RunState
from executors.runs import Entry
from executors.step import StepCall
from executors.workflow.events import Side
from executors.workflow.journal import Book, run_of
from executors.workflow.mail import CANCEL
from executors.workflow.memory import MemoryJournal
from executors.workflow.state import fold
from executors.workflow.view import report_of
from executors.workflow.worker import Worker
from tests.engine import (
    VirtualClock,
    World,
    a_worker,
    accept,
    cannot_tell,
    document,
    fails_for_good,
    fails_for_now,
    order,
    step,
    undoable,
)

T = TypeVar("T")
LEASE_SECONDS = 10


class Shaky(MemoryJournal):
    """A journal that counts its commits and loses some of them, or only their answers."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.loses: list[str] = []

    def commit(self, turn: Callable[[Book], T]) -> T:
        self.commits += 1
        fault = self.loses.pop(0) if self.loses else ""
        if fault == "commit":
            raise Unavailable("database_unavailable", "no answer")
        answer = super().commit(turn)
        if fault == "answer":
            raise Unavailable("database_unavailable", "no answer")
        return answer


class Site:
    """One run and those who drive it."""

    def __init__(self, *steps: dict[str, object]) -> None:
        self.clock = VirtualClock()
        self.world = World()
        self.journal = Shaky()
        self.one = a_worker(self.journal, self.world, self.clock, "one")
        self.two = a_worker(self.journal, self.world, self.clock, "two")
        accept(
            self.journal, order(document(*(steps or (undoable("a"), undoable("b"), step("c"), step("d")))))
        )

    @property
    def report(self) -> RunReport:
        return self.journal.runs["run_1"].report

    def drive(self, worker: Worker | None = None) -> bool:
        return (worker or self.one).drive("run_1")

    def entries(self) -> list[str]:
        return [entry.type for entry in self.journal.runs["run_1"].entries]


def test_a_four_step_run_takes_six_commits_in_all() -> None:
    site = Site()
    assert site.drive()
    assert site.report.state is RunState.SUCCEEDED
    assert site.journal.commits == 5, "and one to accept it"
    assert site.world.done() == ["a", "b", "c", "d"]


def test_the_projection_is_what_the_journal_folds_to() -> None:
    site = Site()
    site.world.script["b"] = [fails_for_good]
    site.drive()
    run = run_of(site.journal.runs["run_1"].entries)
    assert site.report == report_of(run, "run_1")


def test_a_run_that_is_not_due_is_left_alone() -> None:
    site = Site()
    site.drive()
    assert not site.drive()


def test_any_due_run_can_be_taken() -> None:
    site = Site()
    turn = site.one.take()
    assert turn is not None
    assert turn.claim.id == "run_1"
    assert site.two.take() is None


def test_a_wait_lets_the_run_go_until_it_is_due() -> None:
    site = Site(step("a", retry={"initial": "4s", "jitter": "none"}))
    site.world.script["a"] = [fails_for_now]
    site.drive()
    stored = site.journal.runs["run_1"]
    assert (stored.owner, site.report.state) == ("", RunState.RETRYING)
    assert not site.drive(site.two)
    site.clock.advance(4)
    assert site.drive(site.two)
    assert site.report.state is RunState.SUCCEEDED


def takes_over(site: Site, then: Callable[[], object] = lambda: None) -> Callable[[StepCall], None]:
    """Return a behaviour in which the worker freezes for longer than its lease, and another goes on."""

    def freeze(_call: StepCall) -> None:
        site.clock.advance(LEASE_SECONDS)
        assert site.drive(site.two)
        then()

    return freeze


def test_a_worker_that_lost_its_run_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    site = Site(step("a"), step("b"))
    site.world.script["a"] = [takes_over(site)]
    site.drive()
    assert site.report.state is RunState.SUCCEEDED
    run = run_of(site.journal.runs["run_1"].entries)
    assert [run.of(name, Side.DO).attempts for name in "ab"] == [2, 1]
    assert site.world.done() == ["a", "b"], "the frozen call came late, under a key that was used"
    assert "what came too late is put aside" in caplog.text
    [late] = site.journal.late
    assert (late.step, late.fence, late.outcome, late.detail["id"]) == ("a", 1, "done", "a")


def test_a_new_holder_has_a_higher_fence_and_the_same_keys() -> None:
    site = Site(step("a"))
    site.world.script["a"] = [takes_over(site)]
    site.drive()
    first, look, second = site.world.calls
    assert first[2] == look[2] == second[2]
    assert (first[3], second[3]) == (1, 2)


def test_a_cancel_in_the_middle_of_a_step_is_heard_after_it() -> None:
    site = Site()
    reason = {"reason": "changed my mind"}
    site.world.script["b"] = [lambda _call: site.journal.post("run_1", CANCEL, reason, site.clock())]
    site.drive()
    assert site.world.done() == ["a", "b", "-b", "-a"]
    assert (site.report.state, site.report.message) == (RunState.CANCELLED, "changed my mind")


def test_a_cancel_before_the_first_step_keeps_everything_from_happening() -> None:
    site = Site()
    site.journal.post("run_1", CANCEL, {"reason": "never mind"}, site.clock())
    site.drive()
    assert site.world.calls == []
    assert site.report.state is RunState.CANCELLED


def test_a_stop_lets_the_call_end_and_the_run_go() -> None:
    site = Site()
    site.world.script["b"] = [lambda _call: site.one.stop()]
    site.drive()
    assert site.world.done() == ["a", "b"]
    assert site.entries()[-1] == "AttemptSucceeded", "nothing new was begun"
    assert not site.drive(site.one)
    assert site.drive(site.two)
    assert site.world.done() == ["a", "b", "c", "d"]


def test_what_a_stop_left_out_has_all_its_tries_left() -> None:
    site = Site(step("a", needs=[]), step("b", needs=[], retry={"attempts": 2, "max": "1s"}))
    site.world.script["a"] = [lambda _call: site.one.stop()]
    site.world.script["b"] = [fails_for_now]
    site.drive()
    assert site.world.done() == ["a"]
    assert site.drive(site.two)
    site.clock.advance(1)
    assert site.drive(site.two)
    assert site.report.state is RunState.SUCCEEDED
    assert site.world.done() == ["a", "b"]


@pytest.mark.parametrize("lost", ["commit", "answer"])
@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_an_answer_outlives_a_database_that_is_away(place: int, lost: str) -> None:
    site = Site()
    site.journal.loses = [""] * place + [lost, lost]
    site.drive()
    assert site.report.state is RunState.SUCCEEDED
    assert site.world.done() == ["a", "b", "c", "d"]
    assert len(site.world.calls) == 4, "nothing was done again"
    fold_of_all(site.journal.runs["run_1"].entries)


def fold_of_all(entries: list[Entry]) -> None:
    assert run_of(entries).ended is not None
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


def test_a_worker_does_not_wait_for_ever_for_its_database() -> None:
    site = Site()
    site.journal.loses = [""] + ["commit"] * 10_000
    with pytest.raises(Unavailable):
        site.drive()
    site.journal.loses = []
    site.clock.advance(LEASE_SECONDS)
    assert site.drive(site.two)
    assert site.report.state is RunState.SUCCEEDED


def test_a_lost_answer_that_differs_from_the_next_try_leads_to_a_new_claim() -> None:
    site = Site()
    original = site.journal.commit

    def loses_answer_and_gets_mail(turn: Callable[[Book], T]) -> T:
        answer = original(turn)
        if site.journal.commits == 2:
            site.journal.post("run_1", CANCEL, {"reason": "why"}, site.clock())
            raise Unavailable("database_unavailable", "no answer")
        return answer

    site.journal.commit = loses_answer_and_gets_mail  # type: ignore[method-assign]  # a fault at one point
    site.drive()
    while not site.report.state.is_final:
        site.clock.advance(LEASE_SECONDS)
        site.drive(site.two)
    fold_of_all(site.journal.runs["run_1"].entries)
    assert site.report.state is RunState.CANCELLED


def test_a_spoilt_journal_freezes_its_run_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    accept(site.journal, order(document(step("a")), key="key-2"), "run_2")
    assert site.one.take("run_1") is not None
    site.journal.runs["run_1"].entries[0] = Entry(1, "RunBlessed", {"v": 1})
    site.clock.advance(LEASE_SECONDS)
    assert not site.drive()
    assert site.report.state is RunState.STUCK
    assert site.report.message.startswith("invariant_violation")
    assert site.journal.runs["run_1"].due_at is None
    with caplog.at_level(logging.ERROR):
        assert site.one.drive("run_2")
    assert site.journal.runs["run_2"].report.state is RunState.SUCCEEDED


def test_a_run_whose_definition_is_no_workflow_is_frozen() -> None:
    site = Site()
    accept(site.journal, order({"steps": "none"}, key="key-2"), "run_2")
    assert not site.one.drive("run_2")
    assert site.journal.runs["run_2"].report.state is RunState.STUCK


def test_an_uncertain_step_is_looked_up_by_the_same_worker() -> None:
    site = Site(step("a"), step("b"))
    site.world.script["a"] = [cannot_tell]
    site.drive()
    assert [call[0] for call in site.world.calls] == ["test.do", "look test.do"]
    site.clock.advance(60)
    site.drive()
    assert site.report.state is RunState.SUCCEEDED


def test_an_empty_fold_has_no_calls() -> None:
    assert fold([]).in_flight() == []
