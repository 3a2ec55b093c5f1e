"""Having a run that failed, or is stuck, tried again: the door behind `retry` and dead letters.

A run that is tried again goes on with effects that were decided on earlier, and no pass plans
them anew. So this door holds it to what a pass is held to: nothing of it is held, its operation
is still what is wanted, and policy allows its plan now. Policy is asked before the transaction is
opened, because it may take a while; how things stand is looked at once more under the lock. The
run's operation is opened as well, so that the reconciler waits for it and begins no other beside
it; that is why only the last operation of a request can be tried again.
"""

from dataclasses import dataclass, replace

from catalog import contracts, lifecycles, requests
from catalog.actor import Actor
from catalog.contract import OperationName
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.errors import Conflict
from catalog.request import Request
from executors import dead_letters, runs
from executors.runs import RunRecord
from executors.workflow.mail import RETRY
from platform_api import access
from platform_api.admission import record_denial
from platform_api.commands.steering import noted
from platform_api.denial import PolicyDenied
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from policy import store as decisions
from policy.decision import Decision
from reconciler import operations
from reconciler.asking import again_query
from reconciler.binding import is_outdated
from reconciler.operation import Operation, OperationState
from reconciler.situation import Loaded, proposed, wished


@dataclass(frozen=True, slots=True)
class _Again:
    """An operation that may go on, and how things stand with its request.

    Attributes:
        is_forgiving: the upgrade that failed is tried anew with it.
    """

    operation: Operation
    loaded: Loaded
    is_forgiving: bool

    @property
    def request(self) -> Request:
        """Return the request as it is stored, or as it is once its failure is forgotten."""
        return self.loaded.situation.request


def retry(
    platform: Platform, actor: Actor, project: str, run_id: str, receipt: Receipt[RunRecord]
) -> RunRecord:
    """Let a failed or stuck run go on from where it failed.

    Raises:
        Denied: `role_missing`, `policy_denied`.
        Unavailable: `policy_unavailable`; nothing goes on.
        Conflict: `run_not_ended`, `run_not_retriable`, `run_superseded`, `request_deleting`,
            `request_not_ready`, `revision_changed`.
    """
    access.check_requester(actor, project)
    with platform.db.read() as tx:
        seen = _again(platform, tx, runs.load(tx, project, run_id))
    decision = _allowed(platform, actor, seen, is_dry=receipt.is_dry)

    def act(tx: Tx, run: RunRecord) -> JsonObject:
        # Whoever would end its version looks first who is on the way to it: nobody sets out meanwhile.
        lifecycles.held(tx, seen.request.contract, seen.operation.contract_version)
        again = _again(platform, tx, run)
        if again.request.revision != seen.request.revision:
            raise Conflict(
                "revision_changed", "The request was changed meanwhile.", fix="look at it, and repeat"
            )
        _open(platform, tx, run, again, decision)
        return {"decision": decision.id}

    return noted(platform, actor, (project, run_id), receipt, ("run.retried", act))


def _allowed(platform: Platform, actor: Actor, again: _Again, *, is_dry: bool) -> Decision:
    decision = platform.admission.decide(again_query(again.loaded, again.operation))
    if not decision.is_allowed:
        if not is_dry:
            record_denial(platform, actor, again.request, decision)
        raise PolicyDenied(decision)
    return decision


def _again(platform: Platform, tx: Tx, run: RunRecord) -> _Again:
    """Return what goes on when a run is tried again.

    Raises:
        Conflict: as for `retry`.
    """
    runs.check_retriable(run)
    operation = operations.newest(tx, run.request_uid)
    is_last = operation is not None and operation.idempotency_key == run.idempotency_key
    if operation is None or not is_last or operation.state.is_open:
        raise Conflict(
            "run_superseded", "The run is being tried again already, or another one came after it."
        )
    request = requests.by_uid(tx, run.request_uid)
    is_forgiving = request.failed_digest == operation.contract_digest
    meant = replace(request, failed_version=None, failed_digest=None) if is_forgiving else request
    again = _Again(operation, proposed(tx, meant, wished(tx, meant), platform.clock()), is_forgiving)
    _check_free(tx, again)
    _check_wanted(platform, again)
    return again


def _check_free(tx: Tx, again: _Again) -> None:
    request = again.request
    if request.is_deleting or request.deleted_at is not None:
        if again.operation.name is OperationName.DELETE:
            return  # a deletion is not held up, by whatever
        fix = f"wait: avow wait {request.name} --for deleted"
        raise Conflict("request_deleting", f"{request.name} is being deleted.", fix=fix)
    if request.paused:
        fix = f"let it go on: avow resume {request.name}"
        raise Conflict("request_not_ready", f"{request.name} is held, and so are its runs.", fix=fix)
    if again.loaded.situation.contract_paused:
        owner = contracts.owner_of(tx, request.contract)
        message = f"All requests on {request.contract} are held, and so are their runs."
        raise Conflict("request_not_ready", message, fix=f"ask {owner}, who holds it")


def _check_wanted(platform: Platform, again: _Again) -> None:
    if is_outdated(platform.admission, again.loaded, again.operation):
        raise Conflict(
            "run_not_retriable",
            "What the run was begun for, or a policy that let it pass, has changed since.",
            fix=f"have it begun anew: avow reconcile {again.request.name}",
        )


def _open(platform: Platform, tx: Tx, run: RunRecord, again: _Again, decision: Decision) -> None:
    now = platform.clock()
    runs.reopen(tx, run.idempotency_key, RETRY, now)
    dead_letters.settle(tx, run.id, now)
    decisions.record(tx, decision)
    opened = replace(
        again.operation,
        state=OperationState.RUNNING,
        finished_at=None,
        next_attempt_at=None,
        superseded=False,
        decision_id=decision.id,
    )
    operations.save(tx, opened)
    if again.is_forgiving:
        requests.forget_failure(tx, run.request_uid)
