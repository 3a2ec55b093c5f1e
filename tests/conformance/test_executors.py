"""What every executor promises, tried on each: the engine in threads and through Celery, Temporal, the twin.

How each is set up is in `tests.executor_subjects`; a new executor joins there.
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from catalog.errors import Conflict, NotFound
from executors.port import GROUNDS, Effect, RunReport, RunState, WorkOrder
from executors.workflow.ballot import Verdict
from tests.engine import order, step
from tests.executor_subjects import ENGINES, FACTS, OUTPUTS, READS, SUBJECTS, Subject, Way, ready
from tests.services.polling import eventually


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """Give each executor in turn, ready to work."""
    with ready(request, tmp_path_factory.mktemp(request.param)) as found:
        yield found


on_engines = pytest.mark.parametrize("subject", ENGINES, indirect=True)
REQUESTER = "alice"
_CONTEXT = {
    "inputs": {"size": "s"},
    "request": {"name": "orders"},
    "destination": {},
    "outputs": {},
    GROUNDS: {"requesters": [REQUESTER]},
}
_numbers = itertools.count(1)


class Case:
    """One request's dealings with a subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.executor = subject.executor
        self.request = f"req_{next(_numbers)}"

    def order(self, way: Way = Way.WELL, key: str = "one", fence: int = 1) -> WorkOrder:
        """Return an order of this request that goes a certain way."""
        return order(
            self.subject.definition(way),
            key=f"{self.request}/{key}",
            fence=fence,
            operation=way.value,
            effect=Effect.READ if way in READS else Effect.WRITE,
            request_uid=self.request,
            context=_CONTEXT,
        )

    def start(self, way: Way = Way.WELL, **more: Any) -> WorkOrder:
        """Start an order and return it."""
        value = self.order(way, **more)
        self.executor.start(value)
        return value

    def seen(self, value: WorkOrder) -> RunReport:
        """Return what is observed of an order that was started."""
        report = self.executor.observe(value.idempotency_key)
        assert report is not None
        return report

    def end(self, value: WorkOrder) -> RunReport:
        """Wait for the end of an order."""

        def final() -> RunReport | None:
            report = self.seen(value)
            return report if report.state.is_final else None

        report = eventually(final, "the end of the run", 90)
        assert report is not None
        return report

    def effects(self) -> list[str]:
        """Return what took effect for this request."""
        return self.subject.effects(self.request)

    def held(self) -> WorkOrder:
        """Start a run that is under way and stays so."""
        value = self.start(Way.HELD)
        eventually(lambda: self.seen(value).state is RunState.RUNNING, "the run to be under way", 90)
        return value


@pytest.fixture
def case(subject: Subject) -> Case:
    return Case(subject)


def is_undone_in_reverse(effects: list[str]) -> bool:
    done = [name for name in effects if not name.startswith("-")]
    return effects == [*done, *(f"-{name}" for name in reversed(done))]


def test_success_brings_outputs_and_facts(case: Case) -> None:
    report = case.end(case.start())
    assert (report.state, report.outputs, report.facts) == (RunState.SUCCEEDED, OUTPUTS, FACTS)
    assert (report.message, report.next_attempt_at) == ("", None)
    assert report.run_id
    assert case.effects() == ["a", "b"]


def test_failure_brings_a_reason_and_nothing_else_and_leaves_nothing(case: Case) -> None:
    report = case.end(case.start(Way.BADLY))
    assert report.state is RunState.FAILED
    assert (report.step, report.attempts) == ("b", 1)
    assert "the target refuses" in report.message
    assert (report.outputs, report.facts) == ({}, {})
    assert case.effects() == ["a", "-a"]


def test_a_run_under_way_has_no_outputs_yet(case: Case) -> None:
    value = case.held()
    report = case.seen(value)
    assert (report.outputs, report.facts) == ({}, {})
    case.subject.release(value)
    assert case.end(value).outputs == OUTPUTS


def test_the_same_key_is_the_same_run(case: Case) -> None:
    value = case.start()
    first = case.end(value)
    assert case.executor.start(value) == first
    assert case.executor.start(replace(value, fence=7)) == first
    assert case.effects() == ["a", "b"]


