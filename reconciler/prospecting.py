"""Loading what would become of children, and of theirs: as many statements as there are generations.

What is done about them is found by `reconciler.prospect`. Here each is loaded as a pass of its own
would load it once its request said what is wished of it; nothing is written. A request without
children costs nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from catalog.contracts import Revision
from catalog.db import Tx
from catalog.request import Request
from executors.workflow import inbox
from reconciler.impact import Foresight, foresee, supposed, with_prospects
from reconciler.prospect import Prospect
from reconciler.situations import load_many

AT_ONCE = 500
"""So many children are loaded together."""

RevisionOf = Callable[[str], Revision]


def with_children(
    tx: Tx, seen: Sequence[Foresight], revision_of: RevisionOf, now: datetime
) -> list[Foresight]:
    """Return foresights with what would become of their children, in their order.

    Args:
        revision_of: returns the revision with a digest.
    """
    parents = [with_prospects(each) for each in seen]
    awaited = [(parent, prospect) for parent in parents for prospect in parent.prospects.children]
    if not awaited:
        return parents
    parts = [awaited[at : at + AT_ONCE] for at in range(0, len(awaited), AT_ONCE)]
    below = iter([each for part in parts for each in _children(tx, part, revision_of, now)])
    return [replace(each, children=tuple(next(below) for _ in each.prospects.children)) for each in parents]


def _children(
    tx: Tx, awaited: Iterable[tuple[Foresight, Prospect]], revision_of: RevisionOf, now: datetime
) -> list[Foresight]:
    pairs = [
        (prospect, prospect.request(parent.loaded.situation.request, now)) for parent, prospect in awaited
    ]
    among = [request for _, request in pairs]

    def wish_of(request: Request) -> Revision:
        return revision_of(request.contract_digest)

    loaded = load_many(tx, among, wish_of, now)
    asked = inbox.asking(tx, [each.situation.request.uid for each in loaded if each.open is not None])
    found = [
        supposed(foresee(each, revision_of, now, is_asked=each.situation.request.uid in asked), prospect)
        for (prospect, _), each in zip(pairs, loaded, strict=True)
    ]
    return with_children(tx, found, revision_of, now)
