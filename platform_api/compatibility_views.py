"""How a version stands to its neighbours, as it goes over the wire."""

from typing import Any

from catalog.compat.change import Change
from platform_api.commands.compatibility import Compatibility, Pair
from platform_api.wire import Maybe, View


class ContractChangeView(View):
    """One thing that a contract says otherwise.

    Attributes:
        pointer: JSON Pointer into the newer contract.yaml, or into the older one for what is gone.
        code: stable slug, such as `max_length_lowered`.
        breaks: who is hit: `requester`, `consumer`, `operator` or `nobody`.
        due: `patch`, `minor` or `major`.
        fix: how to avoid the bump.
    """

    pointer: str
    code: str
    breaks: str
    due: str
    detail: str
    fix: Maybe[str] = None
    before: Any
    after: Any

    @classmethod
    def of(cls, change: Change) -> "ContractChangeView":
        """Return the view of a change."""
        return cls(
            pointer=change.pointer,
            code=change.code,
            breaks=change.effect.value,
            due=change.bump.name.lower(),
            detail=change.message,
            fix=change.fix or None,
            before=change.before,
            after=change.after,
        )


class ComparedView(View):
    """Two versions of which none lies between, and what is different, the largest change first.

    Attributes:
        due: the bump that all changes together ask for.
        enough: whether the versions are that far apart.
    """

    from_version: str
    to_version: str
    due: str
    enough: bool
    changes: list[ContractChangeView]

    @classmethod
    def of(cls, pair: Pair) -> "ComparedView":
        """Return the view of a pair."""
        return cls(
            from_version=pair.old,
            to_version=pair.new,
            due=pair.comparison.bump.name.lower(),
            enough=pair.is_enough,
            changes=[ContractChangeView.of(change) for change in pair.comparison.changes],
        )


class CompatibilityView(View):
    """How a version stands to the next lower and the next higher published one.

    Attributes:
        compatible: whether it may be published under its number.
        due: the bump that it asks for after the next lower version; `none` when there is none.
        publish_as: the number under which it might be, when it may not under its own.
    """

    compatible: bool
    due: str
    publish_as: Maybe[str] = None
    compared: list[ComparedView]

    @classmethod
    def of(cls, found: Compatibility) -> "CompatibilityView":
        """Return the view of how a version stands."""
        below = (pair.comparison.bump.name.lower() for pair in found.pairs if pair.new == found.version)
        return cls(
            compatible=not found.refused,
            due=next(below, "none"),
            publish_as=found.free if found.refused else None,
            compared=[ComparedView.of(pair) for pair in found.pairs],
        )
