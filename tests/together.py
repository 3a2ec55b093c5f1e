"""Doing something in several threads at once, for tests of what must survive that.

The threads begin together and whatever they raise comes back to the test, which says what
may be raised. It waits with a generous deadline and never claims how long something takes.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 60.0
T = TypeVar("T")


def in_threads(count: int, work: Callable[[int], object]) -> list[BaseException]:
    """Call `work` with 0, 1, 2 and so on in as many threads, and return what was raised."""
    raised: list[BaseException] = []
    barrier = threading.Barrier(count)

    def one(number: int) -> None:
        barrier.wait(PATIENCE_SECONDS)
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  # whatever it was, the test has to see it
            raised.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def at_once(count: int, work: Callable[[int], T]) -> list[T]:
    """Call `work` with 0, 1, 2 and so on in as many threads, and return the answers in that order."""
    answers: dict[int, T] = {}

    def one(number: int) -> None:
        answers[number] = work(number)

    raised = in_threads(count, one)
    assert not raised, raised
    return [answers[number] for number in range(count)]
