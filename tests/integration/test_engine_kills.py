"""kill -9 of worker processes in the middle of runs: nothing is lost, nothing happens twice.

The witness runs in a process of its own and would show a second effect under a key. Each
test also shows that its fault bit: that workers were killed while they held runs, which
other workers then took over.
"""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database
from executors import runs
from executors.port import RunReport, RunState, WorkOrder
from executors.workflow.answers import MAX_CRASHES
from executors.workflow.events import Side
from executors.workflow.executor import Dispatcher, WorkflowExecutor, create
from executors.workflow.journal import run_of
from executors.workflow.sweeper import Sweeper
from executors.workflow.tasks import QUEUE, Publisher
from executors.workflow.view import report_of
from tests.chaos import amount
from tests.engine import document, order, undoable
from tests.engine_worker import parts, worker_program
from tests.factories import created_database
from tests.services.brokers import forget, waiting
from tests.services.children import Child, Children
from tests.services.polling import eventually
from tests.services.rabbitmq import Rabbitmq
from tests.step_ledger import StepLedger, step_ledger

RUNS = 12
KILLS = amount(short=6, long=40)
CELERY_KILLS = amount(short=3, long=20)
SEED = 20301121
STEPS = ("a", "b", "c", "d")

pytestmark = pytest.mark.timeout(amount(short=300, long=3600))


class Quiet:
    """A dispatcher for workers that look for themselves."""

    def ring(self, run_id: str) -> None:
        """Do nothing."""


@dataclass
class Site:
    """Runs under way, the workers that drive them, and the witness."""

    database: Database
    ledger: StepLedger
    children: Children
    environment: dict[str, str]
    executor: WorkflowExecutor
    kind: str
    workers: list[Child] = field(default_factory=list)
    orders: list[WorkOrder] = field(default_factory=list)

    def hire(self) -> None:
        """Start one more worker process."""
        self.workers.append(worker_program(self.children, self.kind, self.environment))

    def submit(self, count: int = RUNS) -> None:
        """Start runs of four steps, every third of which fails at its last and is undone."""
        for number in range(len(self.orders), len(self.orders) + count):
            last = "fails" if number % 3 == 2 else "dawdles"
            steps = [{**undoable(name), "with": {"name": name, "does": "dawdles"}} for name in STEPS[:-1]]
            steps.append({**undoable("d"), "with": {"name": "d", "does": last}})
            value = order(document(*steps), key=f"key-{number}", request_uid=f"req_{number}")
            self.executor.start(value)
            self.orders.append(value)

    def ended(self) -> int:
        """Return how many runs are over."""
        return sum(self.is_over(value.idempotency_key) for value in self.orders)

    def is_over(self, key: str) -> bool:
        """Tell whether the run under a key has ended."""
        report = self.executor.observe(key)
        return report is not None and report.state.is_final

    def losses(self) -> int:
        """Return how many calls were taken over from a worker that was lost."""
        return len(self.losses_at())

    def losses_at(self) -> list[datetime]:
        """Return when each of them was taken over."""
        entries = [entry for value in self.orders for entry in self.entries(value)]
        return [
            datetime.fromisoformat(str(entry.body["at"])) for entry in entries if entry.type == "AttemptLost"
        ]

    def check(self) -> None:
        """Wait for every end, and compare the witness's book with what is reported."""
        eventually(lambda: self.ended() == len(self.orders), "the end of every run", 120)
        assert self.ledger.twice() == []
        for number, value in enumerate(self.orders):
            report = self.executor.observe(value.idempotency_key)
            assert report is not None
            entries = self.entries(value)
            assert report == report_of(run_of(entries), report.run_id)
            effects = self.ledger.effects(value.request_uid)
            blamed = blamed_step(entries)
            if blamed:
                check_given_up(blamed, report, effects)
                continue
            wanted = list(STEPS) if number % 3 != 2 else ["a", "b", "c", "-c", "-b", "-a"]
            assert effects == wanted
            assert report.state is (RunState.FAILED if number % 3 == 2 else RunState.SUCCEEDED)

    def entries(self, value: WorkOrder) -> list[runs.Entry]:
        """Return a run's whole journal."""
        with self.database.read() as tx:
            record = runs.by_key(tx, value.idempotency_key)
            assert record is not None
            return runs.entries(tx, record.id)


