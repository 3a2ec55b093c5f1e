"""Installs the peers where they disturb nobody, and runs their scripts.

Each peer gets a virtual environment of its own in the system's folder for temporary files, on
first use; later runs find it there. Everything is pinned, because figures of an unknown version
say nothing. A peer that cannot be installed is left out, which is said.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from tests.bench.figures import pass_on
from tests.bench.peers import floor
from tests.bench.site import ROOT, Site

METRICS = (
    "seq_latency",
    "first_step",
    "throughput",
    "saga",
    "chord4",
    "timer_lag",
    "crash",
    "xacts_per_workflow",
)
RUN_SECONDS = 900
_CHILDREN = "psutil==7.2.2"  # for `tests.services.children`
_DBOS = ("dbos==3.4.0", "psycopg[binary]==3.3.9", _CHILDREN)
_RESTATE_PACKAGE = "@restatedev/restate-server@1.7.12"
_RESTATE_PROGRAM = "node_modules/@restatedev/restate-server-linux-x64/bin/restate-server"
_DATABASES_PER_PEER = 6
_AMOUNTS = ("spans", "undone", "timers", "at_once", "crashed")


class NotInstalledError(Exception):
    """The peer cannot be had on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """How a peer is installed and run.

    Attributes:
        urls: the servers that its script is given.
        surroundings: more variables for its script.
    """

    script: str
    packages: tuple[str, ...]
    metrics: Collection[str]
    urls: Callable[[Site], list[str]] = lambda _site: []
    surroundings: Callable[[list[str]], Mapping[str, str]] = field(default=lambda _urls: {})


def _postgres_urls(site: Site) -> list[str]:
    urls = [site.new_database("pg") for _ in range(_DATABASES_PER_PEER)]
    return [url.replace("postgresql+psycopg:", "postgresql:") for url in urls]


def _sqlite_urls(site: Site) -> list[str]:
    return [site.new_database("sqlite") for _ in range(_DATABASES_PER_PEER)]


def _redis_urls(site: Site) -> list[str]:
    return [site.redis.new_url() for _ in range(3)]


_EVERYWHERE = {"seq_latency", "first_step", "throughput"}
_QUEUED = _EVERYWHERE | {"saga", "timer_lag", "crash"}
PEERS = {
    "dbos-pg": Peer("dbos_engine", _DBOS, _QUEUED | {"xacts_per_workflow"}, _postgres_urls),
    "dbos-sqlite": Peer("dbos_engine", _DBOS, _QUEUED, _sqlite_urls),
    "celery": Peer(
        "celery_chain",
        ("celery[redis]==5.7.0", _CHILDREN),
        _QUEUED | {"chord4"},
        _redis_urls,
        lambda urls: {"BENCH_CELERY_URLS": ",".join(urls)},
    ),
    "restate": Peer(
        "restate_server",
        ("restate_sdk[serde]==1.3.0", "hypercorn==0.18.0", "httpx==0.28.1", _CHILDREN),
        _QUEUED,
        surroundings=lambda _urls: {"BENCH_RESTATE_SERVER": str(_restate_server())},
    ),
    "spiffworkflow": Peer("spiff_engine", ("SpiffWorkflow==3.2.0", _CHILDREN), _EVERYWHERE),
    "temporal": Peer(
        "temporal_server", ("temporalio==1.35.0", _CHILDREN), _QUEUED, lambda site: [site.temporal.address]
    ),
}


def measure(site: Site, metrics: Collection[str], names: Collection[str]) -> Iterator[str]:
    """Print the floor's figures and the peers'; yield why one was left out."""
    floor.measure_sqlite(site.new_folder("floor"))
    floor.measure_postgres(site.new_database("pg"))
    for name in names:
        wanted = [metric for metric in metrics if metric in PEERS[name].metrics]
        if wanted:
            try:
                _run(site, PEERS[name], wanted)
            except (NotInstalledError, pytest.skip.Exception) as error:  # the latter for want of a server
                yield f"{name} is left out: {error}"


def _run(site: Site, peer: Peer, metrics: Collection[str]) -> None:
    python, urls = _python(peer), peer.urls(site)
    more = peer.surroundings(urls)
    options = {
        "--folder": site.new_folder(peer.script),
        "--metrics": ",".join(metrics),
        "--urls": ",".join(urls),
    }
    amounts = {f"--{name}": asdict(site.amounts)[name] for name in _AMOUNTS}
    words = [str(word) for option in (options | amounts).items() for word in option]
    command = [str(python), "-m", f"tests.bench.peers.{peer.script}", *words]
    child = site.children.start(command, env=site.environment(more), cwd=ROOT)
    try:
        code = child.wait(RUN_SECONDS)
    finally:
        child.stop()
    lines = child.output().splitlines()
    for line in lines:
        if line.startswith("{"):
            pass_on(line)
    if code != 0:
        raise NotInstalledError(f"its script ended with {code}: {lines[-1:]}")


def _python(peer: Peer) -> Path:
    """Return the interpreter that has a peer's packages."""
    place = _place() / f"{peer.script}-{sys.version_info[0]}.{sys.version_info[1]}"
    python, stamp = place / "bin/python", place / "installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(peer.packages):
        _installed([sys.executable, "-m", "venv", "--clear", str(place)])
        _installed([str(python), "-m", "pip", "install", "--quiet", *peer.packages])
        stamp.write_text("\n".join(peer.packages))
    return python


def _restate_server() -> Path:
    """Return the server program, which comes as a package of npm's."""
    place = _place() / "restate-npm"
    if not (place / _RESTATE_PROGRAM).exists():
        place.mkdir(exist_ok=True)
        _installed(["npm", "--prefix", str(place), "install", "--silent", _RESTATE_PACKAGE])
    return place / _RESTATE_PROGRAM


def _place() -> Path:
    place = Path(tempfile.gettempdir()) / "avow-peers"
    place.mkdir(exist_ok=True)
    return place


def _installed(command: list[str]) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotInstalledError(f"{command[0]} cannot be started") from error
    if done.returncode != 0:
        raise NotInstalledError((done.stderr or done.stdout).strip()[-300:])
