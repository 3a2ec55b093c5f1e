"""Temporal's worker in a process of ours: it runs programs and their errands.

A background part like the others: the wiring starts and stops it with the worker role. The
server may be away when it starts and may go away later; it then tries again until it is
stopped, and says so once each time. What it was doing when it is stopped is given a while to
end; what does not is taken for lost by the server, as if the process had died.
"""

import asyncio
import logging
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorSimpleMaximum, Worker

from catalog.bell import Bell
from executors.temporal.copy import Copies
from executors.temporal.courier import Courier
from executors.temporal.errands import Errands
from executors.temporal.line import Line, on_loop
from executors.temporal.place import place_of
from executors.temporal.program import Program
from executors.temporal.wire import copies_queue
from executors.workflow.act import Actor
from executors.workflow.parts import Parts

GRACE = timedelta(seconds=20)
"""How long a call may go on after a stop."""

STICKS_FOR = timedelta(seconds=2)
"""So long a run waits for the worker that has it in memory; then any other takes it over."""

COPIERS = 2
REST_SECONDS = 2.0
_BUILD = "avow"
_log = logging.getLogger(__name__)


class Crew:
    """The worker of one process.

    Args:
        size: how many calls it makes at once.
    """

    def __init__(self, line: Line, errands: Errands, courier: Courier, size: int) -> None:
        self._line = line
        self._errands = errands
        self._courier = courier
        self._size = size
        self._stopping = asyncio.Event()
        self._ends: Future[None] | None = None

    def start(self) -> None:
        """Begin to ask the server for work."""
        self._ends = on_loop(self._serve())
        self._courier.start()

    def stop(self) -> None:
        """Ask for no more, and let the calls under way end."""
        if self._ends is not None:
            self._courier.stop()
            on_loop(self._stop()).result()
            self._ends.result()
            self._ends = None

    async def _stop(self) -> None:
        self._stopping.set()

    async def _serve(self) -> None:
        stopped: asyncio.Task[Any] = asyncio.ensure_future(self._stopping.wait())
        while not stopped.done():
            try:
                await self._work(await self._line.client(), stopped)
            except (RPCError, RuntimeError) as error:
                _log.warning("Temporal gives no work (%s); asking again", type(error).__name__)
                await asyncio.wait({stopped}, timeout=REST_SECONDS)

    async def _work(self, client: Client, stopped: "asyncio.Task[Any]") -> None:
        workers = [self._driver(client), self._copier(client)]
        running: list[asyncio.Task[Any]] = [asyncio.ensure_future(worker.run()) for worker in workers]
        await asyncio.wait({*running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for worker in workers:
            await worker.shutdown()
        await asyncio.gather(*running)

    def _driver(self, client: Client) -> Worker:
        return Worker(
            client,
            task_queue=self._line.place.task_queue,
            workflows=[Program],
            activities=[self._errands.carry_out],
            max_concurrent_activities=self._size,
            graceful_shutdown_timeout=GRACE,
            sticky_queue_schedule_to_start_timeout=STICKS_FOR,
            # What a frozen process is asked for is lost to it; one that asks much loses much.
            activity_task_poller_behavior=PollerBehaviorSimpleMaximum(maximum=1),
            workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(maximum=2),
            build_id=_BUILD,
        )

    def _copier(self, client: Client) -> Worker:
        """Return a worker of its own for copying, so that long calls never keep people in the dark."""
        return Worker(
            client,
            task_queue=copies_queue(self._line.place.task_queue),
            activities=[self._errands.copy],
            max_concurrent_activities=COPIERS,
            graceful_shutdown_timeout=GRACE,
            activity_task_poller_behavior=PollerBehaviorSimpleMaximum(maximum=1),
            build_id=_BUILD,
        )


def create(parts: Parts, bell: Bell, size: int) -> Crew:
    """Return the worker for the server that the options name."""
    line = Line(place_of(parts.options))
    copies = Copies(parts.database, parts.clock, parts.on_final)
    errands = Errands(Actor(parts.kinds, parts.files_of), copies)
    return Crew(line, errands, Courier(parts.database, line, bell), size)
