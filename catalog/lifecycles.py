"""The only queries on where contract versions stand in their life, and on what deleted ones leave.

A version without a row is published. Moves are decided in `catalog.lifecycle`; whoever stores
one has read the version with `locked`, which keeps off requests that are about to come to it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from catalog.lifecycle import PUBLISHED, SERVING, Lifecycle, State
from catalog.tables import canaries, contracts, lifecycles, requirements, tombstones

Key = tuple[str, str]
"""A contract's name and version."""

COLUMNS = tuple(lifecycles.c[name] for name in Lifecycle.__dataclass_fields__)
IS_OF = (lifecycles.c.name == contracts.c.name) & (lifecycles.c.version == contracts.c.version)
IS_SERVING = lifecycles.c.state.is_(None) | lifecycles.c.state.in_(sorted(SERVING))
"""Over an outer join with the lifecycles: the version delivers, and meets what others require."""

_this = (contracts.c.name == sa.bindparam("named")) & (contracts.c.version == sa.bindparam("at"))
# Built once: composing a statement costs more than executing it on a warm cache.
_ONE = (
    sa.select(contracts.c.digest, *COLUMNS).select_from(contracts.outerjoin(lifecycles, IS_OF)).where(_this)
)
_LOCK = sa.select(contracts.c.digest).where(_this).with_for_update()
_HOLD = sa.select(contracts.c.digest).where(_this).with_for_update(read=True, key_share=True)
_ROW = sa.select(*COLUMNS).where(
    lifecycles.c.name == sa.bindparam("named"), lifecycles.c.version == sa.bindparam("at")
)


def load(tx: Tx, name: str, version: str) -> Lifecycle:
    """Return where a version stands.

    Raises:
        NotFound: `contract_not_found`.
    """
    row = tx.execute(_ONE, {"named": name, "at": version}).mappings().one_or_none()
    if row is None:
        raise _missing(name, version)
    return of_row(row)


def locked(tx: Tx, name: str, version: str) -> Lifecycle:
    """Return where a version stands, and keep it there until the transaction ends.

    Raises:
        NotFound: `contract_not_found`.
    """
    tx.execute(_LOCK, {"named": name, "at": version})
    return load(tx, name, version)


def held(tx: Tx, name: str, version: str) -> Lifecycle:
    """Return where a version stands; nobody moves or deletes it before the transaction ends.

    Any number of transactions may hold a version at once, such as those of new requests.

    Raises:
        NotFound: `contract_not_found`.
    """
    tx.execute(_HOLD, {"named": name, "at": version})
    return load(tx, name, version)


def keeps_serving(tx: Tx, name: str, version: str) -> bool:
    """Say whether a version delivers; it then does so until the transaction ends, as if `held`."""
    try:
        return held(tx, name, version).is_serving
    except NotFound:
        return False


def told(tx: Tx, name: str, version: str) -> Lifecycle:
    """Return what was said of a version, be it there or not."""
    row = tx.execute(_ROW, {"named": name, "at": version}).mappings().one_or_none()
    return PUBLISHED if row is None else of_row(row)


def told_of(tx: Tx, versions: Iterable[Key]) -> dict[Key, Lifecycle]:
    """Return what was said of those versions of which anything was."""
    keys = sorted(set(versions))
    if not keys:
        return {}
    query = sa.select(lifecycles.c.name, lifecycles.c.version, *COLUMNS)
    rows = tx.execute(query.where(sa.tuple_(lifecycles.c.name, lifecycles.c.version).in_(keys)))
    return {(row["name"], row["version"]): of_row(row) for row in rows.mappings()}


def told_by(tx: Tx, name: str) -> dict[Key, Lifecycle]:
    """Return what was said of versions of one contract."""
    query = sa.select(lifecycles.c.name, lifecycles.c.version, *COLUMNS).where(lifecycles.c.name == name)
    rows = tx.execute(query.order_by(lifecycles.c.version)).mappings()
    return {(row["name"], row["version"]): of_row(row) for row in rows}


def past_sunset(tx: Tx, now: datetime) -> list[Key]:
    """Return deprecated versions whose sunset is over, the earliest first."""
    query = sa.select(lifecycles.c.name, lifecycles.c.version).where(
        lifecycles.c.state == str(State.DEPRECATED), lifecycles.c.sunset_at <= now
    )
    rows = tx.execute(query.order_by(lifecycles.c.sunset_at, lifecycles.c.name, lifecycles.c.version))
    return [(row.name, row.version) for row in rows]


def save(tx: Tx, name: str, version: str, after: Lifecycle) -> None:
    """Store where a version has moved to; the caller has it locked."""
    row = {key: getattr(after, key) for key in Lifecycle.__dataclass_fields__} | {"state": str(after.state)}
    if not tx.insert_missing(lifecycles, {"name": name, "version": version, **row}):
        mine = (lifecycles.c.name == name) & (lifecycles.c.version == version)
        tx.execute(lifecycles.update().where(mine).values(**row))


def remove(tx: Tx, name: str, version: str, now: datetime, by: str) -> None:
    """Delete a version for good; of one that was published a tombstone is left."""
    row = tx.execute(_ONE, {"named": name, "at": version}).mappings().one()
    if of_row(row).state is not State.DRAFT:
        stone = {"name": name, "version": version, "digest": row["digest"]}
        tx.insert_missing(tombstones, stone | {"deleted_at": now, "deleted_by": by})
    for table in (requirements, lifecycles, canaries, contracts):
        tx.execute(table.delete().where(table.c.name == name, table.c.version == version))


def check_place(tx: Tx, name: str, version: str, digest: str) -> None:
    """Pass content that nothing else was published as before.

    Raises:
        Conflict: `version_published`, when a deleted version had other content.
    """
    mine = (tombstones.c.name == name) & (tombstones.c.version == version)
    found = tx.execute(sa.select(tombstones.c.digest).where(mine)).scalar_one_or_none()
    if found not in (None, digest):
        raise Conflict(
            "version_published",
            f"{name} {version} was published before it was deleted, with other content.",
            fix="raise metadata.version and publish that",
        )


def of_row(row: Mapping[Any, Any]) -> Lifecycle:
    """Return where a version stands by a row that holds `COLUMNS`, empty where nothing was ever said."""
    if row["state"] is None:
        return PUBLISHED
    fields = {key: row[key] for key in Lifecycle.__dataclass_fields__}
    return Lifecycle(**fields | {"state": State(row["state"])})


def _missing(name: str, version: str) -> NotFound:
    return NotFound(
        "contract_not_found", f"There is no contract {name} {version}.", fix="see avow get contracts"
    )
