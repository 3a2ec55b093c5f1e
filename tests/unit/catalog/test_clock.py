"""The system's clock gives aware times in UTC."""

from datetime import timedelta

from catalog.clock import utc_now


def test_now_is_aware_and_in_utc() -> None:
    assert utc_now().utcoffset() == timedelta(0)


def test_now_does_not_go_back_within_a_run() -> None:
    assert utc_now() <= utc_now()
