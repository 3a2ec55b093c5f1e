"""What a command leaves behind besides its change: an audit entry and an event."""

from enum import Enum

from catalog import audit, events
from catalog.actor import Actor
from catalog.audit import Head
from catalog.db import Tx
from catalog.digest import Json
from catalog.request import Request
from platform_api.parts import Platform
from policy.decision import Decision


class Trace(Enum):
    """What was done: the audit trail's word, the event's kind, and the sentence."""

    ACCEPTED = ("request.accepted", "RequestAccepted", "{name} was requested by {actor}")
    CHANGED = ("request.changed", "RequestChanged", "{name} was changed by {actor}")
    DELETING = ("request.delete", "DeletionRequested", "the deletion of {name} was requested by {actor}")
    PAUSED = ("request.paused", "RequestPaused", "{name} is held by {actor}")
    RESUMED = ("request.resumed", "RequestResumed", "{name} goes on, says {actor}")
    QUEUED = ("request.queued", "DeletionQueued", "{actor} has {name} deleted once nothing uses it any more")
    KEPT = ("request.kept", "DeletionTakenBack", "{name} is kept after all, says {actor}")
    RECONCILE = ("request.reconcile", "ReconcileRequested", "{actor} asked to look at {name} now")

    def __init__(self, action: str, kind: str, sentence: str) -> None:
        self.action = action
        self.kind = kind
        self.sentence = sentence


def leave(
    platform: Platform,
    tx: Tx,
    trace: Trace,
    actor: Actor,
    request: Request,
    *,
    decision: Decision | None = None,
) -> Head:
    """Leave the traces of a change to a request, in the transaction that made it; return the trail's head."""
    now = platform.clock()
    detail: dict[str, Json] = {
        "uid": request.uid,
        "generation": request.generation,
        "contract": f"{request.contract}@{request.contract_version}",
    }
    if decision is not None:
        detail["decision"] = decision.id
    head = audit.append(
        tx,
        request.project,
        now,
        actor=actor.subject,
        action=trace.action,
        subject=f"request/{request.name}",
        detail=detail,
    )
    message = trace.sentence.format(name=request.name, actor=actor.subject)
    events.append(tx, events.Event(request.project, request.uid, trace.kind, message, now))
    return head
