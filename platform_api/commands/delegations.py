"""Standing delegations: a person says who stands in for him; an administrator may say it for him."""

from catalog import audit
from catalog.actor import Actor
from catalog.db import Tx
from catalog.errors import Conflict
from platform_api import access, delegations
from platform_api.delegations import Absence
from platform_api.parts import Platform
from platform_api.receipts import Receipt


def create(platform: Platform, actor: Actor, absence: Absence, receipt: Receipt[Absence]) -> Absence:
    """Hand a person's seats on for a time.

    Raises:
        Denied: `role_missing`, for somebody else's.
        Conflict: `delegation_circle`, `too_many_delegations`.
    """
    if absence.giver != actor.subject:
        access.check_admin(actor)
    if absence.giver == absence.delegate:
        raise Conflict(
            "delegation_circle", "Nobody stands in for himself.", fix="choose another person as the delegate"
        )
    with platform.db.write() as tx:
        receipt.claim(tx)
        _audit(platform, tx, actor, "delegation.created", absence)
        delegations.create(tx, absence)
        return receipt.keep(tx, absence)


def revoke(platform: Platform, actor: Actor, absence_id: str, receipt: Receipt[Absence]) -> Absence:
    """End a standing delegation now, and return what it was; one that is over stays as it is.

    Raises:
        NotFound: `delegation_not_found`, also for one that he neither gave nor was given.
        Denied: `role_missing`, for one that he was given.
    """
    now = platform.clock()
    with platform.db.write() as tx:
        receipt.claim(tx)
        absence = delegations.load(tx, absence_id)
        if not actor.is_admin and actor.subject not in (absence.giver, absence.delegate):
            raise delegations.missing()
        if actor.subject != absence.giver:
            access.check_admin(actor)
        if absence.revoked_at is None and now < absence.ends_at:
            _audit(platform, tx, actor, "delegation.revoked", absence)
            delegations.revoke(tx, absence_id, now)
        return receipt.keep(tx, absence)


def _audit(platform: Platform, tx: Tx, actor: Actor, action: str, absence: Absence) -> None:
    audit.append(
        tx,
        audit.PLATFORM,
        platform.clock(),
        actor=actor.subject,
        action=action,
        subject=f"delegation/{absence.id}",
        detail={
            "giver": absence.giver,
            "delegate": absence.delegate,
            "from": absence.starts_at.isoformat(),
            "until": absence.ends_at.isoformat(),
            "reason": absence.reason,
        },
    )
