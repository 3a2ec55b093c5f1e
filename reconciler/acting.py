"""Actions: what a contract lets people ask of something delivered, besides changing it.

The intent is an operation like any other. The door that accepts it records it, under the lock of
the request, and from then on a pass follows it as it would after a crash: it asks the executor for
the run under the key and starts it when there is none. What was delivered stays delivered
whatever becomes of an action, so none of this speaks of failure of the request: after each end a
look says how things are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from catalog.acting import action_root
from catalog.conditions import Condition, Status, Type, merged
from catalog.contract import Contract
from catalog.digest import Json, JsonObject
from catalog.errors import Finding
from catalog.request import Applied, Request
from catalog.storable import unstorable
from executors.port import RunReport
from policy.decision import Decision
from reconciler.drift import EXISTS, facts_digest
from reconciler.operation import Operation, OperationState, idempotency_key
from reconciler.outcome import Outcome, unsuccessful
from reconciler.status import Statements, with_ready

REQUESTED = "ActionRequested"


@dataclass(frozen=True, slots=True)
class Asked:
    """An action that somebody asks for.

    Attributes:
        inputs: with the action's defaults filled in.
        reason: what the audit trail should say besides; may be empty.
        trace: the span in which it was asked.
    """

    name: str
    inputs: JsonObject
    by: str
    reason: str = ""
    trace: str = ""

    @property
    def message(self) -> str:
        """Return who wants it and why."""
        return f"asked for by {self.by}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Intent:
    """What goes into the operation besides the request and what is asked.

    Attributes:
        fence: above that of every operation before it.
    """

    id: str
    fence: int
    decision: Decision
    now: datetime


def plan_document(request: Request, applied: Applied, asked: Asked) -> dict[str, Json]:
    """Return the plan as policy sees it and as it is stored; it changes nothing of what is wanted."""
    return {
        "move": "operate",
        "operation": asked.name,
        "reason": REQUESTED,
        "message": asked.message,
        "generation": applied.generation,
        "contract": {
            "name": request.contract,
            "version": applied.contract_version,
            "digest": applied.contract_digest,
        },
        "destination": request.destination,
        "changes": [],
    }


def intended(
    request: Request, applied: Applied, contract: Contract, asked: Asked, intent: Intent
) -> Operation:
    """Return the operation that carries out an action on what was delivered."""
    attempt = request.attempt + 1
    key = idempotency_key(request.project, request.uid, request.generation, asked.name, attempt)
    plan: dict[str, Json] = {
        **plan_document(request, applied, asked),
        "inputs": applied.inputs,
        "policy": intent.decision.revision,
        "action": action_root(asked.name, asked.inputs),
        "asked": {"by": asked.by, "trace": asked.trace},
    }
    return Operation(
        id=intent.id,
        project=request.project,
        request_uid=request.uid,
        name=asked.name,
        generation=request.generation,
        attempt=attempt,
        idempotency_key=key,
        fence=intent.fence,
        state=OperationState.PENDING,
        executor=contract.actions[asked.name].executor,
        contract_version=applied.contract_version,
        contract_digest=applied.contract_digest,
        destination=request.destination,
        desired_digest=applied.desired_digest,
        reason=REQUESTED,
        message=asked.message[:1000],
        plan=plan | ({"children": applied.children} if applied.children else {}),
        decision_id=intent.decision.id,
        created_at=intent.now,
    )


def requested(request: Request, operation: Operation, now: datetime) -> dict[Type, Condition]:
    """Return a request's conditions from the moment in which an action was accepted."""
    message = f"{operation.title} begins shortly, {operation.message}"[:1000]
    change = Statements(request, now).say(Type.APPLIED, Status.UNKNOWN, "Operating", message)
    return with_ready(request, merged(request.conditions, [change]), now)


def ended(request: Request, now: datetime, *, is_written: bool) -> dict[Type, Condition]:
    """Return a request's conditions when an action ended, well or badly.

    Args:
        is_written: nothing of it has to go into git.
    """
    changes = [*_ended(request, Statements(request, now), is_written=is_written)]
    return with_ready(request, merged(request.conditions, changes), now)


def _ended(request: Request, statements: Statements, *, is_written: bool) -> Iterator[Condition]:
    say, applied = statements.say, request.applied
    if request.is_deleting:
        yield say(Type.APPLIED, Status.UNKNOWN, "DeletionRequested", "what was under way has ended")
        return
    if applied is None or applied.generation != request.generation:
        yield say(Type.APPLIED, Status.UNKNOWN, "DesiredChanged", "what is wanted changed meanwhile")
    else:
        message = f"{applied.contract_version} is delivered (generation {applied.generation})"
        yield say(Type.APPLIED, Status.TRUE, "Delivered", message)
    yield say(Type.OBSERVED, Status.UNKNOWN, "LookPending", "an action ended; a look will tell how it is now")
    if not is_written:
        yield say(Type.WRITTEN, Status.UNKNOWN, "WritePending", "git is being written")


def outcome_of_action(operation: Operation, report: RunReport) -> Outcome:
    """Return what a final report on an action amounts to; outputs are not promised, and facts need not be."""
    failure = unsuccessful(operation, report)
    if failure is not None:
        return failure
    findings = [*unstorable(dict(report.outputs), "/outputs"), *_unfit_facts(report.facts)]
    if findings:
        listed = "; ".join(f"{finding.pointer}: {finding.message}" for finding in findings[:3])
        return Outcome(
            OperationState.FAILED, "InvalidOutput", f"the executor's answer cannot be kept: {listed}"
        )
    return Outcome(OperationState.SUCCEEDED, "Delivered", "done", report.outputs, report.facts)


def applied_after(request: Request, contract: Contract, done: Operation, now: datetime) -> Applied | None:
    """Return what is delivered after an action that states what exists; None when that is as before."""
    applied = request.applied
    is_stated = done.state is OperationState.SUCCEEDED and bool(done.facts)
    if applied is None or not is_stated or done.facts == applied.facts:
        return None
    if applied.contract_digest != done.contract_digest:
        return None  # the run went over to another revision, which the next pass delivers
    marked = facts_digest(done.facts, contract.drift.ignore, now)
    return replace(applied, facts=done.facts, facts_digest=marked)


def _unfit_facts(facts: Mapping[str, Json]) -> Iterator[Finding]:
    yield from unstorable(dict(facts), "/facts")
    if facts and facts.get(EXISTS) is not True:
        yield Finding("/facts/exists", "not_stated", "must be true: an action takes nothing down")
