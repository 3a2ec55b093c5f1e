"""kill -9 and worse on the Temporal engine: nothing is lost, nothing happens twice.

As in `test_engine_kills`, the witness is a process of its own, and each test shows that its
fault bit.
"""

import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import Unavailable
from executors.port import RunReport, RunState, WorkOrder
from executors.temporal.executor import TemporalExecutor, create
from tests.engine import document, order, undoable
from tests.engine_worker import parts, worker_program
from tests.factories import created_database
from tests.services.children import Child, Children
from tests.services.polling import eventually
from tests.services.temporal import Temporal, start_temporal
from tests.step_ledger import StepLedger, step_ledger

RUNS = 6
KILLS = 4
SEED = 20301121


class Quiet:
    """A dispatcher where nobody has to be told."""

    def ring(self, run_id: str) -> None:
        """Do nothing."""


@dataclass
class Site:
    """Runs under way, the workers that make their calls, and the witness."""

    executor: TemporalExecutor
    ledger: StepLedger
    children: Children
    environment: dict[str, str]
    name: str
    workers: list[Child] = field(default_factory=list)
    orders: list[WorkOrder] = field(default_factory=list)

    def hire(self) -> Child:
        """Start one more worker process."""
        self.workers.append(worker_program(self.children, "temporal", self.environment))
        return self.workers[-1]

    def start(self, *steps: dict[str, Any]) -> WorkOrder:
        """Start a run."""
        number = len(self.orders)
        uid = f"req_{self.name}_{number}"
        value = order(document(*steps), key=f"{self.name}/{number}", request_uid=uid)
        self.orders.append(value)
        self.executor.start(value)
        return value

    def start_some(self) -> None:
        """Start runs of four steps, every third of which fails at its last and is undone."""
        for _ in range(RUNS):
            last = "fails" if len(self.orders) % 3 == 2 else "dawdles"
            self.start(*(named(name, "dawdles") for name in "abc"), named("d", last))

    def seen(self, value: WorkOrder) -> RunReport:
        """Return where a run stands."""
        report = self.executor.observe(value.idempotency_key)
        assert report is not None
        return report

    def end(self, value: WorkOrder) -> RunReport:
        """Wait for the end of a run."""
        eventually(lambda: self.seen(value).state.is_final, "the end of the run", 120)
        return self.seen(value)

    def looks(self) -> int:
        """Return how many calls were looked up, because whoever made them was lost."""
        return sum(verb == "look" for each in self.orders for verb, _ in self.ledger.calls(each.request_uid))


@contextmanager
def a_site(server: Temporal, url: str, folder: Path, children: Children) -> Iterator[Site]:
    with created_database(url) as database, step_ledger(folder) as ledger:
        environment = {"ENGINE_DATABASE": url, "ENGINE_LEDGER": ledger.url, "ENGINE_TEMPORAL": server.address}
        executor = create(parts(database, ledger.url, server.address), Quiet())
        yield Site(executor, ledger, children, environment, folder.name)


def named(name: str, does: str) -> dict[str, Any]:
    """Return a step that misbehaves as told, and can be undone."""
    return {**undoable(name), "with": {"name": name, "does": does}}


@pytest.mark.slow
def test_killed_workers_lose_and_double_nothing(
    temporal_server: Temporal, sqlite_url: str, tmp_path: Path, children: Children
) -> None:
    dice = random.Random(SEED)
    with a_site(temporal_server, sqlite_url, tmp_path, children) as site:
        site.hire()
        site.hire()
        site.start_some()
        eventually(lambda: len(site.ledger.calls(site.orders[0].request_uid)) > 0, "the first call")
        kills = 0
        while kills < KILLS or (site.looks() == 0 and kills < 10 * KILLS):  # until one has hit a call
            threading.Event().wait(dice.uniform(0.2, 0.6))
            if all(site.seen(value).state.is_final for value in site.orders):
                site.start_some()
            site.workers.pop(0).kill()
            site.hire()
            kills += 1
        for number, value in enumerate(site.orders):
            is_bad = number % 3 == 2
            assert site.end(value).state is (RunState.FAILED if is_bad else RunState.SUCCEEDED)
            wanted = ["a", "b", "c", "-c", "-b", "-a"] if is_bad else list("abcd")
            assert site.ledger.effects(value.request_uid) == wanted
        assert site.ledger.twice() == []
        assert site.looks() > 0, "no kill hit a call"
        for worker in site.workers:
            worker.signal(signal.SIGTERM)
        ended = {worker.wait(60): worker.output() for worker in site.workers}
        assert ended.keys() == {0}, ended  # they still stop when asked


@pytest.mark.slow
def test_a_stopped_worker_that_comes_back_late_changes_nothing(
    temporal_server: Temporal, sqlite_url: str, tmp_path: Path, children: Children
) -> None:
    with a_site(temporal_server, sqlite_url, tmp_path, children) as site:
        frozen = site.hire()
        value = site.start(undoable("a"), named("b", "holds"))
        eventually(lambda: ("run", "b") in site.ledger.calls(value.request_uid), "the call")
        frozen.signal(signal.SIGSTOP)
        site.hire()
        eventually(lambda: site.ledger.calls(value.request_uid).count(("run", "b")) == 2, "the second call")
        frozen.signal(signal.SIGCONT)
        site.ledger.release(value.request_uid)
        assert site.end(value).state is RunState.SUCCEEDED
        frozen.signal(signal.SIGTERM)
        assert frozen.wait(60) == 0, frozen.output()
        assert site.ledger.effects(value.request_uid) == ["a", "b"], (
            "the late effect was refused by its fence"
        )


@pytest.mark.slow
def test_a_step_that_kills_its_workers_is_given_up(
    temporal_server: Temporal, sqlite_url: str, tmp_path: Path, children: Children
) -> None:
    with a_site(temporal_server, sqlite_url, tmp_path, children) as site:
        value = site.start(undoable("a"), named("b", "kills"))
        for _ in range(3):
            assert site.hire().wait(60) == -signal.SIGKILL
        site.hire()
        report = site.end(value)
        assert (report.state, report.step) == (RunState.FAILED, "b")
        assert "lost 3 times" in report.message
        assert site.ledger.effects(value.request_uid) == ["a", "-b", "-a"]


@pytest.mark.slow
def test_runs_outlive_their_server(sqlite_url: str, tmp_path: Path, children: Children) -> None:
    folder = tmp_path / "temporal"
    folder.mkdir()
    server = start_temporal(children, folder)
    with a_site(server, sqlite_url, tmp_path, children) as site:
        site.hire()
        value = site.start(undoable("a"), named("b", "holds"), undoable("c"))
        eventually(lambda: ("run", "b") in site.ledger.calls(value.request_uid), "the call")
        server.child.kill()
        with pytest.raises(Unavailable):
            site.executor.observe(value.idempotency_key)
        with pytest.raises(Unavailable):
            site.start(undoable("never"))
        start_temporal(children, folder, server.port)
        site.ledger.release(value.request_uid)
        assert site.end(value).state is RunState.SUCCEEDED
        assert site.ledger.effects(value.request_uid) == ["a", "b", "c"]
