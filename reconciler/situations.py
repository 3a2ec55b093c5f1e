"""Loading situations by the hundred: what `situation.load` does for one, in a fixed number of statements.

An impact looks at every live request of a contract. What is the same for all of them
(destinations, how full they are, revisions) is read once; the rest is read for all at once.
The newest look of a pass stands in for a look, as in `preview`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from catalog import contracts, fleet_store, requests
from catalog.contract import Placement
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.fleet import Destination
from catalog.request import Request
from reconciler import operations, outbox, relating
from reconciler.placement import Placed, place
from reconciler.situation import REPAIR_WINDOW, Books, Loaded, Revisions, aimed, assembled

WishOf = Callable[[Request], Revision | None]


def load_many(tx: Tx, among: Sequence[Request], wish_of: WishOf, now: datetime) -> list[Loaded]:
    """Return everything about some requests, in their order.

    Args:
        wish_of: returns the revision that a request's wish comes to; None when nothing fits it.
    """
    books, shared = _books(tx, among, now), _Shared(tx)
    seen = fleet_store.observations_of(tx, [request.uid for request in among])
    found = []
    for request in among:
        aim = aimed(shared.revisions, request, wish_of(request), books[request.uid].last)
        target = aim.revision
        placed = shared.placed(target.contract.placement, request)
        held = replace(books[request.uid], relations=relating.relations(tx, request, target))
        current = shared.revisions.current(request, target)
        loaded = assembled(request, aim, current, placed, held)
        situation = replace(loaded.situation, observation=seen.get(request.uid))
        found.append(replace(loaded, situation=situation))
    return found


def _books(tx: Tx, among: Sequence[Request], now: datetime) -> dict[str, Books]:
    uids = [request.uid for request in among]
    under_way = operations.open_of(tx, uids)
    last = operations.last_finished_of(tx, uids)
    repairs = operations.repairs_of(tx, uids, now - REPAIR_WINDOW)
    pending = outbox.pending_of(tx, uids)
    paused = {name: contracts.is_paused(tx, name) for name in {request.contract for request in among}}
    return {
        request.uid: Books(
            under_way=under_way.get(request.uid),
            last=last.get(request.uid),
            was_begun=request.uid in repairs,
            repairs=repairs.get(request.uid, 0),
            pending=pending.get(request.uid, outbox.NOTHING_PENDING),
            is_contract_paused=paused[request.contract],
        )
        for request in among
    }


@dataclass
class _Shared:
    """What is read once for all requests of one transaction."""

    tx: Tx
    kinds: dict[str, list[Destination]] = field(default_factory=dict)
    revisions: Revisions = field(init=False)

    def __post_init__(self) -> None:
        self.revisions = Revisions(self.tx)

    def placed(self, rule: Placement | None, request: Request) -> Placed:
        if rule is None:
            return place(None, request, (), {})
        if rule.kind not in self.kinds:
            self.kinds[rule.kind] = fleet_store.destinations_of_kind(self.tx, rule.kind)
        held = {} if request.destination is not None else self.held
        return place(rule, request, self.kinds[rule.kind], held)

    @cached_property
    def held(self) -> dict[str, int]:
        return requests.load_by_destination(self.tx)
