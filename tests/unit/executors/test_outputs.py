"""What comes back from outside is made plain JSON or refused, without echoing it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.outputs import MAX_DEPTH, InvalidOutput, checked, plain_text

sixty_four_bits = st.integers(-(2**63), 2**63 - 1)
fit_text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
fit_json = st.recursive(
    st.none() | st.booleans() | sixty_four_bits | st.floats(allow_nan=False, allow_infinity=False) | fit_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fit_text, inner, max_size=4),
    max_leaves=20,
)


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"deeper": value}
    return value


@given(st.dictionaries(fit_text, fit_json, max_size=5))
def test_plain_json_comes_back_unchanged(answer: dict[str, Any]) -> None:
    assert checked(answer) == answer
    assert json.loads(json.dumps(checked(answer))) == answer


UNFIT: dict[str, object] = {
    "nothing": None,
    "text": "text",
    "a list": ["list"],
    "a number for a name": {1: "x"},
    "a set": {"x": {1, 2}},
    "bytes": {"x": b"bytes"},
    "an object": {"x": object()},
    "not a number": {"x": math.nan},
    "infinity": {"x": math.inf},
    "more than 64 bits": {"x": 2**63},
    "5000 digits": {"x": 10**5000},
    "NUL": {"x": "nul\x00"},
    "half a surrogate pair": {"x": "\ud800"},
    "NUL in a name": {"nul\x00": 1},
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_is_not_storable_json_is_refused(what: str) -> None:
    with pytest.raises(InvalidOutput):
        checked(UNFIT[what])


def test_a_hundred_megabytes_are_refused() -> None:
    with pytest.raises(InvalidOutput, match="larger"):
        checked({"x": "A" * 100_000_000})


def test_many_small_values_count_as_much_as_one_large() -> None:
    with pytest.raises(InvalidOutput, match="larger"):
        checked({"x": [0] * 200_000})


def test_a_value_that_repeats_itself_counts_each_time() -> None:
    bomb: list[Any] = ["x" * 1000]
    for _ in range(20):
        bomb = [bomb, bomb]
    with pytest.raises(InvalidOutput, match="larger"):
        checked({"x": bomb})


def test_depth_is_limited() -> None:
    checked(nested(MAX_DEPTH - 1))
    with pytest.raises(InvalidOutput, match="levels"):
        checked(nested(MAX_DEPTH + 1))


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with pytest.raises(InvalidOutput, match="levels"):
        checked(loop)


def test_the_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(InvalidOutput) as refused:
        checked({"password": "hunter2\x00"})
    assert "hunter2" not in str(refused.value)


@given(st.text())
def test_messages_are_short_and_printable(text: str) -> None:
    message = plain_text(text)
    assert len(message) <= 500
    assert not any(ord(letter) < 32 and letter not in "\t\n" for letter in message)


def test_terminal_escapes_do_not_reach_a_terminal() -> None:
    assert "\x1b" not in plain_text("\x1b[31mred\x1b[0m")
