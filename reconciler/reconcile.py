"""One request, one pass: the second of the two straight lines through Avow.

    load -> follow the open operation, or:
    load -> look -> plan -> nothing to do? settle
                         -> ask policy -> record the intent -> hand over -> record the answer

A pass is level-triggered: it knows only the request's uid, does at most one thing, and
leaves a due time. It may die anywhere: what must be atomic is one transaction of
`reconciler.record`, and an intent is on record before its executor hears of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from catalog import contracts, fleet_store, requests
from catalog.clock import Clock
from catalog.contract import OperationName
from catalog.db import Database
from catalog.errors import PlatformError, Unavailable
from catalog.ids import Mint
from catalog.request import desired_digest
from executors.port import RunReport, RunState, WorkOrder
from executors.retry import Roll
from executors.workflow import inbox
from executors.workflow.approval import waits_for
from executors.workflow.inbox import Approval
from policy.admit import Admission
from policy.decision import Decision
from reconciler import operations
from reconciler.acting import outcome_of_action
from reconciler.asking import plan_query
from reconciler.binding import is_outdated
from reconciler.observe import ExecutorNamed, look
from reconciler.operation import Operation, OperationState, idempotency_key
from reconciler.orders import order_context, with_grounds, write_order
from reconciler.outcome import as_upgrade, next_attempt, outcome_of, readable, undecided
from reconciler.plan import Move, Plan, Situation, plan
from reconciler.record import Recorder
from reconciler.situation import Loaded, load
from reconciler.workqueue import Claim

POLL = timedelta(seconds=5)
"""How soon to ask again after something that should have rung by itself."""

PARKED = timedelta(hours=1)
"""How soon to ask again after what waits for people: their votes, their silence and edits all ring."""

RECHECK = timedelta(minutes=1)
"""How soon to ask again after something that only a person or a policy changes."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Keeps requests true, one pass at a time.

    Attributes:
        roll: yields numbers in [0, 1), for jitter.
    """

    db: Database
    admission: Admission
    executor_named: ExecutorNamed
    clock: Clock
    mint: Mint
    roll: Roll

    @property
    def recorder(self) -> Recorder:
        """Return the writer of what passes find."""
        return Recorder(self.db, self.clock, self.mint)

    def reconcile(self, claim: Claim) -> None:
        """Bring one claimed request one step nearer to what is wanted.

        Raises:
            Fenced: another process took the claim over; nothing was recorded.
            PlatformError: a needed part failed; the caller gives the claim back with a delay.
        """
        with self.db.read() as tx:
            loaded = load(tx, claim.request_uid, self.clock())
        if loaded.open is not None:
            self._follow(claim, loaded, loaded.open)
            return
        situation = self._looked(loaded)
        found = plan(situation, self.clock())
        match found.move:
            case Move.OPERATE:
                self._operate(claim, loaded, situation, found)
            case Move.RELEASE:
                self.recorder.release(claim, situation, found)
            case Move.FORGET:
                self.recorder.forget(claim, situation, found)
            case Move.COMPOSE:
                self.recorder.compose(claim, situation, found)
            case Move.GIVE_BACK:
                self.recorder.give_back(claim, situation)
            case Move.NOTHING | Move.WAIT:
                due_at = self._due_at(situation, found)
                self.recorder.settle(claim, situation, found, loaded.write_error, due_at)

    def _looked(self, loaded: Loaded) -> Situation:
        situation = loaded.situation
        is_over = situation.is_released and bool(situation.relations.members)
        if not situation.was_touched or is_over:
            return situation
        seen = look(situation, loaded.current, self.executor_named, self.mint("look"), self.clock())
        return replace(situation, observation=seen)

    def _operate(self, claim: Claim, loaded: Loaded, situation: Situation, found: Plan) -> None:
        try:
            decision = self.admission.decide(plan_query(replace(loaded, situation=situation), found))
        except Unavailable as error:
            self.recorder.refused(claim, situation, None, error.message, self.clock() + POLL)
            return
        if not decision.is_allowed:
            message = "; ".join(result.message for result in decision.denials)
            self.recorder.refused(claim, situation, decision, message, self.clock() + RECHECK)
            return
        operation = self._intent(claim, situation, found, decision)
        if self.recorder.begin(claim, situation, found, operation, decision):
            self._take(claim, operation, self._started(operation))

    def _intent(self, claim: Claim, situation: Situation, found: Plan, decision: Decision) -> Operation:
        request, destination = situation.request, situation.placed.destination
        name = found.operation or OperationName.PROVISION
        # What is taken down or mended is what was delivered; what is delivered is what is wanted.
        old = name in (OperationName.DELETE, OperationName.REPAIR)
        ref, contract = (
            (situation.current_ref, situation.current)
            if old
            else (situation.contract_ref, situation.contract)
        )
        attempt = request.attempt + 1
        return Operation(
            id=self.mint("op"),
            project=request.project,
            request_uid=request.uid,
            name=name,
            generation=request.generation,
            attempt=attempt,
            idempotency_key=idempotency_key(request.project, request.uid, request.generation, name, attempt),
            fence=claim.fence,
            state=OperationState.PENDING,
            executor=contract.operation(name).executor,
            contract_version=ref.version,
            contract_digest=ref.digest,
            destination=None if destination is None else destination.name,
            desired_digest=situation.desired_digest,
            reason=found.reason,
            message=found.message,
            plan=found.document(situation)
            | {"inputs": situation.inputs_for(name), "policy": decision.revision}
            | ({"children": children} if (children := situation.children_for(name)) else {})
            | dict(situation.rewritten),
            decision_id=decision.id,
            created_at=self.clock(),
        )

    def _started(self, operation: Operation) -> RunReport:
        try:
            return self.executor_named(operation.executor).start(self._order(operation))
        except Unavailable as error:
            # It may have been begun; the intent is on record, so the next pass asks after it.
            return RunReport(RunState.UNKNOWN, operation.run_id, message=error.message)
        except PlatformError as error:
            return RunReport(RunState.FAILED, operation.run_id, message=error.message)

    def _follow(self, claim: Claim, loaded: Loaded, operation: Operation) -> None:
        executor = self.executor_named(operation.executor)
        try:
            report = executor.observe(operation.idempotency_key) or self._started(operation)
            operation = self._moved(operation, report)
            asked = self._asked(operation, report)
            unwanted = self._why_unwanted(loaded, operation, asked)
            if unwanted:
                executor.cancel(operation.idempotency_key, unwanted)
        except Unavailable as error:
            report, asked = RunReport(RunState.UNKNOWN, operation.run_id, message=error.message), ()
        if report.state is RunState.CANCELLED and is_outdated(self.admission, loaded, operation):
            operation = replace(operation, superseded=True)  # its successor need not wait
        self._take(claim, operation, report, asked)

    def _moved(self, operation: Operation, report: RunReport) -> Operation:
        """Return the operation as it is once its run was migrated: it delivers another revision."""
        digest = report.contract_digest
        if digest in ("", operation.contract_digest):
            return operation
        with self.db.read() as tx:
            revision = contracts.by_digest(tx, digest)
        wanted = desired_digest(digest, operation.destination, operation.inputs, operation.children)
        return replace(
            operation,
            contract_version=revision.version,
            contract_digest=digest,
            desired_digest=wanted,
        )

    def _asked(self, operation: Operation, report: RunReport) -> Sequence[Approval]:
        if report.state.is_final:
            return ()
        with self.db.read() as tx:
            return inbox.open_of(tx, operation.request_uid)

    def _why_unwanted(self, loaded: Loaded, operation: Operation, asked: Sequence[Approval]) -> str:
        """Return why an operation is to be given up, empty when it is not."""
        if loaded.situation.request.is_deleting and operation.name is not OperationName.DELETE:
            return "its deletion was requested"
        if asked and is_outdated(self.admission, loaded, operation):
            return "what was to be approved has changed"
        return ""

    def _take(
        self, claim: Claim, operation: Operation, report: RunReport, asked: Sequence[Approval] = ()
    ) -> None:
        now, report = self.clock(), readable(report)
        if not report.state.is_final:
            is_parked = asked and report.state is RunState.WAITING
            due_at = now + (PARKED * (0.9 + 0.2 * self.roll()) if is_parked else POLL)
            what = "; ".join(waits_for(each.standing) for each in asked)
            self.recorder.progress(claim, operation, report, due_at, what)
            return
        with self.db.read() as tx:
            contract = contracts.by_digest(tx, operation.contract_digest).contract
            request = requests.by_uid(tx, operation.request_uid)
            failures = operations.failures_in_a_row(tx, operation.request_uid) + 1
            ended = inbox.last_of_run(tx, report.run_id) if report.state is RunState.FAILED else None
        if operation.is_action:
            # Nobody repeats by himself what somebody asked for once.
            self.recorder.acted(
                claim, contract, operation, undecided(outcome_of_action(operation, report), ended)
            )
            return
        outcome = as_upgrade(undecided(outcome_of(operation, report, contract), ended), request, operation)
        next_at = None if outcome.is_success else next_attempt(outcome, contract, failures, self.roll(), now)
        self.recorder.outcome(claim, contract, operation, outcome, next_at)

    def _order(self, operation: Operation) -> WorkOrder:
        with self.db.read() as tx:
            request = requests.by_uid(tx, operation.request_uid)
            revision = contracts.by_digest(tx, operation.contract_digest)
            name = operation.destination
            destination = None if name is None else fleet_store.destination(tx, name)
        definition = revision.bundle.definition_for(operation.name)
        order = write_order(operation, request, definition, {})
        context = order_context(request, order.contract, operation.inputs, destination, operation.children)
        return replace(order, context=with_grounds(context, request, operation))

    def _due_at(self, situation: Situation, found: Plan) -> datetime:
        now = self.clock()
        if found.again_at is not None:
            return found.again_at
        if situation.pending_writes:
            return now + POLL
        if found.reason == "ObserveFailed":
            return now + RECHECK * (0.5 + self.roll())
        return now + situation.current.drift.interval * (0.9 + 0.2 * self.roll())
