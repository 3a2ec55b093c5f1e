"""A crew of threads takes runs as they come due, sleeps when there are none, and stops cleanly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.errors import Unavailable
from executors.port import RunReport, RunState
from executors.step import StepCall
from executors.workflow import keeper
from executors.workflow.parts import worker_of
from executors.workflow.threads import Threads
from tests.engine import Engine, document, fails_for_now, order, step, undoable
from tests.factories import created_database
from tests.services.polling import eventually
from tests.services.postgres import Postgres, connect


class Site:
    def __init__(self, engine: Engine, bell: Bell, size: int) -> None:
        self.engine = engine
        self.bell = bell
        self.threads = Threads(worker_of(engine.parts), engine.database, bell, utc_now, size)

    def start(self, key: str = "key-1", **more: object) -> None:
        more.setdefault("definition", document(step("a"), step("b")))
        self.engine.executor.start(order(key=key, **more))  # type: ignore[arg-type]  # passed through

    def end(self, key: str = "key-1") -> RunReport:
        def final() -> RunReport | None:
            report = self.engine.executor.observe(key)
            return report if report is not None and report.state.is_final else None

        report = eventually(final, f"the end of {key}")
        assert report is not None
        return report


@contextmanager
def site(url: str, size: int = 2, lease_seconds: float = 3.0) -> Iterator[Site]:
    bell = Bell()
    with created_database(url, bell) as database:
        crew = Site(Engine(database, clock=utc_now, lease_seconds=lease_seconds), bell, size)
        crew.threads.start()
        try:
            yield crew
        finally:
            crew.threads.stop()


def test_a_started_run_is_driven_to_its_end(database_url: str) -> None:
    with site(database_url) as crew:
        crew.start()
        assert crew.end().state is RunState.SUCCEEDED
        assert crew.engine.world.done() == ["a", "b"]


def test_many_runs_are_each_done_once(database_url: str) -> None:
    with site(database_url, size=4) as crew:
        for number in range(30):
            crew.start(f"key-{number}", request_uid=f"req_{number}")
        assert {crew.end(f"key-{number}").state for number in range(30)} == {RunState.SUCCEEDED}
        assert len(crew.engine.world.calls) == 60


def test_runs_are_driven_side_by_side(sqlite_url: str) -> None:
    both = threading.Barrier(2, timeout=60)

    def meets(_call: StepCall) -> None:
        both.wait()

    with site(sqlite_url, size=2) as crew:
        crew.engine.world.script["a"] = [meets, meets]
        crew.start("key-1")
        crew.start("key-2", request_uid="req_2")
        assert crew.end("key-1").state is crew.end("key-2").state is RunState.SUCCEEDED


def test_a_retry_is_taken_up_when_it_is_due(database_url: str) -> None:
    with site(database_url) as crew:
        crew.engine.world.script["a"] = [fails_for_now, fails_for_now]
        retry = {"initial": "20ms", "jitter": "none"}
        crew.start(definition=document(step("a", retry=retry)))
        assert crew.end().state is RunState.SUCCEEDED
        assert len(crew.engine.world.calls) == 3


def test_a_run_that_a_dead_worker_held_is_taken_up_after_its_lease(sqlite_url: str) -> None:
    bell = Bell()
    with created_database(sqlite_url, bell) as database:
        engine = Engine(database, clock=utc_now, lease_seconds=0.2)
        engine.executor.start(order(document(step("a"))))
        assert worker_of(engine.parts).take() is not None, "and nobody follows it"
        crew = Site(engine, bell, 1)
        crew.threads.start()
        try:
            assert crew.end().state is RunState.SUCCEEDED
        finally:
            crew.threads.stop()
        assert [kind for kind, *_ in engine.world.calls] == ["look test.do", "test.do"]


def test_a_cancel_wakes_a_run_that_waits(sqlite_url: str) -> None:
    with site(sqlite_url) as crew:
        crew.engine.world.script["b"] = [fails_for_now]
        retry = {"initial": "1h", "max": "1h", "jitter": "none"}
        crew.start(definition=document(undoable("a"), step("b", retry=retry)))
        retrying = RunState.RETRYING
        eventually(lambda: (crew.engine.executor.observe("key-1") or RunReport(retrying)).step == "b", "b")
        crew.engine.executor.cancel("key-1", "why")
        assert crew.end().state is RunState.CANCELLED
        assert crew.engine.world.done() == ["a", "-a"]


def test_a_stop_waits_for_the_call_under_way_and_leaves_the_rest(sqlite_url: str) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stays(_call: StepCall) -> None:
        entered.set()
        leave.wait(60)

    with site(sqlite_url) as crew:
        crew.engine.world.script["a"] = [stays]
        crew.start()
        assert entered.wait(60)
        stopping = threading.Thread(target=crew.threads.stop)
        stopping.start()
        leave.set()
        stopping.join(60)
        assert not stopping.is_alive()
        assert crew.engine.world.done() == ["a"]
        report = crew.engine.executor.observe("key-1")
        assert report is not None
        assert report.state is RunState.RUNNING
        crew.engine.drive()
        assert crew.engine.world.done() == ["a", "b"]


def test_a_thread_that_hangs_is_replaced(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "GRACE_SECONDS", 0.0)
    leave = threading.Event()

    def hangs(_call: StepCall) -> None:
        leave.wait(60)

    with site(sqlite_url, size=1, lease_seconds=0.3) as crew:
        crew.engine.world.script["a"] = [hangs]
        crew.start(definition=document(step("a", timeout="1ms")))
        assert crew.end().state is RunState.SUCCEEDED, "by the thread that took its place"
        leave.set()


def test_a_database_that_drops_every_connection_again_and_again_loses_nothing(
    postgresql_url: str, postgres: Postgres
) -> None:
    with site(postgresql_url, size=3, lease_seconds=1.0) as crew:
        for number in range(10):
            crew.start(f"key-{number}", request_uid=f"req_{number}")
        dropped = 0
        with connect(postgres.port) as superuser:
            while dropped <= 10:  # the crew keeps coming back, also when its work is done
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                dropped += len(superuser.execute(cut, [postgresql_url.rpartition("/")[2]]).fetchall())
                threading.Event().wait(0.05)
        for number in range(10):
            assert _patient_end(crew, f"key-{number}").state is RunState.SUCCEEDED
        assert sorted(crew.engine.world.done()) == ["a"] * 10 + ["b"] * 10


def _patient_end(crew: Site, key: str) -> RunReport:
    """Wait for the end of a run; the asker too may find that its connection was dropped."""

    def ended() -> RunReport | None:
        try:
            return crew.end(key)
        except Unavailable:
            return None

    report = eventually(ended, "an answer")
    assert report is not None
    return report
