"""Drift is what differs once both sides went through the same normalisation."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.contract import IgnoreRule
from catalog.digest import Json
from reconciler.drift import MISSING, Difference, differences, facts_digest, normalised
from tests.factories import START

LATER = START + timedelta(days=1)

names = st.sampled_from(["a", "b", "a/b", "a~b", "~1", "exists", ""])
facts: st.SearchStrategy[dict[str, Json]] = st.dictionaries(
    names,
    st.recursive(
        st.none() | st.sampled_from(["x", "y", MISSING]) | st.integers(2, 4),
        lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner, max_size=2),
        max_leaves=5,
    ),
    max_size=3,
)
paths = st.lists(names.filter(bool), min_size=1, max_size=3).map(
    lambda parts: "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
)
rules = st.lists(
    st.builds(IgnoreRule, paths, st.just("noise"), st.sampled_from([None, START, LATER])), max_size=3
)


def found(applied: dict[str, Json], observed: dict[str, Json], *ignored: IgnoreRule) -> list[Difference]:
    return list(differences(applied, observed, ignored, START))


def rule(path: str) -> IgnoreRule:
    return IgnoreRule(path, "noise")


def test_equal_facts_do_not_differ_whatever_their_order() -> None:
    assert found({"a": 1, "b": {"c": [1, 2]}}, {"b": {"c": [1, 2]}, "a": 1}) == []


def test_every_path_that_differs_is_named_with_both_sides() -> None:
    applied: dict[str, Json] = {"size": "s", "net": {"port": 1, "gone": "x"}, "list": [1, 2]}
    observed: dict[str, Json] = {"size": "m", "net": {"port": 1, "new": None}, "list": [2, 1]}
    assert found(applied, observed) == [
        Difference("/list", [1, 2], [2, 1]),
        Difference("/net/gone", "x", MISSING),
        Difference("/net/new", MISSING, None),
        Difference("/size", "s", "m"),
    ]


def test_a_thing_in_place_of_a_mapping_differs_as_a_whole() -> None:
    assert found({"a": {"b": 1}}, {"a": 1}) == [Difference("/a", {"b": 1}, 1)]


def test_presence_is_no_drift() -> None:
    assert found({"exists": True, "a": 1}, {"a": 1}) == []


def test_a_value_that_looks_like_the_mark_of_absence_is_not_taken_for_it() -> None:
    assert found({"a": MISSING}, {}) == [Difference("/a", MISSING, MISSING)]
    assert found({}, {"a": None}) == [Difference("/a", MISSING, None)]


def test_paths_are_escaped_pointers() -> None:
    assert [each.path for each in found({"a/b": {"c~d": 1}}, {"a/b": {"c~d": 2}})] == ["/a~1b/c~0d"]


@pytest.mark.parametrize(
    ("path", "key"), [("/a~1b", "a/b"), ("/a~0b", "a~b"), ("/~01", "~1"), ("/~00", "~0"), ("/é", "é")]
)
def test_a_rule_reaches_the_key_that_its_escaped_path_names(path: str, key: str) -> None:
    assert found({key: 1}, {key: 2}, rule(path)) == []
    assert found({key: 1}, {key: 2}) != []


def test_a_rule_ignores_what_lies_below_its_path_and_nothing_beside_it() -> None:
    applied: dict[str, Json] = {"a": {"b": {"c": 1}, "d": 1}}
    observed: dict[str, Json] = {"a": {"b": {"c": 2}, "d": 2}}
    assert [each.path for each in found(applied, observed, rule("/a/b"))] == ["/a/d"]
    assert found(applied, observed, rule("/a")) == []
    assert len(found(applied, observed, rule("/a/x/y"))) == 2
    assert len(found(applied, observed, rule("/a/d/e"))) == 2


def test_a_rule_ends_when_its_time_has_come() -> None:
    ending = IgnoreRule("/a", "until the migration", until=START)
    applied: dict[str, Json] = {"a": 1}
    observed: dict[str, Json] = {"a": 2}
    assert differences(applied, observed, [ending], START - timedelta(microseconds=1)) == ()
    assert len(differences(applied, observed, [ending], START)) == 1


def test_normalising_leaves_the_facts_alone() -> None:
    applied: dict[str, Json] = {"a": {"b": 1, "c": 2}}
    assert normalised(applied, [rule("/a/b")], START) == {"a": {"c": 2}}
    assert applied == {"a": {"b": 1, "c": 2}}


@settings(max_examples=150)
@given(facts, facts, rules)
def test_finding_and_acting_agree_under_every_rule(
    applied: dict[str, Json], observed: dict[str, Json], ignore: list[IgnoreRule]
) -> None:
    same = facts_digest(applied, ignore, START) == facts_digest(observed, ignore, START)
    assert same == (differences(applied, observed, ignore, START) == ())


@settings(max_examples=100)
@given(facts, facts, rules)
def test_drift_is_symmetric_and_names_no_ignored_path(
    applied: dict[str, Json], observed: dict[str, Json], ignore: list[IgnoreRule]
) -> None:
    one, other = (differences(*pair, ignore, START) for pair in ((applied, observed), (observed, applied)))
    assert [each.path for each in one] == [each.path for each in other]
    in_force = [each.path for each in ignore if each.until is None or each.until > START]
    assert not {each.path for each in one} & set(in_force)


@settings(max_examples=100)
@given(facts, rules)
def test_normalising_twice_changes_nothing_more(applied: dict[str, Json], ignore: list[IgnoreRule]) -> None:
    once = normalised(applied, ignore, START)
    assert normalised(once, ignore, START) == once
    assert isinstance(once, Mapping)
