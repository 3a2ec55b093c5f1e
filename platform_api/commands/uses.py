"""Requests that use other requests: what may be used, and what may not go because it is."""

import difflib
from collections.abc import Iterator, Sequence

from catalog import requests, uses
from catalog.db import Tx
from catalog.errors import Conflict, Finding, InUse, Invalid, UsedBy
from catalog.request import Request


def check_uses(tx: Tx, request: Request, before: Request | None = None) -> list[Request]:
    """Return the requests that one uses, when all are there to be used.

    Args:
        before: the request as it is now; what it uses already may be on its way out.

    Raises:
        Invalid: `used_request_missing`, `duplicate_use`, `dependency_cycle`.
        Conflict: `used_request_leaving`.
    """
    if not request.uses:
        return []
    named = [use.request for use in request.uses]
    found = requests.by_names(tx, request.project, named)
    _refuse("duplicate_use", "A request is used twice.", _twice(named))
    _refuse("dependency_cycle", "A request cannot use itself.", _itself(request, named))
    _refuse("used_request_missing", "What is to be used is not there.", _missing(tx, request, named, found))
    already = set() if before is None else {use.request for use in before.uses}
    for name in named:
        if name not in already:
            _check_stays(tx, found[name])
    return [found[name] for name in named]


def hold_used(tx: Tx, request: Request, before: Request | None = None) -> list[Request]:
    """Return the requests that one uses, their rows locked against a deletion at the same moment.

    Its own row is locked with them, when there is one.

    Raises:
        Invalid, Conflict: as for `check_uses`.
    """
    uids: set[str] = {each.uid for each in check_uses(tx, request, before)}
    uids |= {uid for each in uids.copy() for uid in uses.ancestors(tx, each)}
    if uids:
        requests.locked_all(tx, uids if before is None else [*uids, before.uid])
    return check_uses(tx, request, before)


def check_ring(tx: Tx, request: Request, used: Sequence[Request]) -> None:
    """Pass uses that lead nowhere back to the request.

    Called once the transaction holds the audit trail's head, so that of two that close a ring
    together the second one sees the first.

    Raises:
        Invalid: `dependency_cycle`.
    """
    found = uses.ring(tx, request.uid, [each.uid for each in used])
    if not found:
        return
    names = [requests.by_uid(tx, uid).name for uid in found]
    place = next(index for index, each in enumerate(used) if each.uid == found[1])
    finding = Finding(
        f"/uses/{place}",
        "dependency_cycle",
        f"these requests would rest on one another: {' on '.join(names)}",
        "let one go without the other",
    )
    raise Invalid(finding.code, "Requests cannot use one another in a ring.", findings=(finding,))


def users_of(tx: Tx, request: Request) -> list[UsedBy]:
    """Return who uses a request, or a child of it, as a refusal tells of it."""
    return [UsedBy("request", user.request.name, _why(request, user)) for user in uses.users(tx, request)]


def check_unused(request: Request, users: Sequence[UsedBy]) -> None:
    """Pass a request that nothing uses.

    Raises:
        InUse: `in_use`.
    """
    if users:
        listed = ", ".join(user.ref for user in users[:5])
        raise InUse(
            f"{request.name} is used by {listed}.",
            users,
            fix=f"delete those first, or have it go when they are gone: avow delete {request.name} "
            "--when-unused",
        )


def check_own(request: Request) -> None:
    """Pass a request that people made.

    Raises:
        InUse: `owned_by_parent`, for a child.
    """
    if request.parent_uid is not None:
        raise InUse(
            f"{request.name} is a child of {request.parent}, which keeps it as it is.",
            [UsedBy("request", request.parent, f"its child {request.child}")],
            fix=f"change or delete the parent: avow status {request.parent}",
            code="owned_by_parent",
        )


def _check_stays(tx: Tx, used: Request) -> None:
    family = [used, *(requests.by_uid(tx, uid) for uid in uses.ancestors(tx, used.uid))]
    if any(each.is_deleting or each.deletion_queued_at is not None for each in family):
        raise Conflict(
            "used_request_leaving",
            f"{used.name} is being deleted, or will be.",
            fix=f"keep it first, if it is not too late: avow keep {family[-1].name}",
        )


def _why(request: Request, user: uses.User) -> str:
    what = "" if user.used == request.name else f"uses its child {user.used}"
    return ": ".join(filter(None, (what, user.reason)))


def _twice(named: Sequence[str]) -> Iterator[Finding]:
    for index, name in enumerate(named):
        if name in named[:index]:
            yield Finding(f"/uses/{index}", "duplicate_use", "this request is named twice", "say it once")


def _itself(request: Request, named: Sequence[str]) -> Iterator[Finding]:
    for index, name in enumerate(named):
        if name == request.name:
            message = f"{name} would rest on {name}"
            yield Finding(f"/uses/{index}", "dependency_cycle", message, "take it out")


def _missing(tx: Tx, request: Request, named: Sequence[str], found: dict[str, Request]) -> Iterator[Finding]:
    for index, name in enumerate(named):
        if name not in found:
            close = difflib.get_close_matches(name, requests.names(tx, request.project), n=1)
            fix = f"did you mean {close[0]}?" if close else "request it first"
            yield Finding(f"/uses/{index}", "used_request_missing", "there is no such request here", fix)


def _refuse(code: str, message: str, findings: Iterator[Finding]) -> None:
    found = tuple(findings)
    if found:
        raise Invalid(code, message, findings=found)
