"""`throughput`: a thousand runs of four steps started at once, carried out by one and by two workers.

In process, each worker is a process (`crew`) that starts its share and drives whatever is due.
Through the broker, this process starts them all and `avow worker` processes drive them.
"""

import time
from pathlib import Path

import sqlalchemy as sa

from catalog.db import Database
from executors.tables import runs
from platform_api import migrations
from tests.bench.engine import LONG_SECONDS, consumer, engine, store_requests
from tests.bench.figures import emit
from tests.bench.site import PYTHON, ROOT, Site
from tests.services.children import Child
from tests.services.polling import eventually

WORKERS = (1, 2)
_LOOK_SECONDS = 0.05


def measure(site: Site) -> None:
    """Print the runs a second for each database, each way to a worker, and each number of workers."""
    for workers in WORKERS:
        for database, url in site.databases():
            _in_process(site, f"avow-{database}", url, workers)
    for workers in WORKERS:
        for database, url in site.databases():
            _through_broker(site, f"avow-{database}", url, workers)


def _in_process(site: Site, peer: str, url: str, workers: int) -> None:
    share, folder = site.amounts.at_once // workers, site.new_folder("crews")
    migrations.upgrade(url)
    database = Database(url)
    store_requests(database, share * workers + workers)
    crews = [_crew(site, folder, url, number * (share + 1), share) for number in range(workers)]
    for crew in crews:
        eventually(lambda crew=crew: "ready" in _said(crew), "a crew", LONG_SECONDS)  # type: ignore[misc]  # bound now
    began = time.time()
    (folder / "go").touch()
    _await_ended(database, (share + 1) * workers)
    seconds = time.time() - began
    submitted = max(float(_said(crew).split("submitted")[1].split()[0]) for crew in crews)
    for crew in crews:
        crew.stop()
    database.close()
    _print(peer, "in-process", workers, share * workers, (seconds, submitted))


def _through_broker(site: Site, peer: str, url: str, workers: int) -> None:
    amount = site.amounts.at_once
    with engine(site.new_folder("engine"), url, site.redis.new_url()) as built:
        database = built.runtime.platform.db
        store_requests(database, amount + 1)
        with consumer(site, built, workers):
            began = time.time()
            for _ in range(amount):
                built.start()
            submitted = time.time() - began
            _await_ended(database, amount + 1)
            _print(peer, "broker", workers, amount, (time.time() - began, submitted))


def _crew(site: Site, folder: Path, url: str, first: int, share: int) -> Child:
    told = {"--folder": folder, "--url": url, "--first": first, "--share": share}
    words = [str(word) for option in told.items() for word in option]
    program = [PYTHON, "-m", "tests.bench.crew", *words]
    return site.children.start(program, env=site.environment(), cwd=ROOT)


def _said(crew: Child) -> str:
    assert crew.is_running, crew.output()
    return crew.output()


def _await_ended(database: Database, amount: int) -> None:
    ended = sa.select(sa.func.count()).select_from(runs).where(runs.c.ended_at.is_not(None))
    until = time.monotonic() + LONG_SECONDS * 5
    while True:
        with database.read() as tx:
            if tx.execute(ended).scalar_one() >= amount:
                return
        assert time.monotonic() < until, "the runs do not end"
        time.sleep(_LOOK_SECONDS)


def _print(peer: str, mode: str, workers: int, amount: int, seconds: tuple[float, float]) -> None:
    whole, submitted = seconds
    emit(
        peer,
        "throughput",
        mode=mode,
        wf_s=amount / whole,
        n=amount,
        workers=workers,
        submit_s=submitted,
    )
