"""What a rule is given, and what it may ask."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from catalog.compat.gap import Gap
from catalog.compat.part import Part, Spot
from catalog.compat.premise import Premise
from catalog.digest import Json


class Asks(Protocol):
    """The prover, as far as rules know it."""

    def gaps(self, premise: Premise, wanted: Part) -> tuple[Gap, ...]:
        """Return what of a schema does not follow."""

    def shows(self, premise: Premise, wanted: Part) -> bool:
        """Say whether a schema is shown to hold."""

    def is_empty(self, premise: Premise) -> bool:
        """Say whether no value can be like that, as far as is plain to see."""

    def is_empty_in_every_case(self, premise: Premise) -> bool:
        """Say whether no value can be like that, telling apart the alternatives."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That one keyword of a schema follows from a premise."""

    prover: Asks
    premise: Premise
    part: Part
    keyword: str

    @property
    def stated(self) -> Json:
        """Return what the keyword says."""
        return self.part.keywords[self.keyword]

    @property
    def inner(self) -> Part:
        """Return the schema that the keyword holds."""
        return self.part.below(self.keyword)

    def spot(self) -> Spot:
        """Return where the keyword is written."""
        return self.part.spot(self.keyword)

    def gap(self, given: Spot | None = None) -> Gap:
        """Return the gap that there is when it does not follow."""
        return Gap(self.keyword, self.spot(), given)


Rule = Callable[[Claim], Iterable[Gap]]
"""Yields what of a claim does not hold."""

Rules = Mapping[str, Rule]
