"""What the peers' scripts have in common: what they are asked, and what a crash left behind.

Runs in the peers' own environments, so it imports nothing of Avow; our own crash is measured with
it too. A step that is to be killed writes its start and its end into a file, one atomic line each,
which survives any kill.
"""

import argparse
import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure, emit
from tests.bench.peers.aftermath import END, START, STEPS, Aftermath, Noted
from tests.services.polling import PAUSE_SECONDS, eventually

ROOT = Path(__file__).parents[3]
SLOW_SECONDS = 0.1
WARM_RUNS = 20


@dataclass(frozen=True, slots=True)
class Wish:
    """What a script is asked to measure, how often, and where.

    Attributes:
        urls: the servers it may use, the main one first.
    """

    folder: Path
    metrics: Collection[str]
    urls: tuple[str, ...]
    spans: int
    undone: int
    timers: int
    at_once: int
    crashed: int

    def has(self, *metrics: str) -> bool:
        """Tell whether one of these is wanted."""
        return bool(set(metrics) & set(self.metrics))


def wish() -> Wish:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--metrics", required=True)
    parser.add_argument("--urls", default="")
    for amount in ("spans", "undone", "timers", "at_once", "crashed"):
        parser.add_argument(f"--{amount}", type=int, required=True)
    told = vars(parser.parse_args())
    told["metrics"] = told["metrics"].split(",")
    told["urls"] = tuple(filter(None, told["urls"].split(",")))
    return Wish(**told)


def slow_step(trace: Path, run: str, step: int, gate: Path | None = None) -> int:
    """Take a tenth of a second, and leave a trace of its start and of its end.

    Args:
        gate: a file to wait for in between.
    """
    note(trace, run, step, START)
    while gate is not None and not gate.exists():
        time.sleep(PAUSE_SECONDS)
    time.sleep(SLOW_SECONDS)
    note(trace, run, step, END)
    return step


def note(trace: Path, run: str, step: int, what: str) -> None:
    """Append one line; several processes may, and a kill leaves whole lines."""
    descriptor = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{run} {step} {what} {time.time():.6f}\n".encode())
    os.close(descriptor)


def noted(trace: Path) -> list[Noted]:
    """Return what was noted, in the order in which it was."""
    if not trace.exists():
        return []
    lines = [line.split() for line in trace.read_text().splitlines()]
    return [Noted(run, int(step), what, float(at)) for run, step, what, at in lines]


def has_ended(trace: Path, run: str, step: int) -> bool:
    """Tell whether a slow step came to its end."""
    return any((line.run, line.step, line.what) == (run, step, END) for line in noted(trace))


class Crash:
    """Runs whose worker is killed when half of their steps are done.

    Args:
        runs: how many there are, of four slow steps each.
    """

    def __init__(self, trace: Path, runs: int) -> None:
        self._trace = trace
        self._runs = runs
        self._killed_at = self._restarted_at = 0.0
        self._ready_at: float | None = None

    def play(self, kill: Callable[[], object], restart: Callable[[], object], seconds: float) -> None:
        """Kill half-way, restart, and wait until everything is done or the time is over."""
        eventually(lambda: self._ended() >= self._runs * 2, "half of the steps")
        kill()
        self._killed_at = time.time()
        time.sleep(0.2)
        self._restarted_at = time.time()
        restart()
        self._ready_at = time.time()
        with suppress(AssertionError):  # what is still missing then is part of the figures
            eventually(lambda: self._ended() >= self._runs * STEPS, "all steps", seconds)
        time.sleep(0.5)

    def emit(self, peer: str, **figures: Figure) -> None:
        """Print what was lost, what was repeated, and how soon it went on."""
        aftermath = Aftermath(noted(self._trace), self._runs, self._killed_at, self._restarted_at)
        boot = None if self._ready_at is None else self._ready_at - self._restarted_at
        emit(peer, "crash", **figures, n=self._runs, boot_s=boot, **aftermath.figures())

    def _ended(self) -> int:
        return len({(line.run, line.step) for line in noted(self._trace) if line.what == END})
