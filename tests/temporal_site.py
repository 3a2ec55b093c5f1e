"""The Temporal engine on a real server, for tests: its worker in this process, over scripted step kinds."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from temporalio.client import Client, WorkflowHandle

from catalog import ids
from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database, Tx
from executors import runs
from executors.port import RunReport, RunState, WorkOrder
from executors.runs import Entry
from executors.temporal.crew import create as create_crew
from executors.temporal.executor import TemporalExecutor, create
from executors.workflow.parts import Parts
from tests.engine import World, document, order
from tests.services.polling import eventually
from tests.services.temporal import Temporal

_numbers = itertools.count(1)


class Quiet:
    """A dispatcher where nobody has to be told."""

    def ring(self, run_id: str) -> None:
        """Do nothing."""


@dataclass
class Site:
    """The engine on a server, and the world that its step kinds change."""

    server: Temporal
    database: Database
    options: dict[str, str] = field(default_factory=dict)
    world: World = field(default_factory=World)
    woken: list[str] = field(default_factory=list)
    bell: Bell = field(default_factory=Bell)

    def __post_init__(self) -> None:
        # A queue of its own, because worlds are.
        own = {"temporal.address": self.server.address, "temporal.task_queue": f"queue-{next(_numbers)}"}
        self.parts = Parts(
            database=self.database,
            kinds=self.world.kinds(),
            clock=utc_now,
            mint=lambda prefix: ids.mint(prefix, utc_now()),
            roll=lambda: 0.0,
            files_of=lambda _digest: {},
            on_final=self._wake,
            options=own | self.options,
        )
        self.executor: TemporalExecutor = create(self.parts, Quiet())

    def order(self, *steps: dict[str, Any], **more: Any) -> WorkOrder:
        """Return an order for these steps under a key that nobody else has."""
        number = next(_numbers)
        return order(document(*steps, **more), key=f"site/{number}", request_uid=f"req_{number}")

    def start(self, *steps: dict[str, Any], **more: Any) -> WorkOrder:
        """Start a run of these steps."""
        value = self.order(*steps, **more)
        assert self.executor.start(value).state is RunState.PENDING
        return value

    def seen(self, value: WorkOrder) -> RunReport:
        """Return where a run stands."""
        report = self.executor.observe(value.idempotency_key)
        assert report is not None
        return report

    def end(self, value: WorkOrder) -> RunReport:
        """Wait for the end of a run."""
        eventually(lambda: self.seen(value).state.is_final, "the end of the run", 90)
        return self.seen(value)

    def ask(self, value: WorkOrder, question: Callable[["WorkflowHandle[Any, Any]"], Any]) -> Any:
        """Ask the server about a run, past the engine."""

        async def asked() -> Any:
            client = await Client.connect(self.server.address)
            return await question(client.get_workflow_handle(value.idempotency_key))

        return asyncio.run(asked())

    def told(self, value: WorkOrder) -> list[str]:
        """Return what the requester was told, in order."""
        with self.database.read() as tx:
            rows = tx.execute(_TOLD, {"uid": value.request_uid})
            return [row.kind for row in rows]

    def _wake(self, tx: Tx, request_uids: Any) -> None:
        self.woken += request_uids


_TOLD = sa.text("SELECT kind FROM catalog_events WHERE request_uid = :uid ORDER BY id")


@contextmanager
def working(site: Site, size: int = 4) -> Iterator[Site]:
    """Run a worker for a site."""
    crew = create_crew(site.parts, site.bell, size)
    crew.start()
    try:
        yield site
    finally:
        crew.stop()


def copy_of(site: Site, value: WorkOrder) -> tuple[RunReport, list[Entry]]:
    """Return the run as people see it: its row, and its journal."""
    with site.database.read() as tx:
        record = runs.by_key(tx, value.idempotency_key)
        assert record is not None
        return record.report, runs.entries(tx, record.id)
