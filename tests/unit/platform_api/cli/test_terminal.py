"""What a server says cannot steer the reader's terminal, and lines stay aligned."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.cli.terminal import Terminal, clean, columns, one_line, shortened, width


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07name", "name"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x9b2Jb", "ab"),
        ("half\x1b", "half"),
        ("over\rwrite\b\b", "overwrite"),
        ("gpj.\u202egnp", "gpj.gnp"),
        ("zero\x00\x7f\x85", "zero"),
        ("surrogate\ud800", "surrogate"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("größe 日本", "größe 日本"),
    ],
)
def test_what_could_steer_a_terminal_is_taken_out(text: str, left: str) -> None:
    assert clean(text) == left


@given(st.text())
def test_no_text_whatever_keeps_an_escape_byte_or_a_carriage_return(text: str) -> None:
    cleaned = clean("\x1b[" + text + "\x9b" + text)
    assert not set(cleaned) & {"\x1b", "\r", "\x9b", "\x07", "\x00"}
    cleaned.encode()  # and can be written


def test_one_line_stays_one_line() -> None:
    assert one_line("first\nsecond\r\n  third\u2028fourth") == "first second third fourth"


def test_columns_are_aligned_by_what_is_seen() -> None:
    rows = [["NAME", "PHASE"], ["orders", "ready"], ["日本", "failed"]]
    assert columns(rows) == ["NAME    PHASE", "orders  ready", "日本    failed"]


def test_no_line_of_a_table_ends_in_space() -> None:
    assert columns([["a", ""], ["bbb", ""]]) == ["a", "bbb"]


@given(st.text(), st.integers(min_value=3, max_value=40))
def test_a_shortened_text_fits(text: str, room: int) -> None:
    assert width(shortened(text, room)) <= room


def test_colour_needs_a_terminal() -> None:
    written = io.StringIO()
    terminal = Terminal(written, written)
    assert terminal.paint("ready", "green", written) == "ready"


class _Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_unless_it_asked_for_none() -> None:
    tty = _Tty()
    assert "\x1b[" in Terminal(tty, tty).paint("ready", "green", tty)
    assert Terminal(tty, tty, is_plain=True).paint("ready", "green", tty) == "ready"
