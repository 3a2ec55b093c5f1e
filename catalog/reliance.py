"""Which contracts would be left without a version that they need, if one went.

A contract relies on a version when a range of its `requires` or `children` takes it, and no
other version that delivers.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from catalog import contracts
from catalog.contract import Contract
from catalog.db import Tx
from catalog.ranges import parse_range
from catalog.tables import contracts as contracts_table


def relying(tx: Tx, name: str, version: str) -> list[str]:
    """Return the contract versions that rely on a version, as NAME@VERSION, in their order."""
    others = [each for each in contracts.serving(tx, name) if each != version]
    return [
        f"{contract.name}@{contract.version}"
        for contract in _mentioning(tx, name)
        if relies(contract, name, version, others)
    ]


def relies(contract: Contract, name: str, version: str, others: Sequence[str]) -> bool:
    """Say whether a contract takes a version of another, and none of those that would be left."""
    ranges = (parse_range(text) for text in _ranges(contract, name))
    return any(version in wanted and not any(each in wanted for each in others) for wanted in ranges)


def _ranges(contract: Contract, name: str) -> Iterator[str]:
    yield from (each.versions for each in contract.requires if each.contract == name)
    yield from (each.versions for each in contract.children if each.contract == name)


def _mentioning(tx: Tx, name: str) -> Iterator[Contract]:
    """Yield the contracts that deliver and have another's name somewhere in their files."""
    held = sa.cast(contracts_table.c.files, sa.Text).contains(name, autoescape=True)
    query = sa.select(contracts_table.c.name, contracts_table.c.version).where(
        held, contracts_table.c.name != name
    )
    for row in tx.execute(query.order_by(contracts_table.c.name, contracts_table.c.version)).all():
        revision = contracts.load(tx, row.name, row.version)
        if revision.lifecycle.is_serving:
            yield revision.contract
