"""Programs that tests start: each in a process group of its own, each ended with its group.

Used by the server modules and by tests that run Avow itself and kill it. A child is ended
by pid, never by name, so that runs beside each other do not meet. Output goes to a file,
because a pipe that nobody reads stops its writer.
"""

import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.services.polling import eventually
from tests.services.ports import free_port
from tests.services.reaper import Reaper

STOP_SECONDS = 20.0
START_TRIES = 5


@dataclass(frozen=True, slots=True)
class Child:
    """One running program, its process group and what it has written."""

    program: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM

    @property
    def pid(self) -> int:
        """Return the process id, which is also the id of its group."""
        return self.program.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the program itself has not ended yet."""
        return self.program.poll() is None

    def output(self) -> str:
        """Return all it has written so far, to both of its streams."""
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        self.program.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Return its exit code once it has ended by itself."""
        return self.program.wait(seconds)

    def stop(self) -> int:
        """Ask it to end, insist if it does not, and return its exit code."""
        if self.is_running:
            self.signal(signal.SIGCONT)  # a stopped program hears nothing else
            self.signal(self.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self.program.wait(STOP_SECONDS)
        return self.kill()

    def kill(self) -> int:
        """End it and its group at once, and return its exit code."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.program.wait()


class Children:
    """Starts programs and ends those that are left when it is closed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Child] = []
        self._reaper: Reaper | None = None

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Child:
        """Start a program in a group of its own, with nothing to read.

        Args:
            argv: program and arguments.
            env: the whole environment; this process's own by default.
            cwd: where it runs.
            user: whom it runs as; only root may name one.
            stop_signal: what it takes for a polite request to end.
        """
        log = self._folder / f"{len(self._started)}-{Path(argv[0]).name}.log"
        with log.open("wb") as written:
            program = subprocess.Popen(
                argv,
                env=env,
                cwd=cwd,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(program, log, stop_signal)
        self._started.append(child)
        self._watch(child)
        return child

    def close(self) -> None:
        """End every program that still runs, the latest first."""
        for child in reversed(self._started):
            child.stop()
            if self._reaper is not None:
                self._reaper.forget(child.pid)
        if self._reaper is not None:
            self._reaper.close()

    def _watch(self, child: Child) -> None:
        if self._reaper is None:
            self._reaper = Reaper()
        self._reaper.watch(child.pid)


def first_to_answer(start: Callable[[int], Child], answers: Callable[[int], bool]) -> tuple[Child, int]:
    """Start a server until one answers on its port, and return it with the port.

    A server that dies before it answers most likely lost its port to somebody else, so
    another port is tried a few times.

    Args:
        start: starts the server on a port.
        answers: asks the server on a port whether it is ready.

    Raises:
        AssertionError: when none came up; the message ends with the last one's output.
    """
    outputs = []
    for _ in range(START_TRIES):
        port = free_port()
        child = start(port)
        if _comes_up(child, answers, port):
            return child, port
        outputs.append(child.output())
    raise AssertionError(f"no server came up:\n{outputs[-1]}")


def _comes_up(child: Child, answers: Callable[[int], bool], port: int) -> bool:
    eventually(lambda: not child.is_running or answers(port), f"{child.program.args!r} to answer")
    return child.is_running
