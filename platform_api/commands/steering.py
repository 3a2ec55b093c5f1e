"""Holding a run, letting it go on, and sending it a signal.

Each is a letter to the run, written in the transaction that also notes who sent it. The run's
driver takes it in, whichever engine that is: letters to a run on Temporal are brought there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from catalog import audit, requests
from catalog.actor import Actor
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.errors import Conflict
from executors import runs
from executors.runs import RunRecord
from executors.workflow.executor import MAX_MAIL, signal_body
from executors.workflow.mail import PAUSE, RESUME, SIGNAL
from platform_api import access
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from reconciler import workqueue
from reconciler.workqueue import Lane

Act = Callable[[Tx, RunRecord], JsonObject]
"""Does something to a run and returns what the audit trail says of it besides."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A named event for a run; its payload becomes the outputs of the step that waits for it."""

    name: str
    payload: JsonObject


def pause(
    platform: Platform, actor: Actor, project: str, run_id: str, receipt: Receipt[RunRecord]
) -> RunRecord:
    """Ask that nothing more of a run begins.

    Raises:
        Conflict: `run_ended`, `mailbox_full`.
    """

    def act(tx: Tx, run: RunRecord) -> JsonObject:
        _post(platform, tx, run, PAUSE, {"reason": f"paused by {actor.subject}"})
        return {}

    return noted(platform, actor, (project, run_id), receipt, ("run.paused", act))


def resume(
    platform: Platform, actor: Actor, project: str, run_id: str, receipt: Receipt[RunRecord]
) -> RunRecord:
    """Let a held run go on; one that is not held takes no notice.

    Raises:
        Conflict: `run_ended`, `mailbox_full`.
    """

    def act(tx: Tx, run: RunRecord) -> JsonObject:
        _post(platform, tx, run, RESUME, {})
        return {}

    return noted(platform, actor, (project, run_id), receipt, ("run.resumed", act))


def signal(
    platform: Platform, actor: Actor, project: str, run_id: str, receipt: Receipt[RunRecord], *, sent: Signal
) -> RunRecord:
    """Send a run a named event; the wait for it that comes next in the run takes it.

    Raises:
        Invalid: `invalid_signal`.
        Conflict: `run_ended`, `mailbox_full`.
    """

    def act(tx: Tx, run: RunRecord) -> JsonObject:
        _post(platform, tx, run, SIGNAL, signal_body(sent.name, sent.payload))
        return {"signal": sent.name}

    return noted(platform, actor, (project, run_id), receipt, ("run.signalled", act))


def noted(
    platform: Platform,
    actor: Actor,
    where: tuple[str, str],
    receipt: Receipt[RunRecord],
    what: tuple[str, Act],
) -> RunRecord:
    """Do something to a run, and leave with it who did so; the reconciler looks at its request next.

    Args:
        where: its project and its id.
        what: how the audit trail calls it, and what is done.

    Raises:
        NotFound: `run_not_found`.
        Denied: `role_missing`.
    """
    project, run_id = where
    action, act = what
    access.check_requester(actor, project)
    with platform.db.write() as tx:
        receipt.claim(tx)
        run = runs.load(tx, project, run_id)
        request = requests.locked(tx, run.request_uid)
        said = act(tx, run)
        audit.append(
            tx,
            project,
            platform.clock(),
            actor=actor.subject,
            action=action,
            subject=f"run/{run.id}",
            detail={"uid": run.request_uid, "operation": run.operation, **said},
        )
        workqueue.wake(tx, request.uid, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, runs.load(tx, project, run_id))


def _post(platform: Platform, tx: Tx, run: RunRecord, kind: str, body: JsonObject) -> None:
    if runs.post(tx, run.idempotency_key, kind, body, now=platform.clock(), limit=MAX_MAIL) is None:
        raise Conflict("run_ended", "The run has ended already.", fix="see what came of it: avow get runs")
