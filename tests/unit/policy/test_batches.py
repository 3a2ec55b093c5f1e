"""Batches: every question is in one, in order, and none is too large."""

from hypothesis import given
from hypothesis import strategies as st

from policy.batches import MAX_LETTERS, MAX_QUESTIONS, batches

SIZES = st.lists(st.none() | st.sampled_from([1, 1000, MAX_LETTERS // 3, MAX_LETTERS * 2]), max_size=100)


@given(sizes=SIZES)
def test_each_text_is_asked_once_at_its_place(sizes: list[int | None]) -> None:
    texts = [None if size is None else f"{place}".ljust(size) for place, size in enumerate(sizes)]
    found = list(batches(texts))

    placed = {place: text for each in found for place, text in zip(each.places, each.texts, strict=True)}
    assert placed == {place: text for place, text in enumerate(texts) if text is not None}
    assert [place for each in found for place in each.places] == sorted(placed)


@given(sizes=SIZES)
def test_no_batch_is_too_large_unless_a_single_text_is(sizes: list[int | None]) -> None:
    for batch in batches([None if size is None else "x" * size for size in sizes]):
        assert 1 <= len(batch.texts) <= MAX_QUESTIONS
        assert len(batch.texts) == 1 or sum(map(len, batch.texts)) <= MAX_LETTERS
