"""Making, changing and giving back children, and beginning deletions that waited.

What the platform does to requests on behalf of other requests. Everything happens in the
transaction of a pass over the parent, whose row is locked; it may be repeated, and does
nothing the second time. The actor is the platform, the requesters are the parent's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from catalog import audit, events, lifecycles, requests, uses
from catalog.actor import SYSTEM
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.ids import Mint, RequestUid
from catalog.request import Request, phase_of
from executors.port import ContractRef
from reconciler import children, operations, outbox, workqueue
from reconciler.composition import Errand, Wish
from reconciler.relation import Member
from reconciler.render import Origin, desired_change, desired_removal
from reconciler.status import accepted
from reconciler.workqueue import Lane


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What the platform does to other requests in one transaction.

    Attributes:
        parent: as it is stored now; its row is locked.
    """

    tx: Tx
    parent: Request
    now: datetime
    mint: Mint

    def run(self, errands: Sequence[Errand]) -> dict[str, Lane]:
        """Run errands about the parent's children; return whom to wake, and in which lane.

        A child that would come to a version that delivers no more is left to the next pass.
        """
        there = [errand.member.held.uid for errand in errands if errand.member.held is not None]
        locked = requests.locked_all(self.tx, there)
        serving = self._kept_serving(errands, locked)
        woken: dict[str, Lane] = {}
        for errand in errands:
            held = errand.member.held
            if errand.wish is not None and errand.wish.ref not in serving:
                continue
            if held is None and errand.wish is not None:
                self._make(errand.member, errand.wish)
            elif held is not None and errand.wish is not None:
                woken |= self._change(held, locked[held.uid], errand.wish)
            elif held is not None:
                woken |= self._give_back(locked[held.uid])
        return woken

    def _kept_serving(self, errands: Sequence[Errand], locked: Mapping[str, Request]) -> set[ContractRef]:
        """Return the revisions that children may be on; none of those to which they come ends meanwhile.

        They are held before anything is told: whoever ends one holds it first, and tells then.
        """
        stood_on, wanted = set[ContractRef](), set[ContractRef]()
        for errand in errands:
            if errand.wish is None:
                continue
            held, ref = errand.member.held, errand.wish.ref
            is_there = held is not None and ref.version in locked[held.uid].versions
            (stood_on if is_there else wanted).add(ref)
        return stood_on | {ref for ref in wanted if lifecycles.keeps_serving(self.tx, ref.name, ref.version)}

    def _make(self, member: Member, wish: Wish) -> None:
        uid = RequestUid(self.mint("req"))
        child = children.made(self.parent, member, wish, uid, self.now)
        if not requests.insert_new(self.tx, child):
            return  # it is there already, or its name is another's: the next pass sees which
        message = f"{child.name} was made for {self.parent.name}"
        head = self._tell(child, "request.accepted", ("RequestAccepted", message))
        origin = Origin(SYSTEM.subject, head)
        outbox.put(self.tx, desired_change(child, wish.contract, origin), self.now, self.mint)
        workqueue.enqueue(self.tx, child.project, child.uid, Lane.CHANGE, self.now)

    def _change(self, seen: Request, held: Request, wish: Wish) -> dict[str, Lane]:
        if held.revision != seen.revision:
            return {}  # it was changed meanwhile; the next pass looks again
        is_delivery, after = children.is_delivery(held, wish), children.changed(self.parent, held, wish)
        stored = save(self.tx, after, self.now, is_new=is_delivery)
        if is_delivery and held.failed_version is not None:
            operations.supersede(self.tx, stored.uid)
        message = f"{stored.name} was changed with {self.parent.name}"
        head = self._tell(stored, "request.changed", ("RequestChanged", message))
        origin = Origin(SYSTEM.subject, head)
        outbox.put(self.tx, desired_change(stored, wish.contract, origin), self.now, self.mint)
        return {stored.uid: Lane.CHANGE}

    def _give_back(self, held: Request) -> dict[str, Lane]:
        if held.deletion_requested_at is not None:
            return {}
        if uses.users(self.tx, held):
            return self._queue(held)
        depart(self.tx, held, self.now, self.mint, f"{held.name} goes with {self.parent.name}")
        return {held.uid: Lane.TEARDOWN}

    def _queue(self, held: Request) -> dict[str, Lane]:
        if held.deletion_queued_at is not None:
            return {}
        save(self.tx, replace(held, deletion_queued_at=self.now), self.now)
        message = f"{held.name} goes once nothing uses it any more"
        self._tell(held, "request.queued", ("DeletionQueued", message))
        return {held.uid: Lane.CHANGE}

    def _tell(self, child: Request, action: str, told: tuple[str, str]) -> audit.Head:
        kind, message = told
        return tell(self.tx, child, self.now, action, kind=kind, message=message, parent=self.parent.uid)


def depart(tx: Tx, request: Request, now: datetime, mint: Mint, message: str) -> Request:
    """Begin the deletion of a request whose row is locked, and return it; the caller wakes it."""
    leaving = replace(request, deletion_requested_at=now, deletion_queued_at=None)
    stored = save(tx, leaving, now, is_new=True)
    head = tell(tx, stored, now, "request.delete", kind="DeletionRequested", message=message)
    outbox.put(tx, desired_removal(stored, Origin(SYSTEM.subject, head)), now, mint)
    return stored


def save(tx: Tx, after: Request, now: datetime, *, is_new: bool = False) -> Request:
    """Store what the platform changed of a request whose row is locked, and return it.

    Args:
        is_new: what holds of it now says nothing of what comes.
    """
    conditions = accepted(after, now) if is_new else after.conditions
    after = replace(after, conditions=conditions, phase=phase_of(after, conditions), updated_at=now)
    return requests.save_desired(tx, after, after.revision)


def tell(
    tx: Tx, request: Request, now: datetime, action: str, *, kind: str, message: str, parent: str = ""
) -> audit.Head:
    """Leave audit entry and event of what the platform did to a request; return the trail's head."""
    detail: JsonObject = {
        "uid": request.uid,
        "generation": request.generation,
        "contract": f"{request.contract}@{request.contract_version}",
    }
    events.append(tx, events.Event(request.project, request.uid, kind, message, now))
    return audit.append(
        tx,
        request.project,
        now,
        actor=SYSTEM.subject,
        action=action,
        subject=f"request/{request.name}",
        detail={**detail, "parent": parent} if parent else detail,
    )
