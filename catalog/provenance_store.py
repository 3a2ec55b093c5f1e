"""The only queries on where published revisions came from."""

from datetime import datetime

import sqlalchemy as sa

from catalog import lifecycles
from catalog.bundle import Bundle
from catalog.db import Tx
from catalog.lifecycle import State
from catalog.provenance import Provenance, provenance_of
from catalog.tables import contract_controls, contracts
from catalog.tables import lifecycles as lifecycles_table


def load(tx: Tx, name: str, version: str) -> Provenance:
    """Return where a revision came from; nothing is known of one that is not there."""
    query = sa.select(contracts.c.source, contracts.c.signature)
    query = query.where(contracts.c.name == name, contracts.c.version == version)
    row = tx.execute(query).one_or_none()
    return Provenance() if row is None else provenance_of(row.source, row.signature)


def newest_signed_at(tx: Tx, name: str) -> datetime | None:
    """Return when the newest signature was made under which something of a contract was published.

    What was published and deleted counts for ever, drafts do not; None when there is none.
    """
    query = sa.select(contract_controls.c.newest_signed_at).where(contract_controls.c.name == name)
    return tx.execute(query).scalar_one_or_none()


def draft_signed_at(tx: Tx, bundle: Bundle) -> datetime | None:
    """Return when the draft was signed in whose place a bundle would come; None of the very same content."""
    contract = bundle.contract
    draft = contracts.join(lifecycles_table, lifecycles.IS_OF)
    query = (
        sa.select(contracts.c.signature)
        .select_from(draft)
        .where(
            contracts.c.name == contract.name,
            contracts.c.version == contract.version,
            contracts.c.digest != bundle.digest,
            lifecycles_table.c.state == str(State.DRAFT),
        )
    )
    signature = provenance_of(None, tx.execute(query).scalar_one_or_none()).signature
    return None if signature is None else signature.signed_at


def outdate(tx: Tx, name: str, signed_at: datetime) -> None:
    """Have what was signed no later than this count as old from now on; the caller has the name."""
    newest = contract_controls.c.newest_signed_at
    is_later = newest.is_(None) | (newest < signed_at)
    update = contract_controls.update().where(contract_controls.c.name == name, is_later)
    tx.execute(update.values(newest_signed_at=signed_at))
