"""The workflow that a Temporal server runs: it interprets an Avow workflow document.

Temporal's sandbox loads this file anew for every run; what it uses of ours is pure and
passed through. Time and dice are Temporal's, so that a replay comes to the same decisions.
Calls are activities that the server tries once, because what follows from a failure is the
core's to decide. Where the run stands is kept as a note that can be read without a worker.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    # Each module by its full name: `from package import module` would not pass it through.
    from executors.temporal.driver import Driver
    from executors.temporal.wire import (
        CARRY_OUT,
        COPY,
        ENDING,
        MAIL,
        POST,
        PROGRAM,
        REPORT,
        Errand,
        Form,
        Leaf,
        copies_queue,
        outcome_of,
        report_form,
    )
    from executors.workflow.exchange import Call
    from executors.workflow.mail import CANCEL

GRACE = timedelta(seconds=5)
"""How long past its timeout a call may take to notice it by itself."""

COPYING_ONCE = timedelta(seconds=30)
COPYING = timedelta(hours=1)
"""How long a run's end is held up when it cannot be copied; then Temporal alone knows of it."""

_ONCE = RetryPolicy(maximum_attempts=1)
_SHORTEST = timedelta(milliseconds=1)


@workflow.defn(name=PROGRAM)
class Program:
    """One run. A fault of our own holds it, and does not end it: it goes on once a release mends that."""

    @workflow.init
    def __init__(self, order: Form, carried: Form | None = None) -> None:
        self._driver = Driver.of(order, carried)
        self._tasks: set[asyncio.Task[None]] = set()
        self._note: Form = {}
        self._is_copying = False

    @workflow.run
    async def run(self, order: Form, carried: Form | None = None) -> Form:
        """Drive the run to its end and return its report; Temporal's own cancel is one of ours."""
        life = asyncio.create_task(self._live())
        while True:
            try:
                await asyncio.shield(life)
            except asyncio.CancelledError:
                reason = workflow.cancellation_reason()
                if reason is None or life.done():
                    raise
                self._driver.posted(CANCEL, {"reason": reason or "cancelled in Temporal"})
            else:
                break
        if self._driver.run.ended is None:
            workflow.continue_as_new(args=[order, self._driver.carried()])
        return report_form(self._driver.report)

    @workflow.signal(name=POST)
    def post(self, kind: str, body: Form, number: int | None = None) -> None:
        """Take in a letter; those that came through our own door are numbered."""
        self._driver.posted(kind, body, number)

    async def _live(self) -> None:
        driver = self._driver
        while not driver.is_done_here:
            driver.mind_the_history(workflow.info().get_current_history_length())
            decision = driver.turn(workflow.now(), workflow.random().random)
            self._begin(decision.calls)
            self._put_note()
            self._copy_the_rest()
            if not driver.is_done_here:
                await self._until(decision.due_at)
        await workflow.wait_condition(lambda: not self._is_copying)

    def _begin(self, calls: Sequence[Call]) -> None:
        for call in calls:
            errand = self._driver.errand(call)
            if errand is not None:
                self._spawn(self._carry_out(errand, self._driver.leaf(errand)))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # a task that nobody holds may be collected
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, errand: Errand, leaf: Leaf | None) -> None:
        try:
            answer: Form = await workflow.execute_activity(
                CARRY_OUT,
                args=[errand.form(), None if leaf is None else leaf.form()],
                result_type=dict,
                start_to_close_timeout=timedelta(seconds=errand.timeout_seconds) + GRACE,
                heartbeat_timeout=timedelta(seconds=self._driver.order["lost_after_seconds"]),
                retry_policy=_ONCE,
                summary=f"{errand.call.verb} {errand.call.step}, {errand.call.side}",
            )
        except ActivityError:
            self._take_in(leaf, was_copied=False)
            self._driver.lost(errand.call)
        else:
            self._take_in(leaf, was_copied=answer["copied"])
            self._driver.answered(errand.call, outcome_of(answer))

    def _take_in(self, leaf: Leaf | None, *, was_copied: bool) -> None:
        if leaf is not None and was_copied:
            self._driver.was_copied(leaf)
        elif leaf is not None:
            self._driver.was_not_copied()

    def _copy_the_rest(self) -> None:
        """Where no call takes the journal along, send it by itself."""
        if self._is_copying:
            return
        leaf = self._driver.leaf()
        if leaf is not None:
            self._is_copying = True
            self._spawn(self._copy(leaf))

    async def _copy(self, leaf: Leaf | None) -> None:
        while leaf is not None:
            try:
                was_copied: bool = await workflow.execute_activity(
                    COPY,
                    leaf.form(),
                    task_queue=copies_queue(workflow.info().task_queue),
                    result_type=bool,
                    start_to_close_timeout=COPYING_ONCE,
                    schedule_to_close_timeout=COPYING,
                )
            except ActivityError:
                workflow.logger.warning("what happened could not be copied to where people look")
                break
            self._take_in(leaf, was_copied=was_copied)
            leaf = self._driver.leaf()
        self._is_copying = False

    async def _until(self, due_at: datetime | None) -> None:
        left = None if due_at is None else max(due_at - workflow.now(), _SHORTEST)
        try:
            await workflow.wait_condition(lambda: self._driver.has_news, timeout=left)
        except TimeoutError:
            return

    def _put_note(self) -> None:
        """Note where the run stands; of its end only that it comes, since answers may be large."""
        driver = self._driver
        if driver.run.ended is not None:
            note = {**self._note, ENDING: True}
        else:
            note = {REPORT: report_form(driver.report), MAIL: driver.letters, ENDING: False}
        if note != self._note:
            self._note = note
            workflow.upsert_memo(note)
