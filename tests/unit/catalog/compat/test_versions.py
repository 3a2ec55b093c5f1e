"""A step is large enough when it reaches the version that its changes are due."""

import pytest

from catalog.compat.change import Bump
from catalog.compat.versions import allows, free_version, least_version, neighbours

LEAST = [
    ("1.2.3", Bump.NONE, "1.2.3"),
    ("1.2.3", Bump.PATCH, "1.2.4"),
    ("1.2.3", Bump.MINOR, "1.3.0"),
    ("1.2.3", Bump.MAJOR, "2.0.0"),
    ("0.2.3", Bump.PATCH, "0.2.4"),
    ("0.2.3", Bump.MINOR, "0.2.4"),
    ("0.2.3", Bump.MAJOR, "0.3.0"),
    ("0.0.0", Bump.MAJOR, "0.1.0"),
    ("1.2.3+build.7", Bump.NONE, "1.2.3"),
    ("1.2.3+build.7", Bump.PATCH, "1.2.4"),
    ("2.0.0-rc.1", Bump.MAJOR, "2.0.0"),
    ("1.3.0-rc.1", Bump.MINOR, "1.3.0"),
    ("1.3.0-rc.1", Bump.MAJOR, "2.0.0"),
    ("1.3.1-rc.1", Bump.MINOR, "1.4.0"),
    ("0.3.0-rc.1", Bump.MAJOR, "0.3.0"),
    ("0.3.1-rc.1", Bump.MAJOR, "0.4.0"),
]


@pytest.mark.parametrize(("old", "bump", "least"), LEAST, ids=[f"{each[0]} {each[1].name}" for each in LEAST])
def test_the_least_version_is_the_next_that_says_so(old: str, bump: Bump, least: str) -> None:
    assert least_version(old, bump) == least
    assert allows(old, least, bump)


@pytest.mark.parametrize(
    ("new", "largest"),
    [
        ("1.2.3", Bump.NONE),
        ("1.2.4", Bump.PATCH),
        ("1.2.40", Bump.PATCH),
        ("1.3.0", Bump.MINOR),
        ("1.4.2", Bump.MINOR),
        ("2.0.0", Bump.MAJOR),
        ("3.1.0", Bump.MAJOR),
        ("2.0.0-alpha", Bump.MAJOR),
        ("1.3.0-rc.1", Bump.MINOR),
        ("1.2.4+build", Bump.PATCH),
    ],
)
def test_a_step_allows_what_it_announces_and_no_more(new: str, largest: Bump) -> None:
    assert [bump for bump in Bump if allows("1.2.3", new, bump)] == [bump for bump in Bump if bump <= largest]


@pytest.mark.parametrize("new", ["1.2.2", "1.1.9", "0.9.0", "1.2.2-rc.1"])
def test_a_step_back_allows_nothing(new: str) -> None:
    assert not any(allows("1.2.3", new, bump) for bump in Bump)


def test_below_one_a_minor_step_allows_everything_and_a_patch_all_that_does_not_break() -> None:
    assert [bump for bump in Bump if allows("0.2.3", "0.3.0", bump)] == list(Bump)
    assert not allows("0.2.3", "0.2.4", Bump.MAJOR)
    assert allows("0.2.3", "0.2.4", Bump.MINOR)
    assert allows("0.2.3", "1.0.0", Bump.MAJOR)


@pytest.mark.parametrize(
    ("old", "bump", "published", "free"),
    [
        ("1.2.0", Bump.MAJOR, ["1.2.0"], "2.0.0"),
        ("1.2.0", Bump.MAJOR, ["1.2.0", "2.3.0"], "3.0.0"),
        ("1.2.0", Bump.MINOR, ["1.2.0", "2.3.0"], "1.3.0"),
        ("1.2.0", Bump.MINOR, ["1.2.0", "1.3.1"], "1.4.0"),
        ("1.2.0", Bump.PATCH, ["1.2.0", "1.2.1", "1.3.0"], "1.2.2"),
        ("0.2.0", Bump.MAJOR, ["0.2.0", "0.3.0"], "0.4.0"),
        ("0.2.0", Bump.MAJOR, ["0.2.0", "1.0.0"], "0.3.0"),
        ("1.2.0", Bump.MAJOR, [], "2.0.0"),
    ],
)
def test_the_free_version_is_high_enough_and_has_nothing_above_it(
    old: str, bump: Bump, published: list[str], free: str
) -> None:
    assert free_version(old, bump, published) == free
    assert allows(old, free, bump)


@pytest.mark.parametrize(
    ("version", "published", "around"),
    [
        ("1.0.0", [], (None, None)),
        ("1.0.0", ["1.0.0"], (None, None)),
        ("1.2.0", ["1.10.0", "1.1.0", "0.9.0", "2.0.0"], ("1.1.0", "1.10.0")),
        ("1.2.0", ["1.2.0-rc.1", "1.2.0"], ("1.2.0-rc.1", None)),
        ("1.2.0+b", ["1.2.0+a", "1.2.0+c"], ("1.2.0+a", "1.2.0+c")),
    ],
)
def test_the_neighbours_are_the_next_by_precedence(
    version: str, published: list[str], around: tuple[str | None, str | None]
) -> None:
    assert neighbours(version, published) == around
