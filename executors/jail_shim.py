"""Stands between the jail and the program: gives rights away, starts it, and ends all it started.

Started by `executors.jail` as a script of its own (`python -I -S`), because limits and
identity must be set after the fork and before the program, and Python code between fork and
exec of a threaded process is not safe. It stays until the program has ended or it is told to
stop (SIGTERM, which the system also sends when Avow dies), and then kills every descendant:
what left the program's group is handed to it by the system. It ends as the program ended. It
imports nothing of Avow. Argument: the terms as JSON, then the program and its arguments.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

_LIMITS = {
    "cpu_seconds": resource.RLIMIT_CPU,
    "memory_bytes": resource.RLIMIT_AS,
    "file_bytes": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
    "core_bytes": resource.RLIMIT_CORE,
}
_DIE_WITH_PARENT, _TAKE_ORPHANS, _NO_NEW_RIGHTS = 1, 36, 38  # numbers of Linux's prctl
_HEARD = {signal.SIGCHLD, signal.SIGTERM}
REFUSED = 126  # what shells answer when a program is there and cannot be run


def main(arguments: list[str]) -> None:
    """Start the program, wait for its end or for a word to stop, and leave nothing behind."""
    terms, program, *rest = arguments
    told = json.loads(terms)
    _prctl(_DIE_WITH_PARENT, signal.SIGTERM)
    _prctl(_TAKE_ORPHANS, 1)
    if os.getppid() != told["parent"]:  # it died before it could take us along
        sys.exit(REFUSED)
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    child = os.fork()
    if child == 0:
        _become([program, *rest], told["limits"], told["user"])
    status = _ended(child)
    _end_all()
    _end_as(status)


def _become(argv: list[str], limits: dict[str, int], user: tuple[int, int] | None) -> None:
    for name, value in limits.items():
        hard = resource.getrlimit(_LIMITS[name])[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(_LIMITS[name], (bound, bound))
    if user is not None:
        uid, gid = user
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    _prctl(_DIE_WITH_PARENT, signal.SIGKILL)  # after the change of identity, which would undo it
    _prctl(_NO_NEW_RIGHTS, 1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
    os.umask(0o077)
    try:
        os.execv(argv[0], argv)  # noqa: S606 - becoming the program is the point
    except OSError as error:
        sys.stderr.write(f"cannot be run: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(REFUSED)


def _ended(child: int) -> int:
    """Return how the program ended; as killed when there was a word to stop."""
    while signal.sigwait(_HEARD) == signal.SIGCHLD:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == child:
                    return status
                if pid == 0:
                    break
    os.kill(child, signal.SIGKILL)
    return signal.SIGKILL


def _end_all() -> None:
    with suppress(ChildProcessError):
        while True:
            for pid in _children():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> list[int]:
    own = os.getpid()
    listed = Path(f"/proc/self/task/{own}/children")
    if listed.exists():
        return [int(pid) for pid in listed.read_text().split()]
    stats = (path.read_text().rpartition(") ") for path in Path("/proc").glob("[0-9]*/stat"))
    return [int(before.split()[0]) for before, _, after in stats if int(after.split()[1]) == own]


def _end_as(status: int) -> None:
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    number = os.WTERMSIG(status)
    with suppress(OSError):  # the one that cannot be set needs no setting
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
