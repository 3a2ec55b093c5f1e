"""Loading what a plan depends on: one read transaction, one state of the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from catalog import contracts, fleet_store, requests
from catalog.contract import Placement
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.request import Request
from executors.port import ContractRef
from reconciler import operations, outbox
from reconciler.operation import Operation
from reconciler.placement import Placed, place
from reconciler.plan import Situation

REPAIR_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A situation with the revisions behind it and the operation that is under way."""

    situation: Situation
    target: Revision
    current: Revision
    open: Operation | None
    write_error: str


def load(tx: Tx, uid: str, now: datetime) -> Loaded:
    """Return everything about one request except for what only looking can tell.

    Raises:
        NotFound: `request_not_found`, or `contract_not_found` when its version vanished.
    """
    request = requests.by_uid(tx, uid)
    under_way = operations.open_one(tx, uid)
    target = _target(tx, request)
    return _loaded(tx, request, target, under_way, now)


def proposed(tx: Tx, request: Request, target: Revision, now: datetime) -> Loaded:
    """Return the situation of a request that is not stored, or not stored like this."""
    return _loaded(tx, request, target, None, now)


def _loaded(tx: Tx, request: Request, target: Revision, under_way: Operation | None, now: datetime) -> Loaded:
    current = _current(tx, request, target)
    pending = outbox.pending(tx, request.uid)
    situation = Situation(
        request=request,
        contract=target.contract,
        contract_ref=_ref(target),
        current=current.contract,
        current_ref=_ref(current),
        placed=_place(tx, target.contract.placement, request),
        last=operations.last_finished(tx, request.uid),
        was_touched=request.applied is not None or operations.newest(tx, request.uid) is not None,
        repairs=operations.repairs_since(tx, request.uid, now - REPAIR_WINDOW),
        pending_writes=pending.count,
        contract_paused=contracts.is_paused(tx, request.contract),
    )
    return Loaded(situation, target, current, under_way, pending.error)


def _target(tx: Tx, request: Request) -> Revision:
    if request.is_deleting:
        return contracts.by_digest(tx, request.contract_digest)
    if request.version is not None:
        return contracts.load(tx, request.contract, request.version)
    return contracts.newest(tx, request.contract)


def _current(tx: Tx, request: Request, target: Revision) -> Revision:
    if request.applied is None or request.applied.contract_digest == target.digest:
        return target
    return contracts.by_digest(tx, request.applied.contract_digest)


def _place(tx: Tx, rule: Placement | None, request: Request) -> Placed:
    if rule is None:
        return place(None, request, (), {})
    candidates = fleet_store.destinations_of_kind(tx, rule.kind)
    if request.destination is not None:
        # Placed once: how full the others are does not matter any more.
        return place(rule, request, candidates, {})
    return place(rule, request, candidates, requests.load_by_destination(tx))


def _ref(revision: Revision) -> ContractRef:
    return ContractRef(revision.name, revision.version, revision.digest)
