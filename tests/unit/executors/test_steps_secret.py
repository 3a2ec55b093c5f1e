"""Drawn secrets are evenly random and of the asked length."""

import itertools
import random
from collections import Counter

from executors.steps.secret import drawn


def test_a_secret_has_the_asked_length_and_plain_characters() -> None:
    dice = random.Random(1)
    secret = drawn(64, dice.randbytes)
    assert len(secret) == 64
    assert secret.isascii()
    assert secret.isalnum()


def test_bytes_that_would_favour_some_letters_are_thrown_away() -> None:
    every_byte = bytes(range(256))
    counts = Counter(drawn(248, lambda size: every_byte))
    assert set(counts.values()) == {4}


def test_it_asks_again_until_it_has_enough() -> None:
    answers = itertools.chain([b"\xff" * 8] * 3, itertools.repeat(b"\0" * 8))
    assert drawn(8, lambda size: next(answers)) == "a" * 8
