"""A stack: the state of what one request has made with one module, on this machine's disk.

Terraform writes its state in place, so a kill in the middle of a write would leave half a file.
It therefore works on a copy, and what it leaves there becomes the state by renaming, after a look
whether it can be read. A copy that a killed attempt left behind is newer than the state and is
gone on from. Beside the state stands a mark: who worked on the stack last, so that an attempt
that was taken over long ago and wakes up now changes nothing. The mark outlives what it is about.
"""

import fcntl
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from executors.deadline import Deadline
from executors.step import Permanent, StepCall, Transient

_SEGMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
_PAUSE_SECONDS = 0.05
_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mark:
    """Who worked on a stack last.

    Attributes:
        key: of the step that was carried out last, to its end.
    """

    run_id: str = ""
    fence: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """The folder of one stack, private to Avow."""

    folder: Path

    @property
    def copy(self) -> Path:
        """Return what Terraform works on."""
        return self.folder / "working.tfstate"

    def state(self) -> str:
        """Return the newest state that can be read; empty when there is none."""
        left_behind = _read(self.copy)
        state = _read(self.folder / "state.json")
        return left_behind if serial_of(left_behind) > serial_of(state) else state

    def mark(self) -> Mark:
        """Return who worked on it last."""
        try:
            return Mark(**json.loads(_read(self.folder / "mark.json")))
        except (ValueError, TypeError):
            return Mark()

    def begin(self, call: StepCall) -> None:
        """Take the stack for a call that changes it, and lay out the copy.

        Raises:
            Permanent: `fenced`, another worker has taken this call's run over.
        """
        last = self.mark()
        if last.run_id == call.run_id and last.fence > call.fence:
            raise Permanent("fenced", "Another worker has taken the run over.")
        self._put("mark.json", json.dumps(asdict(Mark(call.run_id, call.fence))))
        state = self.state()
        if state:
            self._put(self.copy.name, state)
        else:
            self.copy.unlink(missing_ok=True)

    def settle(self, key: str = "") -> None:
        """Make the copy the state, unless it cannot be read; a stack that holds nothing keeps none.

        Args:
            key: of the step that is now done; empty when it is not.
        """
        left = _read(self.copy)
        if serial_of(left) >= 0:
            self._put("state.json", left)
            self.copy.unlink()
        if left and not resources_of(left) and key:
            (self.folder / "state.json").unlink(missing_ok=True)
        if key:
            self._put("mark.json", json.dumps(asdict(replace(self.mark(), key=key))))

    def _put(self, name: str, content: str) -> None:
        draft = self.folder / f".{name}.draft"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / name)


def stack_of(root: Path, call: StepCall, name: str) -> Stack:
    """Return a request's stack; its folder need not be there."""
    segments = (call.project, call.request_uid, name)
    if any(_SEGMENT.match(segment) is None for segment in segments):
        raise Permanent("invalid_arguments", "/stack must be lower-case letters, digits, - and _.")
    return Stack(root.joinpath(*segments))


@contextmanager
def held(stack: Stack, deadline: Deadline) -> Iterator[Stack]:
    """Keep everybody else from a stack until the block ends; its folder is made if need be.

    Raises:
        Transient: `stack_busy`, another attempt was at work for as long as this one may take.
    """
    for folder in (*reversed(stack.folder.parents[:3]), stack.folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(stack.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _locked(descriptor):
            if deadline.has_passed:
                raise Transient("stack_busy", "Another attempt is at work on this stack.")
            threading.Event().wait(_PAUSE_SECONDS)
        yield stack
    finally:
        os.close(descriptor)


def serial_of(state: str) -> int:
    """Return how often a state was changed; -1 when it cannot be read."""
    parsed = _parsed(state)
    serial = parsed.get("serial")
    return serial if isinstance(serial, int) and isinstance(parsed.get("resources"), list) else -1


def resources_of(state: str) -> bool:
    """Say whether a state knows of anything."""
    return bool(_parsed(state).get("resources"))


def _parsed(state: str) -> dict[str, Any]:
    try:
        parsed = json.loads(state) if state else {}
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LARGEST)
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
