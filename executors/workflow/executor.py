"""The built-in engine behind the port.

Starting a run stores it and rings; everything else is done by whoever hears the ring. A
READ order is answered in the caller's thread. What the reconciler sees of a run is its
row, which is the projection of its journal.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, cast

from catalog.digest import Json, JsonObject, digest
from catalog.errors import Finding, Invalid
from catalog.events import Event
from executors import dead_letters, runs, swift
from executors.outputs import InvalidOutput, checked, plain_text
from executors.port import Effect, RunReport, RunState, WorkOrder
from executors.workflow.act import Actor, Held
from executors.workflow.check import workflow_findings
from executors.workflow.exchange import Course
from executors.workflow.journal import accepted
from executors.workflow.linkage import linked, runs_others
from executors.workflow.look import Looker
from executors.workflow.mail import CANCEL, PAUSE, RESUME, RETRY, SIGNAL
from executors.workflow.parts import Parts
from executors.workflow.spec import Priority, parse_workflow
from executors.workflow.state import Run

MAX_SIGNAL_BYTES = 64 * 1024
MAX_MAIL = 200
"""A run takes in so many messages; only a cancel gets through after that."""

_PRIORITIES = {Priority.HIGH: runs.HIGH, Priority.NORMAL: runs.NORMAL, Priority.LOW: runs.LOW}
_SIGNAL_NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}\Z")
_ADMITTED_LIMIT = 1000


class Dispatcher(Protocol):
    """Brings a run to a worker; losing a ring is allowed, since what is due is also looked for."""

    def ring(self, run_id: str) -> None:
        """Say that a run is due; never raises into the caller and never holds it up for long."""
        ...


def create(parts: Parts, dispatcher: Dispatcher) -> "WorkflowExecutor":
    """Return the engine's door; its workers are made apart (`parts.worker_of`)."""
    pause = threading.Event().wait
    looker = Looker(Actor(parts.kinds, parts.files_of), clock=parts.clock, roll=parts.roll, pause=pause)
    return WorkflowExecutor(parts, dispatcher, looker)


