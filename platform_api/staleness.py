"""The refusal of a plan that is not what would happen any more; it lists what changed."""

from collections.abc import Sequence

from catalog.digest import canonical_json
from catalog.errors import Conflict, Finding
from reconciler.drift import Difference


class PlanStale(Conflict):
    """Something that the plan rests on is not as it was shown.

    Args:
        changes: what it was bound to and what is there now, place by place.
    """

    def __init__(self, changes: Sequence[Difference]) -> None:
        findings = tuple(
            Finding(each.path, "changed", f"{_text(each.applied)} became {_text(each.observed)}")
            for each in changes
        )
        named = ", ".join(each.path for each in changes)
        super().__init__(
            "plan_stale",
            f"What the plan rests on has changed: {named}."[:1000],
            findings=findings,
            fix="plan it again: avow plan",
        )
        self.changes = tuple(changes)


def _text(value: object) -> str:
    return "nothing" if value is None else canonical_json(value).decode("utf-8")  # type: ignore[arg-type]  # parts of a stored document
