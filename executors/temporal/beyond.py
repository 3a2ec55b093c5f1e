"""What a workflow may say that this engine does not do.

Gates (places, rates, breakers) are kept by the built-in engine in the transactions of its own
journal, and a Temporal workflow has no part in those. To run such a workflow without its
gates would break what its author relies on, so it is refused, at publish and at the start.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from catalog.digest import JsonObject
from catalog.errors import Finding
from executors.workflow.linkage import followed, pointer_of

GATES = ("concurrency", "rate", "breaker")


def beyond(document: JsonObject, files: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return what Temporal does not do of a workflow that is sound otherwise."""
    nested = followed(document, files).documents
    parts = [("", document), *((pointer_of(file), part) for file, part in nested.items())]
    return tuple(finding for pointer, part in parts for finding in _gates(part, pointer))


def _gates(document: JsonObject, pointer: str) -> Iterator[Finding]:
    steps = cast("list[dict[str, Any]]", document["steps"])
    places = [(pointer, document), *((f"{pointer}/steps/{at}", step) for at, step in enumerate(steps))]
    for place, part in places:
        for gate in GATES:
            if gate in part:
                fix = "use the executor `workflow`, or limit the task queue in Temporal"
                yield Finding(f"{place}/{gate}", "not_on_temporal", "Temporal keeps no gates of ours", fix)
