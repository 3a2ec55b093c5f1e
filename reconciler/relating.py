"""Loading what a request has to do with others; what has to do with nobody costs no query."""

from catalog import contracts, requests, requirements, uses
from catalog.composing import child_order
from catalog.conditions import Type
from catalog.contract import Child, Contract
from catalog.contracts import Revision, Wish
from catalog.db import Tx
from catalog.dependencies import lacks, needs_of
from catalog.errors import NotFound
from catalog.request import Request
from executors.port import ContractRef
from reconciler.relation import Member, Obstacle, Relations, requirement_missing, used_not_ready


def relations(tx: Tx, request: Request, target: Revision) -> Relations:
    """Return what a request on a revision has to do with others."""
    contract = target.contract
    has_children = bool(contract.children) or Type.COMPOSED in request.conditions
    return Relations(
        lacking=_lacking(tx, contract) if contract.requires or contract.children else None,
        awaited=_awaited(tx, request) if request.uses else None,
        members=_members(tx, request, contract) if has_children else (),
        is_used=request.deletion_queued_at is None or bool(uses.users(tx, request)),
    )


def _lacking(tx: Tx, contract: Contract) -> Obstacle | None:
    needs = needs_of(contract)
    found = lacks(requirements.shelf(tx, {need.contract for need in needs}), needs)
    if not found:
        return None
    return requirement_missing(found, contracts.owner_of(tx, found[0].root.contract) or "")


def _awaited(tx: Tx, request: Request) -> Obstacle | None:
    used = requests.by_names(tx, request.project, [use.request for use in request.uses])
    return used_not_ready(request, list(used.values()))


def _members(tx: Tx, request: Request, contract: Contract) -> tuple[Member, ...]:
    held = {each.child: each for each in requests.children_of(tx, request.uid)}
    named = {child.name: child for child in contract.children}
    called = {name: f"{request.name}-{name}" for name in named}
    taken = requests.by_names(tx, request.project, [called[name] for name in named if name not in held])
    order = child_order({name: child.needs for name, child in named.items()})
    present = [
        _member(tx, called[name], named[name], held.get(name), is_taken=called[name] in taken)
        for name in order
    ]
    dropped = [
        Member(str(each.child), each.name, held=each, is_used=_is_used(tx, each))
        for each in held.values()
        if each.child not in named
    ]
    return (*present, *dropped)


def _member(tx: Tx, called: str, child: Child, held: Request | None, *, is_taken: bool) -> Member:
    found = _revision_for(tx, child, held)
    if found is None:
        return Member(child.name, called, child, held=held, is_used=_is_used(tx, held), is_taken=is_taken)
    ref = ContractRef(found.name, found.version, found.digest)
    return Member(child.name, called, child, found.contract, ref, held, _is_used(tx, held), is_taken)


def _revision_for(tx: Tx, child: Child, held: Request | None) -> Revision | None:
    """Return the revision that a child's range leads to, as the child's own passes find it."""
    is_there = held is not None and (held.contract, held.version) == (child.contract, child.versions)
    stays_on = held.contract_version if is_there and held is not None else None
    uid = "" if held is None else held.uid
    try:
        found = contracts.resolved(tx, Wish(child.contract, child.versions), uid, stays_on)
    except NotFound:
        return None
    return found if found is not None and found.lifecycle.is_serving else None


def _is_used(tx: Tx, held: Request | None) -> bool:
    return held is not None and bool(uses.user_uids(tx, held.uid))
