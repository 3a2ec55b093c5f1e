"""Ids sort by the time they were minted; names keep to their alphabet."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.errors import Invalid
from catalog.ids import check_name, is_name, mint

times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def lowest(count: int) -> bytes:
    return b"\x00" * count


def highest(count: int) -> bytes:
    return b"\xff" * count


@given(times)
@example(datetime(2004, 1, 28, 16, 19, 8, 375000, tzinfo=UTC))  # a float falls short of it
def test_an_id_sorts_after_every_id_of_an_earlier_millisecond(now: datetime) -> None:
    milliseconds = (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert mint("req", now, highest) < mint("req", now + timedelta(milliseconds=1), lowest)


def test_an_id_is_a_prefix_and_twenty_six_characters() -> None:
    prefix, characters = mint("run", datetime(2026, 1, 1, tzinfo=UTC), highest).split("_")
    number = sum(CROCKFORD.index(letter) << 5 * place for place, letter in enumerate(reversed(characters)))
    assert (prefix, len(characters)) == ("run", 26)
    assert number >> 80 == 1_767_225_600_000  # that instant in milliseconds
    assert number & (2**80 - 1) == 2**80 - 1


def test_two_ids_of_one_instant_differ() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({mint("run", now) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("name", ["a", "a1", "orders-db", "a-b-c", "a" * 63])
def test_a_plain_name_is_taken(name: str) -> None:
    assert is_name(name)
    assert check_name(name, "/name") == name


@pytest.mark.parametrize(
    "name",
    [
        *["", "1a", "-a", "a-", "a--b", "A", "a_b", "a.b", "a/b", "..", "a b", "a\n", "é", "a" * 64],
        *["a\x00", "\u0430", "a;b", "$(a)", "a'b"],
    ],
)
def test_any_other_name_is_refused_where_it_stands(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(Invalid) as refusal:
        check_name(name, "/metadata/name")
    assert refusal.value.code == "invalid_name"
    assert refusal.value.findings[0].pointer == "/metadata/name"
