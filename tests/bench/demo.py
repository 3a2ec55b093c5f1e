"""`demo`: `make demo` as a newcomer runs it, with the set-up of its environment apart.

In a fresh copy of the tree. The set-up installs the pinned packages into a `.venv`, so it
depends on the network or on pip's cache; the demo's own time does not.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.architecture.tree import tracked_files
from tests.bench.figures import emit
from tests.bench.site import PYTHON, ROOT, Site

SETUP, PLAY = "runtime", "demo"


def measure(site: Site) -> None:
    """Print the seconds of the set-up and of the demo."""
    copy = site.new_folder("newcomer") / "avow"
    for path in tracked_files():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy / path)
    emit("avow", "demo", mode="set-up", seconds=_made(site, copy, SETUP), n=1)
    seconds = sorted(_made(site, copy, PLAY) for _ in range(site.amounts.demos))
    middle = seconds[len(seconds) // 2]
    emit("avow", "demo", mode="play", median_s=middle, most_s=seconds[-1], n=len(seconds))


def _made(site: Site, copy: Path, target: str) -> float:
    environment = site.environment({"PYTHON": PYTHON})
    for name in site.surroundings:
        environment.pop(name)  # the copy finds its own sources
    began = time.perf_counter()
    done = subprocess.run(
        ["make", "--no-print-directory", target],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == os.EX_OK, done.stdout + done.stderr
    return time.perf_counter() - began
