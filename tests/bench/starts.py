"""`up_ready` and `cli_help`: how long somebody waits for the first answer.

A cold start is `avow up` on an empty folder and an empty database, until `/readyz` says yes; the
machine has the program's files in memory from a start that does not count. The help is compared
with a Python that does nothing.
"""

import http.client
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from statistics import median

from tests.bench.figures import emit, emit_spans, spans_of
from tests.bench.site import AVOW, KINDS, PYTHON, ROOT, Site
from tests.services.ports import LOOPBACK, free_port

HELPS_PER_START = 4
LONG_SECONDS = 120.0
_GLANCE_SECONDS = 0.005


def measure(site: Site) -> None:
    """Print how long a start takes on each database, and how long the help does."""
    for kind in KINDS:
        seconds = [_start_seconds(site, kind) for _ in range(site.amounts.starts + 1)][1:]
        figures = {"median_s": median(seconds), "least_s": min(seconds), "most_s": max(seconds)}
        emit(f"avow-{kind}", "up_ready", mode="cold", **figures, n=len(seconds))
    times = site.amounts.starts * HELPS_PER_START
    _print_command(site, "avow", [*AVOW, "--help"], times)
    _print_command(site, "floor", [PYTHON, "-c", "pass"], times)


def _start_seconds(site: Site, kind: str) -> float:
    port, folder = free_port(), site.new_folder("start")
    options = ["--data-dir", str(folder), "--port", str(port), "--database-url", site.new_database(kind)]
    began = time.perf_counter()
    child = site.children.start([*AVOW, "up", *options], env=site.environment(), cwd=ROOT)
    while not _is_ready(port):
        assert child.is_running, child.output()
        assert time.perf_counter() < began + LONG_SECONDS, child.output()
        time.sleep(_GLANCE_SECONDS)
    seconds = time.perf_counter() - began
    child.stop()
    return seconds


def _is_ready(port: int) -> bool:
    line = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    with suppress(OSError):
        line.request("GET", "/readyz")
        return line.getresponse().status == http.client.OK
    return False


def _print_command(site: Site, peer: str, command: Sequence[str], times: int) -> None:
    def run(_: int) -> None:
        subprocess.run(command, env=site.environment(), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    emit_spans(peer, "cli_help", spans_of(run, times + 1)[1:], mode="process")
