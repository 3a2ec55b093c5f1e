"""What schemas say about the properties of an object and the items of an array.

A shape is one schema's word on properties: by name, by pattern, and on all others. A row
is its word on items. Several hold at once, and what they say of one property adds up.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from catalog.compat.evaluated import Evaluated, at_least, at_most, conditions
from catalog.compat.part import Part, kept
from catalog.digest import canonical_json
from catalog.schema import accepts

MAX_ALTERNATIVES = 16
"""Beyond so many ways in which patterns may overlap, a shape is left out: less is known then."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One schema's word on properties; None says nothing."""

    names: Mapping[str, Part | None]
    patterns: Mapping[str, Part | None]
    rest: Part | None

    def at(self, name: str) -> tuple[Part, ...]:
        """Return what it says of one property."""
        found = [self.names[name]] if name in self.names else []
        found += [part for pattern, part in self.patterns.items() if matches(pattern, name)]
        return tuple(part for part in found or [self.rest] if part is not None)


@dataclass(frozen=True, slots=True)
class Row:
    """One schema's word on items; None says nothing."""

    front: tuple[Part | None, ...]
    rest: Part | None

    def at(self, index: int) -> tuple[Part, ...]:
        """Return what it says of the item at an index."""
        part = self.front[index] if index < len(self.front) else self.rest
        return () if part is None else (part,)


def matches(pattern: str, name: str) -> bool:
    """Say whether a pattern is found in a name, by the engine that validates."""
    return accepts(_text_with(pattern), name)


@lru_cache(maxsize=1024)
def _text_with(pattern: str) -> bytes:
    return canonical_json({"pattern": pattern})


def shapes(parts: Iterable[Part], alike: frozenset[Hashable] | None = None) -> tuple[Shape, ...]:
    """Return what parts that hold at once say of properties.

    Args:
        alike: conditions under which something else deals with properties; what has the
            same conditions is then taken to deal with no more than is certain.
    """
    return tuple(shape for part in parts for shape in _shapes(part, alike))


def rows(parts: Iterable[Part], alike: frozenset[Hashable] | None = None) -> tuple[Row, ...]:
    """Return what parts that hold at once say of items."""
    return tuple(row for part in parts for row in _rows(part, alike))


def at(found: Iterable[Shape], name: str) -> tuple[Part, ...]:
    """Return all that shapes say of one property."""
    return tuple(part for shape in found for part in shape.at(name))


def by_pattern(found: Iterable[Shape], pattern: str) -> list[tuple[Part, ...]]:
    """Return what may be said of properties that match a pattern and that no shape names.

    One of the alternatives holds for each such property, which one is not known.
    """
    return _combined(
        [shape.patterns[pattern]] if pattern in shape.patterns else [*shape.patterns.values(), shape.rest]
        for shape in found
    )


def elsewhere(found: Iterable[Shape], patterns: Iterable[str]) -> list[tuple[Part, ...]]:
    """Return what may be said of properties that match none of the patterns and that no shape names."""
    apart = frozenset(patterns)
    return _combined(
        [*(part for pattern, part in shape.patterns.items() if pattern not in apart), shape.rest]
        for shape in found
    )


def _combined(said: Iterable[list[Part | None]]) -> list[tuple[Part, ...]]:
    kept: list[list[Part | None]] = []
    size = 1
    for alternatives in said:
        if size * len(alternatives) <= MAX_ALTERNATIVES:
            size *= len(alternatives)
            kept.append(alternatives)
    return [tuple(part for part in each if part is not None) for each in product(*kept)]


@kept
def _shapes(part: Part, alike: frozenset[Hashable] | None) -> tuple[Shape, ...]:
    return tuple(_each_shape(part, alike))


def _each_shape(part: Part, alike: frozenset[Hashable] | None) -> Iterator[Shape]:
    keywords = part.keywords
    if not keywords.keys().isdisjoint({"properties", "patternProperties", "additionalProperties"}):
        rest = part.below("additionalProperties") if "additionalProperties" in keywords else None
        yield Shape(part.named("properties"), part.named("patternProperties"), rest)
    if "unevaluatedProperties" in keywords:
        dealt = _dealt_with(part, alike)
        if dealt.names is not None:
            nothing = dict.fromkeys(dealt.patterns)
            yield Shape(dict.fromkeys(dealt.names), nothing, part.below("unevaluatedProperties"))


def _rows(part: Part, alike: frozenset[Hashable] | None) -> Iterator[Row]:
    keywords = part.keywords
    if not keywords.keys().isdisjoint({"items", "prefixItems"}):
        yield Row(part.listed("prefixItems"), part.below("items") if "items" in keywords else None)
    if "unevaluatedItems" in keywords:
        dealt = _dealt_with(part, alike)
        if dealt.items is not None:
            yield Row((None,) * dealt.items, part.below("unevaluatedItems"))


def _dealt_with(part: Part, alike: frozenset[Hashable] | None) -> Evaluated:
    if alike is not None and conditions(part) == alike:
        return at_least(part)
    return at_most(part)