def test_twenty_starts_at_once_under_one_key_are_one_run(case: Case) -> None:
    value = case.order()
    with ThreadPoolExecutor(20) as pool:
        ids = {report.run_id for report in pool.map(case.executor.start, [value] * 20)}
    assert len(ids) == 1
    case.end(value)
    assert case.effects() == ["a", "b"]


def test_other_keys_are_other_runs(case: Case) -> None:
    first, second = case.end(case.start(key="one")), case.end(case.start(key="two", fence=2))
    assert first.run_id != second.run_id


def test_there_is_nothing_under_an_unknown_key(case: Case) -> None:
    assert case.executor.observe("never seen") is None
    with pytest.raises(NotFound):
        case.executor.cancel("never seen", "why")
    with pytest.raises(NotFound):
        case.executor.signal("never seen", "go", {})


def test_a_stale_order_is_refused_and_leaves_nothing(case: Case) -> None:
    case.end(case.start(key="new", fence=5))
    stale = case.order(key="old", fence=4)
    with pytest.raises(Conflict) as refused:
        case.executor.start(stale)
    assert refused.value.code == "stale_fence"
    assert case.executor.observe(stale.idempotency_key) is None
    assert case.effects() == ["a", "b"]


def test_a_stale_order_that_was_started_in_time_still_finds_its_run(case: Case) -> None:
    early = case.start(key="early", fence=1)
    case.end(early)
    case.end(case.start(key="late", fence=2))
    assert case.executor.start(early) == case.seen(early)


def test_a_look_is_final_at_once_and_leaves_no_trace(case: Case) -> None:
    value = case.order(Way.LOOKS)
    for _ in range(2):
        report = case.executor.start(value)
        assert (report.state, report.facts) == (RunState.SUCCEEDED, FACTS)
    assert case.executor.observe(value.idempotency_key) is None
    assert case.effects() == []


def test_a_look_that_fails_is_final_at_once_too(case: Case) -> None:
    report = case.executor.start(case.order(Way.LOOKS_BADLY))
    assert report.state is RunState.FAILED
    assert report.facts == {}
    assert "the target refuses" in report.message


def test_a_look_is_not_held_to_the_order_of_writes(case: Case) -> None:
    case.end(case.start(fence=5))
    assert case.executor.start(case.order(Way.LOOKS, key="look", fence=1)).state is RunState.SUCCEEDED


def test_cancel_undoes_what_was_done_in_reverse(case: Case) -> None:
    value = case.held()
    case.executor.cancel(value.idempotency_key, "changed my mind")
    case.subject.release(value)
    report = case.end(value)
    assert (report.state, report.message) == (RunState.CANCELLED, "changed my mind")
    assert (report.outputs, report.facts) == ({}, {})
    assert case.effects()
    assert is_undone_in_reverse(case.effects())


def test_cancel_may_be_asked_for_again(case: Case) -> None:
    value = case.held()
    for _ in range(3):
        case.executor.cancel(value.idempotency_key, "changed my mind")
    case.subject.release(value)
    assert case.end(value).state is RunState.CANCELLED


@pytest.mark.parametrize("way", [Way.WELL, Way.BADLY])
def test_nothing_changes_a_finished_run(case: Case, way: Way) -> None:
    value = case.start(way)
    over, effects = case.end(value), case.effects()
    case.executor.cancel(value.idempotency_key, "too late")
    case.executor.signal(value.idempotency_key, "go", {})
    case.executor.start(value)
    assert case.seen(value) == over
    assert case.effects() == effects


def test_a_signal_that_nobody_waits_for_changes_nothing(case: Case) -> None:
    value = case.held()
    case.executor.signal(value.idempotency_key, "go", {"x": 1})
    case.subject.release(value)
    assert case.end(value).outputs == OUTPUTS


@pytest.mark.parametrize("way", [Way.LARGE, Way.WRONG])
def test_a_hostile_answer_is_refused_and_undone(case: Case, way: Way) -> None:
    report = case.end(case.start(way))
    assert report.state is RunState.FAILED
    assert "the answer" in report.message
    assert (report.outputs, report.facts) == ({}, {})
    assert case.effects() == ["a", "b", "-b", "-a"]


