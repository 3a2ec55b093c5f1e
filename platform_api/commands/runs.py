"""Runs: the only thing a person does to one is to stop it."""

from catalog import audit, requests
from catalog.actor import Actor
from catalog.errors import Conflict
from executors import runs
from executors.runs import RunRecord
from platform_api import access
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from reconciler import workqueue
from reconciler.workqueue import Lane

EXECUTOR = "workflow"
"""The executor whose runs are kept here; others keep theirs themselves."""


def cancel(
    platform: Platform, actor: Actor, project: str, run_id: str, receipt: Receipt[RunRecord]
) -> RunRecord:
    """Ask a run to stop and to undo what it did.

    Raises:
        Conflict: `run_ended`.
    """
    access.check_requester(actor, project)
    with platform.db.read() as tx:
        run = runs.load(tx, project, run_id)
    if run.ended_at is not None:
        raise Conflict("run_ended", "The run has ended already.", fix="see what came of it: avow get runs")
    if not receipt.is_dry:
        # The executor notes it in its own transaction; noting it twice stops the run once.
        platform.executors[EXECUTOR].cancel(run.idempotency_key, f"cancelled by {actor.subject}")
    with platform.db.write() as tx:
        receipt.claim(tx)
        request = requests.locked(tx, run.request_uid)
        audit.append(
            tx,
            project,
            platform.clock(),
            actor=actor.subject,
            action="run.cancelled",
            subject=f"run/{run.id}",
            detail={"uid": run.request_uid, "operation": run.operation},
        )
        workqueue.wake(tx, request.uid, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, runs.load(tx, project, run_id))
