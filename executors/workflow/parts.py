"""What the engine is built of: everything that the wiring chooses and hands in.

`Parts` is made once per process, in `platform_api.wiring`; the door (`executor`) and the
workers are made from the same one, so that they agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.clock import Clock
from catalog.db import Database
from catalog.ids import Mint
from executors.retry import Roll
from executors.step import StepKind
from executors.workflow.act import Actor, FilesOf
from executors.workflow.journal import Journal, OnFinal, SqlJournal
from executors.workflow.keeper import Keeper
from executors.workflow.watching import WatchedJournal, Watcher
from executors.workflow.worker import Worker

LEASE_SECONDS = 3.0
"""A dead worker's runs go on elsewhere after this long; a live one renews three times in it."""

SIDE_BY_SIDE = 8
"""Calls mostly wait for others, so a few more than there are cores."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The engine's surroundings.

    Attributes:
        kinds: the installed step kinds by name.
        files_of: returns a contract bundle's files by its digest.
        on_final: wakes the reconciler, in the transaction that ends runs or asks people about them.
        watcher: is told what became of runs; None when nobody counts or traces them.
        options: what the operator set for other engines that are plugged in, by `<executor>.<setting>`.
        side_by_side: so many calls of its runs beyond the first of each a process makes at a time.
    """

    database: Database
    kinds: Mapping[str, StepKind]
    clock: Clock
    mint: Mint
    roll: Roll
    files_of: FilesOf
    on_final: OnFinal
    lease_seconds: float = LEASE_SECONDS
    watcher: Watcher | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    side_by_side: int = SIDE_BY_SIDE


def worker_of(parts: Parts) -> Worker:
    """Return a worker under an owner name that no other boot has; its keeper is not started yet."""
    journal: Journal = SqlJournal(parts.database, parts.on_final)
    if parts.watcher is not None:
        journal = WatchedJournal(journal, parts.watcher)
    keeper = Keeper(journal, parts.clock, parts.mint("wkr"), parts.lease_seconds)
    if parts.watcher is not None:
        keeper.on_start, keeper.on_stop = parts.watcher.start, parts.watcher.stop
    actor = Actor(parts.kinds, parts.files_of)
    return Worker(
        journal,
        actor,
        keeper,
        clock=parts.clock,
        roll=parts.roll,
        side_by_side=parts.side_by_side,
    )
