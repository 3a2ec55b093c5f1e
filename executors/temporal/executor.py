"""The Temporal engine behind the port.

The idempotency key is the workflow's id, and an id is never used twice; so the server itself
makes the same key the same run. The copy that people see is opened first: it is what refuses
a stale order, and what knows a run that the server has forgotten. READ orders and the checking
of definitions are the built-in engine's, since the definitions are the same. Where a run
stands is read from its note, which needs no worker, and after its end from the copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from catalog.digest import JsonObject, canonical_json
from catalog.errors import Conflict, Finding, Invalid, Unavailable
from executors.dead_letters import Reason
from executors.outputs import plain_text
from executors.port import Effect, RunReport, RunState, WorkOrder
from executors.temporal.beyond import beyond
from executors.temporal.copy import Copies
from executors.temporal.driver import MAX_LETTERS, MAX_SIGNALS
from executors.temporal.line import CALL_TIMEOUT, Line
from executors.temporal.place import place_of
from executors.temporal.wire import (
    ENDING,
    MAIL,
    POST,
    PROGRAM,
    REPORT,
    Form,
    order_form,
    report_form,
    report_of,
)
from executors.workflow.executor import Dispatcher, WorkflowExecutor, signal_body
from executors.workflow.executor import create as create_builtin
from executors.workflow.mail import CANCEL, PAUSE, RESUME, SIGNAL
from executors.workflow.parts import Parts

MAX_ORDER_BYTES = 3_000_000
"""A larger order does not fit through the server's door, however well it is packed."""

LEASES_TO_LOSS = 3
"""A lease is renewed by a write; a sign of life goes over two more hops, and is thrown together."""

STUMBLES = 2
"""So often a worker may fail to go on with a run before anybody is told; it may just have died."""

_HELD = "no worker can go on with the run: there is a fault in this release; its history is in Temporal"
_CUT_OFF = {
    WorkflowExecutionStatus.FAILED: "the run was ended in Temporal; what it did was not undone",
    WorkflowExecutionStatus.CANCELED: "the run was ended in Temporal; what it did was not undone",
    WorkflowExecutionStatus.TERMINATED: "the run was terminated in Temporal; what it did was not undone",
    WorkflowExecutionStatus.TIMED_OUT: "Temporal's own time limit ended the run; what it did was not undone",
}


