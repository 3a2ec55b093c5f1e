"""Finds the outputs that are named before and not after, wherever in a schema they are named.

Outputs are read by name, so one that goes is missed whether or not it was promised to be
there. Names are looked for in what always holds (`$ref`, `allOf`), in alternatives and
conditions, in items and in the values of maps. Alternatives are told apart as far as that is
plain: an output of one of them is lost when none of the alternatives that can go with it names
it, and when no alternative goes with it at all, when nothing does. An output that is named and
can never come is as good as not named.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from catalog.compat.cases import present
from catalog.compat.emptiness import lacks
from catalog.compat.normal import text
from catalog.compat.part import Part, TooHard, closure
from catalog.compat.premise import Premise
from catalog.compat.prover import Prover
from catalog.compat.shapes import by_pattern, elsewhere

MAX_PLACES = 2_000
"""How many alternatives of the old schema are looked at."""

_OBJECT = frozenset({"object"})

Way = tuple[Part, ...]
"""What is said of a value that is sent in one of several ways; empty where nothing is."""


def lost(old: Part, new: Part) -> Iterator[Part]:
    """Yield the properties that are named before and not after, at any depth; one may come twice.

    Raises:
        TooHard: there are too many alternatives.
    """
    yield from _Search(Prover()).within((old,), ((new,),))


@dataclass
class _Search:
    prover: Prover
    seen: set[object] = field(default_factory=set)

    def within(self, old: Way, new: Sequence[Way]) -> Iterator[Part]:
        """Yield what is lost of a value that may be sent in any of the new ways."""
        ways = tuple(dict.fromkeys(case for way in new for case in _cases(way, way)))
        question = (frozenset(old), frozenset(ways))
        if question in self.seen or _forms(old) in map(_forms, new):
            return
        self.seen.add(question)
        if len(self.seen) > MAX_PLACES:
            raise TooHard
        for case in dict.fromkeys(_cases(old, old)):
            beside = tuple(way for way in ways if not self.prover.is_empty(Premise((*case, *way))))
            before, after = Premise(case), tuple(map(Premise, beside or ways))
            yield from self._properties(before, after)
            yield from self._unnamed(before, after)
            yield from self._items(before, after)

    def _properties(self, old: Premise, new: tuple[Premise, ...]) -> Iterator[Part]:
        for name, part in _named(old).items():
            if lacks(self.prover, old, name):
                continue
            keeping = [way for way in new if name in _named(way) and self._may_have(way, part, name)]
            if keeping:
                yield from self.within(old.child(name).given, [way.child(name).given for way in keeping])
            else:
                yield part

    def _may_have(self, way: Premise, named: Part, name: str) -> bool:
        having = way.plus((present(named, name),), kinds=_OBJECT)
        return not self.prover.is_empty(having)

    def _unnamed(self, old: Premise, new: tuple[Premise, ...]) -> Iterator[Part]:
        """Yield what is lost within the values of maps."""
        patterns = sorted({pattern for shape in old.shapes for pattern in shape.patterns})
        known = _named(old)
        named = [way.child(name).given for way in new for name in _named(way) if name not in known]
        for pattern in patterns:
            after = [said for way in new for said in by_pattern(way.shapes, pattern)]
            for said in by_pattern(old.shapes, pattern):
                yield from self.within(said, self._possible([*after, *named]))
        after = [said for way in new for said in elsewhere(way.shapes, patterns)]
        for said in elsewhere(old.shapes, patterns):
            yield from self.within(said, self._possible([*after, *named]))

    def _items(self, old: Premise, new: tuple[Premise, ...]) -> Iterator[Part]:
        end = max(way.front() for way in (old, *new))
        everywhere = self._possible(way.item(at).given for way in new for at in range(end + 1))
        for at in range(end + 1):
            there = self._possible(way.item(at).given for way in new)
            yield from self.within(old.item(at).given, there or everywhere)

    def _possible(self, ways: Iterable[Way]) -> list[Way]:
        return [way for way in ways if not self.prover.is_empty(Premise(way))]


def _forms(way: Way) -> frozenset[bytes]:
    return frozenset(map(text, way))


def _named(premise: Premise) -> dict[str, Part]:
    return {name: part for each in reversed(premise.holds) for name, part in each.named("properties").items()}


def _cases(held: Way, fresh: Way) -> Iterator[Way]:
    """Yield what is said in each alternative, those of one place at a time; together, they name all there is.

    Args:
        fresh: the parts of it whose alternatives are not told apart yet.
    """
    choices = [choice for part in closure(fresh) for choice in _choices(part)]
    if not choices:
        yield held
    for choice in choices:
        for branch in choice:
            yield from _cases((*held, *branch), branch)


def _choices(part: Part) -> Iterator[tuple[Way, ...]]:
    """Yield the alternatives of a part, place by place; of each, one holds."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in part.keywords:
            yield tuple((branch,) for branch in part.listed(keyword))
    if "if" in part.keywords:
        branches = (keyword for keyword in ("then", "else"))
        yield tuple((part.below(each),) if each in part.keywords else () for each in branches)
    for inner in part.named("dependentSchemas").values():
        yield (inner,), ()
