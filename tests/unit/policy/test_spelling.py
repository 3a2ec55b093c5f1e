"""Spelling for the embedded engine: nothing in it needs an escape, and nothing is lost on the way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import spelling

TEXTS = st.text().filter(spelling.is_speakable)


@given(st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS)))
def test_an_input_comes_back_as_it_went(document: dict[str, str | list[str]]) -> None:
    assert json.loads(spelling.answer(spelling.term(document))) == document


@given(st.dictionaries(TEXTS, TEXTS))
def test_nothing_on_the_way_needs_an_escape(document: dict[str, str]) -> None:
    term = spelling.term(document)

    assert "\\" not in term
    assert term.count('"') == 4 * len(document)


@given(TEXTS)
def test_a_literal_meets_the_input_that_it_means(text: str) -> None:
    module = f"x := {json.dumps(text)}"
    literal = spelling.source(module).removeprefix("x := ")

    assert spelling.term({"": text}) == f'{{"": {literal}}}'


def test_a_raw_literal_means_the_same_as_the_quoted_one() -> None:
    assert spelling.source(r'x := `a"b\n`') == spelling.source(r'x := "a\"b\\n"')


@pytest.mark.parametrize("pattern", [r"`^\d+$`", r'"^\\d+$"'], ids=["raw", "quoted"])
def test_a_pattern_keeps_its_backslashes(pattern: str) -> None:
    module = f"x if regex.match({pattern}, input.inputs.a)"

    assert spelling.source(module) == module


def test_lines_stay_where_they_are() -> None:
    module = 'a := "1\\n2"\nb := `3\n4`\nc := "\\u00e9"\n'

    assert spelling.source(module).count("\n") == module.count("\n")


def test_comments_are_left_alone() -> None:
    assert spelling.source('# "a\\nb"\nx := 1') == '# "a\\nb"\nx := 1'


@pytest.mark.parametrize("text", ["\ufdd0", "\U0001fffe", "\U0001ffff", "\ud800"], ids=ascii)
def test_what_could_be_taken_for_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        spelling.term({"a": text})


def test_a_module_that_is_none_is_passed_on_as_it_is() -> None:
    assert spelling.source('$ "a\\n"') == '$ "a\\n"'
