"""Runs a program with as little as it needs: an empty folder, few variables, limits.

Used by the steps that run programs; a `cell` gives several runs one folder. There is no
shell: a program that the installation names gets an argument list. When the time is up, when
the program has ended and when Avow itself is killed, everything that the program started is
killed, on Linux also what left its process group, so that nothing goes on while another worker
takes the step over. Started as root with an account configured, it runs as that account.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from executors.paths import check_paths
from executors.scratch import scratch

MOST_PROCESSES = 512
_GRACE_SECONDS = 5.0
_SHIM = Path(__file__).with_name("jail_shim.py")
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use; its processor time follows from the time limit."""

    memory_bytes: int = 4 * 1024**3
    file_bytes: int = 64 * 1024**2
    open_files: int = 256
    core_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Jail:
    """Where and as whom programs run.

    Attributes:
        directory: where the empty folders are made, the system's place for such by default; the
            account must be able to reach it.
        user: user and group id to run as; only root can grant it.
        output_bytes: how much of each output stream is kept.
    """

    directory: Path | None = None
    user: tuple[int, int] | None = None
    limits: Limits = field(default_factory=Limits)
    output_bytes: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What is run.

    Attributes:
        argv: absolute path of the program, then its arguments.
        variables: added to the few that every program gets.
        files: written into its folder first, by relative path.
    """

    argv: Sequence[str]
    seconds: float
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        code: its exit code; negative for the signal that ended it; None when its time was up.
    """

    code: int | None
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A folder in which programs run one after the other; made by `cell`."""

    folder: Path
    jail: Jail

    def run(self, order: Order) -> Ended:
        """Run a program to its end or to the end of its time; its files join those that are there.

        Raises:
            Invalid: a file's path is refused.
        """
        check_paths(order.files)
        user = self.jail.user if os.geteuid() == 0 else None
        _furnish(self.folder, order.files, user)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = _start(order, self.folder, _terms(self.jail.limits, order, user), (out, err))
            code = _wait(process, order.seconds)
            most = self.jail.output_bytes
            return Ended(code, _head(out, most), _head(err, most))


@contextmanager
def cell(jail: Jail) -> Iterator[Cell]:
    """Give an empty folder for several runs; it is gone when the block ends."""
    with scratch(jail.directory or Path(tempfile.gettempdir()), "avow-jail-") as folder:
        yield Cell(folder, jail)


def run_jailed(jail: Jail, order: Order) -> Ended:
    """Run a program alone in a folder, to its end or to the end of its time.

    Raises:
        Invalid: a file's path is refused.
    """
    with cell(jail) as alone:
        return alone.run(order)


def _furnish(folder: Path, files: Mapping[str, str], user: tuple[int, int] | None) -> None:
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    if user is not None:
        for place in (folder, *folder.rglob("*")):
            os.chown(place, *user)


def _terms(limits: Limits, order: Order, user: tuple[int, int] | None) -> str:
    bounds = {**asdict(limits), "cpu_seconds": int(order.seconds) + 1}
    if user is not None:  # counted over everything that the account runs, so not for ours
        bounds["processes"] = MOST_PROCESSES
    return json.dumps({"limits": bounds, "user": user, "parent": os.getpid()})


def _start(
    order: Order, folder: Path, terms: str, streams: tuple[IO[bytes], IO[bytes]]
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_SHIM), terms, *order.argv],
        env=_environment(folder, order.variables),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=streams[0],
        stderr=streams[1],
        start_new_session=True,
    )


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    # The end is awaited without reaping: as long as the leader is not reaped, the number of its
    # group cannot belong to anybody else, and killing the group hits nobody else.
    watcher = threading.Thread(target=os.waitid, args=(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT))
    watcher.start()
    watcher.join(seconds)
    in_time = not watcher.is_alive()
    if not in_time:
        process.terminate()  # the shim then ends everything that was started, wherever it went
        watcher.join(_GRACE_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    watcher.join()
    code = process.wait()
    return code if in_time else None


def _environment(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": _PATH, "LC_ALL": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder), **variables}


def _head(stream: IO[bytes], most: int) -> str:
    stream.seek(0)
    return stream.read(most).decode("utf-8", "replace")
