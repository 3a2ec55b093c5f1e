"""The handlers that Restate is measured with; hypercorn serves `app` to the Restate server."""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import restate

from tests.bench.peers.aftermath import END, START, STEPS
from tests.bench.peers.shared import SLOW_SECONDS, note

TRACE = "BENCH_RESTATE_TRACE"
service = restate.Service("Bench")


@service.handler()
async def four(context: restate.Context, _name: str) -> float:
    """Take four steps and say when the first ran."""
    began: float = await context.run_typed("s1", time_of_day)
    for step in range(2, STEPS + 1):
        await context.run_typed(f"s{step}", _nothing(step))
    return began


@service.handler()
async def saga(context: restate.Context, _name: str) -> str:
    """Take two steps, fail at the third, and undo the two."""
    done = []
    try:
        for step in (1, 2):
            done.append(step)
            await context.run_typed(f"s{step}", _nothing(step))
        await context.run_typed("s3", _fail)
    except restate.exceptions.TerminalError:
        for step in reversed(done):
            await context.run_typed(f"c{step}", _nothing(step))
    return "compensated"


@service.handler()
async def timer(context: restate.Context, _name: str) -> float:
    """Sleep for a second and say how late it is."""
    began: float = await context.run_typed("began", time_of_day)
    await context.sleep(timedelta(seconds=1))
    return time.time() - began - 1.0


@service.handler()
async def slow_four(context: restate.Context, run: str) -> str:
    """Take four slow steps, each with a trace."""
    for step in range(1, STEPS + 1):
        await context.run_typed(f"s{step}", _slow, run=run, step=step)
    return run


def time_of_day() -> float:
    """Return the time; a function of ours, since Restate reads what it returns off its signature."""
    return time.time()


async def _slow(run: str, step: int) -> int:
    trace = Path(os.environ[TRACE])
    note(trace, run, step, START)
    await asyncio.sleep(SLOW_SECONDS)
    note(trace, run, step, END)
    return step


def _nothing(step: int) -> Callable[[], int]:
    return lambda: step


def _fail() -> None:
    raise restate.exceptions.TerminalError("as planned")


app = restate.app([service])
