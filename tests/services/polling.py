"""Waiting for something to become true, instead of sleeping and hoping.

Used by servers that need a moment to answer and by tests of anything that happens in the
background. The deadline is generous because the machine may be busy; it is never a claim.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02


def eventually(check: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """Return the first true answer of `check`, asking again until then.

    Args:
        check: raises nothing for "not yet"; it answers with something false.
        what: ends the sentence "gave up waiting for ...".
        seconds: when to give up.

    Raises:
        AssertionError: when the deadline has passed.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up waiting for {what} after {seconds} s; last answer {answer!r}")
        time.sleep(PAUSE_SECONDS)
