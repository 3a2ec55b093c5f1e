"""What there is to draw of a workflow: steps, what they need, what they wait for, their undo.

Made from a document whose shape was admitted. The forms differ in how they draw and never in
what: whatever is worth showing is put into words here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from executors.workflow.outline import names_said
from executors.workflow.spec import MAX_PARALLEL, needs_of


class Sort(StrEnum):
    """What a step does."""

    CALL = "call"
    APPROVAL = "approval"
    WAIT = "wait"
    NESTED = "workflow"


@dataclass(frozen=True, slots=True)
class Node:
    """One step.

    Attributes:
        does: what it does, in a few words.
        notes: condition, list, limits: a line each.
        needs: ids of the steps before it, in the same chart.
        undo: what takes it back; empty when nothing does.
        inside: the sub-workflow that it runs; None when it runs none, or the file is not here.
    """

    id: str
    sort: Sort
    does: str
    notes: tuple[str, ...]
    needs: tuple[str, ...]
    undo: str = ""
    inside: "Chart | None" = None


@dataclass(frozen=True, slots=True)
class Chart:
    """One workflow."""

    name: str
    nodes: tuple[Node, ...]

    def undo_order(self) -> Iterator[str]:
        """Yield the steps with an undo, the last first: how a failure would take them back."""
        for node in reversed(self.nodes):
            if node.undo:
                yield node.id
            if node.inside is not None:
                yield from (f"{node.id}/{step}" for step in node.inside.undo_order())


def chart_of(document: Mapping[str, Any]) -> Chart:
    """Return what there is to draw of an assembled workflow."""
    return _chart(document, document.get("workflows", {}), ())


def _chart(document: Mapping[str, Any], files: Mapping[str, Any], trail: tuple[str, ...]) -> Chart:
    parts = document["steps"]
    nodes = (_node(part, needs_of(parts, index), files, trail) for index, part in enumerate(parts))
    return Chart(str(document["metadata"]["name"]), tuple(nodes))


def _node(
    part: Mapping[str, Any], needs: tuple[str, ...], files: Mapping[str, Any], trail: tuple[str, ...]
) -> Node:
    sort, does = _doing(part)
    file = str(part.get("workflow", ""))
    is_new = file in files and file not in trail
    return Node(
        id=part["id"],
        sort=sort,
        does=does,
        notes=tuple(_notes(part)),
        needs=needs,
        undo=part.get("compensate", {}).get("uses", ""),
        inside=_chart(files[file], files, (*trail, file)) if is_new else None,
    )


def _doing(part: Mapping[str, Any]) -> tuple[Sort, str]:
    if "approval" in part:
        return Sort.APPROVAL, f"asks {whom(part['approval'])}"
    if "wait" in part:
        return Sort.WAIT, f"waits {_awaited(part['wait'])}"
    if "workflow" in part:
        return Sort.NESTED, f"runs {part['workflow']}"
    return Sort.CALL, str(part["uses"])


def whom(asked: Mapping[str, Any]) -> str:
    """Return of whom an approval is asked."""
    groups = names_said(asked.get("groups", ()))
    names = [*names_said(asked.get("assignees", ())), *(f"group {group}" for group in groups)]
    quorum = asked.get("quorum", 1)
    most = f" ({quorum} votes)" if quorum > 1 else ""
    return (" or ".join(names) or "any approver") + most


def _awaited(wait: Mapping[str, Any]) -> str:
    if "signal" in wait:
        limit = f", {wait['timeout']} at most" if "timeout" in wait else ""
        return f"for signal {wait['signal']}{limit}"
    return f"until {wait['until']}" if "until" in wait else str(wait.get("timer", ""))


def _notes(part: Mapping[str, Any]) -> Iterator[str]:
    if "if" in part:
        yield f"if {' '.join(str(part['if']).split())}"
    if "for_each" in part:
        items = part["for_each"]
        what = items if isinstance(items, str) else f"{len(items)} items"
        yield f"for each of {what}, {part.get('max_parallel', MAX_PARALLEL)} at a time"
    asked = part.get("approval", {})
    if "expires" in asked:
        yield f"expires after {asked['expires']}, then {asked.get('on_expiry', 'reject')}"
    if "escalate" in asked:
        yield f"after {asked['escalate']['after']} asks {', '.join(asked['escalate']['to'])} too"
    if "deadline" in part:
        yield f"within {part['deadline']}"
    for gate in ("concurrency", "rate"):
        if gate in part:
            per = f" per {part[gate]['per']}" if "per" in part[gate] else ""
            yield f"at most {part[gate].get('limit', 1)}{per} of {part[gate]['key']}"
