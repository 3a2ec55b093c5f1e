"""Says of a premise that no value can be like that.

A premise that no value meets has no counterexample, so everything follows from it. The
answer yes is proof; no only means that nothing spoke against it.
"""

from catalog.compat.claim import Asks
from catalog.compat.normal import judge
from catalog.compat.part import Part
from catalog.compat.premise import Premise, number


def is_empty(prover: Asks, premise: Premise) -> bool:
    """Say whether no value can be like that, without telling alternatives apart."""
    if premise.values is not None:
        return not premise.values
    if all(_is_ruled_out(prover, premise, kind) for kind in premise.kinds):
        return True
    return any(prover.shows(premise.without_fails(), broken) for broken in premise.breaks)


def most_items(prover: Asks, premise: Premise) -> int | None:
    """Return how many items an array can have at most."""
    stated = premise.most("maxItems")
    reach = premise.front() + 1 if stated is None else min(stated, premise.front() + 1)
    for index in range(reach):
        if prover.is_empty(premise.item(index)):
            return index
    return stated


def least_items(premise: Premise) -> float:
    """Return how many items an array has at least."""
    contained = (least_contained(part) for part in premise.saying("contains"))
    return max((premise.least("minItems"), *contained))


def lacks(prover: Asks, premise: Premise, name: str) -> bool:
    """Say whether an object cannot have a property."""
    names = premise.name_premise
    return not all(judge(part, name) for part in names.given) or prover.is_empty(premise.child(name))


def least_contained(part: Part) -> float:
    """Return how many items a part's `contains` asks for."""
    return number(part.keywords.get("minContains", 1))


def _is_ruled_out(prover: Asks, premise: Premise, kind: str) -> bool:
    match kind:
        case "integer":
            return _no_integer(premise)
        case "fraction":
            return _no_fraction(premise)
        case "string":
            return _is_crossed(premise.least("minLength"), premise.most("maxLength"))
        case "array":
            return _is_crossed(least_items(premise), most_items(prover, premise))
        case "object":
            return _no_object(prover, premise)
    return False


def _no_integer(premise: Premise) -> bool:
    lower, upper = premise.lower, premise.upper
    return lower is not None and upper is not None and lower.lowest() > upper.highest()


def _no_fraction(premise: Premise) -> bool:
    lower, upper = premise.lower, premise.upper
    if lower is None or upper is None or lower.value < upper.value:
        return False
    return lower.value > upper.value or lower.is_strict or upper.is_strict


def _no_object(prover: Asks, premise: Premise) -> bool:
    least = max(premise.least("minProperties"), len(premise.required))
    return _is_crossed(least, premise.most("maxProperties")) or any(
        lacks(prover, premise, name) for name in sorted(premise.required)
    )


def _is_crossed(least: float, most: float | None) -> bool:
    return most is not None and least > most
