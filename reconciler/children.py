"""A request's child as it is stored: made and changed by what its parent wishes. Pure.

For the pass that does it and for whoever plans ahead alike, so that both speak of the same child.
"""

from dataclasses import replace
from datetime import datetime

from catalog.actor import SYSTEM
from catalog.digest import is_same
from catalog.ids import ContractName, RequestUid
from catalog.request import Request
from reconciler.composition import Wish
from reconciler.relation import Member


def made(parent: Request, member: Member, wish: Wish, uid: RequestUid, now: datetime) -> Request:
    """Return a child that is new; the platform makes it for those who asked for the parent."""
    return Request(
        uid=uid,
        project=parent.project,
        name=member.called,
        contract=ContractName(wish.ref.name),
        version=wish.versions,
        contract_version=wish.ref.version,
        contract_digest=wish.ref.digest,
        inputs_version=wish.ref.version,
        environment=parent.environment,
        owner=wish.owner,
        labels=wish.labels,
        inputs=wish.inputs,
        generation=1,
        revision=1,
        created_at=now,
        created_by=SYSTEM.subject,
        updated_at=now,
        requesters=tuple(dict.fromkeys((parent.created_by, *parent.requesters))),
        trace=parent.trace,
        parent_uid=parent.uid,
        child=member.name,
    )


def changed(parent: Request, held: Request, wish: Wish) -> Request:
    """Return a child that is there as its parent wishes it now."""
    is_new = is_delivery(held, wish)
    return replace(
        _anew(held, wish) if is_new else held,
        version=wish.versions,
        owner=wish.owner,
        labels=wish.labels,
        inputs=wish.inputs,
        contract_version=wish.ref.version,
        contract_digest=wish.ref.digest,
        generation=held.generation + is_new,
        requesters=tuple(dict.fromkeys((*held.requesters, *parent.requesters))),
        trace=parent.trace,
        deletion_queued_at=None,
    )


def is_delivery(held: Request, wish: Wish) -> bool:
    """Say whether a wish asks for something else to be delivered, and not just for other labels or owners."""
    return held.version != wish.versions or not is_same(held.inputs, wish.inputs)


def _anew(held: Request, wish: Wish) -> Request:
    """Return a child whose inputs are written for what its range comes to now, and that never failed."""
    return replace(
        held, inputs_version=wish.ref.version, converted=None, failed_version=None, failed_digest=None
    )
