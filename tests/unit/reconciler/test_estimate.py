"""How long it takes, by what it took; people's time apart."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.estimate import Interval, Quantiles, Span, covered_seconds, estimated
from tests.factories import START


def between(start: int, end: int) -> Interval:
    return START + timedelta(seconds=start), START + timedelta(seconds=end)


def test_without_history_there_is_no_estimate() -> None:
    found = estimated([])
    assert (found.work, found.people) == (None, None)


def test_half_take_less_than_the_one_and_nearly_all_less_than_the_other() -> None:
    found = estimated([Span(float(second)) for second in range(100, 0, -1)])
    assert found.work == Quantiles(51.0, 96.0, 100)
    assert found.people is None


def test_the_time_of_people_is_counted_apart_and_only_where_they_were_asked() -> None:
    found = estimated([Span(10.0), Span(3610.0, 3600.0), Span(8.0, 9.0)])
    assert found.work == Quantiles(10.0, 10.0, 3)
    assert found.people == Quantiles(3600.0, 3600.0, 2)


def test_several_who_are_asked_at_once_take_the_time_of_the_slowest() -> None:
    assert covered_seconds([between(0, 10), between(5, 20), between(30, 31)]) == 21.0
    assert covered_seconds([between(0, 10), between(2, 3)]) == 10.0
    assert covered_seconds([]) == 0.0


@given(spans=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_the_covered_time_is_that_of_every_second_in_any_of_them(spans: list[tuple[int, int]]) -> None:
    intervals = [between(start, start + length) for start, length in spans]
    seconds = {second for start, length in spans for second in range(start, start + length)}
    assert covered_seconds(intervals) == len(seconds)
