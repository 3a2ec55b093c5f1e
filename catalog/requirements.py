"""The only queries on what published contracts need of one another.

Loads no more of the shelf than a question is about: a contract that needs nothing costs no
query. Versions that take no requests, because they are drafts or retired, stand on no shelf.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.contract import Contract
from catalog.db import Tx
from catalog.dependencies import Need, Shelf, needs_of
from catalog.lifecycles import IS_OF, IS_SERVING
from catalog.tables import contracts, lifecycles, requirements

_these: sa.BindParameter[str] = sa.bindparam("names", expanding=True)
# Built once: composing a statement costs more than executing it on a warm cache.
_PUBLISHED = (
    sa.select(contracts.c.name, contracts.c.version)
    .select_from(contracts.outerjoin(lifecycles, IS_OF))
    .where(contracts.c.name.in_(_these))
    .where(IS_SERVING)
)
_NEEDED = sa.select(requirements).where(requirements.c.name.in_(_these)).order_by(requirements.c.place)
_NEEDING = (
    sa.select(requirements)
    .select_from(
        requirements.outerjoin(
            lifecycles,
            (lifecycles.c.name == requirements.c.name) & (lifecycles.c.version == requirements.c.version),
        )
    )
    .where(requirements.c.contract.in_(_these), IS_SERVING)
    .order_by(requirements.c.name, requirements.c.version, requirements.c.place)
)


@dataclass(frozen=True, slots=True)
class Dependent:
    """A version that needs a contract, and how it says so."""

    name: str
    version: str
    need: Need


def record(tx: Tx, contract: Contract) -> None:
    """Store what a version needs, in the transaction that publishes it or replaces a draft."""
    forget(tx, contract.name, contract.version)
    rows = [
        {
            "name": contract.name,
            "version": contract.version,
            "place": need.place,
            "contract": need.contract,
            "versions": need.versions,
            "child": need.child,
        }
        for need in needs_of(contract)
    ]
    if rows:
        tx.execute(requirements.insert(), rows)


def forget(tx: Tx, name: str, version: str) -> None:
    """Remove what a version needs; called before the version itself is removed or replaced."""
    mine = (requirements.c.name == name) & (requirements.c.version == version)
    tx.execute(requirements.delete().where(mine))


def shelf(tx: Tx, names: Iterable[str]) -> Shelf:
    """Return the published versions of some contracts, and of all that these need."""
    found: dict[str, dict[str, list[Need]]] = {}
    wanted = set(names)
    while wanted:
        found |= {name: {} for name in wanted}
        asked = {"names": sorted(wanted)}
        for row in tx.execute(_PUBLISHED, asked):
            found[row.name][row.version] = []
        wanted = set()
        for row in tx.execute(_NEEDED, asked):
            if row.version in found[row.name]:
                found[row.name][row.version].append(_need(row))
                wanted.add(row.contract)
        wanted -= found.keys()
    return found


def dependents(tx: Tx, name: str) -> list[Dependent]:
    """Return the versions on a shelf that say they need a contract, by name and version."""
    rows: Sequence[sa.Row[tuple[object, ...]]] = tx.execute(_NEEDING, {"names": [name]}).all()
    return [Dependent(row.name, row.version, _need(row)) for row in rows]


def dependent_names(tx: Tx, name: str) -> frozenset[str]:
    """Return the contracts that need a contract, directly or through others."""
    found: set[str] = set()
    wanted = {name}
    while wanted:
        rows = tx.execute(_NEEDING, {"names": sorted(wanted)})
        wanted = {row.name for row in rows} - found
        found |= wanted
    return frozenset(found)


def _need(row: sa.Row[tuple[object, ...]]) -> Need:
    return Need(row.contract, row.versions, row.place, row.child)
