"""Runs and events as they go over the wire; used under a request and on their own."""

from catalog.events import Recorded
from executors.runs import RunRecord
from platform_api.wire import At, JsonDocument, Maybe, View


class RunView(View):
    """One execution of an operation."""

    id: str
    project: str
    request_uid: str
    operation: str
    contract_digest: str
    state: str
    step: Maybe[str] = None
    attempts: Maybe[int] = None
    message: Maybe[str] = None
    next_attempt_at: Maybe[At] = None
    outputs: Maybe[JsonDocument] = None
    created_at: At
    ended_at: Maybe[At] = None

    @classmethod
    def of(cls, run: RunRecord) -> "RunView":
        """Return the view of a run."""
        report = run.report
        return cls(
            id=run.id,
            project=run.project,
            request_uid=run.request_uid,
            operation=run.operation,
            contract_digest=run.contract_digest,
            state=str(report.state),
            step=report.step or None,
            attempts=report.attempts or None,
            message=report.message or None,
            next_attempt_at=report.next_attempt_at,
            outputs=dict(report.outputs) or None,
            created_at=run.created_at,
            ended_at=run.ended_at,
        )


class EventView(View):
    """Something that happened; `id` is its place in the stream."""

    id: str
    project: str
    request_uid: Maybe[str] = None
    kind: str
    reason: Maybe[str] = None
    message: str
    at: At

    @classmethod
    def of(cls, recorded: Recorded) -> "EventView":
        """Return the view of an event."""
        event = recorded.event
        return cls(
            id=str(recorded.cursor),
            project=event.project,
            request_uid=event.request_uid,
            kind=event.kind,
            reason=event.reason or None,
            message=event.message,
            at=event.at,
        )
