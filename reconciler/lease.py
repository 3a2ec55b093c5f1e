"""Leases by name: who may do what only one at a time may do, such as write to a git branch.

A lease ends by itself unless it is renewed. Its fence grows with every new holder; a holder
checks it in the transaction in which it records what it did, so that one who was stopped and
went on cannot record anything. An owner's name is unique to one start of one program: a name
that comes again would look like the same holder.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from catalog.db import Tx, UtcDateTime
from reconciler.tables import leases
from reconciler.workqueue import Fenced

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act under a name until it expires."""

    name: str
    owner: str
    fence: int
    expires_at: datetime


def acquire(tx: Tx, name: str, owner: str, now: datetime, ttl: timedelta) -> Lease | None:
    """Take a lease that is free, or renew one's own; None when somebody else holds it."""
    tx.insert_missing(leases, {"name": name, "owner": "", "fence": 0, "expires_at": _LONG_AGO})
    is_mine = leases.c.owner == owner
    is_free = leases.c.expires_at <= sa.literal(now, UtcDateTime)
    update = leases.update().where(leases.c.name == name, is_mine | is_free)
    update = update.values(
        owner=owner,
        fence=sa.case((is_mine, leases.c.fence), else_=leases.c.fence + 1),
        expires_at=now + ttl,
    )
    fence = tx.execute(update.returning(leases.c.fence)).scalar_one_or_none()
    return None if fence is None else Lease(name, owner, fence, now + ttl)


def renew(tx: Tx, lease: Lease, now: datetime, ttl: timedelta) -> Lease | None:
    """Return the lease with a later end, None when another holder has taken over."""
    update = leases.update().where(_is(lease)).values(expires_at=now + ttl)
    return replace(lease, expires_at=now + ttl) if tx.execute(update).rowcount else None


def check(tx: Tx, lease: Lease, now: datetime) -> None:
    """Make sure that the lease holds until the transaction ends.

    Raises:
        Fenced: it expired or another holder has taken over.
    """
    query = sa.select(leases).where(leases.c.name == lease.name).with_for_update()
    row = tx.execute(query).one_or_none()
    if row is None or (row.owner, row.fence) != (lease.owner, lease.fence) or row.expires_at <= now:
        raise Fenced(f"the lease {lease.name} is not held under fence {lease.fence} any more")


def release(tx: Tx, lease: Lease, now: datetime) -> None:
    """Give a lease back, so that nobody has to wait for its end."""
    tx.execute(leases.update().where(_is(lease)).values(expires_at=now))


def _is(lease: Lease) -> sa.ColumnElement[bool]:
    held = (leases.c.name == lease.name) & (leases.c.owner == lease.owner)
    return held & (leases.c.fence == lease.fence)
