"""Shows that whatever one schema allows is allowed by another.

Each keyword of the wanted schema has to follow from the premise, which is what the given
schema says; the `rules_*` know how for each keyword. Where one does not follow at once, the
alternatives that the premise leaves open are told apart and each is tried. What is not
shown within the limits counts as not so: nothing here ever guesses that a value is allowed.

jsonschema-rs can compare schemas too, but in one uninterruptible call that takes seconds
for five conditions in a row, and does not say where. The tests hold the two against each other.
"""

from collections.abc import Callable, Iterator

from catalog.compat import cases, emptiness, rules_arrays, rules_logic, rules_objects, rules_values
from catalog.compat.claim import Claim, Rule
from catalog.compat.gap import UNDECIDED, Gap
from catalog.compat.normal import text
from catalog.compat.part import Part, TooHard, closure
from catalog.compat.premise import Premise, is_anything
from catalog.compat.vocabulary import NOTES, STORES, kinds_judged_by
from catalog.digest import canonical_json

MAX_STEPS = 100_000
"""How much work a comparison may be, in parts of premises that are looked at."""

MAX_CASES = (24, 6, 3)
"""How many cases are told apart for one keyword, and again within one of them, and once more."""

_SILENT = NOTES | STORES | {"$ref", "allOf"} | {"then", "else", "minContains", "maxContains"}
"""Keywords that ask nothing of their own: their meaning is taken in where their partner is."""

_RULES: dict[str, Rule] = {
    **rules_values.RULES,
    **rules_objects.RULES,
    **rules_arrays.RULES,
    **rules_logic.RULES,
}


class Prover:
    """Answers questions about premises, and remembers the answers.

    One serves for one comparison in one direction; its limits hold for all questions together.
    """

    def __init__(self) -> None:
        self._steps = 0
        self._cases_left = 0
        self._at_once = 0
        self._answers: dict[object, tuple[Gap, ...]] = {}
        self._empty: dict[object, bool] = {}

    def gaps(self, premise: Premise, wanted: Part) -> tuple[Gap, ...]:
        """Return what of a schema does not follow; empty when it is shown to hold.

        Raises:
            TooHard: after too many steps.
        """
        if is_anything(wanted) or text(wanted) in premise.texts:
            return ()
        question = (premise.key, wanted, self._at_once > 0)
        if question not in self._answers:
            self._step(premise)
            self._answers[question] = self._found(premise, wanted)
        return self._answers[question]

    def shows(self, premise: Premise, wanted: Part) -> bool:
        """Say whether a schema is shown to hold."""
        return not self.gaps(premise, wanted)

    def is_empty(self, premise: Premise) -> bool:
        """Say whether no value can be like that, as far as is plain to see."""
        if premise.key not in self._empty:
            self._step(premise)
            self._empty[premise.key] = False  # should the question lead back to itself
            self._at_once += 1  # it is asked too often to tell alternatives apart for it
            self._empty[premise.key] = emptiness.is_empty(self, premise)
            self._at_once -= 1
        return self._empty[premise.key]

    def is_empty_in_every_case(self, premise: Premise) -> bool:
        """Say whether no value can be like that, telling apart the alternatives."""
        return self.is_empty(premise) or self._in_every_case(premise, "", self.is_empty_in_every_case)

    def _found(self, premise: Premise, wanted: Part) -> tuple[Gap, ...]:
        if self.is_empty(premise):
            return ()
        found: dict[Gap, None] = {}
        for part in closure((wanted,)):
            if part.schema is False:
                found[rules_values.forbidden(premise, part)] = None
            for keyword in part.keywords:
                found.update(dict.fromkeys(self._keyword(premise, part, keyword)))
        return tuple(found)

    def _keyword(self, premise: Premise, part: Part, keyword: str) -> tuple[Gap, ...]:
        if keyword in _SILENT or premise.kinds.isdisjoint(kinds_judged_by(keyword)):
            return ()
        rule = _RULES.get(keyword, _unknown)
        if premise.values is not None and rule is not _unknown:
            rule = rules_values.each_value
        gaps = tuple(rule(Claim(self, premise, part, keyword)))
        if gaps and self._in_every_case(
            premise, part.pointer, lambda case: not self._keyword(case, part, keyword)
        ):
            return ()
        return gaps

    def _in_every_case(self, premise: Premise, near: str, holds: Callable[[Premise], bool]) -> bool:
        """Say whether something holds in every case of some alternatives, those nearest to a place first."""
        level = len(premise.settled)
        if self._at_once or level >= len(MAX_CASES) or premise.values is not None:
            return False
        left = self._cases_left
        allowed = min(left, MAX_CASES[level]) if level else MAX_CASES[0]
        self._cases_left = allowed
        found = any(self._all(split, holds) for split in cases.splits(premise, near))
        self._cases_left = left - (allowed - self._cases_left) if level else left
        return found

    def _all(self, split: Iterator[Premise], holds: Callable[[Premise], bool]) -> bool:
        return self._cases_left > 0 and all(self._try(case, holds) for case in split)

    def _try(self, case: Premise, holds: Callable[[Premise], bool]) -> bool:
        self._cases_left -= 1
        self._step(case)
        return self._cases_left >= 0 and (self.is_empty(case) or holds(case))

    def _step(self, premise: Premise) -> None:
        self._steps += premise.size
        if self._steps > MAX_STEPS:
            raise TooHard


def _unknown(claim: Claim) -> Iterator[Gap]:
    wanted = canonical_json(claim.stated)
    if not any(canonical_json(said) == wanted for said in claim.premise.said(claim.keyword)):
        yield Gap(UNDECIDED, claim.spot(), claim.premise.spot(claim.keyword))
