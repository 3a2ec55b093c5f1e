"""What came back from outside, made fit to be stored and passed on.

A step kind or a foreign engine may hand back anything: a hundred megabytes, a set, NaN,
ten thousand levels, text that a database refuses. `checked` walks the answer once, stops
at the first fault, and returns plain JSON. It never echoes what it refuses. Messages that
people will read go through `plain_text`.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from catalog.digest import Json

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_MESSAGE = 500
_INTEGER_LIMIT = 2**63
_REFUSED_CHARACTERS = re.compile("[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class InvalidOutput(Exception):
    """The answer is not usable; the message says why, without the answer."""


class _Budget:
    """Counts down roughly the bytes that the JSON form would take."""

    def __init__(self, size: int) -> None:
        self.left = size

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise InvalidOutput("the answer is larger than allowed")


def checked(answer: object, max_bytes: int = MAX_BYTES) -> dict[str, Json]:
    """Return the answer as a plain JSON object.

    Raises:
        InvalidOutput: it is not a JSON object, or too large, too deep, or holds what no
            database would take.
    """
    if not isinstance(answer, Mapping):
        raise InvalidOutput("the answer is not an object")
    return _object(answer, _Budget(max_bytes), 0)


def plain_text(text: str) -> str:
    """Return a message safe to store and to print: no control characters, at most 500 characters."""
    clean = _CONTROL.sub(" ", text[: MAX_MESSAGE * 2])
    return clean if len(clean) <= MAX_MESSAGE else clean[: MAX_MESSAGE - 1] + "…"


def _value(value: object, budget: _Budget, depth: int) -> Json:
    match value:
        case None | bool():
            budget.spend(4)
            return value
        case str():
            return _text(value, budget)
        case int():
            return _integer(value, budget)
        case float():
            return _real(value, budget)
        case Mapping() | list() | tuple():
            return _nested(value, budget, depth)
    raise InvalidOutput(f"the answer holds a {type(value).__name__}, which is not JSON")


def _nested(
    value: Mapping[Any, object] | list[object] | tuple[object, ...], budget: _Budget, depth: int
) -> Json:
    if depth >= MAX_DEPTH:
        raise InvalidOutput(f"the answer nests more than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return _object(value, budget, depth)
    budget.spend(2)
    return [_value(part, budget, depth + 1) for part in value]


def _object(value: Mapping[Any, object], budget: _Budget, depth: int) -> dict[str, Json]:
    budget.spend(2)
    plain: dict[str, Json] = {}
    for name, part in value.items():
        if not isinstance(name, str):
            raise InvalidOutput("the answer has a field whose name is not text")
        plain[_text(name, budget)] = _value(part, budget, depth + 1)
    return plain


def _text(text: str, budget: _Budget) -> str:
    budget.spend(len(text) + 3)
    if _REFUSED_CHARACTERS.search(text):
        raise InvalidOutput("the answer holds a NUL or half a surrogate pair")
    return str(text)


def _real(number: float, budget: _Budget) -> float:
    budget.spend(8)
    if not math.isfinite(number):
        raise InvalidOutput("the answer holds a number that is not finite")
    return float(number)


def _integer(number: int, budget: _Budget) -> int:
    budget.spend(8)
    if not -_INTEGER_LIMIT <= number < _INTEGER_LIMIT:
        raise InvalidOutput("the answer holds an integer beyond 64 bits")
    return int(number)
