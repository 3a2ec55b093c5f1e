"""How much work an expression is over given values, bounded before any of it is done.

The CEL library counts nothing and cannot be interrupted, so whoever evaluates asks here first.
The bound is read off the expression's tokens and the sizes of the values that it names. It knows
no precedence: an operator costs all that stands beside it in the same brackets, which is never
too little. Called by `catalog.expression` alone, for what the library has accepted; nothing here
may therefore assume more than that brackets match.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from catalog.digest import Json, JsonObject

COMPREHENSIONS = frozenset({"all", "exists", "exists_one", "map", "filter"})

MAX_ELEMENTS = 1_000
"""A list that is walked has at most so many elements."""

MAX_STEPS = 10_000
"""So often at most is looked at an element where lists are walked within lists."""

MAX_WORK = 2_000_000
"""So many values are read, compared or copied at most; the characters of a text count, 256 as one."""

_TEXT_UNIT = 256
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLAIN_TEXT = re.compile(r"""(["'])([A-Za-z0-9_-]+)\1\Z""")
_CLOSING = frozenset(")]}")
_ENDING = _CLOSING | {","}
_JUDGING = frozenset("=<>!&|") | {"in"}  # with one of these in it, brackets come to true or false
_COLLECTING = frozenset({"map", "filter"})
_KEEPING = frozenset({"string", "bytes", "dyn"})  # functions that hand back what they are given
_OPERATORS = frozenset("=<>!&|+-*/%?:.") | {"in"}


class TooMuch(Exception):
    """It is more work than is allowed; the message says what is."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a value is at most.

    Attributes:
        size: how many values it consists of, itself included.
        length: how many elements are looked at when it is walked.
        part: the size of its largest element, wherever in it.
        inner: the length of the longest list in an element.
    """

    size: int
    length: int = 0
    part: int = 1
    inner: int = 0

    @property
    def element(self) -> "Extent":
        """Return how large an element of it is at most, or a field, or an element of these."""
        return Extent(self.part, self.inner, self.part, self.inner)


_ONE = Extent(1)
_UNRESOLVED = object()


def work(tokens: Sequence[str], values: JsonObject) -> int:
    """Return how much work an expression is over these values at most.

    Raises:
        TooMuch: a list is too long to be walked, or it is more work than is allowed.
    """
    bound = _Bound(tokens, values)
    bound.sequences({}, 1)
    return bound.spent


class _Bound:
    """Reads an expression from left to right and adds up what it costs."""

    def __init__(self, tokens: Sequence[str], values: JsonObject) -> None:
        self.spent = 0
        self._tokens = tokens
        self._values = values
        self._place = 0
        self._extents: dict[int, Extent] = {}  # by identity: the values outlive this

    def sequences(self, scope: Mapping[str, Extent], times: int) -> list[Extent]:
        """Return what the parts between commas come to, up to the closing bracket."""
        parts = []
        while self._token():
            if self._token() not in _ENDING:
                parts.append(self._sequence(scope, times))
            if self._token() in _CLOSING:
                break
            self._place += 1
        return parts

    def _token(self, ahead: int = 0) -> str:
        place = self._place + ahead
        return self._tokens[place] if place < len(self._tokens) else ""

    def _sequence(self, scope: Mapping[str, Extent], times: int) -> Extent:
        operands, operators = list[Extent](), list[str]()
        while (token := self._token()) and token not in _ENDING:
            if token in _OPERATORS:
                operators.append(token)
                self._place += 1
            else:
                operands.append(self._operand(scope, times))
        together = _together(operands)
        self._spend(times * together.size * (1 + operators.count("+")))
        is_verdict = "?" not in operators and not _JUDGING.isdisjoint(operators)
        return _ONE if is_verdict else together

    def _operand(self, scope: Mapping[str, Extent], times: int) -> Extent:
        token, extent, value = self._token(), _ONE, _UNRESOLVED
        if token in _MADE:
            made = _MADE[token]
            extent = made(self._brackets(scope, times))
        elif _NAME.match(token) and self._token(1) == "(":
            extent = self._applied(_ONE, scope, times)
        elif token in scope:
            extent, self._place = scope[token], self._place + 1
        else:
            value, extent = self._values.get(token, _UNRESOLVED), Extent(1 + len(token) // _TEXT_UNIT)
            self._place += 1
        if value is not _UNRESOLVED:
            extent = self._extent(self._followed(value))
        return self._chained(extent, scope, times)

    def _followed(self, value: object) -> object:
        """Return what the fields that are written out after a root lead to."""
        while isinstance(value, Mapping):
            plain = _PLAIN_TEXT.match(self._token(1)) if self._token() == "[" else None
            if plain is not None and self._token(2) == "]":
                value = value.get(plain[2])
                self._place += 3
            elif self._token() == "." and self._token(2) != "(" and _NAME.match(self._token(1)):
                value = value.get(self._token(1))
                self._place += 2
            else:
                break
        return value

    def _chained(self, extent: Extent, scope: Mapping[str, Extent], times: int) -> Extent:
        """Return what fields, indexes and calls after a value come to."""
        while True:
            if self._token() == "[":
                self._brackets(scope, times)
                extent = extent.element
            elif self._token() == "." and _NAME.match(self._token(1)):
                self._place += 1
                if self._token(1) != "(":
                    self._place += 1
                    extent = extent.element
                elif self._token() in COMPREHENSIONS:
                    extent = self._walked(extent, scope, times)
                else:
                    extent = self._applied(extent, scope, times)
            else:
                return extent

    def _applied(self, on: Extent, scope: Mapping[str, Extent], times: int) -> Extent:
        name, self._place = self._token(), self._place + 1
        parts = [on, *self._brackets(scope, times)]
        self._spend(times * on.size)
        return _together(parts) if name in _KEEPING else _ONE

    def _walked(self, over: Extent, scope: Mapping[str, Extent], times: int) -> Extent:
        name, self._place = self._token(), self._place + 1
        if over.length > MAX_ELEMENTS:
            raise TooMuch(f"it walks a list of more than {MAX_ELEMENTS} elements")
        times *= over.length
        if times > MAX_STEPS:
            raise TooMuch(f"it walks lists within lists, and looks at more than {MAX_STEPS} elements")
        self._spend(times * over.part)
        inside = {**scope, self._token(1): over.element}
        body = (self._brackets(inside, times) or [_ONE])[-1]
        if name not in _COLLECTING:
            return _ONE
        if name == "map":
            size = 1 + over.length * body.size
            over = Extent(size, over.length, body.size, max(body.length, body.inner))
        # The library copies what it has collected with every element that it adds.
        self._spend(times * over.size // 2)
        return over

    def _brackets(self, scope: Mapping[str, Extent], times: int) -> list[Extent]:
        self._place += 1
        parts = self.sequences(scope, times)
        self._place += 1
        return parts

    def _spend(self, units: int) -> None:
        self.spent += units
        if self.spent > MAX_WORK:
            raise TooMuch("it is too much work over values as large as these")

    def _extent(self, value: object) -> Extent:
        if isinstance(value, str):
            return Extent(1 + len(value) // _TEXT_UNIT)
        if not isinstance(value, Mapping | list):
            return _ONE
        known = self._extents.get(id(value))
        if known is None:
            whole = _listed([self._extent(part) for part in _parts(value)])
            known = self._extents[id(value)] = replace(whole, length=len(value))
        return known


def _parts(value: Mapping[str, Json] | list[Json]) -> Iterator[object]:
    yield from value
    if isinstance(value, Mapping):
        yield from value.values()


def _listed(parts: Sequence[Extent]) -> Extent:
    """Return the extent of what has these elements."""
    part = _most(parts, lambda each: max(each.size, each.part))
    inner = _most(parts, lambda each: max(each.length, each.inner))
    return Extent(1 + sum(each.size for each in parts), len(parts), part, inner)


def _together(parts: Sequence[Extent]) -> Extent:
    """Return the extent of whatever an operator makes of these."""
    if len(parts) == 1:
        return parts[0]
    size, length = (sum(each.size for each in parts) or 1), sum(each.length for each in parts)
    return Extent(size, length, _most(parts, lambda each: each.part), _most(parts, lambda each: each.inner))


def _most(parts: Sequence[Extent], of: Callable[[Extent], int]) -> int:
    return max(map(of, parts), default=1)


_MADE: Mapping[str, Callable[[Sequence[Extent]], Extent]] = {"(": _together, "[": _listed, "{": _listed}
