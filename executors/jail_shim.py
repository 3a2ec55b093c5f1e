"""Runs between the jail and the program: gives rights away, then becomes the program.

Started by `executors.jail` as a script of its own (`python -I -S`), because limits and
identity must be set after the fork and before the program, and Python code between fork and
exec of a threaded process is not safe. It imports nothing of Avow. Argument: the terms as
JSON, then the program and its arguments.
"""

import ctypes
import json
import os
import resource
import signal
import sys

_LIMITS = {
    "cpu_seconds": resource.RLIMIT_CPU,
    "memory_bytes": resource.RLIMIT_AS,
    "file_bytes": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
    "core_bytes": resource.RLIMIT_CORE,
}
_DIE_WITH_PARENT, _NO_NEW_RIGHTS = 1, 38  # numbers of Linux's prctl
REFUSED = 126  # what shells answer when a program is there and cannot be run


def main(arguments: list[str]) -> None:
    """Set limits, give up root, become the program."""
    terms, program, *rest = arguments
    told = json.loads(terms)
    for name, value in told["limits"].items():
        hard = resource.getrlimit(_LIMITS[name])[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(_LIMITS[name], (bound, bound))
    if told["user"] is not None:
        uid, gid = told["user"]
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    _tie_down(told["parent"])
    os.umask(0o077)
    try:
        os.execv(program, [program, *rest])  # noqa: S606 - becoming the program is the point
    except OSError as error:
        sys.stderr.write(f"cannot be run: {error.strerror}\n")
        sys.exit(REFUSED)


def _tie_down(parent: int) -> None:
    # After the change of identity, which would undo the first of the two.
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_NO_NEW_RIGHTS, 1, 0, 0, 0)
    if os.getppid() != parent:  # it died before it could take us along
        sys.exit(REFUSED)


if __name__ == "__main__":
    main(sys.argv[1:])
