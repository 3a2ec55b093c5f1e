"""What is known of a value: the schemas that it is valid by, and those that it is not.

The prover asks a premise what follows from it. Everything here may say less than is true
(a larger bound, a kind too many), never more: a premise that knows too little makes a
change look breaking, one that knows too much would let a breaking change pass.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from catalog.compat import shapes
from catalog.compat.normal import form, judge, plain, text, texts
from catalog.compat.part import Part, Spot, closure
from catalog.compat.shapes import Row, Shape
from catalog.compat.vocabulary import ALL_KINDS, kind_of_value, kinds_of_type
from catalog.digest import Json

_SMALL: tuple[Json, ...] = (None, False, True)
_SMALL_KINDS = frozenset({"null", "boolean"})

Number = int | float


@dataclass(frozen=True, slots=True)
class Bound:
    """An end of a range of numbers; a strict one is itself outside."""

    value: Number
    is_strict: bool

    def lowest(self) -> int:
        """Return the lowest integer that a lower end leaves."""
        least = math.ceil(self.value)
        return least + 1 if self.is_strict and least == self.value else least

    def highest(self) -> int:
        """Return the highest integer that an upper end leaves."""
        most = math.floor(self.value)
        return most - 1 if self.is_strict and most == self.value else most


@dataclass(frozen=True, slots=True)
class Listed:
    """A value that is possible, with the place that lists it; None when it follows from the type."""

    value: Json
    spot: Spot | None


class Premise:
    """What is known of a value.

    Args:
        given: schemas that it is valid by.
        fails: schemas that it is not valid by.
        kinds: what it may be besides what the schemas say.
        settled: the alternatives that were told apart to get here.
    """

    def __init__(
        self,
        given: Iterable[Part],
        fails: Iterable[Part] = (),
        *,
        kinds: frozenset[str] = ALL_KINDS,
        settled: frozenset[str] = frozenset(),
    ) -> None:
        self.given = tuple(given)
        self.fails = tuple(fails)
        self.settled = settled
        self._kinds = kinds
        self.holds = closure(self.given)
        self.size = 1 + len(self.holds) + len(self.fails)
        self.key = (frozenset(self.holds), frozenset(self.fails), kinds, settled)

    def plus(
        self,
        given: Iterable[Part] = (),
        fails: Iterable[Part] = (),
        *,
        kinds: frozenset[str] | None = None,
        settles: str | None = None,
    ) -> "Premise":
        """Return the premise of which more is known."""
        return Premise(
            (*self.given, *given),
            (*self.fails, *fails),
            kinds=self._kinds if kinds is None else self._kinds & kinds,
            settled=self.settled if settles is None else self.settled | {settles},
        )

    def without_fails(self) -> "Premise":
        """Return the premise without what the value is known to break."""
        return Premise(self.given, kinds=self._kinds, settled=self.settled)

    @cached_property
    def _by_keyword(self) -> dict[str, list[Part]]:
        found: dict[str, list[Part]] = {}
        for part in self.holds:
            for keyword in part.keywords:
                found.setdefault(keyword, []).append(part)
        return found

    def saying(self, keyword: str) -> Sequence[Part]:
        """Return the parts that say something by a keyword."""
        return self._by_keyword.get(keyword, ())

    @cached_property
    def breaks(self) -> tuple[Part, ...]:
        """Return the schemas that it is known not to be valid by."""
        return self.fails + tuple(part.below("not") for part in self.saying("not"))

    @cached_property
    def texts(self) -> frozenset[bytes]:
        """Return the forms of all schemas that it is valid by."""
        return frozenset(map(text, (*self.given, *self.holds)))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Return what kinds of value it may be."""
        if self.values is not None:
            return frozenset(kind_of_value(each.value) for each in self.values)
        return self._stated_kinds

    @cached_property
    def values(self) -> tuple[Listed, ...] | None:
        """Return every value that it may be, when they are few enough to be listed."""
        listed = self._listed()
        if listed is None:
            return None
        return tuple(each for each in listed if self._allows(each.value))

    def spot(self, keyword: str) -> Spot | None:
        """Return the first place that says something by a keyword."""
        return next((part.spot(keyword) for part in self.saying(keyword)), None)

    def said(self, keyword: str) -> Iterator[Json]:
        """Yield everything that is said by a keyword."""
        return (part.keywords[keyword] for part in self.saying(keyword))

    def tightest(self, keyword: str, choose: Callable[[Iterable[Number]], Number]) -> Spot | None:
        """Return the place whose number leaves the least, `choose` being min or max."""
        spots = [part.spot(keyword) for part in self.saying(keyword)]
        numbers = [number(spot.value) for spot in spots]
        return spots[numbers.index(choose(numbers))] if spots else None

    def least(self, keyword: str) -> int:
        """Return the largest number said by a keyword such as `minLength`."""
        return max((int(number(each)) for each in self.said(keyword)), default=0)

    def most(self, keyword: str) -> int | None:
        """Return the smallest number said by a keyword such as `maxLength`."""
        return min((int(number(each)) for each in self.said(keyword)), default=None)

    @cached_property
    def lower(self) -> Bound | None:
        """Return the lower end of the range that a number lies in."""
        ends = [*self._ends("minimum", is_strict=False), *self._ends("exclusiveMinimum", is_strict=True)]
        return max(ends, key=lambda end: (end.value, end.is_strict), default=None)

    @cached_property
    def upper(self) -> Bound | None:
        """Return the upper end of the range that a number lies in."""
        ends = [*self._ends("maximum", is_strict=False), *self._ends("exclusiveMaximum", is_strict=True)]
        return min(ends, key=lambda end: (end.value, not end.is_strict), default=None)

    @cached_property
    def required(self) -> frozenset[str]:
        """Return the properties that it has, if it is an object."""
        found = {name for names in self.said("required") for name in texts(names)}
        needs = [each for each in self.said("dependentRequired") if isinstance(each, Mapping)]
        while True:
            met = (names for each in needs for trigger, names in each.items() if trigger in found)
            more = {name for names in met for name in texts(names)}
            if more <= found:
                return frozenset(found)
            found |= more

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Return what is said of its properties."""
        return shapes.shapes(self.holds)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Return what is said of its items."""
        return shapes.rows(self.holds)

    @cached_property
    def name_premise(self) -> "Premise":
        """Return what is known of the names of its properties."""
        parts = [part.below("propertyNames") for part in self.saying("propertyNames")]
        return Premise(parts, kinds=frozenset({"string"}))

    def known_names(self) -> frozenset[str]:
        """Return the properties that something is said of by name."""
        listed = self.name_premise.values or ()
        named = {name for shape in self.shapes for name in shape.names}
        return frozenset(named | self.required | {str(each.value) for each in listed})

    def child(self, name: str) -> "Premise":
        """Return what is known of a property, if it has it."""
        return Premise(shapes.at(self.shapes, name))

    def item(self, index: int) -> "Premise":
        """Return what is known of the item at an index, if it has it."""
        return Premise(part for row in self.rows for part in row.at(index))

    def front(self) -> int:
        """Return how many items at the front something is said of one by one."""
        return max((len(row.front) for row in self.rows), default=0)

    def _ends(self, keyword: str, *, is_strict: bool) -> list[Bound]:
        return [Bound(number(each), is_strict) for each in self.said(keyword)]

    @cached_property
    def _stated_kinds(self) -> frozenset[str]:
        if any(part.schema is False for part in self.holds):
            return frozenset()
        kinds = self._kinds
        for stated in self.said("type"):
            kinds &= kinds_of_type(stated)
        whole = any(number(each) == int(number(each)) for each in self.said("multipleOf"))
        return kinds - {"fraction"} if whole else kinds

    def _listed(self) -> tuple[Listed, ...] | None:
        lists = [_values(part) for part in (*self.saying("const"), *self.saying("enum"))]
        if lists:
            return min(lists, key=len)
        if self._stated_kinds <= _SMALL_KINDS:
            return tuple(Listed(value, None) for value in _SMALL)
        return None

    def _allows(self, value: Json) -> bool:
        return (
            kind_of_value(value) in self._stated_kinds
            and all(judge(part, value) for part in self.given)
            and not any(judge(part, value) for part in self.fails)
        )


def is_anything(part: Part) -> bool:
    """Say whether a part allows every value for all to see."""
    return form(part) == {}


def number(value: Json) -> Number:
    """Return what a keyword that takes a number says."""
    return value if isinstance(value, int | float) else math.nan


def _values(part: Part) -> tuple[Listed, ...]:
    if "const" in part.keywords:
        return (Listed(plain(part.keywords["const"]), part.spot("const")),)
    listed = part.keywords["enum"]
    each = listed if isinstance(listed, list | tuple) else ()
    return tuple(Listed(plain(value), part.spot("enum", at)) for at, value in enumerate(each))
