"""Rules for objects: which properties there are, and what each holds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from catalog.compat.cases import present
from catalog.compat.claim import Claim, Rules
from catalog.compat.emptiness import lacks
from catalog.compat.evaluated import at_least, conditions
from catalog.compat.gap import Gap
from catalog.compat.normal import judge, texts
from catalog.compat.part import Part, Spot
from catalog.compat.premise import Premise, number
from catalog.compat.shapes import Shape, at, by_pattern, elsewhere, matches, shapes

PROPERTY = "property"
"""The subject of a gap about a property that is named on one side only."""

_OBJECT = frozenset({"object"})


@dataclass(frozen=True, slots=True)
class _Others:
    """The properties that a keyword speaks of: all but those named or matched."""

    names: frozenset[str]
    patterns: frozenset[str]

    def __contains__(self, name: str) -> bool:
        return name not in self.names and not any(matches(pattern, name) for pattern in self.patterns)


def _properties(claim: Claim) -> Iterator[Gap]:
    for name, wanted in claim.part.named("properties").items():
        yield from _property(claim, name, wanted)


def _property(claim: Claim, name: str, wanted: Part) -> Iterator[Gap]:
    gaps = claim.prover.gaps(claim.premise.child(name), wanted)
    if gaps and not lacks(claim.prover, claim.premise, name):
        yield from gaps


def _pattern_properties(claim: Claim) -> Iterator[Gap]:
    premise = claim.premise
    for pattern, wanted in claim.part.named("patternProperties").items():
        for name in sorted(premise.known_names()):
            if matches(pattern, name):
                yield from _property(claim, name, wanted)
        if premise.name_premise.values is None:
            for said in by_pattern(premise.shapes, pattern):
                yield from claim.prover.gaps(Premise(said), wanted)


def _additional(claim: Claim) -> Iterator[Gap]:
    part = claim.part
    others = _Others(frozenset(part.named("properties")), frozenset(part.named("patternProperties")))
    yield from _rest(claim, claim.premise.shapes, others)


def _unevaluated(claim: Claim) -> Iterator[Gap]:
    dealt = at_least(claim.part)
    if dealt.names is not None:
        found = shapes(claim.premise.holds, conditions(claim.part))
        yield from _rest(claim, found, _Others(dealt.names, dealt.patterns))


def _rest(claim: Claim, found: tuple[Shape, ...], others: _Others) -> Iterator[Gap]:
    """Yield what the properties that are not named lack; where none may be, name those that are."""
    for said, spot in _candidates(claim, found, others):
        gaps = claim.prover.gaps(Premise(said), claim.inner)
        if not gaps or claim.stated is not False:
            yield from gaps
        else:
            yield claim.gap(claim.premise.spot(claim.keyword)) if spot is None else Gap(PROPERTY, None, spot)


def _candidates(
    claim: Claim, found: tuple[Shape, ...], others: _Others
) -> Iterator[tuple[tuple[Part, ...], Spot | None]]:
    premise = claim.premise
    for name in sorted(premise.known_names()):
        if name in others and not lacks(claim.prover, premise, name):
            yield at(found, name), _named_at(premise, name)
    if premise.name_premise.values is None:
        yield from ((said, None) for said in elsewhere(found, others.patterns))


def _named_at(premise: Premise, name: str) -> Spot | None:
    naming = (part for part in premise.saying("properties") if name in part.named("properties"))
    return next((part.spot("properties", name) for part in naming), None)


def _property_names(claim: Claim) -> Iterator[Gap]:
    premise = claim.premise
    for name in sorted(premise.known_names()):
        if not judge(claim.inner, name) and not lacks(claim.prover, premise, name):
            spot = _named_at(premise, name)
            yield claim.gap(premise.spot("propertyNames")) if spot is None else Gap(PROPERTY, None, spot)
    if not _is_closed(claim):
        yield from claim.prover.gaps(premise.name_premise, claim.inner)


def _is_closed(claim: Claim) -> bool:
    """Say whether the object has no properties but known ones."""
    if claim.premise.name_premise.values is not None:
        return True
    return all(claim.prover.is_empty(Premise(said)) for said in elsewhere(claim.premise.shapes, ()))


def _most(claim: Claim) -> Iterator[Gap]:
    wanted, premise = number(claim.stated), claim.premise
    stated = premise.most("maxProperties")
    if stated is not None and stated <= wanted:
        return
    known = sum(not lacks(claim.prover, premise, name) for name in premise.known_names())
    if known > wanted or not _is_closed(claim):
        yield claim.gap(premise.tightest("maxProperties", min))


def _required(claim: Claim) -> Iterator[Gap]:
    for index, name in enumerate(texts(claim.stated)):
        if name not in claim.premise.required:
            yield Gap("required", claim.part.spot("required", index))


def _dependent_required(claim: Claim) -> Iterator[Gap]:
    needs = claim.stated
    for name, wanted in needs.items() if isinstance(needs, Mapping) else ():
        spot = claim.part.spot("dependentRequired", name)
        holder = Part(claim.part.root, spot.pointer, spot.value)
        case = claim.premise.plus((present(holder, name),), kinds=_OBJECT)
        if not claim.prover.is_empty(case) and not case.required.issuperset(texts(wanted)):
            yield Gap("dependentRequired", spot, _needs_at(claim.premise, name))


def _needs_at(premise: Premise, name: str) -> Spot | None:
    for part in premise.saying("dependentRequired"):
        needs = part.keywords["dependentRequired"]
        if isinstance(needs, Mapping) and name in needs:
            return part.spot("dependentRequired", name)
    return None


def _dependent_schemas(claim: Claim) -> Iterator[Gap]:
    for name, wanted in claim.part.named("dependentSchemas").items():
        case = claim.premise.plus((present(wanted, name),), kinds=_OBJECT)
        yield from claim.prover.gaps(case, wanted)


RULES: Rules = {
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "unevaluatedProperties": _unevaluated,
    "propertyNames": _property_names,
    "maxProperties": _most,
    "required": _required,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
}
