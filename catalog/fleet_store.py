"""The only queries on destinations, resources and observations."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from catalog.errors import Conflict, InUse, NotFound, UsedBy
from catalog.fleet import Destination, Observation, Presence, Resource
from catalog.tables import destinations, observations, requests, resources

_SHOWN = 20


def create_destination(tx: Tx, destination: Destination) -> None:
    """Store a new destination.

    Raises:
        Conflict: `destination_exists`.
    """
    if not tx.insert_missing(destinations, _destination_row(destination)):
        raise Conflict(
            "destination_exists",
            f"There is a destination {destination.name} already.",
            fix="change it with PUT",
        )


def save_destination(tx: Tx, destination: Destination, expected_revision: int) -> Destination:
    """Store a changed destination and return it at its next revision.

    Raises:
        Conflict: `revision_changed`.
    """
    after = replace(destination, revision=expected_revision + 1)
    where = (destinations.c.name == destination.name) & (destinations.c.revision == expected_revision)
    if tx.execute(destinations.update().where(where).values(**_destination_row(after))).rowcount == 0:
        raise Conflict(
            "revision_changed", "The destination was changed meanwhile.", fix="read it again and repeat"
        )
    return after


def delete_destination(tx: Tx, name: str) -> None:
    """Remove a destination that nothing lies on.

    Raises:
        InUse: `in_use`, with the first requests that lie there.
        NotFound: `destination_not_found`.
    """
    # Locked before it is counted, so that no request is placed there in between.
    row = sa.select(destinations.c.name).where(destinations.c.name == name).with_for_update()
    if tx.execute(row).one_or_none() is None:
        raise _missing(name)
    lies_there = (requests.c.destination == name) & requests.c.deleted_at.is_(None)
    held = tx.execute(sa.select(sa.func.count()).where(lies_there)).scalar_one()
    if held:
        first = sa.select(requests.c.project, requests.c.name).where(lies_there).order_by(requests.c.uid)
        raise InUse(
            f"{held} requests lie on {name}.",
            [
                UsedBy("request", f"{row.project}/{row.name}", "it lies there")
                for row in tx.execute(first.limit(_SHOWN))
            ],
            fix=f"cordon it and delete them first: avow get requests --destination {name}",
        )
    tx.execute(requests.update().where(requests.c.destination == name).values(destination=None))
    tx.execute(destinations.delete().where(destinations.c.name == name))


def destination(tx: Tx, name: str) -> Destination:
    """Return a destination.

    Raises:
        NotFound: `destination_not_found`.
    """
    row = tx.execute(sa.select(destinations).where(destinations.c.name == name)).mappings().one_or_none()
    if row is None:
        raise _missing(name)
    return _destination(row)


def destinations_of_kind(tx: Tx, kind: str) -> list[Destination]:
    """Return every destination of a kind, by name."""
    query = sa.select(destinations).where(destinations.c.kind == kind).order_by(destinations.c.name)
    return [_destination(row) for row in tx.execute(query).mappings()]


def destination_page(tx: Tx, after: str, limit: int) -> list[Destination]:
    """Return destinations by name."""
    query = (
        sa.select(destinations).where(destinations.c.name > after).order_by(destinations.c.name).limit(limit)
    )
    return [_destination(row) for row in tx.execute(query).mappings()]


def record_resource(tx: Tx, resource: Resource) -> None:
    """Store that a thing exists, keeping when it was first seen."""
    row = {key: getattr(resource, key) for key in Resource.__dataclass_fields__}
    if not tx.insert_missing(resources, row):
        row.pop("first_seen_at")
        tx.execute(resources.update().where(resources.c.request_uid == resource.request_uid).values(**row))


def record_gone(tx: Tx, request_uid: str, now: datetime) -> None:
    """Store that a look found the thing gone."""
    mine = resources.c.request_uid == request_uid
    tx.execute(resources.update().where(mine, resources.c.gone_at.is_(None)).values(gone_at=now))


def resource_page(
    tx: Tx, after: str, limit: int, *, projects: Collection[str] | None = None, destination: str | None = None
) -> list[Resource]:
    """Return things that exist, after a request uid; `projects=None` means all of them."""
    query = sa.select(resources).where(resources.c.request_uid > after, resources.c.gone_at.is_(None))
    if projects is not None:
        query = query.where(resources.c.project.in_(projects))
    if destination is not None:
        query = query.where(resources.c.destination == destination)
    rows = tx.execute(query.order_by(resources.c.request_uid).limit(limit)).mappings()
    return [Resource(**row) for row in rows]


def record_observation(tx: Tx, project: str, observation: Observation) -> None:
    """Store the newest look at a request's thing."""
    row = {
        "request_uid": observation.request_uid,
        "project": project,
        "presence": str(observation.presence),
        "facts": observation.facts,
        "message": observation.message[:500],
        "observed_at": observation.observed_at,
    }
    if not tx.insert_missing(observations, row):
        mine = observations.c.request_uid == observation.request_uid
        tx.execute(observations.update().where(mine).values(**row))


def observation(tx: Tx, request_uid: str) -> Observation | None:
    """Return the newest look at a request's thing."""
    query = sa.select(observations).where(observations.c.request_uid == request_uid)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _observation(row)


def observations_of(tx: Tx, request_uids: Collection[str]) -> dict[str, Observation]:
    """Return the newest look at each of some requests' things, by request."""
    query = sa.select(observations).where(observations.c.request_uid.in_(request_uids))
    return {row["request_uid"]: _observation(row) for row in tx.execute(query).mappings()}


def _observation(row: Mapping[Any, Any]) -> Observation:
    fields = {key: row[key] for key in ("request_uid", "facts", "message", "observed_at")}
    return Observation(presence=Presence(row["presence"]), **fields)


def _destination_row(destination: Destination) -> dict[str, Any]:
    row = {key: getattr(destination, key) for key in Destination.__dataclass_fields__}
    return row | {"projects": list(destination.projects), "labels": dict(destination.labels)}


def _destination(row: Mapping[Any, Any]) -> Destination:
    return Destination(**(dict(row) | {"projects": tuple(row["projects"])}))


def _missing(name: str) -> NotFound:
    return NotFound(
        "destination_not_found", f"There is no destination {name}.", fix="see avow get destinations"
    )
