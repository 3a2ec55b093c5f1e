"""What all processes have counted, in the database: the only queries on tallies.

Processes come and go, some answer no HTTP, and a broker's children share a parent; so each adds
what it counted to shared rows every few seconds, and whoever is scraped tells the sum. Adding
takes one short transaction, and the first row that it touches is the same for all, so that
processes queue up instead of getting in each other's way, and the names that are told apart
stay so many over all of them. A process that is killed takes its last seconds with it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from catalog.db import Tx
from platform_api.figures import MOST_CONTRACTS, OTHER, WRITTEN
from platform_api.tables import tallies

COUNT, SUM = "count", "sum"
"""Parts of a tally beside a histogram's buckets, which are named for their upper ends."""


@dataclass(frozen=True, slots=True, order=True)
class Tally:
    """One number that only grows.

    Attributes:
        contract: empty where it does not matter.
        labels: the values of the other labels.
    """

    figure: str
    contract: str
    labels: tuple[str, ...]
    part: str = COUNT


_TEXT = sa.text(
    "INSERT INTO platform_api_tallies (figure, contract, labels, part, value)"
    " VALUES (:figure, :contract, :labels, :part, :value)"
    " ON CONFLICT (figure, contract, labels, part)"
    " DO UPDATE SET value = platform_api_tallies.value + excluded.value"
)
_FIRST = Tally(WRITTEN.name, "", ())


def add(tx: Tx, counted: Mapping[Tally, float]) -> set[str]:
    """Add to what was counted, and return the contracts that are told apart from now on."""
    tx.execute(_TEXT, _row(_FIRST, 1.0))
    apart = _told_apart(tx, {tally.contract for tally in counted})
    sums: dict[Tally, float] = {}
    for tally, value in counted.items():
        contract = tally.contract if tally.contract in apart else tally.contract and OTHER
        kept = Tally(tally.figure, contract, tally.labels, tally.part)
        sums[kept] = sums.get(kept, 0.0) + value
    if sums:
        tx.execute(_TEXT, [_row(tally, sums[tally]) for tally in sorted(sums)])
    return apart


def every(tx: Tx) -> dict[Tally, float]:
    """Return all tallies."""
    return {
        Tally(
            row.figure, row.contract, tuple(row.labels.split("|")) if row.labels else (), row.part
        ): row.value
        for row in tx.execute(sa.select(tallies))
    }


def _told_apart(tx: Tx, wanted: Collection[str]) -> set[str]:
    contract = tallies.c.contract
    known = set(tx.execute(sa.select(contract).where(contract.not_in(("", OTHER))).distinct()).scalars())
    new = sorted(set(wanted) - known - {"", OTHER})
    return known | set(new[: max(0, MOST_CONTRACTS - len(known))])


def _row(tally: Tally, value: float) -> dict[str, object]:
    return {
        "figure": tally.figure,
        "contract": tally.contract,
        "labels": "|".join(tally.labels),
        "part": tally.part,
        "value": value,
    }