def blamed_step(entries: Sequence[runs.Entry]) -> str:
    """Return the step in the middle of which workers were lost so often that it is given up; mostly none."""
    lost = Counter(
        str(entry.body["step"])
        for entry in entries
        if entry.type == "AttemptLost" and entry.body["side"] == Side.DO
    )
    return next((step for step, times in lost.items() if times >= MAX_CRASHES), "")


def check_given_up(step: str, report: RunReport, effects: Sequence[str]) -> None:
    """Check that a run whose step was blamed for kills failed there and was undone, that step included."""
    assert (report.state, report.step) == (RunState.FAILED, step)
    assert f"lost {MAX_CRASHES} times" in report.message
    begun = STEPS[: STEPS.index(step) + 1]
    done = [name for name in effects if not name.startswith("-")]
    assert done in (list(begun), list(begun[:-1])), "whether the last happened is what nobody knows"
    assert effects == [*done, *(f"-{name}" for name in reversed(begun))]


@contextmanager
def a_site(url: str, folder: Path, children: Children, broker: str = "") -> Iterator[Site]:
    bell = Bell()
    with created_database(url, bell) as database, step_ledger(folder) as ledger:
        publisher = Publisher(broker, utc_now) if broker else None
        dispatcher: Dispatcher = publisher or Quiet()
        sweeper = Sweeper(database, dispatcher, bell, utc_now)
        environment = {"ENGINE_DATABASE": url, "ENGINE_LEDGER": ledger.url, "ENGINE_BROKER": broker}
        executor = create(parts(database, ledger.url), dispatcher)
        kind = "celery" if broker else "threads"
        sweeper.start()
        try:
            yield Site(database, ledger, children, environment, executor, kind)
        finally:
            sweeper.stop()
            if publisher is not None:
                publisher.close()


def pause(dice: random.Random) -> None:
    """Let a random moment pass, so that the kill comes anywhere."""
    threading.Event().wait(dice.uniform(0.1, 0.6))


@pytest.mark.slow
def test_killed_thread_workers_lose_and_double_nothing(
    database_url: str, tmp_path: Path, children: Children
) -> None:
    dice = random.Random(SEED)
    with a_site(database_url, tmp_path, children) as site:
        site.hire()
        site.hire()
        site.submit()
        eventually(lambda: len(site.ledger.calls("req_0")) > 0, "the first call")
        for kill in range(KILLS):
            pause(dice)
            site.workers.pop(0).kill()
            site.hire()
            if kill % 3 == 2:
                site.submit()
        site.check()
        assert site.losses() > 0, "no kill hit a call"


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["child", "parent", "both"])
def test_killed_celery_workers_lose_and_double_nothing(
    victim: str, sqlite_url: str, broker_url: str, tmp_path: Path, children: Children
) -> None:
    dice = random.Random(f"{SEED} {victim}")
    with a_site(sqlite_url, tmp_path, children, broker_url) as site:
        site.hire()
        site.hire()
        site.submit()
        eventually(lambda: len(site.ledger.calls("req_0")) > 0, "the first call")
        for _ in range(CELERY_KILLS):
            pause(dice)
            if site.ended() == len(site.orders):
                site.submit()
            worker = site.workers.pop(0)
            if victim == "child":  # without children at its start, Celery gives up by itself
                await_ready(worker)
            kill(worker, victim, dice)
            if victim == "child":
                site.workers.append(worker)
            else:
                site.hire()
        site.check()
        assert site.losses() > 0, "no kill hit a call"
        for worker in site.workers:
            worker.signal(signal.SIGTERM)
        ended = [worker.wait(60) for worker in site.workers]
        outputs = "\n".join(worker.output() for worker in site.workers)
        assert ended == [0, 0], f"and they still stop when asked\n{outputs}"


