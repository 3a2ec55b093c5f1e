"""Ranges take what npm's would, and what two of them have in common is what both take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.ranges import ANY, BadRange, best, is_exact, parse_range

TAKEN = [
    ("1.2.3", "1.2.3", "1.2.4"),
    ("=1.2.3", "1.2.3", "1.2.2"),
    ("^1.2.3", "1.9.0", "2.0.0"),
    ("^1.2.3", "1.2.3", "1.2.2"),
    ("^0.2.3", "0.2.9", "0.3.0"),
    ("^0.0.3", "0.0.3", "0.0.4"),
    ("^1", "1.0.0", "2.0.0"),
    ("^0.2", "0.2.5", "0.3.0"),
    ("^1.2", "1.3.0", "1.1.9"),
    ("~1.2.3", "1.2.9", "1.3.0"),
    ("~1.2", "1.2.0", "1.3.0"),
    ("1.x", "1.7.0", "2.0.0"),
    ("1.2.*", "1.2.9", "1.3.0"),
    (">=1.2.0 <2.0.0", "1.2.0", "2.0.0"),
    (">1.2.0", "1.2.1", "1.2.0"),
    ("<=1.2.0", "1.2.0", "1.2.1"),
    ("*", "0.0.1", "1.0.0-rc.1"),
    ("^1.2.0", "1.2.0", "1.3.0-rc.1"),
    ("^1.2.0", "1.2.0+build", "2.0.0-rc.1"),
    ("^1.2.0-rc.1", "1.2.0-rc.2", "1.3.0-rc.1"),
    (">=1.2.0-rc.1 <2.0.0", "1.2.0-rc.1", "1.5.0-rc.1"),
]


@pytest.mark.parametrize(("text", "taken", "refused"), TAKEN, ids=[f"{row[0]} {row[2]}" for row in TAKEN])
def test_a_range_takes_what_its_notation_says_and_no_more(text: str, taken: str, refused: str) -> None:
    assert taken in parse_range(text)
    assert refused not in parse_range(text)


@pytest.mark.parametrize(
    "text",
    ["", " ", "^", "latest", ">=1", "1.2.3.4", ">2.0.0 <1.0.0", "01.2.3", "^^1.0.0", "v1.0.0", "x" * 70],
    ids=repr,
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(BadRange):
        parse_range(text)


VERSIONS = st.builds("{}.{}.{}".format, *[st.integers(0, 3)] * 3) | st.builds(
    "{}.{}.{}-rc.{}".format, *[st.integers(0, 2)] * 4
)
RANGES = (
    st.builds("^{}".format, VERSIONS)
    | st.builds("~{}".format, VERSIONS)
    | st.builds(">={}".format, VERSIONS)
    | st.builds("<={}".format, VERSIONS)
    | st.builds("{}.x".format, st.integers(0, 3))
    | VERSIONS
)


@given(RANGES, RANGES, VERSIONS)
def test_two_ranges_have_in_common_what_both_take(one: str, other: str, version: str) -> None:
    both = parse_range(one).and_also(parse_range(other))
    assert (version in both) == (version in parse_range(one) and version in parse_range(other))
    if both.is_empty:
        assert version not in both


@given(RANGES, RANGES, VERSIONS)
def test_a_range_that_covers_another_takes_all_that_it_takes(one: str, other: str, version: str) -> None:
    first, second = parse_range(one), parse_range(other)
    assert not first.covers(second) or version not in second or version in first


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("*", "^1.2.0"),
        ("^1.2.0", "^1.3.0"),
        (">=1.2.0 <2.0.0", "^1.2.0"),
        ("^1.2.0", ">=1.2.0 <2.0.0"),
        ("1.x", "^1"),
        ("^1", "1.x"),
        ("1.2.x", "1.2.3"),
        (">1.2.0", ">=1.2.1"),
        ("^1.2.0-rc.1", "1.2.0-rc.2"),
    ],
)
def test_a_range_covers_what_lies_within_it(wide: str, narrow: str) -> None:
    assert parse_range(wide).covers(parse_range(narrow))


@pytest.mark.parametrize(
    ("one", "other"), [("^1.2.0", "^1.1.0"), ("^1.2.0", "*"), ("*", "1.2.0-rc.1"), ("1.x", ">=1.2.0")]
)
def test_a_range_does_not_cover_what_goes_beyond_it(one: str, other: str) -> None:
    assert not parse_range(one).covers(parse_range(other))


def test_the_best_of_a_range_is_its_highest_version_by_precedence() -> None:
    assert best(["1.9.0", "1.10.0", "2.0.0"], parse_range("^1.0.0")) == "1.10.0"
    assert best(["1.0.0-rc.1"], ANY) is None
    assert best([], ANY) is None


@pytest.mark.parametrize(
    ("text", "exact"), [("1.2.3", True), ("1.2", False), ("^1.2.3", False), ("1.0.0-rc.1", True)]
)
def test_one_version_is_told_from_a_range_of_them(text: str, exact: bool) -> None:  # noqa: FBT001  # a table's column
    assert is_exact(text) is exact
