"""Actions: asking something of what was delivered that its contract offers.

An action is put to policy as an operation is, at admission for whoever asks and at the plan for the
platform; then its intent is recorded, with the request locked, and the reconciler is woken. From
there on it is followed like any operation, so that nothing of it is lost or done twice.
"""

from dataclasses import dataclass, replace

from catalog import audit, contracts, events, fleet_store, requests, trace
from catalog.actor import SYSTEM, Actor
from catalog.contract import Action
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.errors import Conflict, Finding, Invalid, NotFound
from catalog.fleet import Destination
from catalog.request import Applied, Phase, Request, phase_of
from catalog.schema import violations, with_defaults
from platform_api import access, lookups
from platform_api.admission import question
from platform_api.definitions import executor_findings, named_action
from platform_api.denial import PolicyDenied
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from platform_api.secret_values import secrets_among
from policy import store as decisions
from policy.decision import Decision, EnforcementPoint
from policy.document import AskedAction, Query
from reconciler import acting, operations, workqueue
from reconciler.acting import Asked, Intent
from reconciler.explain import explain
from reconciler.workqueue import Lane


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for: an action by name, with inputs, and why."""

    name: str
    inputs: JsonObject
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action that could be begun, as far as what was delivered has a say in it.

    Attributes:
        revision: what was delivered, which says what the action does.
    """

    held: Request
    applied: Applied
    revision: Revision
    destination: Destination | None
    asked: Asked

    @property
    def action(self) -> Action:
        """Return what the contract says of the action."""
        return self.revision.contract.actions[self.asked.name]


def act(platform: Platform, actor: Actor, held: Request, wish: Wish, receipt: Receipt[Request]) -> Request:
    """Accept an action on a request that is ready, and return the request, which now is about it.

    Raises:
        NotFound: `action_not_found`.
        Invalid: `invalid_inputs`.
        Denied: `role_missing`, `policy_denied`.
        Unavailable: `policy_unavailable`; nothing was accepted.
        Conflict: `request_deleting`, `operation_under_way`, `request_not_ready`, `action_not_runnable`,
            `revision_changed`.
    """
    proposal = proposed(platform, actor, held, wish)
    verdicts = decided(platform, actor, proposal)
    for verdict in verdicts:
        if not verdict.is_allowed:
            _record_denial(platform, proposal, verdict)
            raise PolicyDenied(verdict)
    with platform.db.write() as tx:
        receipt.claim(tx)
        current = requests.locked(tx, held.uid)
        check_ready(tx, current)
        _check_same(current, proposal)
        return receipt.keep(tx, _accepted(platform, tx, current, proposal, verdicts))


def proposed(platform: Platform, actor: Actor, held: Request, wish: Wish) -> Proposal:
    """Return an action that somebody asks for, found fit for what was delivered.

    Raises:
        Denied, NotFound, Invalid, Conflict: as for `act`; policy is not asked.
    """
    access.check_requester(actor, held.project)
    with platform.db.read() as tx:
        applied = held.applied
        revision = contracts.by_digest(
            tx, held.contract_digest if applied is None else applied.contract_digest
        )
        inputs = _checked_inputs(revision, wish)
        if applied is None:
            raise _not_ready(tx, held)
        place = None if held.destination is None else fleet_store.destination(tx, held.destination)
    named = named_action(revision.bundle, wish.name)
    findings = tuple(executor_findings(platform.executors, named, revision.files))
    if findings:
        raise Conflict(
            "action_not_runnable",
            f"{wish.name} of {revision.name} {revision.version} cannot be run here.",
            findings=findings,
            fix=f"ask {revision.owner} to publish a version in which it can",
        )
    asked = Asked(wish.name, inputs, actor.subject, wish.reason, trace.cause())
    return Proposal(held, applied, revision, place, asked)


def decided(platform: Platform, actor: Actor, proposal: Proposal) -> tuple[Decision, Decision]:
    """Return what policy says: to whoever asks, and to the platform that would do it.

    Raises:
        Unavailable: `policy_unavailable`.
    """
    asked, applied = proposal.asked, proposal.applied
    delivered = replace(proposal.held, inputs=applied.inputs)
    admission = replace(
        question(actor, asked.name, delivered, proposal.revision, proposal.held),
        destination=proposal.destination,
        action=AskedAction(asked.name, asked.inputs, proposal.action.inputs),
    )
    plan: Query = replace(
        admission,
        enforcement_point=EnforcementPoint.PLAN,
        actor=SYSTEM,
        plan=acting.plan_document(proposal.held, applied, asked),
    )
    return platform.admission.decide(admission), platform.admission.decide(plan)


