"""What a finished run amounts to: an executor's word, checked against the contract.

An executor's outputs are foreign input. They must fit the contract's promise, carry
nothing beyond it, and hold a secret only as a reference; otherwise the operation failed,
whatever the executor says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from catalog.contract import Contract, OperationName
from catalog.digest import Json, JsonObject
from catalog.errors import Finding
from catalog.request import Request
from catalog.schema import SECRET_PREFIX, violations
from catalog.storable import storable_text, unstorable
from executors.port import RunReport, RunState
from executors.workflow.ballot import Outcome as Answer
from executors.workflow.inbox import Approval
from reconciler.drift import EXISTS, compared
from reconciler.operation import Operation, OperationState, retry_delay
from reconciler.render import without_sensitive
from reconciler.upgrade import UPGRADE_FAILED, told_as_upgrade

MESSAGE_LENGTH = 1000
RUN_ID_LENGTH = 200
_SAID_NO = {
    Answer.REJECTED: "ApprovalRejected",
    Answer.EXPIRED: "ApprovalExpired",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an operation.

    Attributes:
        outputs: what is promised back; empty unless it succeeded.
        facts: what exists now; empty unless it succeeded.
    """

    state: OperationState
    reason: str
    message: str
    outputs: Mapping[str, Json] = field(default_factory=dict)
    facts: Mapping[str, Json] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """Say whether the operation delivered."""
        return self.state is OperationState.SUCCEEDED


def readable(report: RunReport) -> RunReport:
    """Return the report with its texts for people made fit to store; they quote what others answered."""
    return replace(
        report,
        run_id=storable_text(report.run_id)[:RUN_ID_LENGTH],
        message=storable_text(report.message)[:MESSAGE_LENGTH],
        step=storable_text(report.step)[:RUN_ID_LENGTH],
    )


def outcome_of(operation: Operation, report: RunReport, contract: Contract) -> Outcome:
    """Return what a final report amounts to."""
    failure = unsuccessful(operation, report)
    if failure is not None:
        return failure
    if operation.name is OperationName.DELETE:
        return Outcome(OperationState.SUCCEEDED, "Delivered", "taken down")
    findings = _broken_promises(report, contract)
    if findings:
        listed = "; ".join(f"{finding.pointer}: {finding.message}" for finding in findings[:3])
        return Outcome(
            OperationState.FAILED, "InvalidOutput", f"the executor's answer breaks the contract: {listed}"
        )
    return Outcome(OperationState.SUCCEEDED, "Delivered", "delivered", report.outputs, report.facts)


def unsuccessful(operation: Operation, report: RunReport) -> Outcome | None:
    """Return what a final report amounts to that does not speak of success; None for one that does."""
    if report.state is RunState.STUCK:
        return Outcome(OperationState.STUCK, "Stuck", report.message or "the executor needs a person")
    if report.state is RunState.SUCCEEDED:
        return None
    message = report.message or f"{operation.name} {report.state}"
    return Outcome(OperationState.FAILED, "OperationFailed", message)


def undecided(outcome: Outcome, ended: Approval | None) -> Outcome:
    """Return a failure as what it was when people, or their silence, brought it about.

    Args:
        ended: the run's approval that ended last.
    """
    reason = None if ended is None else _SAID_NO.get(ended.standing.outcome)
    if ended is None or reason is None or outcome.state is not OperationState.FAILED:
        return outcome
    return replace(outcome, reason=reason, message=f"{ended.step}: {ended.standing.message}")


def as_upgrade(outcome: Outcome, request: Request, operation: Operation) -> Outcome:
    """Return a failure as that of an upgrade when it was one: it is said as such, and not tried again."""
    if outcome.is_success:
        return outcome
    reason, message = told_as_upgrade(request, operation, outcome.reason, outcome.message)
    return replace(outcome, reason=reason, message=message)


def finished(
    operation: Operation, outcome: Outcome, now: datetime, next_attempt_at: datetime | None
) -> Operation:
    """Return the operation with its outcome."""
    return replace(
        operation,
        state=outcome.state,
        reason=operation.reason if outcome.is_success else outcome.reason,
        message=outcome.message[:MESSAGE_LENGTH],
        outputs=outcome.outputs,
        facts=outcome.facts,
        next_attempt_at=next_attempt_at,
        finished_at=now,
    )


def next_attempt(
    outcome: Outcome, contract: Contract, failures: int, roll: float, now: datetime
) -> datetime | None:
    """Return when a failed operation is followed by another; None when only a person or a change helps.

    Args:
        failures: how many failed in a row, this one included.
    """
    if outcome.state is not OperationState.FAILED or not contract.retry_failed:
        return None
    if outcome.reason in (UPGRADE_FAILED, *_SAID_NO.values()):
        return None  # the same again would fail again; and asking again would only wear people down
    return now + retry_delay(failures, roll)


def _broken_promises(report: RunReport, contract: Contract) -> tuple[Finding, ...]:
    found = violations(contract.outputs, dict(report.outputs), "/outputs")
    found += tuple(unstorable(dict(report.facts), "/facts"))
    if report.facts.get(EXISTS) is not True:
        found += (Finding("/facts/exists", "not_stated", "must be true after a delivery"),)
    return found or tuple(_secrets_in_clear(dict(report.outputs), contract.outputs))


def _secrets_in_clear(outputs: JsonObject, schema: JsonObject) -> Iterator[Finding]:
    for each in compared("/outputs", outputs, without_sensitive(outputs, schema)):
        is_reference = isinstance(each.applied, str) and each.applied.startswith(SECRET_PREFIX)
        if not is_reference and each.applied is not None:
            yield Finding(each.path, "secret_in_clear", "must be a secret reference")
