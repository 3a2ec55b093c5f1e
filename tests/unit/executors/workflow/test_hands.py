"""Calls of a run go on side by side, each answer counts as it comes, and a stop or a hang loses nothing."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from catalog.clock import utc_now
from executors.claims import Written
from executors.port import RunReport, RunState
from executors.step import Permanent, StepCall
from executors.workflow import keeper
from executors.workflow.act import Actor
from executors.workflow.events import Side
from executors.workflow.hands import Hands
from executors.workflow.journal import Draft, run_of
from executors.workflow.keeper import Keeper
from executors.workflow.mail import CANCEL, SIGNAL
from executors.workflow.memory import MemoryJournal
from executors.workflow.worker import Worker
from tests.engine import World, accept, document, order, step, undoable
from tests.services.polling import eventually

PATIENCE_SECONDS = 60.0


class Guarded(MemoryJournal):
    """A journal that several threads may use, as the real one."""

    def __init__(self) -> None:
        super().__init__()
        self._one_at_a_time = threading.RLock()

    def commit(self, turn: Any) -> Any:
        with self._one_at_a_time:
            return super().commit(turn)

    def renew(self, *arguments: Any) -> Any:
        with self._one_at_a_time:
            return super().renew(*arguments)


class Site:
    """Runs of one document, in real time, and workers that drive them."""

    def __init__(self, *steps: dict[str, Any], lease_seconds: float = 30.0) -> None:
        self.world = World()
        self.journal = Guarded()
        self.lease_seconds = lease_seconds
        accept(self.journal, order(document(*steps)), now=utc_now())

    def worker(self, name: str = "one", side_by_side: int = 8) -> Worker:
        held = Keeper(self.journal, utc_now, name, self.lease_seconds)
        actor = Actor(self.world.kinds(), lambda _digest: {})
        return Worker(self.journal, actor, held, clock=utc_now, roll=lambda: 0.5, side_by_side=side_by_side)

    @property
    def report(self) -> RunReport:
        return self.journal.runs["run_1"].report

    def entries(self) -> list[str]:
        """Return what was written down, with the step it is about."""
        return [f"{e.type} {e.body.get('step', '')}".strip() for e in self.journal.runs["run_1"].entries]


class Latch:
    """A step that says that it was begun, and stays until it is let go."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, _call: StepCall) -> None:
        self.began.set()
        assert self.may_end.wait(PATIENCE_SECONDS)


@contextmanager
def driven(worker: Worker) -> Iterator[threading.Thread]:
    """Drive the run in a thread of its own, and see it end."""
    thread = threading.Thread(target=worker.drive, args=["run_1"])
    thread.start()
    yield thread
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def beside(*names: str) -> list[dict[str, Any]]:
    return [step(name, needs=[]) for name in names]


def test_calls_that_need_nothing_of_one_another_are_made_side_by_side() -> None:
    site = Site(*beside("a", "b", "c"), step("d", needs=["a", "b", "c"]))
    all_three = threading.Barrier(3, timeout=PATIENCE_SECONDS)

    def meets(_call: StepCall) -> None:
        all_three.wait()

    for name in "abc":
        site.world.script[name] = [meets]
    site.worker().drive("run_1")
    assert site.report.state is RunState.SUCCEEDED
    assert site.world.done()[-1] == "d"


def latched(site: Site, name: str) -> Latch:
    """Make a step stay until it is let go."""
    latch = Latch()
    site.world.script[name] = [latch]
    return latch


def test_each_answer_is_written_down_as_it_comes_and_begins_what_rested_on_it() -> None:
    site = Site(*beside("slow", "quick"), step("next", needs=["quick"]))
    slow = latched(site, "slow")
    with driven(site.worker()):
        eventually(lambda: "AttemptSucceeded next" in site.entries(), "the end of what follows")
        assert "AttemptSucceeded slow" not in site.entries()
        slow.may_end.set()
    assert site.report.state is RunState.SUCCEEDED


