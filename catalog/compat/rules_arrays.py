"""Rules for arrays: what items there are, and how many are of a sort."""

from collections.abc import Iterable, Iterator, Sequence

from catalog.compat.claim import Claim, Rules
from catalog.compat.emptiness import least_contained, least_items, most_items
from catalog.compat.evaluated import at_least, conditions
from catalog.compat.gap import Gap
from catalog.compat.part import Part
from catalog.compat.premise import Premise, number
from catalog.compat.shapes import Row, rows


def _front(claim: Claim) -> Iterator[Gap]:
    most = most_items(claim.prover, claim.premise)
    for index, wanted in enumerate(claim.part.listed("prefixItems")):
        if most is None or index < most:
            yield from claim.prover.gaps(claim.premise.item(index), wanted)


def _items(claim: Claim) -> Iterator[Gap]:
    start = len(claim.part.listed("prefixItems"))
    yield from _each(claim, _from(claim, claim.premise.rows, start))


def _unevaluated(claim: Claim) -> Iterator[Gap]:
    dealt = at_least(claim.part)
    if dealt.items is not None:
        found = rows(claim.premise.holds, conditions(claim.part))
        yield from _each(claim, _from(claim, found, dealt.items))


def _each(claim: Claim, items: Iterable[Premise]) -> Iterator[Gap]:
    for item in items:
        gaps = claim.prover.gaps(item, claim.inner)
        is_closed = gaps and claim.stated is False
        yield from (claim.gap(claim.premise.spot(claim.keyword)),) if is_closed else gaps


def _from(claim: Claim, found: tuple[Row, ...], start: int) -> Iterator[Premise]:
    """Yield what is known of each item from an index on; the last stands for all that follow."""
    most = most_items(claim.prover, claim.premise)
    last = max((start, *(len(row.front) for row in found)))
    for index in range(start, last + 1 if most is None else min(most, last + 1)):
        yield Premise(part for row in found for part in row.at(index))


def _unique(claim: Claim) -> Iterator[Gap]:
    most = most_items(claim.prover, claim.premise)
    is_shown = True in claim.premise.said("uniqueItems") or (most is not None and most <= 1)
    if claim.stated is True and not is_shown:
        yield claim.gap(claim.premise.spot("uniqueItems"))


def _contains(claim: Claim) -> Iterator[Gap]:
    known = claim.premise.saying("contains")
    if not _has_enough(claim, known):
        yield from _too_few(claim, known)
    if not _has_few_enough(claim, known):
        yield Gap("maxContains", claim.part.spot("maxContains"), claim.premise.tightest("maxContains", min))


def _has_enough(claim: Claim, known: Sequence[Part]) -> bool:
    least = least_contained(claim.part)
    if least <= 0 or any(least_contained(each) >= least and _is_within(claim, each) for each in known):
        return True
    if least_items(claim.premise) < least:
        return False
    every = _from(claim, claim.premise.rows, 0)
    return all(claim.prover.shows(item, claim.inner) for item in every)


def _is_within(claim: Claim, part: Part) -> bool:
    """Say whether what the part's `contains` counts is counted by the claim's as well."""
    return claim.prover.shows(Premise((part.below("contains"),)), claim.inner)


def _too_few(claim: Claim, known: Sequence[Part]) -> Iterator[Gap]:
    within = next((part for part in known if _is_within(claim, part)), None)
    if within is not None:
        given = within.spot("minContains") if "minContains" in within.keywords else None
        wanted = claim.part.spot("minContains") if "minContains" in claim.part.keywords else None
        yield Gap("minContains", wanted, given) if wanted or given else claim.gap()
    elif known:
        yield from claim.prover.gaps(Premise((known[0].below("contains"),)), claim.inner)
    else:
        yield claim.gap()


def _has_few_enough(claim: Claim, known: Sequence[Part]) -> bool:
    if "maxContains" not in claim.part.keywords:
        return True
    limit, most = number(claim.part.keywords["maxContains"]), most_items(claim.prover, claim.premise)
    if most is not None and most <= limit:
        return True
    counted = Premise((claim.inner,))
    limited = (part for part in known if "maxContains" in part.keywords)
    return any(
        number(part.keywords["maxContains"]) <= limit and claim.prover.shows(counted, part.below("contains"))
        for part in limited
    )


RULES: Rules = {
    "prefixItems": _front,
    "items": _items,
    "unevaluatedItems": _unevaluated,
    "uniqueItems": _unique,
    "contains": _contains,
}
