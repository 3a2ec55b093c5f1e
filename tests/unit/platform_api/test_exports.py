"""Tables for spreadsheets hold what they were given, and no formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.exports import as_csv

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@given(rows=st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5))
def test_what_is_read_is_what_was_written_but_for_the_mark_of_texts(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(as_csv(rows), newline="")))
    assert len(read) == len(rows)
    for before, after in zip(rows, read, strict=True):
        assert [cell.removeprefix("'") for cell in after] == [cell.removeprefix("'") for cell in before]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_begins_like_a_formula_is_marked_as_text(text: str) -> None:
    [[cell]] = csv.reader(io.StringIO(as_csv([[text]]), newline=""))
    assert cell == f"'{text}"
