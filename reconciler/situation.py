"""Loading what a plan depends on: one read transaction, one state of the database."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from catalog import contracts, fleet_store, requests
from catalog.contract import Contract, OperationName, Placement
from catalog.contracts import Revision, Wish
from catalog.conversion import Fit, fitting, held_inputs, written_for
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.errors import NotFound
from catalog.request import Request
from executors.port import ContractRef
from reconciler import operations, outbox, relating
from reconciler.operation import Operation
from reconciler.outbox import NOTHING_PENDING, Pending
from reconciler.placement import Placed, place
from reconciler.plan import Situation
from reconciler.relation import NONE as NO_RELATIONS
from reconciler.relation import Relations
from reconciler.upgrade import Candidate, Place, Trouble
from reconciler.upgrade import place as place_of

REPAIR_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Books:
    """What the books hold of a request besides its own row.

    Attributes:
        under_way: the operation whose outcome is awaited.
        was_begun: whether any operation was ever begun.
    """

    under_way: Operation | None = None
    last: Operation | None = None
    was_begun: bool = False
    repairs: int = 0
    pending: Pending = NOTHING_PENDING
    is_contract_paused: bool = False
    relations: Relations = NO_RELATIONS


@dataclass(frozen=True, slots=True)
class Loaded:
    """A situation with the revisions behind it and the operation that is under way."""

    situation: Situation
    target: Revision
    current: Revision
    open: Operation | None
    write_error: str

    def revision_for(self, operation: OperationName) -> Revision:
        """Return the revision that an operation follows: what mends or takes down is what was delivered."""
        is_old = operation in (OperationName.DELETE, OperationName.REPAIR)
        return self.current if is_old else self.target


@dataclass(frozen=True, slots=True)
class Aim:
    """The revision that a request is to be on.

    Attributes:
        inputs: those in force for it, before its defaults.
        trouble: why it is not the one that the request wishes.
    """

    revision: Revision
    inputs: JsonObject
    trouble: Trouble | None = None


class Revisions:
    """The revisions that one transaction asks for, each loaded once."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._by_digest: dict[str, Revision] = {}
        self._contracts: dict[tuple[str, str], Contract | None] = {}

    def by_digest(self, digest: str) -> Revision:
        """Return the revision with this digest.

        Raises:
            NotFound: `contract_not_found`.
        """
        if digest not in self._by_digest:
            self._by_digest[digest] = contracts.by_digest(self._tx, digest)
        return self._by_digest[digest]

    def contract_of(self, name: str, version: str) -> Contract | None:
        """Return what a version promises; None when it is gone."""
        key = (name, version)
        if key not in self._contracts:
            try:
                self._contracts[key] = contracts.load(self._tx, *key).contract
            except NotFound:
                self._contracts[key] = None
        return self._contracts[key]

    def current(self, request: Request, target: Revision) -> Revision:
        """Return the revision that was delivered; the target when nothing was."""
        applied = request.applied
        if applied is None or applied.contract_digest == target.digest:
            return target
        return self.by_digest(applied.contract_digest)


def load(tx: Tx, uid: str, now: datetime) -> Loaded:
    """Return everything about one request except for what only looking can tell.

    Raises:
        NotFound: `request_not_found`, or `contract_not_found` when its version vanished.
    """
    request = requests.by_uid(tx, uid)
    under_way = operations.open_one(tx, uid)
    return _loaded(tx, request, wished(tx, request), under_way, now)


def proposed(tx: Tx, request: Request, target: Revision | None, now: datetime) -> Loaded:
    """Return the situation of a request that is not stored, or not stored like this.

    Args:
        target: what its wish comes to; None when nothing fits it.
    """
    return _loaded(tx, request, target, None, now)


def target_of(tx: Tx, request: Request) -> Revision:
    """Return the revision that a request is to be on: what it wishes, unless something keeps it from that.

    Raises:
        NotFound: `contract_not_found`, when it vanished.
    """
    return aim(tx, request, wished(tx, request)).revision


