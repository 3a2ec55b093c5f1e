"""What the engine is built of: everything that the wiring chooses and hands in.

`Parts` is made once per process, in `platform_api.wiring`; the door (`executor`) and the
workers are made from the same one, so that they agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.clock import Clock
from catalog.db import Database
from catalog.ids import Mint
from executors.retry import Roll
from executors.step import StepKind
from executors.workflow.act import Actor, FilesOf
from executors.workflow.journal import OnFinal, RecordEvent, SqlJournal
from executors.workflow.keeper import Keeper
from executors.workflow.worker import Worker

LEASE_SECONDS = 3.0
"""A dead worker's runs go on elsewhere after this long; a live one renews three times in it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The engine's surroundings.

    Attributes:
        kinds: the installed step kinds by name.
        files_of: returns a contract bundle's files by its digest.
        record_event: tells the requester, in the engine's transactions.
        on_final: wakes the reconciler, in the transaction that ends a run.
    """

    database: Database
    kinds: Mapping[str, StepKind]
    clock: Clock
    mint: Mint
    roll: Roll
    files_of: FilesOf
    record_event: RecordEvent
    on_final: OnFinal
    lease_seconds: float = LEASE_SECONDS


def worker_of(parts: Parts) -> Worker:
    """Return a worker under an owner name that no other boot has; its keeper is not started yet."""
    journal = SqlJournal(parts.database, parts.record_event, parts.on_final)
    keeper = Keeper(journal, parts.clock, parts.mint("wkr"), parts.lease_seconds)
    actor = Actor(parts.kinds, parts.files_of)
    return Worker(journal, actor, keeper, clock=parts.clock, roll=parts.roll)
