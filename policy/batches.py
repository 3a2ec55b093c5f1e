"""Cuts many questions into batches that fit a message and keep nobody else waiting for long."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_QUESTIONS = 32
"""So many are put to a worker at once; who asks a single one meanwhile waits for as many."""

MAX_LETTERS = 1 << 20


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions that are asked together.

    Attributes:
        places: where each stands among all.
    """

    places: tuple[int, ...]
    texts: tuple[str, ...]

    def singles(self) -> "Iterator[Batch]":
        """Yield each question as a batch of its own."""
        for place, text in zip(self.places, self.texts, strict=True):
            yield Batch((place,), (text,))


def batches(texts: Sequence[str | None]) -> Iterator[Batch]:
    """Yield the texts in batches, in order; None stands for one that cannot be asked."""
    places, letters = list[int](), 0
    for place, text in enumerate(texts):
        if text is None:
            continue
        if places and (len(places) == MAX_QUESTIONS or letters + len(text) > MAX_LETTERS):
            yield _batch(places, texts)
            places, letters = [], 0
        places.append(place)
        letters += len(text)
    if places:
        yield _batch(places, texts)


def _batch(places: Sequence[int], texts: Sequence[str | None]) -> Batch:
    return Batch(tuple(places), tuple(texts[place] or "" for place in places))
