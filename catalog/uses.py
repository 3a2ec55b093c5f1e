"""The only queries on which request uses which.

A request that is used stays until nothing uses it. What people said about a use stands with
the user (`Request.uses`); the rows here are kept beside it for looking backwards, from the
transaction that accepts the use to the one that forgets the user.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog import requests
from catalog.db import Tx
from catalog.request import Request
from catalog.tables import requests as requests_table
from catalog.tables import uses

_of = uses.c.user_uid == sa.bindparam("of")
# Built once: composing a statement costs more than executing it on a warm cache.
_USERS = sa.select(uses.c.user_uid).where(uses.c.used_uid == sa.bindparam("of")).order_by(uses.c.user_uid)
_USED = sa.select(uses.c.used_uid).where(_of).order_by(uses.c.used_uid)
_RELEASE = uses.delete().where(_of)
_PARENT = sa.select(requests_table.c.parent_uid).where(requests_table.c.uid == sa.bindparam("of"))


@dataclass(frozen=True, slots=True)
class User:
    """A request that uses another, or a child of it, and why.

    Attributes:
        used: the name of what it uses.
    """

    request: Request
    used: str
    reason: str


def relate(tx: Tx, user: Request, used: Sequence[Request]) -> list[str]:
    """Store what a request uses from now on; return what it let go of, and what that is a part of."""
    kept = [each.uid for each in used]
    released = _released(tx, user.uid, kept)
    tx.execute(_RELEASE, {"of": user.uid})
    rows = [{"user_uid": user.uid, "used_uid": uid, "project": user.project} for uid in kept]
    if rows:
        tx.execute(uses.insert(), rows)
    return released


def release(tx: Tx, uid: str) -> list[str]:
    """Let go of all that a request uses; return that, and what it is a part of."""
    released = _released(tx, uid)
    tx.execute(_RELEASE, {"of": uid})
    return released


def _released(tx: Tx, uid: str, kept: Sequence[str] = ()) -> list[str]:
    gone = [used_uid for used_uid in tx.execute(_USED, {"of": uid}).scalars() if used_uid not in kept]
    return sorted({each for used_uid in gone for each in (used_uid, *ancestors(tx, used_uid))})


def user_uids(tx: Tx, uid: str) -> list[str]:
    """Return the requests that use a request itself."""
    return list(tx.execute(_USERS, {"of": uid}).scalars())


def users(tx: Tx, used: Request) -> list[User]:
    """Return the requests that use a request, or one that it made, beside those."""
    family = {each.uid: each for each in (used, *_descendants(tx, used))}
    found = []
    for uid, member in family.items():
        for user_uid in user_uids(tx, uid):
            if user_uid not in family:
                user = requests.by_uid(tx, user_uid)
                reasons = {use.request: use.reason for use in user.uses}
                found.append(User(user, member.name, reasons.get(member.name, "")))
    return found


def ancestors(tx: Tx, uid: str) -> Iterator[str]:
    """Yield the request that made a request, the one that made that, and so on."""
    parent: str | None = tx.execute(_PARENT, {"of": uid}).scalar_one_or_none()
    while parent is not None:
        yield parent
        parent = tx.execute(_PARENT, {"of": parent}).scalar_one_or_none()


def ring(tx: Tx, user: str, used: Iterable[str]) -> list[str]:
    """Return the requests that lead from one over what it would use back to it; empty when none do.

    A child leads to its parent too: it goes only together with it.
    """
    came_from: dict[str, str] = dict.fromkeys(used, user)
    waiting = [*came_from]
    while waiting:
        uid = waiting.pop()
        if uid == user:
            return _walked(came_from, user)
        parent = next(ancestors(tx, uid), None)
        for follower in (*tx.execute(_USED, {"of": uid}).scalars(), *([parent] if parent else [])):
            if follower not in came_from:
                came_from[follower] = uid
                waiting.append(follower)
    return []


def _walked(came_from: Mapping[str, str], user: str) -> list[str]:
    trail = [user]
    while (before := came_from[trail[-1]]) != user:
        trail.append(before)
    return [user, *reversed(trail)]


def _descendants(tx: Tx, of: Request) -> Iterator[Request]:
    for child in requests.children_of(tx, of.uid):
        yield child
        yield from _descendants(tx, child)
