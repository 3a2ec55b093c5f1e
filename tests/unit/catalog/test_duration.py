"""Durations as people write them; whatever else is written is refused with a finding."""

import re
from datetime import timedelta

import pytest

from catalog.duration import PATTERN, duration
from catalog.errors import Invalid


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("6h", timedelta(hours=6)),
        ("3d", timedelta(days=3)),
        ("0s", timedelta(0)),
        ("999999d", timedelta(days=999999)),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text: str, span: timedelta) -> None:
    assert duration(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "10",
        "10 s",
        " 10s",
        "10s\n",
        "-1s",
        "+1s",
        "1.5s",
        "1S",
        "1w",
        "01s",
        "\uff11s",
        "9" * 400 + "d",
    ],
)
def test_anything_else_is_refused_where_it_stands(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        duration(text, "/spec/interval")
    assert refusal.value.code == "invalid_duration"
    assert refusal.value.findings[0].pointer == "/spec/interval"
    assert refusal.value.findings[0].fix


@pytest.mark.parametrize("text", ["0s", "01s", "999999d", "1000000d", "10s\n", "1h"])
def test_the_published_pattern_and_the_reader_agree(text: str) -> None:
    published = re.fullmatch(PATTERN, text) is not None
    try:
        duration(text)
    except Invalid:
        assert not published
    else:
        assert published
