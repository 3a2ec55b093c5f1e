"""DBOS in one process: the script starts workflows where they run, which is how it is meant.

A process of its own, since DBOS is launched once per process. Started by `dbos_engine`.
"""

import time
from collections.abc import Callable

import sqlalchemy as sa
from dbos import DBOS

from tests.bench.figures import emit, emit_spans
from tests.bench.peers import dbos_flows as flows
from tests.bench.peers.shared import WARM_RUNS, Wish, wish

MODE = "in-process"
SETTLE_SECONDS = 2.0
"""PostgreSQL's counters lag behind by about a second."""


def main() -> None:
    """Print what is asked for."""
    asked = wish()
    url = asked.urls[0]
    flows.launch(url)
    for _ in range(WARM_RUNS):
        flows.four()
    for metrics, measure in MEASURES.items():
        if asked.has(*metrics):
            measure(asked, flows.peer_of(url))
    DBOS.destroy()


def print_latencies(asked: Wish, peer: str) -> None:
    """Print how long runs take, one after the other."""
    whole, start = [], []
    for _ in range(asked.spans):
        began = time.time()
        step_began = DBOS.start_workflow(flows.four).get_result()
        whole.append(time.time() - began)
        start.append(step_began - began)
    emit_spans(peer, "seq_latency", whole, mode=MODE)
    emit_spans(peer, "first_step", start, mode=MODE)


def print_sagas(asked: Wish, peer: str) -> None:
    """Print how long it takes to fail and to undo."""
    spans = []
    for _ in range(asked.undone):
        began = time.time()
        assert DBOS.start_workflow(flows.saga).get_result() == "compensated"
        spans.append(time.time() - began)
    emit_spans(peer, "saga", spans, mode=MODE)


def print_timers(asked: Wish, peer: str) -> None:
    """Print how late sleepers wake up that all sleep at once."""
    sleeping = [DBOS.start_workflow(flows.timer) for _ in range(asked.timers)]
    lags = [handle.get_result() for handle in sleeping]
    emit_spans(peer, "timer_lag", lags, mode=MODE, how="concurrent sleeps of 1 s")


def print_throughput(asked: Wish, peer: str) -> None:
    """Print how many runs a second this process carries out."""
    runs, began = asked.at_once, time.time()
    started = [DBOS.start_workflow(flows.four) for _ in range(runs)]
    submitted = time.time()
    for handle in started:
        handle.get_result()
    rate = runs / (time.time() - began)
    emit(peer, "throughput", mode=MODE, wf_s=rate, n=runs, workers=1, submit_s=submitted - began)


def print_transactions(asked: Wish, peer: str) -> None:
    """Print how many transactions a run costs, by PostgreSQL's own count."""
    if peer != "dbos-pg":
        return
    url = sa.make_url(asked.urls[0]).set(drivername="postgresql+psycopg")
    database = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    count = sa.text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = :name")

    def transactions() -> int:
        time.sleep(SETTLE_SECONDS)
        with database.connect() as connection:
            return int(connection.execute(count, {"name": database.url.database}).scalar_one())

    before, began = transactions(), time.time()
    idle = transactions()
    idle_rate = (idle - before) / (time.time() - began)
    began, worked = time.time(), time.process_time()
    for _ in range(asked.spans):
        DBOS.start_workflow(flows.four).get_result()
    worked, seconds = time.process_time() - worked, time.time() - began
    counted = transactions() - idle - idle_rate * (seconds + SETTLE_SECONDS)
    figures = {
        "per_wf": counted / asked.spans,
        "idle_xacts_s": idle_rate,
        "client_cpu_ms_per_wf": worked / asked.spans * 1000,
        "wall_ms_per_wf": seconds / asked.spans * 1000,
    }
    emit(peer, "xacts_per_workflow", mode=MODE, n=asked.spans, **figures)


MEASURES: dict[tuple[str, ...], Callable[[Wish, str], None]] = {
    ("seq_latency", "first_step"): print_latencies,
    ("saga",): print_sagas,
    ("timer_lag",): print_timers,
    ("throughput",): print_throughput,
    ("xacts_per_workflow",): print_transactions,
}

if __name__ == "__main__":
    main()
