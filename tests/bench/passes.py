"""`reconcile_unchanged`: one pass over a request that is ready and as it should be.

A pass as the loop makes it: claim, load, look, plan, settle. The request was delivered by a real
installation, which is ended before, so nothing else runs while passes are measured. Once with a
look that does nothing, which shows the reconciler alone, and once with the look of the `service`
contract that ships, which fetches from a git repository.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from catalog import requests
from catalog.bundle import read_files
from catalog.request import Phase
from deploy.demo.catalogue_server import serving
from platform_api.parts import Platform
from platform_api.settings import load
from platform_api.wiring import build
from reconciler import workqueue
from reconciler.reconcile import Reconciler
from reconciler.workqueue import LEASE, Claim, Lane
from tests.bench import contracts
from tests.bench.accept import PROJECT, started_rig
from tests.bench.figures import emit_spans
from tests.bench.site import KINDS, ROOT, Site
from tests.scenarios.rig import Rig
from tests.services.polling import eventually

NAME = "kept"
WARM_PASSES = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivered request, and the reconciler that keeps it true."""

    reconciler: Reconciler
    uid: str

    def pass_(self) -> float:
        """Make one pass that is due and return how long it took, from the claim on."""
        reconciler, claims = self.reconciler, list[Claim]()
        with reconciler.db.write() as tx:
            workqueue.wake(tx, self.uid, Lane.RESYNC, reconciler.clock())
        began = time.perf_counter()
        with reconciler.db.write() as tx:
            claims += workqueue.claim(tx, "bench", reconciler.clock(), LEASE, 1)
        reconciler.reconcile(*claims)
        return time.perf_counter() - began

    def is_free(self) -> bool:
        """Tell whether the killed installation holds the request no more."""
        with self.reconciler.db.write() as tx:
            workqueue.wake(tx, self.uid, Lane.RESYNC, self.reconciler.clock())
        with self.reconciler.db.read() as tx:
            due_at = workqueue.next_due(tx)
        return due_at is not None and due_at <= self.reconciler.clock()

    def standing(self) -> tuple[Phase, int]:
        """Return what must be the same after all passes: it is ready, after one operation."""
        with self.reconciler.db.read() as tx:
            request = requests.by_uid(tx, self.uid)
        return request.phase, request.attempt


def measure(site: Site) -> None:
    """Print how long a pass takes, for each database and each look."""
    looks: dict[str, Callable[[Rig, Site], AbstractContextManager[None]]] = {
        "no-op look": _nothing_delivered,
        "git look": _service_delivered,
    }
    for kind in KINDS:
        for mode, delivered in looks.items():
            url = site.new_database(kind)
            rig = started_rig(site, url)
            with delivered(rig, site), _kept(rig, url) as kept:
                spans = [kept.pass_() for _ in range(site.amounts.passes + WARM_PASSES)]
                assert kept.standing() == (Phase.READY, 1)
            emit_spans(f"avow-{kind}", "reconcile_unchanged", spans[WARM_PASSES:], mode=mode)


@contextmanager
def _nothing_delivered(rig: Rig, _site: Site) -> Iterator[None]:
    rig.ask("POST", f"/v1/projects/{PROJECT}/requests", contracts.wanted(NAME))
    rig.until_ready(NAME)
    yield


@contextmanager
def _service_delivered(rig: Rig, site: Site) -> Iterator[None]:
    rig.publish(read_files(ROOT / "catalog/library/service"))
    repositories = rig.repositories / "shelf"
    repositories.mkdir(parents=True)
    with serving(site.new_folder("catalogue")) as catalogue:
        address = {"root": str(repositories), "url": f"file://{repositories}"}
        config = {**address, "catalogue_url": catalogue.url}
        rig.ask("POST", "/v1/destinations", {"name": "git-1", "kind": "git-server", "config": config})
        rig.request(NAME, "service", inputs={"description": "Takes orders."}, owner="team-orders")
        rig.until_ready(NAME)
        yield


@contextmanager
def _kept(rig: Rig, url: str) -> Iterator[Kept]:
    """End the installation and open its reconciler here, with nothing running."""
    uid = str(rig.show(NAME)["uid"])
    rig.kill()
    runtime = build(load({"data_dir": rig.folder, "database_url": url}))
    kept = Kept(_reconciler(runtime.platform), uid)
    try:
        eventually(kept.is_free, "the lease to end")
        yield kept
    finally:
        runtime.stop()


def _reconciler(platform: Platform) -> Reconciler:
    return Reconciler(
        db=platform.db,
        admission=platform.admission,
        executor_named=lambda name: platform.executors[name],
        clock=platform.clock,
        mint=platform.mint,
        roll=random.random,
    )
