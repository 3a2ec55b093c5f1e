"""The definitions that runs followed before they were migrated.

A run's row holds what it follows now, which is all that driving it needs. What it followed
before is kept here, per digest, so that the older part of its journal stays readable. The
engine's journal calls `replace` in the transaction that writes the migration down.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from catalog.db import Tx
from catalog.digest import JsonObject
from executors.claims import ClaimedRun
from executors.tables import definitions, runs


@dataclass(frozen=True, slots=True)
class Definition:
    """What a run follows, and the revision that it belongs to."""

    digest: str
    document: JsonObject
    context: JsonObject
    contract_digest: str


def replace(tx: Tx, held: ClaimedRun, former: str, after: Definition) -> None:
    """Let a run follow another definition, and keep the one that it followed until now.

    Args:
        former: the digest of the one that it followed.
    """
    row = {
        "run_id": held.id,
        "digest": former,
        "project": held.project,
        "contract_digest": held.contract_digest,
        "document": held.definition,
    }
    tx.insert_missing(definitions, row)
    moved = {
        "definition": after.document,
        "context": after.context,
        "contract_digest": after.contract_digest,
    }
    tx.execute(sa.update(runs).where(runs.c.id == held.id).values(**moved))


def former(tx: Tx, run_id: str) -> dict[str, JsonObject]:
    """Return what a run followed before, by digest; empty for one that was never migrated."""
    query = sa.select(definitions.c.digest, definitions.c.document).where(definitions.c.run_id == run_id)
    return {row.digest: row.document for row in tx.execute(query)}
