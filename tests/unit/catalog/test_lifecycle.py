"""The life of a version: only the moves of the table, and what each leaves behind."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import Conflict, Invalid
from catalog.lifecycle import LONGEST, MOVES, PUBLISHED, Lifecycle, State, Terms, moved
from tests.factories import START

SUNSET = Terms(START + timedelta(days=90), "2.0.0", "superseded")
WISHES = st.lists(st.tuples(st.sampled_from(State), st.sampled_from([Terms(), SUNSET])), max_size=12)
WAYS = [(start, end) for start in State for end in State]


def standing(state: State) -> Lifecycle:
    """Return a version in a state, with what belongs to that state."""
    return replace(PUBLISHED, state=state)


def terms_for(state: State) -> Terms:
    """Return terms that fit a state."""
    return SUNSET if state is State.DEPRECATED else Terms(reason="so")


@pytest.mark.parametrize(("start", "end"), WAYS)
def test_a_move_is_made_exactly_when_the_table_has_it(start: State, end: State) -> None:
    if end in MOVES[start]:
        assert moved(standing(start), end, terms_for(end), START, "pia").state is end
        return
    with pytest.raises(Conflict) as refused:
        moved(standing(start), end, terms_for(end), START, "pia")
    assert refused.value.code == "lifecycle_move"
    assert all(str(each) in refused.value.fix for each in MOVES[start] if start is State.DEPRECATED)
    assert refused.value.fix


def test_the_table_leads_from_a_draft_to_retirement_and_out_of_it_nowhere() -> None:
    reached, waiting = {State.DRAFT}, [State.DRAFT]
    while waiting:
        more = MOVES[waiting.pop()] - reached
        reached |= more
        waiting += more
    assert reached == set(State)
    assert not MOVES[State.RETIRED]
    assert not any(State.DRAFT in after for after in MOVES.values())


@given(WISHES)
def test_whatever_is_asked_the_record_fits_the_state(wishes: Sequence[tuple[State, Terms]]) -> None:
    held, now, accepted = Lifecycle(State.DRAFT), START, 0
    for state, terms in wishes:
        before, now = held, now + timedelta(hours=1)
        try:
            held = moved(held, state, terms, now, "pia")
        except (Conflict, Invalid):
            assert held is before
            continue
        accepted += 1
        assert state in MOVES[before.state]
        assert held.state is state
        assert (held.changed_at, held.changed_by) == (now, "pia")
        if before.state is State.DEPRECATED and state is not State.PUBLISHED:
            assert held.deprecated_at == before.deprecated_at, "it looks younger than it is"
        assert (held.deprecated_at is not None) == (state in (State.DEPRECATED, State.RETIRED))
        assert state in (State.DEPRECATED, State.RETIRED) or not (held.sunset_at or held.replacement)
        assert held.is_serving == (state in (State.PUBLISHED, State.DEPRECATED))
    assert held.revision == accepted


def test_a_retired_version_still_says_where_to_go_and_why() -> None:
    deprecated = moved(PUBLISHED, State.DEPRECATED, SUNSET, START, "pia")
    retired = moved(deprecated, State.RETIRED, Terms(), START, "pia")
    assert (retired.replacement, retired.sunset_at, retired.reason) == (
        "2.0.0",
        SUNSET.sunset_at,
        "superseded",
    )


def test_new_terms_make_the_sunset_news_again() -> None:
    told = replace(moved(PUBLISHED, State.DEPRECATED, SUNSET, START, "pia"), told_at=START)
    assert moved(told, State.DEPRECATED, Terms(reason="later"), START, "pia").told_at is None


@pytest.mark.parametrize("span", [timedelta(0), timedelta(seconds=-1), LONGEST + timedelta(days=1)])
def test_a_sunset_lies_in_the_future_and_not_beyond_all_promises(span: timedelta) -> None:
    with pytest.raises(Invalid) as refused:
        moved(PUBLISHED, State.DEPRECATED, Terms(START + span), START, "pia")
    [finding] = refused.value.findings
    assert (finding.pointer, finding.code) == ("/sunset_at", "sunset_out_of_range")


@pytest.mark.parametrize("state", [State.PUBLISHED, State.RETIRED])
def test_terms_of_a_deprecation_are_refused_elsewhere_at_each_place(state: State) -> None:
    held = moved(PUBLISHED, State.DEPRECATED, SUNSET, START, "pia")
    with pytest.raises(Invalid) as refused:
        moved(held, state, SUNSET, START, "pia")
    assert [each.pointer for each in refused.value.findings] == ["/sunset_at", "/replacement"]
