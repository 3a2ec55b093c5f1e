"""What a pass writes down: one method per thing that can come of it, one transaction each.

Every transaction locks the request's row, applies its change to what the row says now, and
ends by giving the claim back, which fails when another process took the claim over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from catalog import audit, events, fleet_store, lifecycles, requests, uses
from catalog.actor import SYSTEM
from catalog.clock import Clock
from catalog.conditions import Conditions, Type
from catalog.contract import Contract, OperationName
from catalog.db import Database, Tx
from catalog.digest import JsonObject
from catalog.fleet import Resource
from catalog.ids import Mint
from catalog.request import Applied, Phase, Request, phase_of
from executors.port import RunReport
from policy import store as decisions
from policy.decision import Decision
from reconciler import acting, operations, outbox, render, status, upgrade, workqueue
from reconciler.drift import facts_digest
from reconciler.operation import Operation, OperationState
from reconciler.outcome import Outcome, finished
from reconciler.plan import Plan, Situation
from reconciler.upkeep import Upkeep, depart
from reconciler.workqueue import Claim, Lane

DRIFT_REASONS = ("Drifted", "Missing")


@dataclass(slots=True)
class Turn:
    """One open transaction of a pass, on the request as it is stored now.

    Attributes:
        woken: other requests to wake when it ends.
        is_dropped: nothing came of it, and what is to be done is decided anew at once.
    """

    tx: Tx
    request: Request
    now: datetime
    woken: dict[str, Lane] = field(default_factory=dict)
    is_dropped: bool = False

    def save(self, conditions: Conditions, **changes: object) -> None:
        """Store status, deriving the phase; a new phase is an event."""
        after = replace(self.request, **changes)  # type: ignore[arg-type]  # field names are the callers'
        after = replace(after, conditions=conditions, phase=phase_of(after, conditions))
        if after.phase is not self.request.phase:
            self.event("PhaseChanged", status.headline(after), reason=str(after.phase))
            self._wake_kin(after)
        if after != self.request:
            requests.save_status(self.tx, after)
        self.request = after

    def _wake_kin(self, after: Request) -> None:
        """Have those look who wait for this request to come to where it is now."""
        if after.parent_uid is not None:
            self.woken[after.parent_uid] = Lane.CALLBACK
        if after.phase is Phase.READY:
            self.woken |= dict.fromkeys(uses.user_uids(self.tx, after.uid), Lane.CALLBACK)

    def drops(self, situation: Situation) -> bool:
        """Say whether what was decided from a situation is dropped, and decided anew at once.

        People changed the request after it was read, or the version to which the request would
        come delivers no more. One that does is kept from ending until this turn is over.
        """
        ref, now = situation.contract_ref, self.request
        stays = ref.version in now.versions
        self.is_dropped = now.revision != situation.request.revision or not (
            stays or lifecycles.keeps_serving(self.tx, ref.name, ref.version)
        )
        return self.is_dropped

    def event(self, kind: str, message: str, *, reason: str = "") -> None:
        """Append an event about the request."""
        happening = events.Event(self.request.project, self.request.uid, kind, message, self.now, reason)
        events.append(self.tx, happening)

    def audit(self, action: str, detail: JsonObject) -> audit.Head:
        """Append what the platform did by itself to the audit trail."""
        subject = f"request/{self.request.name}"
        return audit.append(
            self.tx,
            self.request.project,
            self.now,
            actor=SYSTEM.subject,
            action=action,
            subject=subject,
            detail={"uid": self.request.uid, **detail},
        )


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes what passes find and do."""

    db: Database
    clock: Clock
    mint: Mint

    def progress(
        self, claim: Claim, operation: Operation, report: RunReport, due_at: datetime, asked: str = ""
    ) -> None:
        """Record that an operation is still under way, and what is asked of people meanwhile."""
        with self._turn(claim, due_at) as turn:
            moved = replace(
                operation,
                state=OperationState.RUNNING,
                run_id=report.run_id or operation.run_id,
                message=(report.message or operation.message)[:1000],
                next_attempt_at=report.next_attempt_at,
            )
            if moved != operation:
                operations.save(turn.tx, moved)
            conditions = status.under_way(turn.request, operation, report, turn.now, asked)
            if status.begins_to_ask(turn.request.conditions, conditions):
                turn.event(status.WAITING_FOR_APPROVAL, conditions[Type.APPLIED].message)
            turn.save(conditions)

    def outcome(
        self,
        claim: Claim,
        contract: Contract,
        operation: Operation,
        outcome: Outcome,
        next_at: datetime | None,
    ) -> None:
        """Record how an operation ended, whatever people changed meanwhile; the next pass follows at once."""
        with self._turn(claim, self.clock()) as turn:
            done = finished(operation, outcome, turn.now, next_at)
            operations.save(turn.tx, done)
            kind = "OperationSucceeded" if outcome.is_success else "OperationFailed"
            turn.event(kind, outcome.message, reason=str(operation.name))
            detail = {"operation": str(operation.name), "key": operation.idempotency_key}
            head = turn.audit(f"operation.{outcome.state}", detail)
            if outcome.is_success and operation.name is not OperationName.DELETE:
                self._delivered(turn, contract, done, head)
            elif outcome.is_success:
                turn.save(status.ended(turn.request, done, turn.now))
            else:
                changes = upgrade.after_failure(turn.request, done)
                turn.save(status.ended(turn.request, done, turn.now), **changes)
            operations.prune(turn.tx, turn.request.uid, contract.keep_runs)

    def acted(self, claim: Claim, contract: Contract, operation: Operation, outcome: Outcome) -> None:
        """Record how an action ended; the next pass follows at once, and looks."""
        with self._turn(claim, self.clock()) as turn:
            done = finished(operation, outcome, turn.now, None)
            operations.save(turn.tx, done)
            kind = "ActionSucceeded" if outcome.is_success else "ActionFailed"
            turn.event(kind, f"{operation.name}: {outcome.message}", reason=str(operation.name)[:60])
            detail = {"action": str(operation.name), "key": operation.idempotency_key}
            head = turn.audit(f"action.{outcome.state}", detail)
            after = acting.applied_after(turn.request, contract, done, turn.now)
            applied = turn.request.applied if after is None else after
            turn.save(acting.ended(turn.request, turn.now, is_written=after is None), applied=applied)
            if after is not None:
                outbox.put(turn.tx, render.state_change(turn.request, head), turn.now, self.mint)
            operations.prune(turn.tx, turn.request.uid, contract.keep_runs)

    def settle(
        self, claim: Claim, situation: Situation, found: Plan, write_error: str, due_at: datetime
    ) -> None:
        """Record that there is nothing to do before the due time, unless something changes."""
        with self._turn(claim, due_at) as turn:
            if turn.drops(situation):
                return
            self._seen(turn, situation)
            conditions = status.standing(situation, found, write_error, turn.now)
            turn.save(conditions, **self._resolved(turn, situation))

    def refused(
        self, claim: Claim, situation: Situation, decision: Decision | None, message: str, due_at: datetime
    ) -> None:
        """Record that policy did not let a plan pass, or could not be asked."""
        with self._turn(claim, due_at) as turn:
            if turn.drops(situation):
                return
            self._seen(turn, situation)
            reason = "PolicyUnavailable"
            if decision is not None:
                reason = "PolicyDenied"
                decisions.record(turn.tx, decision)
                turn.audit("plan.denied", {"decision": decision.id})
            conditions = status.refused(turn.request, reason, message, turn.now)
            turn.save(conditions, **self._resolved(turn, situation))

    def begin(
        self, claim: Claim, situation: Situation, found: Plan, operation: Operation, decision: Decision
    ) -> bool:
        """Record the intent to operate; return False when it was dropped and must not be done."""
        with self.db.write() as tx:
            turn = Turn(tx, requests.locked(tx, claim.request_uid), self.clock())
            if turn.drops(situation):
                workqueue.complete(tx, claim, turn.now)
                return False
            # Whoever would end a version looks first who is on the way to it: nobody sets out meanwhile.
            lifecycles.held(tx, turn.request.contract, operation.contract_version)
            self._seen(turn, situation)
            decisions.record(tx, decision)
            operations.begin(tx, operation)
            detail = {
                "operation": str(operation.name),
                "key": operation.idempotency_key,
                "decision": decision.id,
            }
            turn.audit("operation.begun", detail)
            if found.reason in DRIFT_REASONS:
                turn.event("DriftFound", found.message, reason=found.reason)
            turn.event("OperationBegun", found.message, reason=str(operation.name))
            conditions = status.begun(situation, found, turn.now)
            turn.save(conditions, attempt=operation.attempt, **self._resolved(turn, situation))
            workqueue.wake_beside(tx, claim, turn.woken, turn.now)
            workqueue.hold(tx, claim, turn.now, workqueue.LEASE)
            return True

    def release(self, claim: Claim, situation: Situation, found: Plan) -> None:
        """Take a thing that was seen gone off the books and out of git."""
        with self._turn(claim, self.clock()) as turn:
            self._seen(turn, situation)
            fleet_store.record_gone(turn.tx, turn.request.uid, turn.now)
            head = turn.audit("request.gone", {"generation": turn.request.generation})
            outbox.put(turn.tx, render.state_removal(turn.request, head), turn.now, self.mint)
            turn.event("Gone", found.message)
            turn.save(status.standing(situation, found, "", turn.now))

    def forget(self, claim: Claim, situation: Situation, found: Plan) -> None:
        """Leave a tombstone; the request's name is free again."""
        with self.db.write() as tx:
            turn = Turn(tx, requests.locked(tx, claim.request_uid), self.clock())
            if requests.children_of(tx, claim.request_uid):
                workqueue.complete(tx, claim, turn.now)  # none of them outlives it
                return
            turn.audit("request.deleted", {"generation": turn.request.generation})
            turn.save(status.standing(situation, found, "", turn.now), deleted_at=turn.now)
            turn.woken |= dict.fromkeys(uses.release(tx, claim.request_uid), Lane.CALLBACK)
            workqueue.wake_beside(tx, claim, turn.woken, turn.now)
            workqueue.remove(tx, claim)

    def compose(self, claim: Claim, situation: Situation, found: Plan) -> None:
        """Do what there is to do about the request's children; the next pass follows at once."""
        with self._turn(claim, self.clock()) as turn:
            if turn.drops(situation):
                return
            self._seen(turn, situation)
            turn.save(status.standing(situation, found, "", turn.now), **self._resolved(turn, situation))
            upkeep = Upkeep(turn.tx, turn.request, turn.now, self.mint)
            turn.woken |= upkeep.run(situation.composition.errands)

    def give_back(self, claim: Claim, situation: Situation) -> None:
        """Begin the deletion that waited until nothing used the request; the next pass follows at once."""
        with self.db.write() as tx:
            now = self.clock()
            current = requests.locked(tx, claim.request_uid)
            if current.revision == situation.request.revision and not uses.users(tx, current):
                message = f"nothing uses {current.name} any more, and its deletion begins"
                depart(tx, current, now, self.mint, message)
            workqueue.complete(tx, claim, now, Lane.TEARDOWN)

    @contextmanager
    def _turn(self, claim: Claim, due_at: datetime) -> Iterator[Turn]:
        with self.db.write() as tx:
            now = self.clock()
            turn = Turn(tx, requests.locked(tx, claim.request_uid), now)
            yield turn
            workqueue.wake_beside(tx, claim, turn.woken, now)
            next_at = now if turn.is_dropped else due_at
            # What follows at once belongs to the same errand; what is due later is a resync.
            workqueue.complete(tx, claim, next_at, claim.lane if next_at <= now else Lane.RESYNC)

    def _seen(self, turn: Turn, situation: Situation) -> None:
        if situation.observation is not None:
            fleet_store.record_observation(turn.tx, turn.request.project, situation.observation)

    def _resolved(self, turn: Turn, situation: Situation) -> dict[str, str | None]:
        ref, destination = situation.contract_ref, situation.placed.destination
        before = turn.request.contract_version
        if ref.version != before:  # people's changes bring their version along; this one came by itself
            why = "" if situation.trouble is None else f": {situation.trouble.message}"
            message = f"{ref.name} {ref.version} instead of {before}{why}"
            turn.event("VersionResolved", message, reason=ref.version)
        return {
            "contract_version": ref.version,
            "contract_digest": ref.digest,
            "destination": None if destination is None else destination.name,
        }

    def _delivered(self, turn: Turn, contract: Contract, done: Operation, head: audit.Head) -> None:
        applied = Applied(
            generation=done.generation,
            contract_version=done.contract_version,
            contract_digest=done.contract_digest,
            desired_digest=done.desired_digest,
            inputs=done.inputs,
            facts=done.facts,
            facts_digest=facts_digest(done.facts, contract.drift.ignore, turn.now),
            at=turn.now,
            children=done.children,
            dead_ends=upgrade.dead_ends_after(turn.request, done),
        )
        if done.destination is not None:
            fleet_store.record_resource(turn.tx, _resource(turn.request, done, turn.now))
        changes = upgrade.after_success(turn.request, done)
        conditions = status.ended(turn.request, done, turn.now)
        turn.save(conditions, applied=applied, outputs=done.outputs, **changes)
        outbox.put(turn.tx, render.state_change(turn.request, head), turn.now, self.mint)


def _resource(request: Request, done: Operation, now: datetime) -> Resource:
    return Resource(
        request_uid=request.uid,
        project=request.project,
        destination=done.destination or "",
        kind=request.contract,
        name=request.name,
        facts=done.facts,
        first_seen_at=now,
        last_seen_at=now,
    )
