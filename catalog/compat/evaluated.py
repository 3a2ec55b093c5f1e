"""Which properties and items the rest of a schema has dealt with.

`unevaluatedProperties` and `unevaluatedItems` speak of the others. What `allOf` and `$ref`
deal with is certain; what an alternative or a condition deals with depends on the value.
So there are two answers: the least that is dealt with whatever the value, and the most.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from catalog.compat.normal import only, text
from catalog.compat.part import Part, kept

_ALTERNATIVES = ("anyOf", "oneOf")
_BRANCHES = ("if", "then", "else")
_BY_TRIAL = (*_ALTERNATIVES, "contains")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What is dealt with: names, patterns of names, so many items at the front, or all.

    Attributes:
        names: all of them when None.
        items: all of them when None.
    """

    names: frozenset[str] | None = frozenset()
    patterns: frozenset[str] = frozenset()
    items: int | None = 0

    def __or__(self, other: "Evaluated") -> "Evaluated":
        """Return what either deals with."""
        names = None if self.names is None or other.names is None else self.names | other.names
        items = None if self.items is None or other.items is None else max(self.items, other.items)
        return Evaluated(names, self.patterns | other.patterns, items)


@kept
def at_least(part: Part) -> Evaluated:
    """Return what a part deals with in every value that is valid by it, its own `unevaluated…` aside."""
    found = _own(part)
    for inner in _certain(part):
        found |= _with_rest(inner, at_least(inner))
    return found


@kept
def at_most(part: Part) -> Evaluated:
    """Return what a part may deal with in some value, its own `unevaluated…` aside."""
    found = _own(part)
    if "contains" in part.keywords:
        found |= Evaluated(items=None)
    for inner in (*_certain(part), *_uncertain(part)):
        found |= _with_rest(inner, at_most(inner))
    return found


@kept
def conditions(part: Part) -> frozenset[Hashable]:
    """Return all on which it depends what a part deals with.

    Two parts with equal conditions deal with the same in a value that is valid by both,
    apart from what they certainly deal with.
    """
    keywords = part.keywords
    found: set[Hashable] = {only(part, frozenset({each})) for each in _BY_TRIAL if each in keywords}
    if "if" in keywords:
        found.add((text(part.below("if")), _skeleton(part, "then"), _skeleton(part, "else")))
    for name, inner in part.named("dependentSchemas").items():
        found.add((name, _deals_with(inner)))
    return frozenset(found).union(*(conditions(inner) for inner in _certain(part)))


def _skeleton(part: Part, keyword: str) -> Hashable:
    return _deals_with(part.below(keyword)) if keyword in part.keywords else None


def _deals_with(part: Part) -> Hashable:
    return _with_rest(part, at_least(part)), conditions(part)


def _own(part: Part) -> Evaluated:
    keywords = part.keywords
    names = None if "additionalProperties" in keywords else frozenset(part.named("properties"))
    items = None if "items" in keywords else len(part.listed("prefixItems"))
    return Evaluated(names, frozenset(part.named("patternProperties")), items)


def _with_rest(part: Part, found: Evaluated) -> Evaluated:
    if "unevaluatedProperties" in part.keywords:
        found |= Evaluated(names=None)
    if "unevaluatedItems" in part.keywords:
        found |= Evaluated(items=None)
    return found


def _certain(part: Part) -> Iterator[Part]:
    if "$ref" in part.keywords:
        yield part.target()
    yield from part.listed("allOf")


def _uncertain(part: Part) -> Iterator[Part]:
    for keyword in _ALTERNATIVES:
        yield from part.listed(keyword)
    for keyword in _BRANCHES:
        if keyword in part.keywords:
            yield part.below(keyword)
    yield from part.named("dependentSchemas").values()
