"""Ranges take what npm's would, and what two of them have in common is what both take."""

from dataclasses import replace
from functools import cache
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog import ranges
from catalog.ranges import ANY, BadRange, Range, best, is_exact, parse_range

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


@pytest.mark.parametrize("text", ["1.x.3", "1.*.5", "^1.x.3", "~1.X.0", "=1.*.3"])
def test_no_number_comes_after_one_that_is_left_open(text: str) -> None:
    with pytest.raises(BadRange, match="left open"):
        parse_range(text)


@pytest.mark.parametrize(
    "text",
    [">1.2.3 <1.2.4", "<0.0.0", ">=1.2.3 <1.2.3", "<2.2.1 >2.2.1", ">1.0.0-rc.1 <1.0.0-rc.1.0"],
)
def test_a_range_in_which_no_version_can_lie_is_refused(text: str) -> None:
    with pytest.raises(BadRange, match="no version"):
        parse_range(text)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (">1.2.3 <=1.2.4", "1.2.4"),
        (">1.2.3-rc.1 <1.2.3", "1.2.3-rc.1.0"),
        (">=1.9.0-rc.1 <1.9.0", "1.9.0-rc.1"),
        ("<1.0.0-0.0 >=1.0.0-0", "1.0.0-0"),
        ("<=0.0.0", "0.0.0"),
    ],
)
def test_a_range_in_which_one_version_lies_takes_it(text: str, taken: str) -> None:
    assert taken in parse_range(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("^1.0.0", ">=1.9.0-rc.1 <1.9.0"),
        ("<1.0.1", ">1.0.0"),
        ("^1.0.0", "^2.0.0"),
        ("<1.0.0", ">=1.0.0-rc.1"),
        ("1.0.0-rc.1", "^1.0.0-rc.2"),
    ],
)
def test_two_ranges_without_a_version_in_common_have_nothing_in_common(one: str, other: str) -> None:
    assert parse_range(one).and_also(parse_range(other)).is_empty
    assert parse_range(other).and_also(parse_range(one)).is_empty


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


# Fine enough that between any two ends below there is one of these, when there is any version at all.
EARLY = ("", "-0", "-0.0", "-rc.1", "-rc.1.0", "-rc.1.0.0")
GRID = [
    f"{major}.{minor}.{patch}{early}"
    for major, minor, patch in product(range(3), range(3), range(4))
    for early in EARLY
]
ENDS = st.builds(
    "{}{}.{}.{}{}".format,
    st.sampled_from(("^", "~", "", "<", "<=", ">", ">=", ">=", "<")),
    *[st.integers(0, 2)] * 3,
    st.sampled_from(("", "", "-0", "-rc.1", "-rc.1.0")),
)
TEXTS = ENDS | st.builds("{} {}".format, ENDS, ENDS) | st.sampled_from(("*", "1.x", "~0.1", "^0"))


@settings(max_examples=200)
@given(TEXTS, TEXTS)
@example("^1.0.0", ">=1.2.0-rc.1 <1.2.0")
@example("<1.0.1", ">1.0.0")
@example("<0.0.0-0", "<0.0.0 >=0.0.0-rc.1")
def test_a_range_is_empty_exactly_when_no_version_lies_within(one: str, other: str) -> None:
    first, second = taken_apart(one), taken_apart(other)
    assert (first is None) == (not members(one))
    assert (second is None) == (not members(other))
    if first is not None and second is not None:
        assert first.and_also(second).is_empty == (not members(one) & members(other))


def taken_apart(text: str) -> Range | None:
    """Return the range of a text; None when no version can lie within."""
    try:
        return parse_range(text)
    except BadRange as error:
        assert str(error) == "no version can lie in this range"  # noqa: PT017  # both outcomes are right
        return None


@cache
def members(text: str) -> frozenset[str]:
    """Return the versions of the grid that a text takes, worked out part by part."""
    parts = [ranges._part(part) for part in text.split()]
    early = frozenset(version for part in parts for version in part.early)
    within = [replace(part, early=early) for part in parts]
    return frozenset(version for version in GRID if all(version in part for part in within))


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
