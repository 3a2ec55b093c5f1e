"""`crash`: runs of four slow steps whose worker is killed half-way, and what another one makes of them.

The same play as for the peers (`peers.shared.Crash`), with the worker program that people run,
`avow worker`: on the database alone, where its threads drive the runs, and under Celery, where its
processes do. All runs are in the hands of one worker when it is killed. The one that takes over
either stands by, as it would in production, or is started at once, as the peers' are. Leases are
those of production.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from catalog.digest import JsonObject
from tests.bench.engine import Engine, engine, store_requests, worker
from tests.bench.peers.aftermath import STEPS
from tests.bench.peers.shared import Crash, noted
from tests.bench.site import Site
from tests.engine import document
from tests.services.children import Child
from tests.services.polling import eventually

CRASH_SECONDS = 60.0
MOST_PROCESSES = 4
"""As many as `avow worker` has by default; threads cost nothing, so there is one for each run."""

STANDS_BY, STARTED = "another worker, standing by", "another worker, started at once"
HOW = "avow worker; a step whose outcome is unknown is looked for"
_PLACES: JsonObject = {"trace": "${inputs.trace}", "gate": "${inputs.gate}", "run": "${request.name}"}
SLOW_STEPS: JsonObject = document(
    *(
        {"id": f"s{step}", "uses": "bench.slow", "with": {**_PLACES, "step": step}}
        for step in range(1, STEPS + 1)
    ),
    facts={"exists": True},
)


@dataclass(frozen=True, slots=True)
class Held:
    """Runs that stand at a gate in their first step, each in somebody's hands."""

    keys: list[str]
    trace: Path
    gate: Path


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a crash takes place.

    Attributes:
        runs: how many there are, which is also how many a worker drives at once.
        start: starts a worker.
    """

    built: Engine
    runs: int
    start: Callable[[], Child]
    new_folder: Callable[[str], Path]

    def play(self, by: str) -> tuple[Crash, Child]:
        """Kill a worker that holds all runs; return what is known of it, and who took over."""
        store_requests(self.built.runtime.platform.db, self.runs * 2)
        first = self.start()
        held, others = self._held(), list[Child]()

        def start_other() -> None:
            others.append(self.start())
            eventually(lambda: "ready in" in others[0].output(), "the other worker")

        if by == STANDS_BY:
            start_other()
            self._let_go(self._held())  # the first worker has no hand free, so all of the other's are seen
        held.gate.touch()
        crash = Crash(held.trace, self.runs)
        crash.play(first.kill, (lambda: None) if others else start_other, CRASH_SECONDS)
        self._let_go(held)
        return crash, others[0]

    def _held(self) -> Held:
        """Start runs, and wait until all of them are in hand."""
        folder = self.new_folder("crash")
        trace, gate = folder / "trace", folder / "gate"
        keys = [self.built.start(SLOW_STEPS, trace=str(trace), gate=str(gate)) for _ in range(self.runs)]
        eventually(lambda: len({line.run for line in noted(trace)}) == self.runs, "all runs in hand")
        return Held(keys, trace, gate)

    def _let_go(self, held: Held) -> None:
        """Let the runs through, and see all of them end well."""
        held.gate.touch()
        for key in held.keys:
            self.built.result(key)


def measure(site: Site) -> None:
    """Print what a crash leaves on each database, for each form of worker and who takes over."""
    forms = {"in-process": site.amounts.crashed, "broker": min(site.amounts.crashed, MOST_PROCESSES)}
    for mode, runs in forms.items():
        for by in (STANDS_BY, STARTED):
            for database, url in site.databases():
                broker_url = site.redis.new_url() if mode == "broker" else ""
                with engine(site.new_folder("engine"), url, broker_url, drives=False) as built:
                    scene = Scene(built, runs, partial(worker, site, built, runs), site.new_folder)
                    crash, other = scene.play(by)
                    lease = built.runtime.platform.settings.run_lease_seconds
                    crash.emit(f"avow-{database}", mode=mode, how=HOW, by=by, lease_s=lease)
                    other.stop()