def check_ready(tx: Tx, request: Request) -> None:
    """Let pass a request of which something can be asked now.

    Raises:
        Conflict: `request_deleting`, `operation_under_way`, `request_not_ready`.
    """
    if request.is_deleting:
        fix = f"wait: avow wait {request.name} --for deleted"
        raise Conflict("request_deleting", f"{request.name} is being deleted.", fix=fix)
    if request.phase is not Phase.READY or operations.open_one(tx, request.uid) is not None:
        raise _not_ready(tx, request)
    if contracts.is_paused(tx, request.contract):
        owner = contracts.owner_of(tx, request.contract)
        raise Conflict(
            "request_not_ready",
            f"All requests on {request.contract} are held.",
            fix=f"ask {owner}, who holds it",
        )


def _checked_inputs(revision: Revision, wish: Wish) -> JsonObject:
    actions, title = revision.contract.actions, f"{revision.name} {revision.version}"
    if wish.name not in actions:
        known = f"choose one of {', '.join(sorted(actions))}" if actions else "this version has no actions"
        finding = Finding("/action", "unknown_action", "there is no action of this name", known)
        message = f"{title} has no action {wish.name}."
        raise NotFound("action_not_found", message, findings=(finding,), fix=known)
    schema = actions[wish.name].inputs
    findings = violations(schema, wish.inputs, "/inputs") + secrets_among(schema, wish.inputs, "/inputs")
    if findings:
        raise Invalid(
            "invalid_inputs",
            f"The inputs do not fit the action {wish.name} of {title}.",
            findings=findings,
            fix=f"see what it takes: avow explain {revision.name}",
        )
    return with_defaults(schema, wish.inputs)


def _not_ready(tx: Tx, request: Request) -> Conflict:
    under_way = operations.open_one(tx, request.uid)
    owner = contracts.owner_of(tx, request.contract) or ""
    newest = under_way or operations.newest(tx, request.uid)
    found = explain(request, owner, newest, lookups.due_at(tx, request.uid))
    move = f"it is the move of: {found.waiting_on.kind}"
    if under_way is not None:
        message = f"{under_way.title} of {request.name} is under way ({found.message}); {move}."
        return Conflict("operation_under_way", _sentence(message), fix=found.next_action)
    message = (
        f"{request.name} is {request.phase}, and an action is for what is ready: {found.message}; {move}."
    )
    return Conflict("request_not_ready", _sentence(message), fix=found.next_action)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:1000]


def _check_same(current: Request, proposal: Proposal) -> None:
    held, applied = proposal.held, current.applied
    is_same = applied is not None and applied.contract_digest == proposal.applied.contract_digest
    if current.revision != held.revision or not is_same:
        raise Conflict(
            "revision_changed", "The request was changed meanwhile.", fix="read it again and repeat"
        )


def _accepted(
    platform: Platform, tx: Tx, current: Request, proposal: Proposal, verdicts: tuple[Decision, Decision]
) -> Request:
    """Record the intent and all that goes with it; a pass that planned before this drops its plan."""
    now, contract = platform.clock(), proposal.revision.contract
    fence = workqueue.next_fence(tx, current.uid)
    intent = Intent(platform.mint("op"), fence, verdicts[-1], now)
    applied = current.applied or proposal.applied
    operation = acting.intended(current, applied, contract, proposal.asked, intent)
    operations.begin(tx, operation)
    for verdict in verdicts:
        decisions.record(tx, verdict)
    conditions = acting.requested(current, operation, now)
    after = replace(
        current,
        attempt=operation.attempt,
        conditions=conditions,
        phase=phase_of(current, conditions),
        updated_at=now,
    )
    stored = requests.save_desired(tx, after, current.revision)
    _leave(tx, proposal, operation.idempotency_key, verdicts, stored)
    family = [stored.uid, *([stored.parent_uid] if stored.parent_uid else [])]
    workqueue.wake_many(tx, family, Lane.CHANGE, now)
    return stored


def _leave(
    tx: Tx, proposal: Proposal, key: str, verdicts: tuple[Decision, Decision], stored: Request
) -> None:
    asked, revision = proposal.asked, proposal.revision
    detail: JsonObject = {
        "uid": stored.uid,
        "action": asked.name,
        "reason": asked.reason,
        "key": key,
        "contract": f"{revision.name}@{revision.version}",
        "decisions": [verdict.id for verdict in verdicts],
    }
    _audit(tx, proposal, "request.action", stored, detail)
    message = f"{asked.name} of {stored.name} was {asked.message}"[:1000]
    happening = events.Event(
        stored.project, stored.uid, acting.REQUESTED, message, stored.updated_at, asked.name[:60]
    )
    events.append(tx, happening)


def _record_denial(platform: Platform, proposal: Proposal, verdict: Decision) -> None:
    held = replace(proposal.held, updated_at=platform.clock())
    with platform.db.write() as tx:
        decisions.record(tx, verdict)
        detail: JsonObject = {"uid": held.uid, "operation": verdict.operation, "decision": verdict.id}
        _audit(tx, proposal, "request.denied", held, detail)


def _audit(tx: Tx, proposal: Proposal, action: str, request: Request, detail: JsonObject) -> None:
    audit.append(
        tx,
        request.project,
        request.updated_at,
        actor=proposal.asked.by,
        action=action,
        subject=f"request/{request.name}",
        detail=detail,
    )
