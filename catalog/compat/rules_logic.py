"""Rules for what combines schemas: alternatives, conditions and refusals."""

from collections.abc import Iterator

from catalog.compat.cases import alternatives, open_alternatives
from catalog.compat.claim import Claim, Rules
from catalog.compat.gap import Gap
from catalog.compat.normal import only, text
from catalog.compat.part import Part
from catalog.compat.premise import Premise

ALTERNATIVE = "alternative"
"""The subject of a gap about a branch that nothing on the other side allows."""

_CONDITION = frozenset({"if", "then", "else"})


def _alternatives(claim: Claim) -> Iterator[Gap]:
    if not _holds_in(claim, claim.premise):
        yield from _unmatched(claim)


def _holds_in(claim: Claim, case: Premise) -> bool:
    """Say whether a branch is shown to hold, and of `oneOf` no other one."""
    if _is_said(case, claim.part, frozenset({claim.keyword})):
        return True
    branches = claim.part.listed(claim.keyword)
    return any(
        claim.prover.shows(case, branch)
        and (claim.keyword == "anyOf" or _is_alone(claim, case, (*branches[:at], *branches[at + 1 :])))
        for at, branch in enumerate(branches)
    )


def _is_alone(claim: Claim, case: Premise, others: tuple[Part, ...]) -> bool:
    return all(claim.prover.is_empty_in_every_case(case.plus((other,))) for other in others)


def _unmatched(claim: Claim) -> Iterator[Gap]:
    """Yield what stands in the way, branch by branch where both sides have alternatives."""
    branches = claim.part.listed(claim.keyword)
    told_apart = open_alternatives(claim.premise, claim.part.pointer)
    if told_apart is None:
        nested = claim.prover.gaps(claim.premise, branches[0]) if len(branches) == 1 else ()
        yield from nested or (claim.gap(claim.premise.spot(claim.keyword)),)
        return
    given = told_apart[0].listed(told_apart[1])
    for at, (branch, case) in enumerate(alternatives(claim.premise, *told_apart)):
        if not claim.prover.is_empty(case) and not _holds_in(claim, case):
            became = branches[at] if _may_have_become(branches, at, given) else None
            yield from _why(claim, case, branch, became)


def _may_have_become(branches: tuple[Part, ...], at: int, given: tuple[Part, ...]) -> bool:
    """Say whether the branch at an index may be what the given one there turned into."""
    return at < len(branches) and text(branches[at]) not in {text(other) for other in given}


def _why(claim: Claim, case: Premise, branch: Part, became: Part | None) -> Iterator[Gap]:
    if any(claim.prover.shows(case, each) for each in claim.part.listed(claim.keyword)):
        yield claim.gap(branch.spot())  # it is allowed, but perhaps by two of them
        return
    nested = () if became is None else claim.prover.gaps(case, became)
    yield from nested or (Gap(ALTERNATIVE, None, branch.spot()),)


def _not(claim: Claim) -> Iterator[Gap]:
    refused = claim.premise.plus((claim.inner,))
    if not claim.prover.is_empty_in_every_case(refused):
        yield claim.gap(claim.premise.spot("not"))


def _if(claim: Claim) -> Iterator[Gap]:
    part, premise = claim.part, claim.premise
    if _is_said(premise, part, _CONDITION):
        return
    if "then" in part.keywords:
        yield from claim.prover.gaps(premise.plus((claim.inner,)), part.below("then"))
    if "else" in part.keywords:
        yield from claim.prover.gaps(premise.plus((), (claim.inner,)), part.below("else"))


def _is_said(premise: Premise, part: Part, keywords: frozenset[str]) -> bool:
    """Say whether the premise has the same keywords, saying the same."""
    wanted = only(part, keywords)
    return any(only(each, keywords) == wanted for name in keywords for each in premise.saying(name))


RULES: Rules = {"anyOf": _alternatives, "oneOf": _alternatives, "not": _not, "if": _if}
