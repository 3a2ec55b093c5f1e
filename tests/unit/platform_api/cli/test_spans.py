"""Times are shown as people say them."""

from datetime import UTC, datetime, timedelta

import pytest

from platform_api.cli.spans import age, coarse, fine

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86400 * 2.5, "2d"), (-5, "0s")],
)
def test_a_coarse_span_has_one_unit(seconds: float, shown: str) -> None:
    assert coarse(seconds) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.04, "0.0s"), (2.14, "2.1s"), (61, "1m01s"), (-1, "0.0s")])
def test_a_fine_span_is_as_precise_as_matters(seconds: float, shown: str) -> None:
    assert fine(seconds) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ((NOW - timedelta(hours=3)).isoformat(), "3h"),
        ("2026-11-21T11:58:00Z", "2m"),
        ("2026-11-21T11:58:00", "2m"),
        ("soon", "soon"),
        (None, "-"),
        (7, "7"),
    ],
)
def test_an_age_that_cannot_be_told_is_shown_as_it_came(text: object, shown: str) -> None:
    assert age(text, NOW) == shown
