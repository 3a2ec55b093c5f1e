"""Conditions: `since` moves with the status alone, and the earliest unmet one speaks first."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from catalog.conditions import NEEDED, Condition, Status, Type, first_unmet, merged
from tests.factories import START

LATER = START + timedelta(minutes=1)


def said(type_: Type, status: Status, reason: str = "Because") -> Condition:
    return Condition(type_, status, reason, "a sentence", START, 1)


stated = st.dictionaries(st.sampled_from(Type), st.sampled_from(Status)).map(
    lambda statuses: {type_: said(type_, status) for type_, status in statuses.items()}
)


@given(stated, st.sampled_from(Type), st.sampled_from(Status))
def test_since_moves_only_when_the_status_does(
    before: dict[Type, Condition], type_: Type, status: Status
) -> None:
    change = Condition(type_, status, "Changed", "another sentence", LATER, 2)
    after = merged(before, [change])
    is_same = type_ in before and before[type_].status is status
    assert after[type_] == replace(change, since=START if is_same else LATER)
    assert {key: value for key, value in after.items() if key is not type_} == {
        key: value for key, value in before.items() if key is not type_
    }


@given(stated)
def test_merging_nothing_changes_nothing(before: dict[Type, Condition]) -> None:
    after = merged(before, [])
    assert after == before
    assert after is not before


@given(stated)
def test_the_first_unmet_is_the_earliest_that_does_not_hold(conditions: dict[Type, Condition]) -> None:
    unmet = [conditions[each] for each in NEEDED if each in conditions and not conditions[each].is_true]
    assert first_unmet(conditions) == (unmet[0] if unmet else None)


def test_ready_is_not_among_what_ready_needs() -> None:
    assert set(NEEDED) == set(Type) - {Type.READY}
    assert first_unmet({Type.READY: said(Type.READY, Status.FALSE)}) is None
