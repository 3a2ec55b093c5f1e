"""Ends what a killed test run left behind.

`children` starts one of these per test run and writes the pid of each program it starts and
ends. When the run dies, even by kill -9, the pipe closes and whatever is still listed is
killed with its whole process group. A pid is trusted only with its start time, since the
system hands pids out again.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil


class Reaper:
    """The run's end of the pipe."""

    def __init__(self) -> None:
        self._pipe = subprocess.Popen(
            [sys.executable, "-m", "tests.services.reaper"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt from the keyboard is for the run alone
        )

    def watch(self, pid: int) -> None:
        """Note a group leader that must not outlive the run."""
        self._write(f"{pid} {psutil.Process(pid).create_time()!r}")

    def forget(self, pid: int) -> None:
        """Note that a group leader has been ended."""
        self._write(f"{pid}")

    def close(self) -> None:
        """End the reaper, and with it whatever it still has listed."""
        self._pipe.communicate()

    def _write(self, line: str) -> None:
        assert self._pipe.stdin is not None
        self._pipe.stdin.write(line + "\n")
        self._pipe.stdin.flush()


def reap_after(lines: list[str]) -> None:
    """Kill every group that the lines announce and do not take back."""
    alive: dict[int, float] = {}
    for line in lines:
        pid, _, started = line.partition(" ")
        if started:
            alive[int(pid)] = float(started)
        else:
            alive.pop(int(pid), None)
    for leader, started_at in alive.items():
        if _is_still_ours(leader, started_at):
            with suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGKILL)


def _is_still_ours(pid: int, started_at: float) -> bool:
    try:
        return bool(psutil.Process(pid).create_time() == started_at)
    except psutil.NoSuchProcess:
        return True  # the leader is gone and its number cannot be reused while its group lives


if __name__ == "__main__":
    reap_after(sys.stdin.read().splitlines())
