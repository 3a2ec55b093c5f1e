"""Destinations: registered, changed, cordoned and removed by whoever runs the installation."""

from dataclasses import replace

from catalog import audit, fleet_store
from catalog.actor import Actor
from catalog.db import Tx
from catalog.digest import Json
from catalog.errors import Conflict, Invalid
from catalog.fleet import Destination
from platform_api import access
from platform_api.parts import Platform
from platform_api.preconditions import check_match
from platform_api.receipts import Receipt
from platform_api.secret_values import secrets_in


def create(
    platform: Platform, actor: Actor, destination: Destination, receipt: Receipt[Destination]
) -> Destination:
    """Register a destination.

    Raises:
        Invalid: `secret_value_refused`.
        Conflict: `destination_exists`.
    """
    access.check_admin(actor)
    _check_config(destination)
    with platform.db.write() as tx:
        receipt.claim(tx)
        fleet_store.create_destination(tx, destination)
        _audit(platform, tx, actor, "destination.created", destination)
        return receipt.keep(tx, destination)


def change(
    platform: Platform, actor: Actor, wanted: Destination, if_match: str, receipt: Receipt[Destination]
) -> Destination:
    """Replace a destination, except for its name, kind and birth.

    Raises:
        Invalid: `secret_value_refused`.
        Conflict: `revision_changed`, `field_immutable`.
    """
    access.check_admin(actor)
    _check_config(wanted)
    with platform.db.write() as tx:
        receipt.claim(tx)
        held = fleet_store.destination(tx, wanted.name)
        check_match(if_match, held.revision)
        if wanted.kind != held.kind:
            raise Conflict(
                "field_immutable", "A destination keeps its kind.", fix="register another under another name"
            )
        after = replace(wanted, created_at=held.created_at, revision=held.revision)
        if after == held:
            return receipt.keep(tx, held)
        stored = fleet_store.save_destination(tx, after, held.revision)
        _audit(platform, tx, actor, "destination.changed", stored)
        return receipt.keep(tx, stored)


def delete(
    platform: Platform, actor: Actor, name: str, if_match: str, receipt: Receipt[Destination]
) -> Destination:
    """Remove a destination on which nothing lies, and return what it was.

    Raises:
        InUse: `in_use`.
        Conflict: `revision_changed`.
    """
    access.check_admin(actor)
    with platform.db.write() as tx:
        receipt.claim(tx)
        held = fleet_store.destination(tx, name)
        check_match(if_match, held.revision)
        fleet_store.delete_destination(tx, name)
        _audit(platform, tx, actor, "destination.deleted", held)
        return receipt.keep(tx, held)


def _check_config(destination: Destination) -> None:
    findings = tuple(secrets_in(destination.config, "/config"))
    if findings:
        raise Invalid(
            "secret_value_refused",
            "A destination's configuration holds references to secrets, never secrets.",
            findings=findings,
        )


def _audit(platform: Platform, tx: Tx, actor: Actor, action: str, destination: Destination) -> None:
    detail: dict[str, Json] = {"kind": destination.kind, "revision": destination.revision}
    audit.append(
        tx,
        audit.PLATFORM,
        platform.clock(),
        actor=actor.subject,
        action=action,
        subject=f"destination/{destination.name}",
        detail=detail,
    )
