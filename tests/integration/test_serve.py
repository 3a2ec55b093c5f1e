"""A process told to stop ends well: its readers are let go, its threads end, nothing is left behind."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.repository_contract import a_bundle, a_place
from tests.services.children import Child, Children
from tests.services.polling import eventually

SERVE = """
import sys
from platform_api.serve import serve, serve_worker
from platform_api.settings import load
from platform_api.wiring import Role
settings = load({"data_dir": sys.argv[1], "database_url": sys.argv[2], "broker_url": sys.argv[3], "port": 0})
say = lambda url: print("ready", url, flush=True)
roles = [Role(word) for word in sys.argv[4].split(",")]
sys.exit(serve_worker(settings, say) if sys.argv[4] == "worker" else serve(settings, roles, say))
"""

SIGNALLED = """
import random, signal
from platform_api.serve import until_told_to_stop

def soon(_url):
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 6e-5))

for _ in range(20_000):
    until_told_to_stop(soon, [signal.SIGALRM])
print("ended each time", flush=True)
"""

Start = Callable[..., Child]


@pytest.fixture
def start(children: Children, tmp_path: Path) -> Start:
    def started(roles: str, url: str, broker_url: str = "") -> Child:
        return children.start([sys.executable, "-c", SERVE, str(tmp_path / "avow"), url, broker_url, roles])

    return started


def address(child: Child) -> str:
    """Return where a process says that it listens, once it does."""
    ready = eventually(
        lambda: [line for line in child.output().splitlines() if line.startswith("ready")], "ready"
    )
    return ready[0].partition(" ")[2]


def test_a_process_that_is_told_to_stop_ends_well_with_a_reader_listening(
    start: Start, sqlite_url: str, tmp_path: Path
) -> None:
    child = start("api,worker,reconciler", sqlite_url)
    url = address(child)
    headers = {"Authorization": f"Bearer {(tmp_path / 'avow' / 'admin-token').read_text().strip()}"}
    with httpx.stream("GET", f"{url}/v1/events", headers=headers, timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith(":")
        child.signal(signal.SIGTERM)
        assert all(not line.startswith("data") for line in lines)
    assert child.wait() in {0, -signal.SIGTERM}
    assert "Traceback" not in child.output()
    assert "rror" not in child.output()


@pytest.mark.parametrize("roles", ["worker", "reconciler", "worker,reconciler"])
def test_a_process_without_a_door_waits_for_its_signal(start: Start, sqlite_url: str, roles: str) -> None:
    child = start(roles, sqlite_url)
    assert address(child) == ""
    child.signal(signal.SIGINT)
    assert child.wait() == 0
    assert "Traceback" not in child.output()


def test_a_signal_is_heard_at_whatever_moment_it_comes(children: Children) -> None:
    child = children.start([sys.executable, "-c", SIGNALLED])
    assert child.wait(120) == 0, child.output()
    assert "ended each time" in child.output()


def test_a_worker_elsewhere_does_what_the_broker_announces(
    start: Start, postgresql_url: str, broker_url: str, tmp_path: Path
) -> None:
    url = address(start("api,reconciler", postgresql_url, broker_url))
    worker = start("worker", postgresql_url, broker_url)
    address(worker)
    folder = tmp_path / "avow"
    headers = {"Authorization": f"Bearer {(folder / 'admin-token').read_text().strip()}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        assert http.post("/v1/contracts", json={"files": a_bundle()}).status_code == 201
        assert http.post("/v1/destinations", json=a_place(folder / "repositories")).status_code == 201
        wanted = {"name": "orders", "contract": "repository"}
        assert http.post("/v1/projects/default/requests", json=wanted).status_code == 202
        one = "/v1/projects/default/requests/orders"
        eventually(lambda: http.get(one).json()["phase"] == "ready", "the worker's work", 120)
    assert worker.is_running


def test_settings_that_cannot_be_played_end_the_process_with_a_reason(start: Start) -> None:
    child = start("api", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert child.wait(60) != 0
    assert "database_unavailable" in child.output() or "does not answer" in child.output()
