"""Drawn secrets are evenly random and of the asked length; a look finds those of its own request."""

import itertools
import random
from collections import Counter
from pathlib import Path

from executors.steps.secret import Create, Delete, Inspect, drawn
from tests.step_calls import step_call, step_settings


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


def test_a_look_finds_the_secret_of_its_own_request_and_nobody_else_s(tmp_path: Path) -> None:
    settings, call = step_settings(tmp_path), step_call({"name": "password"})
    nothing = {"exists": False, "reference": None}
    assert Inspect(settings).run(call) == nothing
    made = Create(settings).run(call)
    assert Inspect(settings).run(call) == {"exists": True, **made}
    assert Inspect(settings).run(step_call({"name": "password"}, project="bank")) == nothing
    assert Inspect(settings).run(step_call({"name": "token"})) == nothing
    Delete(settings).run(call)
    assert Inspect(settings).run(call) == nothing