def wished(tx: Tx, request: Request) -> Revision | None:
    """Return the revision that a request's wish comes to; None when nothing fits it.

    Raises:
        NotFound: `contract_not_found`, when it vanished.
    """
    if request.is_deleting:
        return contracts.by_digest(tx, request.contract_digest)
    wish = Wish(request.contract, request.version)
    return contracts.resolved(tx, wish, request.uid, request.contract_version)


def fit_of(tx: Tx, revision: Revision, request: Request) -> Fit:
    """Return whether a request could be delivered from a revision, and with which inputs."""
    return _fit(Revisions(tx), revision, request)


def aim(tx: Tx, request: Request, wanted: Revision | None) -> Aim:
    """Return the revision that a request is to be on, which is the wanted one unless something is against it.

    Args:
        wanted: what its wish comes to; None when nothing fits it.
    """
    last = None if request.failed_digest is None else operations.last_finished(tx, request.uid)
    return aimed(Revisions(tx), request, wanted, last)


def aimed(revisions: Revisions, request: Request, wanted: Revision | None, last: Operation | None) -> Aim:
    """Return what `aim` does from what is loaded already.

    Args:
        last: the newest finished operation that was not superseded.
    """
    if wanted is not None and request.is_deleting:
        return Aim(wanted, held_inputs(request))  # what is taken down need not fit any more
    fit = None if wanted is None else _fit(revisions, wanted, request)
    where, trouble = place_of(request, _candidate(wanted, fit), last)
    if where is Place.APPLIED and request.applied is not None:
        applied = request.applied
        return Aim(revisions.by_digest(applied.contract_digest), applied.inputs, trouble)
    if where is Place.WANTED and wanted is not None and fit is not None:
        return Aim(wanted, fit.inputs)
    held = revisions.by_digest(request.contract_digest)
    return Aim(held, _fit(revisions, held, request).inputs, trouble)


def _fit(revisions: Revisions, revision: Revision, request: Request) -> Fit:
    version = written_for(request)
    needs_old = version != revision.version and revision.contract.conversion is not None
    old = revisions.contract_of(request.contract, version) if needs_old else None
    return fitting(revision.contract, request, old)


def _candidate(wanted: Revision | None, fit: Fit | None) -> Candidate | None:
    if wanted is None or fit is None:
        return None
    return Candidate(wanted.version, wanted.digest, fit, wanted.lifecycle.is_serving)


def _loaded(
    tx: Tx, request: Request, wanted: Revision | None, under_way: Operation | None, now: datetime
) -> Loaded:
    revisions, last = Revisions(tx), operations.last_finished(tx, request.uid)
    found = aimed(revisions, request, wanted, last)
    books = Books(
        under_way=under_way,
        last=last,
        was_begun=request.applied is not None or operations.newest(tx, request.uid) is not None,
        repairs=operations.repairs_since(tx, request.uid, now - REPAIR_WINDOW),
        pending=outbox.pending(tx, request.uid),
        is_contract_paused=contracts.is_paused(tx, request.contract),
        relations=relating.relations(tx, request, found.revision),
    )
    placed = _place(tx, found.revision.contract.placement, request)
    return assembled(request, found, revisions.current(request, found.revision), placed, books)


def assembled(request: Request, aimed: Aim, current: Revision, placed: Placed, books: Books) -> Loaded:
    """Return what is loaded as a situation, however it was loaded."""
    target = aimed.revision
    situation = Situation(
        request=request,
        contract=target.contract,
        contract_ref=_ref(target),
        current=current.contract,
        current_ref=_ref(current),
        placed=placed,
        last=books.last,
        was_touched=request.applied is not None or books.was_begun,
        repairs=books.repairs,
        pending_writes=books.pending.count,
        contract_paused=books.is_contract_paused,
        relations=books.relations,
        given=aimed.inputs,
        trouble=aimed.trouble,
    )
    return Loaded(situation, target, current, books.under_way, books.pending.error)


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
