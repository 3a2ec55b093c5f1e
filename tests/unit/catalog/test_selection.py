"""Which version a wish comes to, while some are canaries and some on their way out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.lifecycle import State
from catalog.ranges import BadRange, parse_range
from catalog.selection import Canary, Trial, check_wish, chosen, is_pin, place_of, precedence

EARLY = next(f"req_{n}" for n in range(1000) if place_of(f"req_{n}") < 0.05)
LATE = next(f"req_{n}" for n in range(1000) if place_of(f"req_{n}") > 0.95)

VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1", "2.0.0", "2.1.0"]
WISHES = [None, "stable", "canary", "^1.0.0", "1.x", "*", ">=1.1.0 <2.0.0", "^2.0.0", ">=2.0.0-rc.1"]
SHARES = st.sampled_from([None, None, None, 0, 50, 100])
SHELVES = st.lists(
    st.builds(
        lambda version, share, state: Canary("db", version, share, state=state),
        st.sampled_from(VERSIONS),
        SHARES,
        st.sampled_from(State),
    ),
    unique_by=lambda each: each.version,
    max_size=6,
).map(lambda found: sorted(found, key=lambda each: precedence(each.version)))
UIDS = st.sampled_from([EARLY, LATE])


def on(version: str, state: State = State.PUBLISHED, share: int | None = None) -> Canary:
    """Return how a version stands."""
    return Canary("db", version, share, state=state)


PUBLISHED = [on("1.0.0"), on("1.4.0"), on("2.0.0")]


@pytest.mark.parametrize(
    ("wish", "version"),
    [
        (None, "2.0.0"),
        ("stable", "2.0.0"),
        ("canary", "2.0.0"),
        ("^1.0.0", "1.4.0"),
        ("~1.0.0", "1.0.0"),
        (">=1.0.0 <2.0.0", "1.4.0"),
        ("*", "2.0.0"),
        ("^3.0.0", None),
    ],
)
def test_a_wish_comes_to_the_highest_version_that_fits(wish: str | None, version: str | None) -> None:
    assert chosen(wish, PUBLISHED, EARLY, None) == version


@pytest.mark.parametrize("wish", [None, "*", "^2.0.0", ">=1.0.0"])
def test_a_canary_is_for_those_whom_its_share_takes_in(wish: str | None) -> None:
    shelf = [on("2.0.0"), on("2.1.0", share=50)]
    assert (chosen(wish, shelf, EARLY, None), chosen(wish, shelf, LATE, None)) == ("2.1.0", "2.0.0")


def test_the_channels_take_canaries_always_and_never() -> None:
    shelf = [on("2.0.0"), on("2.1.0", share=50), on("2.2.0", share=1)]
    for uid in (EARLY, LATE):
        assert chosen("canary", shelf, uid, None) == "2.2.0"
        assert chosen("stable", shelf, uid, None) == "2.0.0"


def test_the_canary_channel_does_not_fall_behind_what_is_for_everybody() -> None:
    assert chosen("canary", [on("2.1.0", share=50), on("3.0.0")], EARLY, None) == "3.0.0"


@pytest.mark.parametrize("wish", [None, "stable", "*", "^1.0.0"])
def test_a_deprecated_version_is_left_for_a_lower_one_that_is_not(wish: str | None) -> None:
    shelf = [on("1.0.0"), on("1.1.0", State.DEPRECATED)]
    assert chosen(wish, shelf, EARLY, "1.1.0") == "1.0.0"


@pytest.mark.parametrize("wish", [None, "stable", "*", "^1.0.0"])
def test_where_nothing_else_fits_a_request_stays_on_a_deprecated_version(wish: str | None) -> None:
    shelf = [on("1.0.0", State.DEPRECATED), on("1.1.0", State.DEPRECATED)]
    assert chosen(wish, shelf, EARLY, "1.0.0") == "1.0.0"


def test_a_new_request_may_come_to_a_deprecated_version_when_nothing_else_fits() -> None:
    assert chosen("^1.0.0", [on("1.0.0", State.DEPRECATED), on("2.0.0")], EARLY, None) == "1.0.0"


@pytest.mark.parametrize("state", [State.DRAFT, State.RETIRED])
@pytest.mark.parametrize("wish", [None, "stable", "canary", "*", "1.0.0"])
def test_nobody_comes_to_or_stays_on_a_draft_or_a_retired_version(state: State, wish: str | None) -> None:
    for held in (None, "1.0.0"):
        assert chosen(wish, [on("1.0.0", state)], EARLY, held) is None


def test_an_aborted_canary_is_nobodys_although_a_range_holds_it() -> None:
    shelf = [on("1.0.0"), on("2.0.0", share=0)]
    assert chosen("^2.0.0", shelf, EARLY, "2.0.0") is None
    assert chosen("*", shelf, EARLY, "2.0.0") == "1.0.0"


@given(SHELVES, st.sampled_from(WISHES), UIDS, st.sampled_from([None, *VERSIONS]))
def test_what_is_chosen_fits_is_alive_and_never_worse_than_what_is_published(
    shelf: list[Canary], wish: str | None, uid: str, held: str | None
) -> None:
    found = chosen(wish, shelf, uid, held)
    if found is None:
        return
    version = next(each for each in shelf if each.version == found)
    assert version.state in (State.PUBLISHED, State.DEPRECATED)
    assert version.trial is not Trial.ABORTED
    if wish not in (None, "stable", "canary"):
        assert found in parse_range(wish)
    if version.trial is Trial.CANARY:
        assert wish == "canary" or version.takes_in(uid)
    if version.state is State.DEPRECATED:
        published = [each for each in shelf if each.state is State.PUBLISHED]
        assert chosen(wish, published, uid, None) is None, "another one fits, and is not on its way out"
        assert held in (None, found)


@given(SHELVES, st.sampled_from(WISHES), UIDS)
def test_a_choice_is_stable_once_it_is_made(shelf: list[Canary], wish: str | None, uid: str) -> None:
    found = chosen(wish, shelf, uid, None)
    if found is not None:
        assert chosen(wish, shelf, uid, found) == found


@pytest.mark.parametrize("text", ["1.2.3", "2.0.0-rc.1", "^1.2.0", "~1.2", "1.x", "*", "stable", "canary"])
def test_versions_ranges_and_channels_can_be_wished(text: str) -> None:
    check_wish(text)


@pytest.mark.parametrize(
    "text", ["", "newest", "1.2.3.4", "^", ">=2 <1", ">2.0.0 <1.0.0", "Stable", "1" * 65]
)
def test_anything_else_cannot(text: str) -> None:
    with pytest.raises(BadRange):
        check_wish(text)


def test_only_an_exact_version_pins() -> None:
    assert [is_pin(wish) for wish in ("1.2.3", "^1.2.3", "stable", None)] == [True, False, False, False]
