"""Holding a run, letting it go on, and having one that failed tried again.

Each is a letter to the run, written in the transaction that also notes who sent it. Trying
again opens the run's operation as well, so that the reconciler waits for it and begins no
other beside it; that is why only the last operation of a request can be tried again.
"""

from collections.abc import Callable
from dataclasses import replace

from catalog import audit, requests
from catalog.actor import Actor
from catalog.db import Tx
from catalog.errors import Conflict
from executors import dead_letters, runs
from executors.runs import RunRecord
from executors.workflow.executor import MAX_MAIL
from executors.workflow.mail import PAUSE, RESUME, RETRY
from platform_api import access
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from reconciler import operations, workqueue
from reconciler.operation import OperationState
from reconciler.workqueue import Lane

Act = Callable[[Tx, RunRecord], None]


def pause(
    platform: Platform, actor: Actor, project: str, run_id: str, receipt: Receipt[RunRecord]
) -> RunRecord:
    """Ask that nothing more of a run begins.

    Raises:
        Conflict: `run_ended`, `mailbox_full`.
    """

    def act(tx: Tx, run: RunRecord) -> None:
        _post(platform, tx, run, PAUSE, {"reason": f"paused by {actor.subject}"})

    return _noted(platform, actor, (project, run_id), receipt, ("run.paused", act))


def resume(
    platform: Platform, actor: Actor, project: str, run_id: str, receipt: Receipt[RunRecord]
) -> RunRecord:
    """Let a held run go on; one that is not held takes no notice.

    Raises:
        Conflict: `run_ended`, `mailbox_full`.
    """

    def act(tx: Tx, run: RunRecord) -> None:
        _post(platform, tx, run, RESUME, {})

    return _noted(platform, actor, (project, run_id), receipt, ("run.resumed", act))


def retry(
    platform: Platform, actor: Actor, project: str, run_id: str, receipt: Receipt[RunRecord]
) -> RunRecord:
    """Let a failed or stuck run go on from where it failed.

    Raises:
        Conflict: `run_not_ended`, `run_not_retriable`, `run_superseded`.
    """

    def act(tx: Tx, run: RunRecord) -> None:
        now = platform.clock()
        runs.reopen(tx, run.idempotency_key, RETRY, now)
        dead_letters.settle(tx, run.id, now)
        _open_operation(tx, run)
        requests.forget_failure(tx, run.request_uid)

    return _noted(platform, actor, (project, run_id), receipt, ("run.retried", act))


def _open_operation(tx: Tx, run: RunRecord) -> None:
    newest = operations.newest(tx, run.request_uid)
    if newest is None:
        return
    if newest.idempotency_key != run.idempotency_key:
        raise Conflict(
            "run_superseded", "The run is being tried again already, or another one came after it."
        )
    operations.save(
        tx,
        replace(
            newest, state=OperationState.RUNNING, finished_at=None, next_attempt_at=None, superseded=False
        ),
    )


def _post(platform: Platform, tx: Tx, run: RunRecord, kind: str, body: dict[str, str]) -> None:
    if runs.post(tx, run.idempotency_key, kind, body, now=platform.clock(), limit=MAX_MAIL) is None:
        raise Conflict("run_ended", "The run has ended already.", fix="see what came of it: avow get runs")


def _noted(
    platform: Platform,
    actor: Actor,
    where: tuple[str, str],
    receipt: Receipt[RunRecord],
    what: tuple[str, Act],
) -> RunRecord:
    project, run_id = where
    action, act = what
    access.check_requester(actor, project)
    with platform.db.write() as tx:
        receipt.claim(tx)
        run = runs.load(tx, project, run_id)
        request = requests.locked(tx, run.request_uid)
        act(tx, run)
        audit.append(
            tx,
            project,
            platform.clock(),
            actor=actor.subject,
            action=action,
            subject=f"run/{run.id}",
            detail={"uid": run.request_uid, "operation": run.operation},
        )
        workqueue.wake(tx, request.uid, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, runs.load(tx, project, run_id))