def create(parts: Parts, dispatcher: Dispatcher) -> "TemporalExecutor":
    """Return the port to the server that the options name; who does the work is a `crew`.

    Raises:
        Unavailable: `executor_not_configured`.
    """
    return TemporalExecutor(parts, Line(place_of(parts.options)), create_builtin(parts, dispatcher))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A run as the server has it.

    Attributes:
        is_over: it ended, or only its copy is not complete.
    """

    status: WorkflowExecutionStatus
    report: RunReport
    mail: int
    is_over: bool

    @property
    def was_cut_off(self) -> bool:
        """Say whether it had no say in its end."""
        return self.status in _CUT_OFF


class TemporalExecutor:
    """Executor for `kind: Workflow` documents, on a Temporal server."""

    def __init__(self, parts: Parts, line: Line, builtin: WorkflowExecutor) -> None:
        self._parts = parts
        self._line = line
        self._builtin = builtin
        self._copies = Copies(parts.database, parts.clock, parts.on_final)

    def check(self, definition: JsonObject, files: Mapping[str, str]) -> tuple[Finding, ...]:
        """Return what is wrong with a workflow document, or else what Temporal does not do of it."""
        return self._builtin.check(definition, files) or beyond(definition, files)

    def start(self, order: WorkOrder) -> RunReport:
        """Start the run, or return the report of the one that has the key already.

        Raises:
            Invalid: `invalid_workflow`, with every finding; `order_too_large`.
            Conflict: `stale_fence`.
            Unavailable: it is not known whether the run was started.
        """
        if order.effect is Effect.READ:
            return self._builtin.start(order)
        order = self._builtin.admitted(order)
        findings = beyond(order.definition, {})
        if findings:
            raise Invalid("invalid_workflow", "The workflow cannot be run on Temporal.", findings=findings)
        lost_after_seconds = LEASES_TO_LOSS * self._parts.lease_seconds
        if len(canonical_json(order_form(order, "", self._parts.clock(), 0.0))) > MAX_ORDER_BYTES:
            raise Invalid(
                "order_too_large", "The order is larger than Temporal takes.", fix="send less input"
            )
        copy = self._copies.open(order, self._parts.mint("run"))
        if copy.report.state.is_final:
            return self._linked(order.idempotency_key, copy.report)
        # A start that broke off after its copy was opened is made good here.
        form = order_form(order, copy.id, copy.created_at, lost_after_seconds)
        report = self._linked(order.idempotency_key, RunReport(RunState.PENDING, copy.id))
        if self._line.ask(lambda client: self._begun(client, order, form, report)):
            return report
        return self.observe(order.idempotency_key) or report

    def observe(self, idempotency_key: str) -> RunReport | None:
        """Return the run under a key: while it goes on as Temporal has it, after its end as it was copied."""
        seen = self._seen(idempotency_key)
        if seen is not None and not seen.is_over:
            return seen.report
        ended = self._copies.ended(idempotency_key)
        if ended is not None:
            return self._linked(idempotency_key, ended)
        if seen is not None and seen.report.state.is_final:
            self._copies.close(seen.report, Reason.SPOILT if seen.was_cut_off else "")
        return None if seen is None else seen.report

    def cancel(self, idempotency_key: str, reason: str) -> None:
        """Send the wish to the run; it undoes what was done.

        Raises:
            NotFound: `run_not_found`.
        """
        if not self._posted(idempotency_key, CANCEL, {"reason": plain_text(reason)}):
            self._builtin.cancel(idempotency_key, reason)

    def signal(self, idempotency_key: str, name: str, payload: JsonObject) -> None:
        """Send a named event to the run.

        Raises:
            Invalid: `invalid_signal`.
            NotFound: `run_not_found`.
            Conflict: `mailbox_full`.
        """
        if not self._posted(idempotency_key, SIGNAL, signal_body(name, payload), MAX_SIGNALS):
            self._builtin.signal(idempotency_key, name, payload)

    def pause(self, idempotency_key: str, reason: str) -> None:
        """Ask that nothing more of a run begins; what is under way ends.

        Raises:
            NotFound: `run_not_found`.
            Conflict: `mailbox_full`.
        """
        if not self._posted(idempotency_key, PAUSE, {"reason": plain_text(reason)}, MAX_LETTERS):
            self._builtin.pause(idempotency_key, reason)

    def resume(self, idempotency_key: str) -> None:
        """Let a paused run go on.

        Raises:
            NotFound: `run_not_found`.
        """
        if not self._posted(idempotency_key, RESUME, {}, MAX_LETTERS):
            self._builtin.resume(idempotency_key)

    def _posted(self, idempotency_key: str, kind: str, body: Form, limit: int | None = None) -> bool:
        """Send a letter to a run that Temporal has; any other, over or not there yet, is our own matter."""
        seen = self._seen(idempotency_key)
        if seen is None or seen.is_over:
            return False
        if limit is not None and seen.mail >= limit:
            raise Conflict("mailbox_full", "The run has taken in as many messages as it may.")
        self._line.ask(
            lambda client: client.get_workflow_handle(idempotency_key).signal(
                POST, args=[kind, body], rpc_timeout=CALL_TIMEOUT
            )
        )
        return True

    def _seen(self, idempotency_key: str) -> _Seen | None:
        return self._line.ask(lambda client: self._looked_up(client, idempotency_key))

    async def _begun(self, client: Client, order: WorkOrder, form: Form, report: RunReport) -> bool:
        try:
            await client.start_workflow(
                PROGRAM,
                form,
                id=order.idempotency_key,
                task_queue=self._line.place.task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                memo={REPORT: report_form(report), MAIL: 0, ENDING: False},
                static_summary=f"{order.operation}, request {order.request_uid}",
                rpc_timeout=CALL_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def _looked_up(self, client: Client, idempotency_key: str) -> _Seen:
        handle = client.get_workflow_handle(idempotency_key)
        about = await handle.describe(rpc_timeout=CALL_TIMEOUT)
        note = await about.memo()
        if REPORT not in note:
            raise Unavailable("executor_unavailable", "Another workflow in the namespace has this run's id.")
        status = about.status or WorkflowExecutionStatus.RUNNING
        report = self._linked(idempotency_key, report_of(note[REPORT]))
        if status in _CUT_OFF:
            report = replace(report, state=RunState.STUCK, message=_CUT_OFF[status])
        elif about.raw_description.pending_workflow_task.attempt > STUMBLES:
            report = replace(report, message=_HELD)
        elif status is WorkflowExecutionStatus.COMPLETED:
            report = self._linked(idempotency_key, report_of(await handle.result()))
        is_over = status is not WorkflowExecutionStatus.RUNNING or note[ENDING]
        return _Seen(status, report, note[MAIL], is_over)

    def _linked(self, idempotency_key: str, report: RunReport) -> RunReport:
        return replace(report, link=self._line.place.link(idempotency_key))
