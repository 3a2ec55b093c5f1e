"""Impacts in portions, and how many there are of which outcome.

Pure. Counted over all and by project, team, environment and rule; requests that a change leaves
alone are counted apart, by why.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.impact import Foresight, Impact

Key = tuple[str, str]
"""A request's place in the list: its contract's name, and its uid."""

START: Key = ("", "")
Groups = dict[str, dict[str, int]]
_GROUPED = ("project", "owner", "environment")


AT_ONCE = 500
"""So many requests are looked at together."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Requests that are concerned, and how many others stood among them, by why they are not."""

    requests: Sequence[Foresight]
    left_alone: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Part:
    """Some requests of those that are looked at, in the order of the list.

    Attributes:
        left_alone: how many others there were among them, by why.
    """

    impacts: Sequence[Impact]
    left_alone: Mapping[str, int]


@dataclass(slots=True)
class Counts:
    """What was counted so far.

    Attributes:
        left_alone: by why: `pinned`, `other_version`, `deleting`.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    left_alone: Counter[str] = field(default_factory=Counter)
    _by: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        """Count more."""
        self.left_alone.update(part.left_alone)
        for impact in part.impacts:
            outcome = str(impact.outcome)
            self.outcomes[outcome] += 1
            for name in _GROUPED:
                self._add(name, str(getattr(impact.request, name)), outcome)
            for rule in {f"{result.policy} {result.rule}" for result in impact.all_results}:
                self._add("rule", rule, outcome)

    def by(self, name: str) -> Groups:
        """Return how many of which outcome each project, owner, environment or rule has, by name."""
        groups = self._by.get(name, {})
        return {group: dict(sorted(groups[group].items())) for group in sorted(groups)}

    def _add(self, name: str, group: str, outcome: str) -> None:
        self._by.setdefault(name, {}).setdefault(group, Counter())[outcome] += 1
