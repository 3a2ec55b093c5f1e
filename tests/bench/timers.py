"""`timer_lag` and `saga`: how late a timer's next step begins, and how long it takes to undo two steps.

In process, like the peers: threads of this process drive the runs. A timer's lag is counted from
the time that its journal names to the time at which its step ran.
"""

import time
from datetime import datetime

from catalog.digest import JsonObject
from executors import runs
from executors.port import RunState
from tests.bench.engine import WARM_RUNS, Engine, engine, store_requests
from tests.bench.figures import emit_spans
from tests.bench.site import Site
from tests.engine import document

_NOTHING: JsonObject = {"uses": "bench.nothing", "with": {}}
TIMER: JsonObject = document(
    {"id": "sleep", "wait": {"timer": "1s"}},
    {"id": "wake", **_NOTHING},
    outputs={"at": "${steps.wake.outputs.at}"},
    facts={"exists": True},
)
SAGA: JsonObject = document(
    *({"id": name, **_NOTHING, "compensate": _NOTHING} for name in ("first", "second")),
    {"id": "third", "uses": "bench.refuse", "with": {}},
)


def measure(site: Site) -> None:
    """Print both figures for each database."""
    for database, url in site.databases():
        with engine(site.new_folder("engine"), url) as built:
            amounts = site.amounts
            store_requests(built.runtime.platform.db, amounts.timers + amounts.undone + 2 * WARM_RUNS)
            for _ in range(WARM_RUNS):
                built.run()
            peer = f"avow-{database}"
            emit_spans(peer, "saga", _sagas(built, amounts.undone), mode="in-process", how="compensate")
            emit_spans(peer, "timer_lag", _lags(built, amounts.timers), mode="in-process", how="wait: timer")


def _sagas(built: Engine, amount: int) -> list[float]:
    spans = []
    for _ in range(amount):
        began = time.time()
        built.result(built.start(SAGA), RunState.FAILED)
        spans.append(time.time() - began)
    return spans


def _lags(built: Engine, amount: int) -> list[float]:
    return [_lag(built, key) for key in [built.start(TIMER) for _ in range(amount)]]


def _lag(built: Engine, key: str) -> float:
    report = built.result(key)
    with built.runtime.platform.db.read() as tx:
        journal = runs.entries(tx, report.run_id)
    [due_at] = [entry.body["due_at"] for entry in journal if entry.type == "WaitStarted"]
    return float(str(report.outputs["at"])) - datetime.fromisoformat(str(due_at)).timestamp()
