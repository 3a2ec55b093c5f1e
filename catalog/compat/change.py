"""The words of a comparison: what changed, whom it hits, and how large a step it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from catalog.digest import Json


class Bump(IntEnum):
    """How far a version must move; the larger includes the smaller."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


class Effect(StrEnum):
    """Who is hit by a change."""

    REQUESTER = "requester"  # who asks, or has asked
    CONSUMER = "consumer"  # who reads what comes back
    OPERATOR = "operator"  # who runs the platform
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        pointer: JSON Pointer into the new contract.yaml, or into the old one for what was removed.
        code: stable slug.
        message: what it means for whom it hits.
        fix: how to avoid the bump; empty when there is nothing to avoid.
        before: what the old contract says there; None when nothing.
        after: what the new one says.
    """

    pointer: str
    code: str
    effect: Effect
    bump: Bump
    message: str
    fix: str = ""
    before: Json = None
    after: Json = None


@dataclass(frozen=True, slots=True)
class Edit:
    """A place that says something else than before; what it amounts to makes it a change."""

    pointer: str
    before: Json = None
    after: Json = None

    def breaks(
        self, code: str, effect: Effect, message: str, move: str = "put back what was there"
    ) -> Change:
        """Return the change after which something that worked may fail, `move` being the way around it."""
        fix = f"{move}, or publish it as a breaking version"
        return Change(self.pointer, code, effect, Bump.MAJOR, message, fix, self.before, self.after)

    def extends(self, code: str, message: str) -> Change:
        """Return the change that promises or allows more."""
        return Change(self.pointer, code, Effect.NOBODY, Bump.MINOR, message, "", self.before, self.after)

    def restates(self, code: str, message: str) -> Change:
        """Return the change that promises and allows the same."""
        return Change(self.pointer, code, Effect.NOBODY, Bump.PATCH, message, "", self.before, self.after)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes between two revisions, the largest first."""

    changes: tuple[Change, ...]

    @property
    def bump(self) -> Bump:
        """Return the bump that all changes together are due."""
        return max((change.bump for change in self.changes), default=Bump.NONE)

    @property
    def breaking(self) -> tuple[Change, ...]:
        """Return the changes after which something that worked may fail."""
        return tuple(change for change in self.changes if change.bump is Bump.MAJOR)


def ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes with the largest first, each once."""
    once = {(change.pointer, change.code): change for change in sorted(changes, key=_bump)}
    return tuple(sorted(once.values(), key=lambda each: (-each.bump, each.pointer, each.code)))


def _bump(change: Change) -> int:
    return change.bump
