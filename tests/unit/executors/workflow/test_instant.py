"""What is a time in a workflow, and that the format `date-time` of inputs and outputs means the same."""

import pytest

from catalog.schema import violations
from executors.workflow.instant import instant
from tests.workflows import EPOCH

MIDNIGHT = [
    "2030-01-01T00:00:00Z",
    "2030-01-01t00:00:00z",
    "2030-01-01T00:00:00-00:00",
    "2030-01-01T05:45:00.000+05:45",
]
NONE = [
    "2030-01-01 00:00:00+00:00",
    "2030-W01-1T00:00+00:00",
    "20300101T000000Z",
    "2030-01-01T00:00Z",
    "2030-01-01T00:00:00",
    "2030-01-01T24:00:00Z",
    "2030-02-30T00:00:00Z",
    "2030-01-01T00:00:00+24:00",
    "2030-01-01T00:00:00+00:00:30",
    "2030-01-01T00:00:00Z\n",
    "2030-01-01",
    "soon",
    "",
]


@pytest.mark.parametrize("text", MIDNIGHT)
def test_a_time_has_a_date_a_time_of_day_and_an_offset(text: str) -> None:
    assert instant(text) == EPOCH
    assert not violations({"format": "date-time"}, text)


@pytest.mark.parametrize("text", NONE)
def test_whatever_else_looks_like_a_time_is_none(text: str) -> None:
    assert instant(text) is None
    assert violations({"format": "date-time"}, text)


@pytest.mark.parametrize(
    "value", [None, 7, True, [], {}, "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"], ids=str
)
def test_what_no_clock_can_show_is_no_time(value: object) -> None:
    assert instant(value) is None  # type: ignore[arg-type]  # whatever a reference may bring
