"""What the demo plays on: a private folder, commands that are shown and run, and a running Avow.

`demo` tells the story with it. A command is printed, run as a subprocess and its output passed on
line by line; what a scene must show is checked, and a scene that does not show it ends the demo.
Whatever was started is stopped and whatever was made is removed, also after an interruption.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
AVOW = (sys.executable, "-m", "platform_api.cli.main")
COMMAND_SECONDS = 90.0
"""No command of the demo takes a tenth of it; what does hangs."""

START_SECONDS = 60.0
STOP_SECONDS = 20.0
_PAUSE_SECONDS = 0.05
_INDENT = "  "
_TROUBLE = re.compile(r"warning|error|critical|Traceback", re.IGNORECASE)


class NotShownError(Exception):
    """A scene did not show what it must; the message says what."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Runs commands in front of the audience.

    Attributes:
        folder: private to this demo.
        environment: what every command is run with.
    """

    folder: Path
    environment: Mapping[str, str]

    def scene(self, number: int, title: str, why: str) -> None:
        """Open a scene: what is about to be seen, and why it matters."""
        heading = f"{number}. {title}"
        if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
            heading = f"\x1b[1m{heading}\x1b[0m"
        say(f"\n{heading}\n{why}\n")

    def avow(self, *words: str, ends_with: int = 0) -> str:
        """Show an `avow` command and return what it printed, stdout and stderr in their order."""
        return self._shown(("avow", *words), (*AVOW, *words), ROOT, ends_with)

    def git(self, *words: str, within: Path | None = None) -> str:
        """Show a `git` command and return what it printed."""
        return self._shown(("git", *words), ("git", *words), within or ROOT, 0)

    def asked(self, *words: str) -> Any:
        """Return what an `avow` command answers, without showing it; for checks only."""
        command = [*AVOW, *words, "--output", "json"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise NotShownError(f"{shlex.join(['avow', *words])} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def quiet_git(self, *words: str) -> str:
        """Return what a `git` command prints, without showing it; for checks only."""
        command = ["git", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def _shown(self, shown: Sequence[str], command: Sequence[str], folder: Path, ends_with: int) -> str:
        say(f"$ {shlex.join(shown)}")
        lines = []
        with _running(command, folder, self.environment) as child:
            for line in child.stdout or ():
                lines.append(line)
                say((_INDENT + line).rstrip())
        say("")
        if child.returncode != ends_with:
            raise NotShownError(
                f"{shlex.join(shown[:3])} ended with {child.returncode} instead of {ends_with}"
            )
        return "".join(lines)


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    """Run a command until it has ended; one that hangs, or that nobody listens to, is killed."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # an interruption is ours to tell; a command would print how it was hit
    ) as child:
        patience = threading.Timer(COMMAND_SECONDS, child.kill)
        try:
            patience.start()  # within: an interruption while the thread starts must not leave the child
            yield child
        except BaseException:
            child.kill()
            raise
        finally:
            patience.cancel()
            child.wait()


@contextmanager
def uninterrupted(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Hold an interruption back until the block has ended, so that what it starts is also kept."""
    held: list[int] = []
    heard = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda told, _frame: held.append(told)) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])


class Server:
    """A server program in a process group of its own, with its output in a file.

    Attributes:
        has_left_something: processes of its own were still there when it had ended.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        user: str | None = None,
        folder: Path = ROOT,
    ) -> None:
        self.has_left_something = False
        self._log = log
        with log.open("wb") as written:
            self._program = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                user=user,
                extra_groups=None if user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # an interruption reaches it through us, once
            )

    def said(self) -> str:
        """Return all that it has printed so far."""
        return self._log.read_text("utf-8", "replace")

    def wait_until(self, is_ready: Callable[[], bool], name: str) -> None:
        """Wait until it answers.

        Raises:
            NotShownError: it ended, or took too long.
        """
        until = time.monotonic() + START_SECONDS
        while not is_ready():
            if self._program.poll() is not None or time.monotonic() > until:
                raise NotShownError(f"{name} did not start:\n{self.said().strip()}")
            time.sleep(_PAUSE_SECONDS)

    def stop(self) -> int:
        """Ask it to end, insist if it does not, and return its exit code."""
        try:
            if self._program.poll() is None:
                self._program.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    self._program.wait(STOP_SECONDS)
            self.has_left_something = self._group_lives()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._program.pid, signal.SIGKILL)
        return self._program.wait()

    def _group_lives(self) -> bool:
        try:
            os.killpg(self._program.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def troubles(self) -> list[str]:
        """Return the lines of its output that nobody wants to see."""
        return [line for line in self.said().splitlines() if _TROUBLE.search(line)]


def say(text: str) -> None:
    """Tell the audience something, at once."""
    print(text, flush=True)


def must(holds: object, claim: str) -> None:
    """Check what a scene must show.

    Raises:
        NotShownError: it does not hold.
    """
    if not holds:
        raise NotShownError(f"it should have been seen that {claim}")


def until(question: Callable[[], Any], claim: str) -> Any:
    """Return the first answer that is something, asking again for a while.

    Raises:
        NotShownError: nothing came.
    """
    deadline = time.monotonic() + START_SECONDS
    while not (answer := question()):
        must(time.monotonic() < deadline, claim)
        time.sleep(_PAUSE_SECONDS)
    return answer


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def environment_for(folder: Path, more: dict[str, str]) -> dict[str, str]:
    """Return an environment without the audience's own settings of Avow and git."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AVOW_", "GIT_"))}
    person = {"NAME": "Sam", "EMAIL": "sam@shop.example"}
    git = {f"GIT_{role}_{part}": text for role in ("AUTHOR", "COMMITTER") for part, text in person.items()}
    git |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    return kept | git | local | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)} | more
