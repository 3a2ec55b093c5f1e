"""Folders that live as long as one attempt, and the sweeping of those whose owner was killed.

Used by whatever needs a private place on disk for a moment: short-lived clones, jails. Next to
each folder lies a lock file that its owner holds. The system lets go of the lock when the
owner dies, however it dies, so the next one to come sees which folders are nobody's any more.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK = ".lock"


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """Give an empty private folder that is gone when the block ends.

    Folders of this prefix that were left behind by killed owners are swept first.

    Args:
        parent: made with mode 700 if it is not there.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(parent, prefix)
    folder = parent / f"{prefix}{secrets.token_hex(8)}"
    lock = folder.with_name(folder.name + _LOCK)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # before the folder is there, so it is never nobody's
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _sweep(parent: Path, prefix: str) -> None:
    for lock in parent.glob(f"{prefix}*{_LOCK}"):
        with suppress(OSError):  # gone by now, still held, or another account's
            _sweep_one(lock)


def _sweep_one(lock: Path) -> None:
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.with_name(lock.name.removesuffix(_LOCK)), ignore_errors=True)
        lock.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
