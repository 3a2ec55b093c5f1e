"""Rules for single values: types, listed values, numbers, texts and counts."""

from collections.abc import Iterator

from catalog.compat.claim import Claim, Rules
from catalog.compat.emptiness import least_items, most_items
from catalog.compat.gap import FORBIDDEN, Gap
from catalog.compat.normal import judge, judge_by, plain
from catalog.compat.part import Part
from catalog.compat.premise import Bound, Premise, number
from catalog.compat.vocabulary import LOWER, UPPER, kinds_of_type
from catalog.digest import Json

VALUE = "enum_value"
"""The subject of a gap about one value of a list."""

_BY_VALUE = frozenset({"enum", "const", "anyOf", "oneOf", "not"})
_WHOLE = frozenset({"unevaluatedProperties", "unevaluatedItems"})
_PARTNERS = {
    "additionalProperties": frozenset({"properties", "patternProperties"}),
    "items": frozenset({"prefixItems"}),
    "contains": frozenset({"minContains", "maxContains"}),
    "if": frozenset({"then", "else"}),
}


def forbidden(premise: Premise, part: Part) -> Gap:
    """Return the gap of a schema that allows nothing."""
    return Gap(FORBIDDEN, part.spot(), next((each.spot() for each in premise.holds), None))


def each_value(claim: Claim) -> Iterator[Gap]:
    """Judge every value that there may be; nothing is left to be proved."""
    for each in claim.premise.values or ():
        if _is_valid(claim, each.value):
            continue
        if each.spot is None or claim.keyword not in _BY_VALUE:
            yield claim.gap()
        elif claim.keyword == "const" and each.spot.pointer.endswith("/const"):
            yield claim.gap(each.spot)
        else:
            yield Gap(VALUE, None, each.spot)


def _is_valid(claim: Claim, value: Json) -> bool:
    if claim.keyword in _WHOLE:
        return judge(claim.part, value)
    said = frozenset({claim.keyword}) | _PARTNERS.get(claim.keyword, frozenset())
    return judge_by(claim.part, said, value)


def _type(claim: Claim) -> Iterator[Gap]:
    if not claim.premise.kinds <= kinds_of_type(claim.stated):
        yield claim.gap(claim.premise.spot("type"))


def _listed(claim: Claim) -> Iterator[Gap]:
    yield claim.gap()  # premises that list their values are judged value by value


def _lower(claim: Claim) -> Iterator[Gap]:
    wanted = Bound(number(claim.stated), claim.keyword.startswith("exclusive"))
    known = claim.premise.lower
    if known is None or not _is_above(known, wanted, claim.premise):
        yield claim.gap(claim.premise.tightest(claim.keyword, max))


def _is_above(known: Bound, wanted: Bound, premise: Premise) -> bool:
    if "fraction" not in premise.kinds:
        return known.lowest() >= wanted.lowest()
    return (known.value, known.is_strict) >= (wanted.value, wanted.is_strict)


def _upper(claim: Claim) -> Iterator[Gap]:
    wanted = Bound(number(claim.stated), claim.keyword.startswith("exclusive"))
    known = claim.premise.upper
    if known is None or not _is_below(known, wanted, claim.premise):
        yield claim.gap(claim.premise.tightest(claim.keyword, min))


def _is_below(known: Bound, wanted: Bound, premise: Premise) -> bool:
    if "fraction" not in premise.kinds:
        return known.highest() <= wanted.highest()
    return (-known.value, known.is_strict) >= (-wanted.value, wanted.is_strict)


def _multiple(claim: Claim) -> Iterator[Gap]:
    wanted, premise = plain(claim.stated), claim.premise
    is_whole = wanted == 1 and "fraction" not in premise.kinds
    if not is_whole and not any(_divides(wanted, plain(said)) for said in premise.said("multipleOf")):
        yield claim.gap(premise.spot("multipleOf"))


def _divides(wanted: Json, said: Json) -> bool:
    if isinstance(wanted, int) and isinstance(said, int):
        return said % wanted == 0
    return wanted == said  # how fractions are rounded is the validator's affair


def _same(claim: Claim) -> Iterator[Gap]:
    if claim.stated not in claim.premise.said(claim.keyword):
        yield claim.gap(claim.premise.spot(claim.keyword))


def _least(claim: Claim) -> Iterator[Gap]:
    known: float = claim.premise.least(claim.keyword)
    if claim.keyword == "minItems":
        known = least_items(claim.premise)
    if claim.keyword == "minProperties":
        known = max(known, len(claim.premise.required))
    if known < number(claim.stated):
        yield claim.gap(claim.premise.tightest(claim.keyword, max))


def _most_characters(claim: Claim) -> Iterator[Gap]:
    known = claim.premise.most("maxLength")
    if known is None or known > number(claim.stated):
        yield claim.gap(claim.premise.tightest("maxLength", min))


def _most_items(claim: Claim) -> Iterator[Gap]:
    known = most_items(claim.prover, claim.premise)
    if known is None or known > number(claim.stated):
        yield claim.gap(claim.premise.tightest("maxItems", min))


RULES: Rules = {
    "type": _type,
    "enum": _listed,
    "const": _listed,
    "multipleOf": _multiple,
    "pattern": _same,
    "format": _same,
    "maxLength": _most_characters,
    "maxItems": _most_items,
    **dict.fromkeys(LOWER, _lower),
    **dict.fromkeys(UPPER, _upper),
    **dict.fromkeys(("minLength", "minItems", "minProperties"), _least),
}
