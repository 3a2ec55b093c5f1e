"""`writeback_1000`: a thousand changes that wait for git, until the last of them is pushed.

The real writer over a bare repository of this machine. The floor is one `git fast-import` of as
many commits and one push, without a database, a lease or a look at what is there.
"""

import os
import subprocess
import time
from contextlib import closing

from catalog.bell import Bell
from reconciler.remote import Pace
from tests.bench.figures import emit
from tests.bench.site import Site
from tests.factories import created_database
from tests.writeback_ground import Ground, path_of

METRIC = "writeback_1000"
REQUESTS = 100
LONG_SECONDS = 300.0


def measure(site: Site) -> None:
    """Print the seconds and the pushes for each database, beside the floor."""
    _print_floor(site)
    for kind, url in site.databases():
        folder, bell = site.new_folder("writeback"), Bell()
        bare = folder / "fleet.git"
        _git("init", "--quiet", "--bare", str(bare))
        with created_database(url, bell) as database:
            ground = Ground(database, bell, f"file://{bare}", bare, folder)
            with closing(ground):
                _print_written(f"avow-{kind}", ground, site.amounts.writebacks)


def _print_written(peer: str, ground: Ground, changes: int) -> None:
    ground.store_requests(REQUESTS)
    for number in range(changes):
        ground.put(number % REQUESTS, _content(number), generation=number // REQUESTS + 1)
    writer = ground.writer(pace=Pace())
    began = time.perf_counter()
    writer.start()
    ground.until_written(LONG_SECONDS)
    seconds = time.perf_counter() - began
    assert len(set(ground.changes())) == changes, "a change is not in git"
    emit(peer, METRIC, mode="file remote", seconds=seconds, pushes=writer.counts["pushes"], n=changes)


def _print_floor(site: Site) -> None:
    folder, changes = site.new_folder("fast-import"), site.amounts.writebacks
    clone, bare = str(folder / "clone.git"), str(folder / "fleet.git")
    for place in (clone, bare):
        _git("init", "--quiet", "--bare", place)
    stream = "".join(_commit(number) for number in range(changes))
    began = time.perf_counter()
    _git("--git-dir", clone, "fast-import", "--quiet", given=stream)
    _git("--git-dir", clone, "push", "--quiet", bare, "refs/heads/main:refs/heads/main")
    seconds = time.perf_counter() - began
    emit("floor", METRIC, mode="one fast-import, one push", seconds=seconds, pushes=1, n=changes)


def _commit(number: int) -> str:
    content, message = _content(number), f"change {number}"
    head = f"commit refs/heads/main\ncommitter Bench <bench@localhost> {1_700_000_000 + number} +0000\n"
    file = f"M 100644 inline {path_of(number % REQUESTS)}\ndata {len(content)}\n{content}\n"
    return f"{head}data {len(message)}\n{message}\n{file}"


def _content(number: int) -> str:
    return f"number: {number}\ninputs: {{size: m}}\n" * 10


def _git(*words: str, given: str = "") -> None:
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *words], input=given, text=True, check=True, env={**os.environ, **quiet})
