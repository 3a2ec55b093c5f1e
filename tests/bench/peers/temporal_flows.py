"""The workflows and activities that Temporal is measured with.

Loaded by the measuring script, for their names, and by its worker processes. The workflows run
outside of the library's sandbox, which would only cost time here.
"""

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.exceptions import ActivityError, ApplicationError

from tests.bench.peers.aftermath import END, START, STEPS
from tests.bench.peers.shared import SLOW_SECONDS, note

TRACE = "BENCH_TEMPORAL_TRACE"
QUEUE = "bench"
LONG = timedelta(seconds=30)
LOST_AFTER = timedelta(seconds=2)
"""How long the server waits for a step, or for the worker that had a run last, before it asks another."""


@activity.defn
async def first() -> float:
    """Say when the first step ran."""
    return time.time()


@activity.defn
async def nothing(step: int) -> int:
    """Do nothing."""
    return step


@activity.defn
async def fail() -> None:
    """Fail, in a way that is not tried again."""
    raise ApplicationError("as planned", non_retryable=True)


@activity.defn
async def slow(run: str, step: int) -> int:
    """Take a while, and leave a trace of it."""
    trace = Path(os.environ[TRACE])
    note(trace, run, step, START)
    await asyncio.sleep(SLOW_SECONDS)
    note(trace, run, step, END)
    return step


@workflow.defn(sandboxed=False)
class Four:
    """Take four steps and say when the first ran."""

    @workflow.run
    async def run(self) -> float:
        """Take them."""
        began = await workflow.execute_activity(first, start_to_close_timeout=LONG)
        for step in range(2, STEPS + 1):
            await workflow.execute_activity(nothing, step, start_to_close_timeout=LONG)
        return began


@workflow.defn(sandboxed=False)
class Saga:
    """Take two steps, fail at the third, and undo the two."""

    @workflow.run
    async def run(self) -> str:
        """Take and undo them."""
        done = []
        try:
            for step in (1, 2):
                await workflow.execute_activity(nothing, step, start_to_close_timeout=LONG)
                done.append(step)
            await workflow.execute_activity(fail, start_to_close_timeout=LONG)
        except ActivityError:
            for step in reversed(done):
                await workflow.execute_activity(nothing, -step, start_to_close_timeout=LONG)
        return "compensated"


@workflow.defn(sandboxed=False)
class Timer:
    """Sleep for a second and say how late it is."""

    @workflow.run
    async def run(self) -> float:
        """Sleep."""
        began = time.time()
        await asyncio.sleep(1)
        return time.time() - began - 1.0


@workflow.defn(sandboxed=False)
class SlowFour:
    """Take four slow steps, each with a trace."""

    @workflow.run
    async def run(self, run: str) -> str:
        """Take them."""
        for step in range(1, STEPS + 1):
            await workflow.execute_activity(slow, args=[run, step], start_to_close_timeout=LOST_AFTER)
        return run
