"""The alternatives that a premise leaves open, told apart."""

from collections.abc import Iterable, Iterator

from catalog.compat.part import Part
from catalog.compat.premise import Premise

_KINDS = (
    frozenset({"null"}),
    frozenset({"boolean"}),
    frozenset({"integer", "fraction"}),
    frozenset({"string"}),
    frozenset({"array"}),
    frozenset({"object"}),
)
_OBJECT = frozenset({"object"})


def splits(premise: Premise, near: str) -> Iterator[Iterator[Premise]]:
    """Yield every way to tell alternatives apart; together, the cases of one leave nothing out.

    Args:
        near: a pointer; what is written near to it, on either side, comes first.
    """
    for part in _nearest(premise.holds, near):
        for keyword in ("anyOf", "oneOf"):
            if keyword in part.keywords and _is_open(premise, part, keyword):
                yield (case for _, case in alternatives(premise, part, keyword))
        if "if" in part.keywords and _is_open(premise, part, "if"):
            yield _condition(premise, part)
        for name, inner in part.named("dependentSchemas").items():
            if _is_open(premise, inner, ""):
                yield _dependence(premise, name, inner)
    possible = [kinds for kinds in _KINDS if not premise.kinds.isdisjoint(kinds)]
    if len(possible) > 1:
        yield (premise.plus(kinds=kinds, settles="kinds") for kinds in possible)


def alternatives(premise: Premise, part: Part, keyword: str) -> Iterator[tuple[Part, Premise]]:
    """Yield each branch of an `anyOf` or `oneOf` of the premise with what is known in its case."""
    branches = part.listed(keyword)
    for at, branch in enumerate(branches):
        others = (*branches[:at], *branches[at + 1 :]) if keyword == "oneOf" else ()
        yield branch, premise.plus((branch,), others, settles=_id(part, keyword))


def open_alternatives(premise: Premise, near: str) -> tuple[Part, str] | None:
    """Return the nearest place at which the premise names alternatives that were not told apart."""
    for part in _nearest((*premise.saying("anyOf"), *premise.saying("oneOf")), near):
        for keyword in ("anyOf", "oneOf"):
            if keyword in part.keywords and _is_open(premise, part, keyword):
                return part, keyword
    return None


def present(inner: Part, name: str) -> Part:
    """Return the schema of objects that have a property; `inner` is what depends on it."""
    return Part(inner.root, inner.pointer, {"required": [name]}, made="present")


def _nearest(parts: Iterable[Part], near: str) -> list[Part]:
    place = near.split("/")
    return sorted(parts, key=lambda part: -_shared(part.pointer.split("/"), place))


def _shared(one: list[str], other: list[str]) -> int:
    """Return how many steps two paths have in common from the top."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def _condition(premise: Premise, part: Part) -> Iterator[Premise]:
    condition = part.below("if")
    then = (part.below("then"),) if "then" in part.keywords else ()
    otherwise = (part.below("else"),) if "else" in part.keywords else ()
    yield premise.plus((condition, *then), settles=_id(part, "if"))
    yield premise.plus(otherwise, (condition,), settles=_id(part, "if"))


def _dependence(premise: Premise, name: str, inner: Part) -> Iterator[Premise]:
    absent = Part(inner.root, inner.pointer, {"properties": {name: False}}, made="absent")
    settles = _id(inner, "")
    yield premise.plus((present(inner, name), inner), kinds=_OBJECT, settles=settles)
    yield premise.plus((absent,), settles=settles)


def _is_open(premise: Premise, part: Part, keyword: str) -> bool:
    return _id(part, keyword) not in premise.settled


def _id(part: Part, keyword: str) -> str:
    return f"{part.root.side}{part.pointer}/{keyword}{part.made}"
