"""Standing delegations: who stands in for whom while he is away.

An absence hands every seat of its giver on, in all projects, for a time; it is over at its end
or when it is revoked. It gives the delegate nothing that he could not do himself: he still
needs the role of an approver where he votes, and so does the giver (`voters`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from platform_api.tables import delegations

MAX_AT_ONCE = 20
"""So many absences of one person may lie ahead; it bounds what has to be looked through."""


@dataclass(frozen=True, slots=True)
class Absence:
    """One standing delegation."""

    id: str
    giver: str
    delegate: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None


def create(tx: Tx, absence: Absence) -> None:
    """Store a standing delegation.

    Whoever calls has written to the platform's audit trail before, and so comes alone.

    Raises:
        Conflict: `delegation_circle`, `too_many_delegations`.
    """
    if len(_ahead(tx, [absence.giver], absence.created_at)) >= MAX_AT_ONCE:
        raise Conflict(
            "too_many_delegations",
            f"{absence.giver} has {MAX_AT_ONCE} delegations ahead.",
            fix="revoke one: avow away --cancel ID",
        )
    if absence.giver in _reached_from(tx, absence):
        raise Conflict(
            "delegation_circle",
            "Within that time it would come back to whom it came from.",
            fix="choose another person, or another time",
        )
    row = {name: getattr(absence, name) for name in Absence.__dataclass_fields__}
    tx.execute(delegations.insert(), row)


def load(tx: Tx, absence_id: str) -> Absence:
    """Return a standing delegation.

    Raises:
        NotFound: `delegation_not_found`.
    """
    row = tx.execute(sa.select(delegations).where(delegations.c.id == absence_id)).mappings().one_or_none()
    if row is None:
        raise missing()
    return _absence(row)


def missing() -> NotFound:
    """Return the error for a delegation that is not there, or not for this reader."""
    return NotFound("delegation_not_found", "There is no such delegation.", fix="see avow away")


def page(tx: Tx, person: str | None, after: str, limit: int) -> list[Absence]:
    """Return standing delegations that a person gave or was given, all of them for None, after an id."""
    query = sa.select(delegations).where(delegations.c.id > after)
    if person is not None:
        query = query.where((delegations.c.giver == person) | (delegations.c.delegate == person))
    return [_absence(row) for row in tx.execute(query.order_by(delegations.c.id).limit(limit)).mappings()]


def revoke(tx: Tx, absence_id: str, now: datetime) -> None:
    """End a standing delegation now."""
    tx.execute(delegations.update().where(delegations.c.id == absence_id).values(revoked_at=now))


def handed_to(tx: Tx, people: Iterable[str], now: datetime) -> list[Absence]:
    """Return the delegations in force whose delegate is one of these."""
    mine = delegations.c.delegate.in_(list(people)) & delegations.c.revoked_at.is_(None)
    in_force = (delegations.c.starts_at <= now) & (delegations.c.ends_at > now)
    query = sa.select(delegations).where(mine, in_force).order_by(delegations.c.id)
    return [_absence(row) for row in tx.execute(query).mappings()]


def _reached_from(tx: Tx, absence: Absence) -> set[str]:
    """Return everybody to whom the delegate's seats go on while this lasts, himself included."""
    reached, waiting = {absence.delegate}, [absence.delegate]
    while waiting:
        onward = [
            each.delegate
            for each in _ahead(tx, waiting, absence.starts_at)
            if each.starts_at < absence.ends_at and each.delegate not in reached
        ]
        reached.update(onward)
        waiting = onward
    return reached


def _ahead(tx: Tx, givers: Sequence[str], since: datetime) -> list[Absence]:
    given = delegations.c.giver.in_(list(givers)) & delegations.c.revoked_at.is_(None)
    query = sa.select(delegations).where(given, delegations.c.ends_at > since)
    return [_absence(row) for row in tx.execute(query).mappings()]


def _absence(row: Mapping[Any, Any]) -> Absence:
    return Absence(**row)