def await_ready(worker: Child) -> None:
    """Wait until a Celery worker has its children and takes what is announced."""
    eventually(lambda: " ready." in worker.output(), "a worker to be ready")


def kill(worker: Child, victim: str, dice: random.Random) -> None:
    """Kill a Celery worker's child, its parent, or all of it."""
    if victim == "both":
        worker.kill()
        return
    drivers = psutil.Process(worker.pid).children()
    if victim == "parent":
        os.kill(worker.pid, signal.SIGKILL)
    elif drivers:
        dice.choice(drivers).kill()


@pytest.mark.slow
def test_a_broker_that_forgets_everything_delays_runs_and_loses_none(
    sqlite_url: str, broker_url: str, tmp_path: Path, children: Children
) -> None:
    with a_site(sqlite_url, tmp_path, children, broker_url) as site:
        site.submit()
        eventually(lambda: waiting(broker_url, QUEUE) == RUNS, "the messages")
        forget(broker_url, QUEUE)
        assert waiting(broker_url, QUEUE) == 0
        site.hire()
        site.check()


@pytest.mark.slow
def test_a_broker_that_is_killed_again_and_again_loses_and_doubles_nothing(
    sqlite_url: str, rabbitmq_server: Rabbitmq, tmp_path: Path, children: Children
) -> None:
    with a_site(sqlite_url, tmp_path, children, rabbitmq_server.new_url()) as site:
        site.hire()
        site.submit()
        eventually(lambda: len(site.ledger.calls("req_0")) > 0, "the first call")
        assert site.ended() < len(site.orders), "the kill comes while runs are going"
        for _ in range(2):
            rabbitmq_server.kill()
            site.submit(3)
            rabbitmq_server.start()
        site.check()
        assert "Connection to broker lost" in site.workers[0].output(), "the worker noticed"


@pytest.mark.slow
def test_a_stopped_worker_that_comes_back_late_changes_nothing(
    database_url: str, tmp_path: Path, children: Children
) -> None:
    with a_site(database_url, tmp_path, children) as site:
        site.hire()
        site.submit(2)
        eventually(lambda: len(site.ledger.calls("req_0")) > 0, "the first call")
        [frozen] = site.workers
        with site.database.write():  # frozen within its own write, it would hold up a SQLite file for all
            frozen.signal(signal.SIGSTOP)
        site.hire()
        eventually(lambda: site.ended() == len(site.orders), "the end of every run", 120)
        frozen.signal(signal.SIGCONT)
        site.check()
        assert site.losses() > 0, "the stop hit no call"
        eventually(
            lambda: "was taken over; what came too late" in frozen.output(), "the late worker to give way"
        )
        site.check()


def test_a_step_that_kills_its_workers_is_given_up(
    sqlite_url: str, tmp_path: Path, children: Children
) -> None:
    with a_site(sqlite_url, tmp_path, children) as site:
        doomed = {**undoable("b"), "with": {"name": "b", "does": "kills"}}
        value = order(document(undoable("a"), doomed))
        site.executor.start(value)
        for _ in range(3):
            site.hire()
            assert site.workers[-1].wait(60) == -signal.SIGKILL
        site.hire()
        eventually(lambda: site.is_over("key-1"), "the end", 60)
        report = site.executor.observe("key-1")
        assert report is not None
        assert (report.state, report.step) == (RunState.FAILED, "b")
        assert "lost 3 times" in report.message
        effects = site.ledger.effects("req_1")
        assert effects == ["a", "-b", "-a"]
        assert blamed_step(site.entries(value)) == "b"
        check_given_up("b", report, effects)  # as the tests above find it when chance hits a step so often
