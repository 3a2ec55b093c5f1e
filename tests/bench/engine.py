"""`seq_latency` and `first_step`: a run of four steps that do nothing, from its start to its result.

The engine is the one that the wiring builds, with the catalogue's events and the reconciler's
wake-up in its transactions. In process, threads of this process drive the run; through the
broker, a separate `avow worker` under Celery does. `throughput` builds on what is here.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from catalog import contracts, requests
from catalog.clock import utc_now
from catalog.db import Database
from catalog.digest import Json, JsonObject
from executors.port import ContractRef, Executor, RunReport, RunState
from executors.workflow.sweeper import Sweeper
from platform_api.settings import load
from platform_api.wiring import Role, Runtime, build
from reconciler import workqueue
from reconciler.workqueue import Lane
from tests.bench.figures import emit_spans
from tests.bench.peers import floor
from tests.bench.site import AVOW, ROOT, Site
from tests.engine import document, order
from tests.factories import PROJECT, a_bundle, a_request, a_revision, store_project
from tests.services.children import Child

WARM_RUNS = 20
LONG_SECONDS = 120.0
CONTRACT = ContractRef(a_revision().name, a_revision().version, a_revision().digest)
_POLL_SECONDS = 0.002
_FAR = datetime(2126, 1, 1, tzinfo=UTC)

FOUR_STEPS: JsonObject = document(
    *({"id": f"s{number}", "uses": "bench.nothing", "with": {}} for number in range(1, 5)),
    outputs={"began": "${steps.s1.outputs.at}"},
    facts={"exists": True},
)


@dataclass
class Engine:
    """The engine's door in this process, and requests to start runs for.

    Attributes:
        hears: whether this process is told when another one has ended a run.
        numbers: the requests that runs are started for.
    """

    runtime: Runtime
    hears: bool
    numbers: Iterator[int]

    @property
    def executor(self) -> Executor:
        """Return the door."""
        return self.runtime.platform.executors["workflow"]

    def start(self, definition: JsonObject = FOUR_STEPS, **inputs: Json) -> str:
        """Start the next request's run and return its key."""
        number = next(self.numbers)
        key = f"run-{number}"
        context = {"inputs": inputs, "request": {"name": key}, "destination": {}, "outputs": {}}
        more = {"request_uid": uid_of(number), "contract": CONTRACT, "context": context}
        self.executor.start(order(definition, key, **more))
        return key

    def run(self) -> tuple[float, float]:
        """Start a run and wait for it; return the seconds to its result and to its first step."""
        began = time.time()
        report = self.result(self.start())
        return time.time() - began, float(str(report.outputs["began"])) - began

    def result(self, key: str, state: RunState = RunState.SUCCEEDED) -> RunReport:
        """Return what came of a run, once it has ended as it should."""
        until = time.monotonic() + LONG_SECONDS
        bell = self.runtime.platform.bell
        while time.monotonic() < until:
            rung = bell.count(workqueue.TOPIC)
            report = self.executor.observe(key)
            if report is not None and report.state.is_final:
                assert report.state is state, report.message
                return report
            bell.wait(workqueue.TOPIC, rung, 1.0 if self.hears else _POLL_SECONDS)
        raise TimeoutError(f"{key} did not end")


def measure(site: Site) -> None:
    """Print both figures for each database and each way to a worker, after the floor of the first."""
    for database, url in site.databases():
        floor.measure_commits(site.new_database(database))
        with engine(site.new_folder("engine"), url) as built:
            store_requests(built.runtime.platform.db, site.amounts.spans + WARM_RUNS)
            _print_latencies(site, built, f"avow-{database}", "in-process")
    for database, url in site.databases():
        with engine(site.new_folder("engine"), url, site.redis.new_url()) as built:
            store_requests(built.runtime.platform.db, site.amounts.spans + WARM_RUNS)
            with consumer(site, built, 1):
                _print_latencies(site, built, f"avow-{database}", "broker")


@contextmanager
def engine(
    folder: Path, url: str, broker_url: str = "", first: int = 0, *, drives: bool = True
) -> Iterator[Engine]:
    """Build the engine; without a broker, threads of this process drive its runs.

    Args:
        folder: for what it keeps beside the database.
        first: the number of the request that the first run is started for.
        drives: without a broker; False leaves the runs to other processes.
    """
    runtime = build(load({"data_dir": folder, "database_url": url, "broker_url": broker_url}))
    with ExitStack() as stack:
        stack.callback(runtime.stop)
        workers = runtime.background[Role.WORKER]
        sweepers = [part for part in runtime.background[Role.RECONCILER] if isinstance(part, Sweeper)]
        for part in [*runtime.shared, *(workers if drives and not broker_url else sweepers)]:
            part.start()
            stack.callback(part.stop)
        yield Engine(runtime, not broker_url or not runtime.platform.db.is_sqlite, count(first))


@contextmanager
def consumer(site: Site, built: Engine, concurrency: int) -> Iterator[None]:
    """Run an `avow worker` with so many processes on the engine's broker, and wait until it works."""
    child = worker(site, built, concurrency)
    try:
        built.run()
        yield
    finally:
        child.stop()


def worker(site: Site, built: Engine, size: int) -> Child:
    """Start an `avow worker` that drives so many of the engine's runs at once.

    With a broker these are processes that it announces runs to, without one threads that look.
    """
    settings = built.runtime.platform.settings
    options = {
        "--data-dir": str(settings.folder),
        "--database-url": settings.database,
        "--broker-url": settings.broker_url,
        "--workers": str(size),
    }
    words = [word for option in options.items() if option[1] for word in option]
    return site.children.start([*AVOW, "worker", *words], env=site.environment(), cwd=ROOT)


def store_requests(database: Database, amount: int) -> None:
    """Store requests whose runs are to be started, each with a row in the work queue that rests."""
    with database.write() as tx:
        store_project(tx)
        contracts.publish(tx, a_bundle(), utc_now(), "bench")
        for number in range(amount):
            requests.insert(tx, a_request(uid_of(number), name=f"r{number}"))
            workqueue.enqueue(tx, PROJECT, uid_of(number), Lane.RESYNC, _FAR)


def uid_of(number: int) -> str:
    """Return a request's uid."""
    return f"req_{number:026d}"


def _print_latencies(site: Site, built: Engine, peer: str, mode: str) -> None:
    for _ in range(WARM_RUNS - 1):  # the consumer has run one
        built.run()
    measured = [built.run() for _ in range(site.amounts.spans)]
    waits = "the bell" if built.hears else "polling every 2 ms"
    emit_spans(peer, "seq_latency", [whole for whole, _ in measured], mode=mode, waits=waits)
    emit_spans(peer, "first_step", [first for _, first in measured], mode=mode)
