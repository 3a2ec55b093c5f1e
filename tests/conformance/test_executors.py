"""What every executor promises, tried on each: the engine in threads and through Celery, the twin.

A subject says how to make an order go in a certain way, and what took effect; the suite does
not know how it is done. A new executor joins by a `Subject` of its own.
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database
from catalog.errors import Conflict, NotFound
from executors.port import Effect, Executor, RunReport, RunState, WorkOrder
from executors.twin import Answer, Twin
from executors.workflow.executor import Dispatcher, create
from executors.workflow.parts import worker_of
from executors.workflow.sweeper import Sweeper
from executors.workflow.tasks import Publisher
from executors.workflow.threads import Threads
from tests.engine import counting_mint, document, order, step, undoable
from tests.engine_worker import parts, worker_program
from tests.factories import created_database
from tests.services.children import Children
from tests.services.polling import eventually
from tests.services.postgres import Postgres
from tests.services.redis import Redis
from tests.step_ledger import StepLedger, step_ledger


class Way(StrEnum):
    """How an order goes."""

    WELL = "well"  # steps a and b; outputs and facts
    BADLY = "badly"  # a is done, b fails
    HELD = "held"  # a is done, b stays under way until it is released
    LARGE = "large"  # b answers with 100 MB
    WRONG = "wrong"  # b answers with what is no JSON
    LOOKS = "looks"  # reads facts
    LOOKS_BADLY = "looks badly"  # reads, and fails


READS = (Way.LOOKS, Way.LOOKS_BADLY)
OUTPUTS = {"id": "b"}
FACTS = {"exists": True}


class Subject:
    """One executor under test."""

    executor: Executor

    def definition(self, way: Way) -> dict[str, Any]:
        """Return a definition that goes this way."""
        raise NotImplementedError

    def effects(self, request: str) -> list[str]:
        """Return what took effect for a request, in order; what was undone as `-name`."""
        raise NotImplementedError

    def release(self, value: WorkOrder) -> None:
        """Let a held run go on."""
        raise NotImplementedError


class EngineSubject(Subject):
    """The built-in engine over a ledger."""

    def __init__(self, executor: Executor, ledger: StepLedger) -> None:
        self.executor = executor
        self._ledger = ledger

    def definition(self, way: Way) -> dict[str, Any]:
        does = {
            Way.BADLY: "fails",
            Way.HELD: "holds",
            Way.LARGE: "sends 100 MB",
            Way.WRONG: "sends a set",
            Way.LOOKS_BADLY: "fails",
        }
        misbehaves = {"name": "b", "does": does.get(way, "")}
        if way in READS:
            return document({"id": "b", "uses": "test.look", "with": misbehaves}, facts=FACTS)
        second = {**undoable("b"), "with": misbehaves}
        return document(undoable("a"), second, outputs={"id": "${steps.b.outputs.id}"}, facts=FACTS)

    def effects(self, request: str) -> list[str]:
        return self._ledger.effects(request)

    def release(self, value: WorkOrder) -> None:
        self._ledger.release(value.request_uid)


class TwinSubject(Subject):
    """The in-memory twin, scripted."""

    def __init__(self) -> None:
        self.twin = Twin(utc_now, counting_mint())
        self.executor = self.twin
        self.twin.script(Way.WELL, Answer(OUTPUTS, FACTS, ("a", "b")))
        self.twin.script(Way.BADLY, Answer(OUTPUTS, FACTS, ("a", "b"), failure="the target refuses"))
        self.twin.script(Way.HELD, Answer(OUTPUTS, FACTS, ("a", "b"), held=True))
        self.twin.script(Way.LARGE, Answer({"x": "A" * 100_000_000}, FACTS, ("a", "b")))
        self.twin.script(Way.WRONG, Answer(OUTPUTS, {"x": {1, 2}}, ("a", "b")))
        self.twin.script(Way.LOOKS, Answer({}, FACTS))
        self.twin.script(Way.LOOKS_BADLY, Answer(failure="the target refuses"))

    def definition(self, way: Way) -> dict[str, Any]:
        return {}

    def effects(self, request: str) -> list[str]:
        found = [(kind, name) for of, kind, name in self.twin.effects if of == request]
        return [name if kind == "do" else f"-{name}" for kind, name in found]

    def release(self, value: WorkOrder) -> None:
        self.twin.release(value.idempotency_key)


@contextmanager
def in_threads(database: Database, bell: Bell, ledger: StepLedger) -> Iterator[Subject]:
    """The engine with a crew of threads in this process."""
    own = parts(database, ledger.url)
    threads = Threads(worker_of(own), database, bell, utc_now, size=2)
    threads.start()
    yield EngineSubject(create(own, threads), ledger)
    threads.stop()


@contextmanager
def through_celery(
    database: Database, bell: Bell, ledger: StepLedger, broker: str, folder: Path
) -> Iterator[Subject]:
    """The engine with Celery workers in processes of their own."""
    url = database.url.render_as_string(hide_password=False)
    environment = {"ENGINE_DATABASE": url, "ENGINE_LEDGER": ledger.url, "ENGINE_BROKER": broker}
    publisher = Publisher(broker, utc_now)
    sweeper = Sweeper(database, publisher, bell, utc_now)
    sweeper.start()
    dispatcher: Dispatcher = publisher
    with closing(Children(folder)) as children:
        worker_program(children, "celery", environment)
        yield EngineSubject(create(parts(database, ledger.url), dispatcher), ledger)
    sweeper.stop()
    publisher.close()


SUBJECTS = ["twin", "threads-sqlite", "threads-postgresql", "celery-sqlite", "celery-postgresql"]


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """Give each executor in turn, ready to work."""
    kind, _, backend = request.param.partition("-")
    if kind == "twin":
        yield TwinSubject()
        return
    folder = tmp_path_factory.mktemp(request.param)
    url = f"sqlite:///{folder / 'avow.db'}"
    if backend == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.new_database()
    bell = Bell()
    with ExitStack() as stack:
        database = stack.enter_context(created_database(url, bell))
        ledger = stack.enter_context(step_ledger(folder))
        if kind == "threads":
            yield stack.enter_context(in_threads(database, bell, ledger))
            return
        redis: Redis = request.getfixturevalue("redis_server")
        yield stack.enter_context(through_celery(database, bell, ledger, redis.new_url(), folder))


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
