"""The way to one worker process: it is asked with a deadline and killed when it misses it.

Used by `policy.embedded`, one thread per channel at a time. There is no way to cancel an
evaluation, so the deadline is kept by ending the process. The worker starts with an empty
environment, because Rego can read it, and in a session of its own, so that a Ctrl-C meant
for Avow lets it finish what Avow still needs. It imports nothing of Avow and is started
by path, so that it holds nothing worth reading.
"""

import importlib.util
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from catalog.digest import Json, JsonObject

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 16 * 1024 * 1024
_SCRIPT = Path(__file__).with_name("embedded_worker.py")
_BOOT = "import runpy, sys; sys.path.append(sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"


class WorkerLostError(Exception):
    """The worker ended, was ended at its deadline, or spoke nonsense."""


class WorkerChannel:
    """A running worker; every method may raise `WorkerLostError`, after which it is dead."""

    def __init__(self, start_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._channel, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _BOOT, str(_library_folder()), str(_SCRIPT)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={"LC_ALL": "C.UTF-8"},
                    cwd="/",
                    start_new_session=True,
                )
        except OSError as error:
            self._channel.close()
            raise WorkerLostError("the worker could not be started") from error
        self.questions = 0
        self.version = str(self._receive(self._monotonic() + start_seconds).get("version"))

    @property
    def is_alive(self) -> bool:
        """Say whether the process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Return the process id."""
        return int(self._process.pid)

    def ask(self, question: JsonObject, seconds: float, count: int = 1) -> JsonObject:
        """Return the worker's answer.

        Args:
            seconds: how long each of the questions may take.
            count: how many are in it.

        Raises:
            WorkerLostError: when there is none in time; the process is gone then.
        """
        self.questions += count
        payload = json.dumps({**question, "seconds": seconds}).encode("ascii")
        deadline = self._monotonic() + seconds * count
        try:
            self._channel.settimeout(self._left(deadline))
            self._channel.sendall(HEADER.pack(len(payload)) + payload)
        except OSError as error:
            self.kill()
            raise WorkerLostError("the worker does not listen") from error
        return self._receive(deadline)

    def interrupt(self) -> None:
        """End the process while another thread may be waiting for its answer; that thread cleans up."""
        self._process.kill()

    def kill(self) -> None:
        """End the process now and give back what it held."""
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def _receive(self, deadline: float) -> JsonObject:
        try:
            size = int(HEADER.unpack(self._read(HEADER.size, deadline))[0])
            answer: Json = json.loads(self._read(size, deadline))
        except (OSError, EOFError, ValueError) as error:
            self.kill()
            raise WorkerLostError("the worker ended or did not answer in time") from error
        if not isinstance(answer, dict):
            self.kill()
            raise WorkerLostError("the worker spoke nonsense")
        return answer

    def _read(self, size: int, deadline: float) -> bytes:
        if size > MAX_FRAME_BYTES:
            raise ValueError("the answer is too large")
        parts, left = [], size
        while left > 0:
            self._channel.settimeout(self._left(deadline))
            part = self._channel.recv(min(left, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _left(self, deadline: float) -> float:
        left = deadline - self._monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _library_folder() -> Path:
    # Found without importing it: the engine must not be loaded in this process.
    found = importlib.util.find_spec("regopy")
    if found is None or found.origin is None:
        raise WorkerLostError("the embedded engine is not installed")
    return Path(found.origin).parents[1]
