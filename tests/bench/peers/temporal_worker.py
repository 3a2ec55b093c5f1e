"""A Temporal worker process: does what the server asks for until it is killed.

    python -m tests.bench.peers.temporal_worker ADDRESS

Says `ready` once it asks.
"""

import asyncio
import sys

from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from tests.bench.peers import temporal_flows as flows


async def main(address: str) -> None:
    """Work."""
    worker = Worker(
        await Client.connect(address),
        task_queue=flows.QUEUE,
        workflows=[flows.Four, flows.Saga, flows.Timer, flows.SlowFour],
        activities=[flows.first, flows.nothing, flows.fail, flows.slow],
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),  # a third more runs a second
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=flows.LOST_AFTER,
    )
    async with worker:
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
