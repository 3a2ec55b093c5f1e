"""Page tokens are opaque, and good for one list with one set of filters only."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import Invalid
from platform_api.paging import Page, Window, decode, encode
from platform_api.wire import View

KEY = b"k" * 32
BOUND = b"b" * 32

positions = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.integers(), max_size=3
)


class Item(View):
    """An item."""

    name: str


@given(positions)
def test_a_token_leads_back_to_its_position(position: list[str | int]) -> None:
    assert list(decode(encode(position, BOUND, KEY), BOUND, KEY)) == position


@given(positions, st.integers(0, 10_000), st.integers(1, 255))
def test_a_token_that_was_touched_is_refused(position: list[str | int], place: int, flip: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(encode(position, BOUND, KEY) + "=="))
    raw[place % len(raw)] ^= flip
    touched = base64.urlsafe_b64encode(bytes(raw)).decode()
    with pytest.raises(Invalid, match="does not belong"):
        decode(touched, BOUND, KEY)


@pytest.mark.parametrize("token", ["", "x", "!!!", "a" * 500, "é", "AAAA.BBBB", "AAAAAAAAAAAAAAAAAAAAAA"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode(token, BOUND, KEY)
    assert refused.value.code == "invalid_page_token"


def test_a_token_of_another_list_or_installation_is_refused() -> None:
    token = encode(["a"], BOUND, KEY)
    for bound, key in ((b"x" * 32, KEY), (BOUND, b"x" * 32)):
        with pytest.raises(Invalid):
            decode(token, bound, key)


def a_page(rows: list[str], size: int) -> Page[Item]:
    """Return the page that rows make."""
    window = Window(size, (), BOUND, KEY)
    return window.page(rows[: window.limit], lambda row: Item(name=row), lambda row: [row])


def test_a_full_page_with_more_behind_it_names_its_last_item() -> None:
    page = a_page(["a", "b", "c"], 2)
    assert [item.name for item in page.items] == ["a", "b"]
    assert page.next_page_token is not None
    assert decode(page.next_page_token, BOUND, KEY) == ["b"]


@pytest.mark.parametrize("rows", [[], ["a"], ["a", "b"]])
def test_the_last_page_names_no_next_one(rows: list[str]) -> None:
    assert a_page(rows, 2).next_page_token is None
    assert "next_page_token" not in a_page(rows, 2).model_dump()