def test_without_helpers_the_calls_are_made_one_after_the_other() -> None:
    site = Site(*beside("a", "b", "c"))
    site.worker(side_by_side=0).drive("run_1")
    assert site.report.state is RunState.SUCCEEDED
    assert site.world.done() == ["a", "b", "c"]


def test_no_more_calls_are_made_side_by_side_than_helpers_allow() -> None:
    names = [f"s{number}" for number in range(8)]
    site = Site(*beside(*names))
    inside: list[str] = []
    most: list[int] = []
    guard = threading.Lock()

    def counts(call: StepCall) -> None:
        with guard:
            inside.append(str(call.arguments["name"]))
            most.append(len(inside))
        threading.Event().wait(0.02)
        with guard:
            inside.remove(str(call.arguments["name"]))

    for name in names:
        site.world.script[name] = [counts]
    site.worker(side_by_side=2).drive("run_1")
    assert site.report.state is RunState.SUCCEEDED
    assert max(most) <= 3


def test_one_that_fails_lets_the_others_end_before_anything_is_undone() -> None:
    site = Site(undoable("slow", needs=[]), step("bad", needs=[]))
    slow = latched(site, "slow")
    site.world.script["bad"] = [fails]
    with driven(site.worker()):
        assert slow.began.wait(PATIENCE_SECONDS)
        eventually(lambda: "AttemptFailed bad" in site.entries(), "the failure")
        slow.may_end.set()
    assert site.report.state is RunState.FAILED
    assert site.world.done() == ["slow", "-slow"]


def fails(_call: StepCall) -> None:
    raise Permanent("forbidden", "the target refuses")


def test_a_stop_lets_the_calls_under_way_end_and_begins_no_other() -> None:
    site = Site(*beside("a", "b"), step("c", needs=["a", "b"]))
    latches = [latched(site, name) for name in "ab"]
    worker = site.worker()
    with driven(worker):
        assert all(latch.began.wait(PATIENCE_SECONDS) for latch in latches)
        worker.stop()
        for latch in latches:
            latch.may_end.set()
    assert sorted(site.world.done()) == ["a", "b"]
    stored = site.journal.runs["run_1"]
    assert (stored.owner, site.report.state) == ("", RunState.RUNNING)
    site.worker("two").drive("run_1")
    assert site.world.done()[-1] == "c"


def test_a_call_that_was_announced_and_not_begun_before_a_stop_did_not_happen() -> None:
    site = Site(*beside("a", "b"))
    first = latched(site, "a")
    worker = site.worker(side_by_side=0)
    with driven(worker):
        assert first.began.wait(PATIENCE_SECONDS)
        worker.stop()
        first.may_end.set()
    assert site.world.done() == ["a"]
    site.worker("two").drive("run_1")
    assert site.report.state is RunState.SUCCEEDED
    assert [kind for kind, *_ in site.world.calls] == ["test.do", "test.do"], "nobody had to look"


def test_mail_that_comes_during_a_call_is_heard_with_the_next_renewal() -> None:
    wait = {"id": "w", "needs": [], "wait": {"signal": "go"}}
    site = Site(step("slow", needs=[]), wait, step("after", needs=["w"]), lease_seconds=0.3)
    slow = latched(site, "slow")
    worker = site.worker()
    worker.keeper.start()
    with driven(worker):
        assert slow.began.wait(PATIENCE_SECONDS)
        site.journal.post("run_1", SIGNAL, {"name": "go", "payload": {}}, utc_now())
        eventually(lambda: "AttemptSucceeded after" in site.entries(), "what waited for the signal")
        assert "AttemptSucceeded slow" not in site.entries()
        slow.may_end.set()
    worker.keeper.stop()
    assert site.report.state is RunState.SUCCEEDED


