"""Words of Rego: where strings and comments end, and what is no word at all."""

import pytest

from policy.tokens import Kind, UnreadableError, tokens


def texts(source: str) -> list[str]:
    return [word.text for word in tokens(source)]


def test_comments_and_space_are_no_words() -> None:
    assert texts("a # b {\n\tc") == ["a", "c"]


def test_a_sign_within_a_string_is_no_sign() -> None:
    words = list(tokens('x := "a { # \\" b" + `raw { "`'))

    assert [word.kind for word in words] == [Kind.NAME, Kind.SIGN, Kind.STRING, Kind.SIGN, Kind.RAW]


def test_words_know_their_place_also_after_a_raw_string_over_lines() -> None:
    words = list(tokens("a := `1\n2\n3` b\n  c"))

    assert [(word.line, word.column) for word in words if word.kind is Kind.NAME] == [(1, 1), (3, 4), (4, 3)]


def test_start_and_end_cut_the_word_out_of_the_source() -> None:
    source = 'deny contains "é" if input.x >= 1.5e3'

    assert [source[word.start : word.end] for word in tokens(source)] == texts(source)


@pytest.mark.parametrize("rest", ['"open', "`open", "$", "\x00", "é", '"a\nb"', "@"], ids=repr)
def test_what_begins_no_word_is_reported_with_its_line(rest: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        list(tokens(f"a := 1\n{rest}"))

    assert caught.value.line == 2
