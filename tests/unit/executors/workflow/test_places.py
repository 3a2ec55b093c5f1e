"""Names of steps in a run are made and taken apart again."""

import pytest

from executors.workflow.places import inside, instance, parent, taken_apart, within


@pytest.mark.parametrize(
    ("place", "scope", "step", "index", "whole"),
    [
        ("a", "", "a", None, ""),
        ("a[3]", "", "a", 3, "a"),
        ("n/a", "n", "a", None, "n"),
        ("n[2]/a[10]", "n[2]", "a", 10, "n[2]/a"),
        ("n[2]/m/a", "n[2]/m", "a", None, "n[2]/m"),
    ],
)
def test_a_name_is_taken_apart_as_it_was_made(
    place: str, scope: str, step: str, index: int | None, whole: str
) -> None:
    assert taken_apart(place) == (scope, step, index)
    assert parent(place) == whole
    made = inside(scope, step)
    assert (made if index is None else instance(made, index)) == place


@pytest.mark.parametrize(
    ("place", "whole", "is_part"),
    [
        ("a", "a", True),
        ("a[1]", "a", True),
        ("a/b", "a", True),
        ("a[1]/b", "a[1]", True),
        ("ab", "a", False),
        ("a-b", "a", False),
        ("a[10]", "a[1]", False),
        ("b/a", "a", False),
    ],
)
def test_a_part_lies_within_its_whole_and_nothing_else_does(place: str, whole: str, *, is_part: bool) -> None:
    assert within(place, whole) is is_part