def test_a_cancel_during_calls_waits_for_them_and_undoes_them() -> None:
    site = Site(undoable("a", needs=[]), undoable("b", needs=[]), step("c", needs=["a", "b"]))
    latches = [latched(site, name) for name in "ab"]
    with driven(site.worker()):
        assert all(latch.began.wait(PATIENCE_SECONDS) for latch in latches)
        site.journal.post("run_1", CANCEL, {"reason": "why"}, utc_now())
        for latch in latches:
            latch.may_end.set()
    assert site.report.state is RunState.CANCELLED
    assert sorted(site.world.done()) == ["-a", "-b", "a", "b"]


def test_what_falls_due_during_a_call_is_done_when_it_is_due() -> None:
    timer = {"id": "t", "needs": [], "wait": {"timer": "50ms"}}
    site = Site(step("slow", needs=[]), timer, step("after", needs=["t"]))
    slow = latched(site, "slow")
    with driven(site.worker()):
        eventually(lambda: "AttemptSucceeded after" in site.entries(), "what waited for the timer")
        assert "AttemptSucceeded slow" not in site.entries()
        slow.may_end.set()
    assert site.report.state is RunState.SUCCEEDED


def test_answers_that_come_after_a_takeover_are_put_aside_each() -> None:
    site = Site(*beside("a", "b"))
    latches = [latched(site, name) for name in "ab"]
    with driven(site.worker("one")):
        assert all(latch.began.wait(PATIENCE_SECONDS) for latch in latches)
        site.journal.runs["run_1"].due_at = utc_now() - timedelta(seconds=1)
        site.worker("two").drive("run_1")
        assert site.report.state is RunState.SUCCEEDED
        before = site.entries()
        for latch in latches:
            latch.may_end.set()
    # The second answer may come in a helping thread, after the first has ended the drive.
    eventually(lambda: len(site.journal.late) == len(latches), "both answers, put aside")
    assert site.entries() == before
    assert sorted((late.step, late.fence, late.outcome) for late in site.journal.late) == [
        ("a", 1, "done"),
        ("b", 1, "done"),
    ]


def test_a_call_that_hangs_gives_its_run_up_and_its_thread_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "GRACE_SECONDS", 0.0)
    site = Site(step("a", timeout="1ms"), lease_seconds=0.2)
    hangs = latched(site, "a")
    worker = site.worker()
    hands = Hands(worker, utc_now, 0)
    worker.keeper.on_hung = hands.give_up
    turn = worker.take("run_1")
    assert turn is not None
    hands.take_on([turn])
    thread = threading.Thread(target=hands.finish)
    thread.start()
    assert hangs.began.wait(PATIENCE_SECONDS)

    def is_given_up() -> bool:
        worker.keeper.beat()
        return hands.count == 0

    eventually(is_given_up, "the end of patience")
    assert not hands.dismiss(), "the thread has not come back yet"
    hangs.may_end.set()
    thread.join(PATIENCE_SECONDS)
    assert hands.dismiss()
    assert not hands.dismiss()


def test_many_runs_in_hand_share_transactions() -> None:
    site = Site(step("a"), step("b"))
    for number in range(2, 12):
        value = order(document(step("a"), step("b")), key=f"key-{number}")
        accept(site.journal, value, f"run_{number}", utc_now())
    worker = site.worker()
    commits: list[int] = []
    save = site.journal.save

    def counted(drafts: Sequence[Draft]) -> Sequence[Written]:
        commits.append(len(drafts))
        return save(drafts)

    site.journal.save = counted  # type: ignore[method-assign]  # counts
    worker.follow(*worker.take_some(20))
    assert all(run.report.state is RunState.SUCCEEDED for run in site.journal.runs.values())
    assert len(commits) < 11, "eleven runs of two steps each"
    assert max(commits) > 1


def test_a_journal_tells_the_same_story_whatever_was_side_by_side() -> None:
    site = Site(*beside(*"abcdefgh"), step("z", needs=list("abcdefgh")))
    site.worker().drive("run_1")
    run = run_of(site.journal.runs["run_1"].entries)
    assert all(run.of(name, Side.DO).attempts == 1 for name in "abcdefghz")
    assert len(site.world.calls) == 9
