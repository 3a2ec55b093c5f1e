"""What crosses the Temporal server: plain JSON, readable in its console and by later releases.

The program's argument is an order, an errand carries one call to whoever makes it, and a
report comes back. A server keeps all of them for as long as it keeps a run's history, so the
rule of the journal holds here too: a new field gets a default, a changed meaning a new name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.digest import Json, JsonObject
from catalog.references import Unresolved, resolved
from executors.port import RunReport, RunState, WorkOrder
from executors.retry import RetryPolicy
from executors.runs import Entry
from executors.workflow.events import Failure, FailureKind, Side
from executors.workflow.exchange import Absent, Call, Course, Done, Failed, Outcome, Verb
from executors.workflow.progress import Run
from executors.workflow.spec import Action, OnUnknown, Workflow

PROGRAM = "avow.run"
CARRY_OUT = "avow.carry_out"
COPY = "avow.copy"
POST = "post"
REPORT = "report"
"""The note on a run that says where it stands; it can be read when no worker is there."""

ENDING = "ending"
MAIL = "mail"

Form = dict[str, Any]


def copies_queue(task_queue: str) -> str:
    """Return the task queue on which pages that travel alone wait to be copied."""
    return f"{task_queue}-copies"


def order_form(order: WorkOrder, run_id: str, accepted_at: datetime, lost_after_seconds: float) -> Form:
    """Return an order as the program takes it.

    Args:
        lost_after_seconds: a call whose maker gives no sign of life for so long is lost.
    """
    return {
        "accepted_at": accepted_at.isoformat(),
        "lost_after_seconds": lost_after_seconds,
        "run_id": run_id,
        "project": order.project,
        "request_uid": order.request_uid,
        "operation": order.operation,
        "idempotency_key": order.idempotency_key,
        "contract_digest": order.contract.digest,
        "definition": order.definition,
        "context": order.context,
    }


@dataclass(frozen=True, slots=True)
class Errand:
    """One call, with all that whoever makes it needs to know.

    Attributes:
        arguments: what the step's references came to; what could not be resolved is left as it was.
    """

    run_id: str
    project: str
    request_uid: str
    idempotency_key: str
    contract_digest: str
    fence: int
    call: Call
    uses: str
    arguments: JsonObject
    timeout_seconds: float

    def form(self) -> Form:
        """Return it as it crosses."""
        return {
            "run_id": self.run_id,
            "project": self.project,
            "request_uid": self.request_uid,
            "idempotency_key": self.idempotency_key,
            "contract_digest": self.contract_digest,
            "fence": self.fence,
            "step": self.call.step,
            "side": self.call.side.value,
            "verb": self.call.verb.value,
            "attempt": self.call.attempt,
            "uses": self.uses,
            "arguments": dict(self.arguments),
            "timeout_seconds": self.timeout_seconds,
        }

    @classmethod
    def of(cls, form: Form) -> "Errand":
        """Return the errand that a form stands for."""
        call = Call(form["step"], Side(form["side"]), Verb(form["verb"]), form["attempt"])
        names = ("run_id", "project", "request_uid", "idempotency_key", "contract_digest", "fence")
        rest = {name: form[name] for name in (*names, "uses", "arguments", "timeout_seconds")}
        return cls(call=call, **rest)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of a run's journal on its way to the copy that people see.

    Attributes:
        report: where the run stands after it, without outputs and facts.
        heard: how many letters from our door the run has taken in.
        dead: why a person has to come, for a run that ends so.
    """

    run_id: str
    entries: tuple[Entry, ...]
    report: RunReport
    heard: int
    fence: int
    dead: str = ""

    def form(self) -> Form:
        """Return it as it crosses."""
        return {
            "run_id": self.run_id,
            "entries": [[entry.seq, entry.type, entry.body] for entry in self.entries],
            "report": report_form(self.report),
            "heard": self.heard,
            "fence": self.fence,
            "dead": self.dead,
        }

    @classmethod
    def of(cls, form: Form) -> "Leaf":
        """Return the page that a form stands for."""
        entries = tuple(Entry(*entry) for entry in form["entries"])
        report = report_of(form["report"])
        return cls(form["run_id"], entries, report, form["heard"], form["fence"], form["dead"])


@dataclass(frozen=True, slots=True)
class _Alone(Course):
    """A course that knows one call; nothing is left to be referred to."""

    action_here: Action

    def action(self, step: str, side: Side) -> Action:
        return self.action_here

    def roots(self, run: Run, step: str = "") -> JsonObject:
        return {}


def course_of(errand: Errand) -> Course:
    """Return the course that an errand follows: its one call, and nothing besides."""
    action = Action(
        uses=errand.uses,
        arguments=errand.arguments,
        retry=RetryPolicy(),
        timeout_seconds=errand.timeout_seconds,
        on_unknown=OnUnknown.HALT,
    )
    return _Alone(Workflow(errand.uses, {}), {}, action)


def settled_arguments(arguments: JsonObject, roots: JsonObject) -> Form:
    """Return arguments with their references replaced, in a form in which they resolve to themselves.

    What points nowhere stays a reference, so that whoever makes the call finds the same fault.
    """
    return {name: _settled(value, roots) for name, value in arguments.items()}


def _settled(value: Json, roots: JsonObject) -> Json:
    try:
        return _literal(resolved(value, roots))
    except Unresolved:
        return value


def _literal(value: Json) -> Json:
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {name: _literal(part) for name, part in value.items()}
    if isinstance(value, Sequence):
        return [_literal(part) for part in value]
    return value


def outcome_form(outcome: Outcome) -> Form:
    """Return what came of a call as it crosses."""
    match outcome:
        case Done(outputs):
            return {"came": "done", "outputs": dict(outputs)}
        case Absent():
            return {"came": "absent"}
        case Failed(failure, retry_after_seconds):
            said = {"kind": failure.kind.value, "code": failure.code, "message": failure.message}
            return {"came": "failed", **said, "retry_after_seconds": retry_after_seconds}


def outcome_of(form: Form) -> Outcome:
    """Return what came of a call."""
    if form["came"] == "done":
        return Done(form["outputs"])
    if form["came"] == "absent":
        return Absent()
    failure = Failure(FailureKind(form["kind"]), form["code"], form["message"])
    return Failed(failure, form.get("retry_after_seconds", 0.0))


def report_form(report: RunReport) -> Form:
    """Return a report as it crosses."""
    at = report.next_attempt_at
    return {
        "state": report.state.value,
        "run_id": report.run_id,
        "outputs": dict(report.outputs),
        "facts": dict(report.facts),
        "message": report.message,
        "step": report.step,
        "attempts": report.attempts,
        "next_attempt_at": None if at is None else at.isoformat(),
    }


def report_of(form: Form) -> RunReport:
    """Return the report that a form stands for."""
    at = form.get("next_attempt_at")
    return RunReport(
        state=RunState(form["state"]),
        run_id=form["run_id"],
        outputs=form.get("outputs", {}),
        facts=form.get("facts", {}),
        message=form.get("message", ""),
        step=form.get("step", ""),
        attempts=form.get("attempts", 0),
        next_attempt_at=None if at is None else datetime.fromisoformat(at),
    )