class WorkflowExecutor:
    """Executor for `kind: Workflow` documents."""

    def __init__(self, parts: Parts, dispatcher: Dispatcher, looker: Looker) -> None:
        self._parts = parts
        self._dispatcher = dispatcher
        self._looker = looker
        self._admitted: set[tuple[str, Effect]] = set()
        self._wholes: dict[tuple[str, str], JsonObject] = {}
        self._line = parts.database.line(*swift.SETTINGS)

    def check(self, definition: JsonObject, files: Mapping[str, str]) -> tuple[Finding, ...]:
        """Return what is wrong with a workflow document."""
        return workflow_findings(definition, self._parts.kinds, files=files)

    def start(self, order: WorkOrder) -> RunReport:
        """Store the run and ring, or return the report of the one that has the key already.

        Raises:
            Invalid: `invalid_workflow`, with every finding.
            Conflict: `stale_fence`.
            Unavailable: it is not known whether the run was stored.
        """
        order = self.admitted(order)
        if order.effect is Effect.READ:
            return self._looker.look(_held(order))
        run_id = self._parts.mint("run")
        if self._store(order, run_id):
            self._dispatcher.ring(run_id)
            return RunReport(RunState.PENDING, run_id)
        return self.observe(order.idempotency_key) or RunReport(RunState.UNKNOWN)

    def admitted(self, order: WorkOrder) -> WorkOrder:
        """Return an order whose definition was found fit, with all that its references reach.

        Raises:
            Invalid: `invalid_workflow`, with every finding.
        """
        order = replace(order, definition=self._whole(order))
        self._admit(order)
        contract: JsonObject = {"name": order.contract.name, "version": order.contract.version}
        return replace(order, context={**order.context, "contract": contract})

    def observe(self, idempotency_key: str) -> RunReport | None:
        """Return the run under a key as its row has it."""
        with self._parts.database.glance(self._line) as tx:
            return runs.report_by_key(tx, idempotency_key)

    def cancel(self, idempotency_key: str, reason: str) -> None:
        """Leave the wish in the run's mail, once each time it is tried; its driver undoes what was done.

        Raises:
            NotFound: `run_not_found`.
        """
        with self._parts.database.read() as tx:
            if runs.has_letter(tx, idempotency_key, CANCEL, since=RETRY):
                return
        self._post(idempotency_key, CANCEL, {"reason": plain_text(reason)}, limit=None)

    def signal(self, idempotency_key: str, name: str, payload: JsonObject) -> None:
        """Leave a named event in the run's mail.

        Raises:
            Invalid: `invalid_signal`.
            NotFound: `run_not_found`.
            Conflict: `mailbox_full`.
        """
        self._post(idempotency_key, SIGNAL, signal_body(name, payload), limit=MAX_MAIL)

    def pause(self, idempotency_key: str, reason: str) -> None:
        """Ask that nothing more of a run begins; what is under way ends.

        Raises:
            NotFound: `run_not_found`.
            Conflict: `mailbox_full`.
        """
        self._post(idempotency_key, PAUSE, {"reason": plain_text(reason)}, limit=MAX_MAIL)

    def resume(self, idempotency_key: str) -> None:
        """Let a paused run go on.

        Raises:
            NotFound: `run_not_found`.
        """
        self._post(idempotency_key, RESUME, {}, limit=None)

    def retry(self, idempotency_key: str) -> None:
        """Let a failed or stuck run go on from where it failed, and settle its dead letter.

        Raises:
            NotFound: `run_not_found`.
            Conflict: `run_not_ended`, `run_not_retriable`, `run_superseded`.
        """
        now = self._parts.clock()
        with self._parts.database.write() as tx:
            run_id = runs.reopen(tx, idempotency_key, RETRY, now)
            dead_letters.settle(tx, run_id, now)
        self._dispatcher.ring(run_id)

    def _whole(self, order: WorkOrder) -> JsonObject:
        """Return the order's definition with the sub-workflows that it runs, read once per process."""
        if not runs_others(order.definition):
            return order.definition
        known = (digest(order.definition), order.contract.digest)
        if known not in self._wholes:
            if len(self._wholes) >= _ADMITTED_LIMIT:
                self._wholes.clear()
            self._wholes[known] = linked(order.definition, self._parts.files_of(order.contract.digest))
        return self._wholes[known]

    def _admit(self, order: WorkOrder) -> None:
        # The same few definitions are started over and over; what was found fit stays fit.
        known = (digest(order.definition), order.effect)
        if known in self._admitted:
            return
        reads_only = order.effect is Effect.READ
        findings = workflow_findings(order.definition, self._parts.kinds, reads_only=reads_only)
        if findings:
            raise Invalid("invalid_workflow", "The workflow cannot be run as it is.", findings=findings)
        if len(self._admitted) >= _ADMITTED_LIMIT:
            self._admitted.clear()
        self._admitted.add(known)

    def _store(self, order: WorkOrder, run_id: str) -> bool:
        now = self._parts.clock()
        message = f"{order.operation}: the run was accepted"
        told = [Event(order.project, order.request_uid, "RunStarted", message, now)]
        with self._parts.database.write(self._line, single=True) as tx:
            return runs.add(tx, run_id, order, accepted(now), now, priority=_priority(order), told=told)

    def _post(self, idempotency_key: str, kind: str, body: JsonObject, limit: int | None) -> None:
        now = self._parts.clock()
        with self._parts.database.write() as tx:
            run_id = runs.post(tx, idempotency_key, kind, body, now=now, limit=limit)
        if run_id is not None:
            self._dispatcher.ring(run_id)


def signal_body(name: str, payload: JsonObject) -> dict[str, Json]:
    """Return a signal as it is sent to a run.

    Raises:
        Invalid: `invalid_signal`.
    """
    try:
        plain = checked(payload, MAX_SIGNAL_BYTES)
    except InvalidOutput as error:
        raise _bad_signal("/payload", str(error).replace("answer", "payload")) from error
    if _SIGNAL_NAME.match(name) is None:
        raise _bad_signal("/name", "a signal's name is 1 to 63 lower-case letters, digits, and . _ -")
    return {"name": name, "payload": plain}


def _priority(order: WorkOrder) -> int:
    head = cast("dict[str, Any]", order.definition["metadata"])
    return _PRIORITIES[Priority(head.get("priority", Priority.NORMAL))]


def _held(order: WorkOrder) -> Held:
    return Held(
        run_id="",
        project=order.project,
        request_uid=order.request_uid,
        idempotency_key=order.idempotency_key,
        contract_digest=order.contract.digest,
        fence=order.fence,
        course=Course(parse_workflow(order.definition), order.context),
        run=Run(),
    )


def _bad_signal(pointer: str, message: str) -> Invalid:
    finding = Finding(pointer, "invalid_signal", message, "correct it and send the signal again")
    return Invalid("invalid_signal", "The signal cannot be taken in.", findings=(finding,))
