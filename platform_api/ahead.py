"""Fetches the next item while something is still being done with the one before."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def one_ahead(items: Iterable[T], work: Callable[[T], R]) -> Iterator[tuple[T, R]]:
    """Yield each item with what the work made of it, in order; the work runs in a thread of its own.

    Raises:
        Exception: whatever fetching or the work raises.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        before: tuple[T, Future[R]] | None = None
        for item in items:
            under_way = item, thread.submit(work, item)
            if before is not None:
                yield before[0], before[1].result()
            before = under_way
        if before is not None:
            yield before[0], before[1].result()
