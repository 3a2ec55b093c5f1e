"""A git writer in a process of its own, which meets a signal at a named point.

Started by tests of the writeback as `python -m tests.writer_program`. The point and the
signal come as arguments: SIGKILL is a crash, SIGSTOP a machine that froze and may go on.
"""

import argparse
import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from catalog.bell import Bell
from catalog.db import Database
from tests.writeback_ground import SWIFT, Ground


def signal_at(wanted: str, number: signal.Signals) -> Callable[[str], None]:
    """Return a fail point that sends this process a signal the first time it is reached."""
    left = [wanted]

    def reached(point: str) -> None:
        if point in left:
            left.clear()
            os.kill(os.getpid(), number)

    return reached


def main() -> None:
    """Write until told to end by a signal."""
    parser = argparse.ArgumentParser()
    for name in ("--database", "--url", "--bare", "--folder", "--name", "--point", "--signal"):
        parser.add_argument(name, required=True)
    told = parser.parse_args()
    bell = Bell()
    with closing(Database(told.database, ring=bell.ring)) as db:
        ground = Ground(db, bell, told.url, Path(told.bare), Path(told.folder))
        writer = ground.writer(told.name, SWIFT, signal_at(told.point, signal.Signals[told.signal]))
        writer.start()
        signal.sigwait({signal.SIGTERM})
        writer.stop()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
