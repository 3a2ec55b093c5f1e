"""One item is fetched while the one before is worked on, and none is lost."""

import threading
from collections.abc import Iterator

import pytest

from platform_api.ahead import one_ahead

PATIENCE_SECONDS = 30.0


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_every_item_comes_with_its_result_in_order(count: int) -> None:
    assert list(one_ahead(range(count), lambda item: item * 10)) == [(n, n * 10) for n in range(count)]


def test_the_next_is_fetched_before_the_work_on_this_one_is_over() -> None:
    is_fetched = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        is_fetched.set()
        yield 2

    def work(item: int) -> bool:
        return item == 2 or is_fetched.wait(PATIENCE_SECONDS)

    assert list(one_ahead(items(), work)) == [(1, True), (2, True)]


def test_what_the_work_raises_is_raised_when_its_turn_comes() -> None:
    found = one_ahead([4, 0, 2], lambda item: 8 // item)
    assert next(found) == (4, 2)
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_who_has_seen_enough_leaves_nothing_running() -> None:
    before = threading.active_count()
    found = one_ahead(range(100), lambda item: item)
    assert next(found) == (0, 0)
    found.close()  # type: ignore[attr-defined]  # a generator
    assert threading.active_count() == before