def test_a_sound_definition_has_no_findings(case: Case) -> None:
    for way in Way:
        assert case.executor.check(case.subject.definition(way), {}) == ()


def test_reports_name_steps_that_exist(case: Case) -> None:
    assert step("b")["id"] == case.end(case.start(Way.BADLY)).step


def asked(case: Case) -> WorkOrder:
    """Start a run that asks people, and wait until it does."""
    value = case.start(Way.ASKS)
    eventually(lambda: case.subject.asks(value), "somebody to be asked", 90)
    assert case.seen(value).state is RunState.WAITING
    return value


@on_engines
def test_a_run_that_waits_for_a_signal_says_so_and_takes_it(case: Case) -> None:
    value = case.start(Way.SIGNAL)
    eventually(lambda: case.seen(value).state is RunState.WAITING, "the wait", 90)
    assert case.seen(value).step == "go"
    assert case.effects() == ["a"]
    case.executor.signal(value.idempotency_key, "go", {"by": "us"})
    assert case.end(value).outputs == OUTPUTS
    assert case.effects() == ["a", "b"]


@on_engines
def test_a_signal_that_came_before_its_wait_counts(case: Case) -> None:
    value = case.start(Way.SIGNAL)
    case.executor.signal(value.idempotency_key, "go", {})
    assert case.end(value).state is RunState.SUCCEEDED


@on_engines
def test_a_cancel_ends_a_wait_and_undoes(case: Case) -> None:
    value = case.start(Way.SIGNAL)
    eventually(lambda: case.seen(value).state is RunState.WAITING, "the wait", 90)
    case.executor.cancel(value.idempotency_key, "changed my mind")
    assert case.end(value).state is RunState.CANCELLED
    assert case.effects() == ["a", "-a"]


@on_engines
def test_a_timer_ends_by_itself(case: Case) -> None:
    assert case.end(case.start(Way.TIMER)).outputs == OUTPUTS
    assert case.effects() == ["a", "b"]


@on_engines
def test_an_approval_lets_the_run_go_on(case: Case) -> None:
    value = asked(case)
    case.subject.vote(value, "bob", Verdict.APPROVE)
    assert case.end(value).state is RunState.SUCCEEDED
    assert case.effects() == ["a", "b"]


@on_engines
def test_a_rejection_fails_the_run_and_says_whose_it_was(case: Case) -> None:
    value = asked(case)
    case.subject.vote(value, "bob", Verdict.REJECT)
    report = case.end(value)
    assert (report.state, report.step) == (RunState.FAILED, "ok")
    assert "rejected by bob: because" in report.message
    assert case.effects() == ["a", "-a"]


@on_engines
def test_a_forged_vote_of_the_requester_changes_nothing(case: Case) -> None:
    value = asked(case)
    case.subject.vote(value, REQUESTER, Verdict.APPROVE)
    case.subject.vote(value, "bob", Verdict.REJECT)
    assert case.end(value).state is RunState.FAILED


@on_engines
def test_a_list_is_done_item_by_item_and_handed_on_in_its_order(case: Case) -> None:
    outputs: dict[str, Any] = dict(case.end(case.start(Way.EACH)).outputs)
    assert [each["id"] for each in outputs["each"]] == ["c", "c", "c"]
    assert case.effects() == ["a", "c", "c", "c", "b"]


@on_engines
def test_what_was_done_of_a_list_is_undone(case: Case) -> None:
    assert case.end(case.start(Way.EACH_BADLY)).state is RunState.FAILED
    assert case.effects() == ["a", "c", "c", "c", "-c", "-c", "-c", "-a"]


@on_engines
def test_branches_meet_again_and_a_false_condition_skips(case: Case) -> None:
    assert case.end(case.start(Way.BRANCHES)).state is RunState.SUCCEEDED
    [first, *both, last] = case.effects()
    assert (first, sorted(both), last) == ("a", ["c", "d"], "b")


@on_engines
def test_a_sub_workflow_hands_back_its_outputs(case: Case) -> None:
    report = case.end(case.start(Way.NESTED))
    assert report.outputs == OUTPUTS | {"inner": {"made": "c", "of": "s"}}
    assert case.effects() == ["a", "c", "b"]
