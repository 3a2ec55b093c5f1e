"""The activities: what a program asks a worker to do for it.

`carry_out` makes one call through the engine's own `Actor`, in a thread, since step kinds
block, and gives signs of life meanwhile; a worker that falls silent is taken for dead. Calls
are never tried twice by the server. Each errand takes along the page of the journal that the
copy lacks (`copy`), so that copying costs no errand of its own; a database that does not
answer puts that off and never fails the call.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from catalog.errors import PlatformError
from executors.temporal.copy import Copies
from executors.temporal.wire import CARRY_OUT, COPY, Errand, Form, Leaf, course_of, outcome_form
from executors.workflow.act import Actor, Held
from executors.workflow.progress import Run

BEAT_SECONDS = 0.5
COPYING_SECONDS = 2.0
"""How long an answer is held back by a database that does not take the page that came along."""

TURNS = 20
"""So often in that time a page asks whether it is its turn."""

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Errands:
    """The activities over this process's step kinds and database."""

    def __init__(self, actor: Actor, copies: Copies) -> None:
        self._actor = actor
        self._copies = copies

    @activity.defn(name=CARRY_OUT)
    async def carry_out(self, form: Form, page: Form | None) -> Form:
        """Make one call and return what came of it, and whether the page that came along was copied."""
        errand = Errand.of(form)
        copying = asyncio.create_task(self._copied(page))
        outcome = await _threaded(lambda: self._actor.carry_out(_held(errand), errand.call))
        in_time, _ = await asyncio.wait({copying}, timeout=COPYING_SECONDS)
        return {**outcome_form(outcome), "copied": bool(in_time) and copying.result()}

    @activity.defn(name=COPY)
    async def copy(self, page: Form) -> bool:
        """Copy a page of a run's journal; return False when one before it is missing.

        Raises:
            ApplicationError: the database does not answer; the server tries again.
        """
        leaf = Leaf.of(page)
        answer = await _threaded(lambda: self._take(leaf))
        if answer is None:
            raise ApplicationError("the database does not answer", type="not_copied")
        return answer

    async def _copied(self, page: Form | None) -> bool:
        if page is None:
            return True
        leaf = Leaf.of(page)
        for _ in range(TURNS):
            answer = await _threaded(lambda: self._take(leaf))
            if answer is not False:
                return answer or False
            await asyncio.sleep(COPYING_SECONDS / TURNS)  # the page before it is on its way with another
        return False

    def _take(self, leaf: Leaf) -> bool | None:
        try:
            return self._copies.take(leaf)
        except PlatformError as error:
            _log.warning("what happened in run %s is copied later: %s", leaf.run_id, error.message)
            return None


async def _threaded(work: Callable[[], T]) -> T:
    """Do something that blocks in a thread of its own, and give signs of life until it is done.

    A thread that hangs cannot be ended; one of a pool would be missing from it, and would
    hold up the end of the process.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(answers: Sequence[T]) -> None:
        if done.done():
            return  # nobody waits any more
        if answers:
            done.set_result(answers[0])
        else:
            done.set_exception(ApplicationError("the worker met the unexpected; see its log"))

    def run() -> None:
        answers: list[T] = []
        try:
            answers.append(work())
        finally:
            loop.call_soon_threadsafe(settle, answers)

    threading.Thread(target=run, name="avow-errand", daemon=True).start()
    while not (await asyncio.wait({done}, timeout=BEAT_SECONDS))[0]:
        activity.heartbeat()
    return done.result()


def _held(errand: Errand) -> Held:
    return Held(
        run_id=errand.run_id,
        project=errand.project,
        request_uid=errand.request_uid,
        idempotency_key=errand.idempotency_key,
        contract_digest=errand.contract_digest,
        fence=errand.fence,
        course=course_of(errand),
        run=Run(),
    )
