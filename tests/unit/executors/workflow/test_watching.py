"""A watcher is told what was really written down, once, and cannot harm a run."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from catalog import trace
from catalog.errors import Unavailable
from executors.claims import ClaimedRun, Written
from executors.port import TRACE, RunState
from executors.step import StepCall
from executors.workflow import watching
from executors.workflow.facts import (
    AttemptOver,
    CameTooLate,
    Ending,
    Fact,
    FirstStep,
    RunOver,
    StepOver,
    TimerFired,
    Verdict,
)
from executors.workflow.journal import Book, Draft
from executors.workflow.memory import MemoryJournal
from executors.workflow.naming import names_of, trace_id_of
from executors.workflow.parts import worker_of
from executors.workflow.watching import WatchedJournal
from tests.engine import (
    Engine,
    VirtualClock,
    World,
    a_worker,
    accept,
    document,
    fails_for_good,
    fails_for_now,
    order,
    step,
    undoable,
)
from tests.factories import created_database

PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@dataclass
class Told:
    """Remembers what it was told."""

    facts: list[Fact] = field(default_factory=list)
    runs: list[ClaimedRun] = field(default_factory=list)

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def tell(self, run: ClaimedRun, facts: Sequence[Fact]) -> None:
        self.facts += facts
        self.runs.append(run)

    def of(self, cls: type[Any]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, cls)]


@dataclass
class Watched:
    """An engine over memory that a watcher follows."""

    memory: MemoryJournal = field(default_factory=MemoryJournal)
    world: World = field(default_factory=World)
    clock: VirtualClock = field(default_factory=VirtualClock)
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        self.journal = WatchedJournal(self.memory, self.told)

    def drive(self, owner: str = "worker-1", journal: Any = None) -> None:
        worker = a_worker(journal or self.journal, self.world, self.clock, owner)
        while not self.memory.runs["run_1"].is_over:
            if not worker.drive("run_1"):
                due_at = self.memory.runs["run_1"].due_at
                assert due_at is not None
                self.clock.now = due_at


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_run_is_told_from_its_first_step_to_its_end(watched: Watched) -> None:
    accept(watched.memory, order(document(step("a"), step("b"))))
    watched.drive()
    assert [(fact.step, fact.kind, fact.ending) for fact in watched.told.of(AttemptOver)] == [
        ("a", "test.do", Ending.SUCCEEDED),
        ("b", "test.do", Ending.SUCCEEDED),
    ]
    assert [fact.state for fact in watched.told.of(RunOver)] == [RunState.SUCCEEDED]


def test_what_another_worker_began_is_told_by_who_took_over(watched: Watched) -> None:
    accept(watched.memory, order(document(step("a"))))
    watched.world.script["a"] = [fails_for_now]
    a_worker(watched.memory, watched.world, watched.clock, "unwatched").drive("run_1")
    assert watched.told.facts == []
    watched.drive("watched")
    [over] = watched.told.of(AttemptOver)
    assert (over.attempt, over.number) == (2, 2)
    assert watched.told.of(TimerFired) == [TimerFired(0.0)]


def test_undoing_is_told_with_the_kind_that_undoes(watched: Watched) -> None:
    accept(watched.memory, order(document(undoable("a"), step("b"))))
    watched.world.script["b"] = [fails_for_good]
    watched.drive()
    assert [(fact.step, fact.kind, fact.verdict) for fact in watched.told.of(StepOver)] == [
        ("a", "test.do", Verdict.DONE),
        ("b", "test.do", Verdict.FAILED),
        ("a", "test.undo", Verdict.UNDONE),
    ]


class Faulty(MemoryJournal):
    """Loses the answer to every second save."""

    saves = 0

    def save(self, drafts: Sequence[Draft]) -> Sequence[Written]:
        written = super().save(drafts)
        self.saves += 1
        if self.saves % 2:
            raise Unavailable("database_unavailable", "The answer is lost.")
        return written


def test_a_save_whose_answer_was_lost_is_told_once(watched: Watched) -> None:
    watched.memory = Faulty()
    watched.__post_init__()
    accept(watched.memory, order(document(step("a"), step("b"))))
    watched.drive()
    assert [fact.step for fact in watched.told.of(AttemptOver)] == ["a", "b"]


def test_what_was_rolled_back_did_not_happen(watched: Watched) -> None:
    accept(watched.memory, order(document(step("a"))))

    def broken(book: Book) -> None:
        claim = book.claim("run_1", "me", watched.clock(), watched.clock() + timedelta(seconds=9))
        assert claim is not None
        raise Unavailable("database_unavailable", "It is gone.")

    with pytest.raises(Unavailable):
        watched.journal.commit(broken)
    assert watched.told.facts == []


def test_an_answer_that_came_too_late_is_counted(watched: Watched) -> None:
    accept(watched.memory, order(document(step("a"))))

    def taken_over(_call: StepCall) -> None:
        run = watched.memory.runs["run_1"]
        run.claim, run.due_at = ClaimedRun(**{**_fields(run.claim), "fence": 9}), watched.clock()

    watched.world.script["a"] = [taken_over]
    a_worker(watched.journal, watched.world, watched.clock).drive("run_1")
    assert watched.told.of(CameTooLate) == [CameTooLate(1)]


def _fields(claim: ClaimedRun) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in ClaimedRun.__dataclass_fields__}


def test_a_watcher_that_breaks_stops_no_run(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    accept(watched.memory, order(document(step("a"))))

    class Broken(Told):
        def tell(self, run: ClaimedRun, facts: Sequence[Fact]) -> None:
            raise LookupError("S3CR3T")

    watched.journal = WatchedJournal(watched.memory, Broken())
    watched.drive()
    assert watched.memory.runs["run_1"].report.state is RunState.SUCCEEDED
    assert "a watcher met the unexpected (LookupError)" in caplog.text
    assert "S3CR3T" not in caplog.text.replace('raise LookupError("S3CR3T")', "")


def test_a_run_that_ended_is_forgotten_and_one_that_rests_is_not(watched: Watched) -> None:
    accept(watched.memory, order(document(step("a"))))
    watched.world.script["a"] = [fails_for_now]
    a_worker(watched.journal, watched.world, watched.clock).drive("run_1")
    assert list(watched.journal._accounts) == ["run_1"]
    watched.drive()
    assert watched.journal._accounts == {}


def test_a_run_that_another_took_over_is_forgotten(watched: Watched) -> None:
    accept(watched.memory, order(document(step("a"))))

    def taken_over(_call: StepCall) -> None:
        run = watched.memory.runs["run_1"]
        run.claim = replace(run.claim, fence=9)

    watched.world.script["a"] = [taken_over]
    a_worker(watched.journal, watched.world, watched.clock).drive("run_1")
    assert watched.journal._accounts == {}


def test_of_too_many_accounts_those_not_heard_of_for_the_longest_go(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_ACCOUNTS", 2)
    retry = {"initial": "10s", "jitter": "none"}
    worker = a_worker(watched.journal, watched.world, watched.clock)
    watched.world.script["a"] = [fails_for_now] * 9
    for run_id in ("run_1", "run_2"):
        accept(watched.memory, order(document(step("a", retry=retry))), run_id)
        worker.drive(run_id)
    watched.clock.advance(11)
    worker.drive("run_1")
    accept(watched.memory, order(document(step("a", retry=retry))), "run_3")
    worker.drive("run_3")
    assert list(watched.journal._accounts) == ["run_1", "run_3"]


@pytest.mark.parametrize("stays", [True, False], ids=["the same worker", "another worker each time"])
def test_a_run_that_rested_is_told_alike_whoever_takes_it_up(watched: Watched, *, stays: bool) -> None:
    rest = {"id": "rest", "wait": {"timer": "1h"}}
    ask = {"id": "ok", "approval": {"groups": ["leads"], "expires": "2h"}}
    accept(watched.memory, order(document(step("a"), rest, step("b", retry={"initial": "10s"}), ask)))
    watched.world.script["b"] = [fails_for_now]
    worker = a_worker(watched.journal, watched.world, watched.clock)
    while not watched.memory.runs["run_1"].is_over:
        if not worker.drive("run_1"):
            due_at = watched.memory.runs["run_1"].due_at
            assert due_at is not None
            watched.clock.now = due_at + timedelta(seconds=1)
        if not stays:
            worker = a_worker(watched.journal, watched.world, watched.clock)
    attempts = [(fact.step, fact.attempt, fact.number) for fact in watched.told.of(AttemptOver)]
    assert attempts == [("a", 1, 1), ("b", 1, 1), ("b", 2, 2)]
    assert watched.told.of(FirstStep) == [FirstStep(0.0)]
    assert watched.told.of(TimerFired) == [TimerFired(1.0), TimerFired(1.0)]
    assert [fact.people_seconds for fact in watched.told.of(RunOver)] == [2 * 60 * 60 + 1]


def names_during(watched: Watched, **more: Any) -> dict[str, str]:
    """Return what a log line inside a step carries."""
    seen: dict[str, str] = {}

    def look_around(_call: StepCall) -> None:
        seen.update(trace.names())

    value = order(document(step("a")))
    accept(watched.memory, order(document(step("a")), context={**value.context, **more}))
    watched.world.script["a"] = [look_around]
    watched.drive()
    return seen


def test_a_line_from_inside_a_step_carries_run_step_request_project_and_trace(watched: Watched) -> None:
    named = names_during(watched, **{TRACE: {"parent": PARENT}})
    assert named == {
        "run": "run_1",
        "step": "a",
        "request": "req_1",
        "project": "shop",
        "trace_id": "a" * 32,
    }
    assert trace.names() == {}


@pytest.mark.parametrize(
    "context",
    [
        {},
        {TRACE: {"link": PARENT}},
        {TRACE: {"parent": "nonsense"}},
        {TRACE: "nonsense"},
        {TRACE: {"parent": 7}},
    ],
)
def test_a_run_that_continues_nobodys_span_has_a_trace_of_its_own(context: dict[str, Any]) -> None:
    own = trace_id_of("run_1", context)
    assert own == trace_id_of("run_1", {}) != trace_id_of("run_2", {})
    assert trace.parent_of(f"00-{own}-{'b' * 16}-01") is not None


def test_a_line_about_a_frozen_run_carries_its_names(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    accept(watched.memory, order({"steps": "not a workflow"}))
    with caplog.at_level(logging.ERROR):
        a_worker(watched.journal, watched.world, watched.clock).drive("run_1")
    [line] = [record for record in caplog.records if "frozen" in record.message]
    carried = {name: getattr(line, name, None) for name in ("run", "request", "project", "trace_id")}
    assert carried == names_of(watched.memory.runs["run_1"].claim)


def test_a_watcher_begins_and_ends_with_its_worker(sqlite_url: str) -> None:
    happened: list[str] = []

    class Noting(Told):
        def start(self) -> None:
            happened.append("start")

        def stop(self) -> None:
            happened.append("stop")

    with created_database(sqlite_url) as db:
        engine = Engine(db)
        told = Noting()
        worker = worker_of(replace(engine.parts, watcher=told))
        worker.keeper.start()
        engine.executor.start(order(document(step("a"))))
        turn = worker.take()
        assert turn is not None
        worker.follow(turn)
        worker.keeper.stop()
    assert happened == ["start", "stop"]
    assert [fact.state for fact in told.of(RunOver)] == [RunState.SUCCEEDED]
