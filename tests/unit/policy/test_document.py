"""The input document: its public shape, and numbers that no engine misreads."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from policy.document import SHAPE, document, plain_numbers
from policy.testing import BASE
from tests.factories import START, a_destination, a_request
from tests.policy_questions import a_query


@pytest.mark.parametrize(
    "made",
    [document(a_query(destination=a_destination()), START), BASE],
    ids=["a real one", "the base of table tests"],
)
def test_it_has_exactly_the_published_shape(made: Mapping[str, Any]) -> None:
    assert made.keys() == SHAPE.keys()
    for name, members in SHAPE.items():
        if members is not None and made[name] is not None:
            assert made[name].keys() == members


def test_it_holds_only_the_roles_that_count_in_the_project() -> None:
    assert document(a_query(), START)["actor"] == {"subject": "user:ada", "roles": ["developer"]}


def test_the_time_stands_in_it_in_utc() -> None:
    there = datetime(2026, 5, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))

    assert document(a_query(), there)["now"] == "2026-04-30T23:30:00Z"
    assert document(a_query(), there.astimezone(UTC))["now"] == "2026-04-30T23:30:00Z"


def test_what_is_not_known_yet_is_null() -> None:
    made = document(a_query(), START)

    assert (made["destination"], made["plan"], made["facts"]) == (None, None, {})


def test_whole_numbers_are_written_as_such_at_every_depth() -> None:
    made = document(a_query(request=a_request(inputs={"a": 100.0, "b": [{"c": -2.0}], "d": 1.5})), START)

    assert repr(made["inputs"]) == "{'a': 100, 'b': [{'c': -2}], 'd': 1.5}"


@pytest.mark.parametrize("value", [1.5, 1e300, 2**70, True, None, "100.0", -0.5], ids=repr)
def test_other_values_stay_as_they_are(value: Any) -> None:
    assert plain_numbers(value) is value
