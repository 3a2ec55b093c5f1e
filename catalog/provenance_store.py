"""The only queries on where published revisions came from."""

from datetime import datetime

import sqlalchemy as sa

from catalog.db import Tx
from catalog.provenance import Provenance, provenance_of
from catalog.tables import contract_controls, contracts


def load(tx: Tx, name: str, version: str) -> Provenance:
    """Return where a revision came from; nothing is known of one that is not there."""
    query = sa.select(contracts.c.source, contracts.c.signature)
    query = query.where(contracts.c.name == name, contracts.c.version == version)
    row = tx.execute(query).one_or_none()
    return Provenance() if row is None else provenance_of(row.source, row.signature)


def newest_signed_at(tx: Tx, name: str, *, apart_from: str) -> datetime | None:
    """Return when the newest accepted signature of a contract was made; None when there is none.

    Whoever publishes another version of the same contract waits here until this transaction ends.

    Args:
        apart_from: a version that is left out.
    """
    tx.execute(sa.select(contract_controls.c.name).where(contract_controls.c.name == name).with_for_update())
    query = sa.select(contracts.c.signature).where(
        contracts.c.name == name, contracts.c.version != apart_from, contracts.c.signature.is_not(None)
    )
    known = (provenance_of(None, stored).signature for stored in tx.execute(query).scalars())
    return max((signature.signed_at for signature in known if signature is not None), default=None)
