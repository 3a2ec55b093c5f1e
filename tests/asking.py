"""Approvals for tests of the doors: asked by planted runs that nobody drives.

`an_approval` stores a run of a request as the reconciler would order it, and writes down that
a step of it asks people; `read_mail` lets the run take in its letters as the engine would.
What the engine itself makes of approvals is tested beside the engine.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from catalog import requests
from catalog.digest import JsonObject
from executors import runs
from executors.claims import ClaimedRun
from executors.port import GROUNDS, ContractRef, Effect, WorkOrder
from executors.runs import Entry
from executors.workflow import inbox, projection
from executors.workflow.approval import (
    after,
    claim_of,
    delegation_of,
    outcome,
    refusal,
    task_for,
    verdict_sentence,
    vote_of,
)
from executors.workflow.approval_events import (
    ApprovalClaimed,
    ApprovalClosed,
    ApprovalDelegated,
    ApprovalEvent,
    ApprovalOpened,
    ApprovalVoted,
)
from executors.workflow.ballot import ACTS, Act, Cast, HandOn, Outcome, TakeInHand
from executors.workflow.events import Accepted, encode
from executors.workflow.forms import restored
from executors.workflow.inbox import Approval
from tests.doors import Doors

STEP = "sign-off"
BINDING = "sha256:" + "1" * 64
"""Of no approval."""


def an_approval(doors: Doors, request: Any, *, step: str = STEP, **asked: Any) -> str:
    """Plant a run of a request whose step asks people, and return the approval's id."""
    with doors.platform.db.read() as tx:
        known = requests.by_uid(tx, request["uid"])
    grounds: JsonObject = {"requesters": [*known.requesters], "contract": known.contract_digest}
    context: JsonObject = {
        "inputs": known.inputs,
        "request": {"uid": known.uid, "generation": known.generation},
        GROUNDS: grounds,
    }
    run_id = doors.platform.mint("run")
    held = _held(doors, known.project, known.uid, run_id, context)
    task = task_for(asked, context, doors.clock())
    tell(doors, held, ApprovalOpened(doors.clock(), step, task))
    return inbox.approval_id(run_id, step, task.opened_at)


def tell(doors: Doors, held: ClaimedRun, *events: ApprovalEvent) -> bool:
    """Write down what happened to a run's approvals."""
    with doors.platform.db.write() as tx:
        return projection.project(tx, held, events)


def stored_approval(doors: Doors, approval_id: str) -> Approval:
    """Return an approval as its row has it, whatever lies unread in the mail."""
    with doors.platform.db.read() as tx:
        found = inbox.page(tx, inbox.Wanted(state=None), "", 1000)
        [one] = [each for each in found if each.id == approval_id]
        return one


def read_mail(doors: Doors, approval_id: str) -> None:
    """Let the run of an approval take in its mail, as the engine does."""
    approval = stored_approval(doors, approval_id)
    with doors.platform.db.read() as tx:
        row = inbox.unread(tx, approval.project, approval.id)
        letters = runs.letters(tx, approval.run_id, row.mail)
    events, standing = list[ApprovalEvent](), row.standing
    for letter in letters:
        act = restored(ACTS[letter.kind], letter.body)
        if refusal(standing, act) is None:
            events.append(_event(standing, act, letter.number))
            standing = after(standing, act, letter.number)
    end = outcome(standing)
    if end is not Outcome.OPEN:
        events.append(ApprovalClosed(doors.clock(), approval.step, end, verdict_sentence(standing)))
    mail = letters[-1].number if letters else row.mail
    held = _claimed(approval.project, approval.request_uid, approval.run_id, {}, doors.clock())
    tell(doors, replace(held, mail=mail), *events)


def _event(standing: Any, act: Act, number: int) -> ApprovalEvent:
    match act:
        case Cast():
            return ApprovalVoted(act.at, act.step, number, vote_of(standing, act, number))
        case TakeInHand():
            return ApprovalClaimed(act.at, act.step, number, claim_of(act))
        case HandOn():
            return ApprovalDelegated(act.at, act.step, number, delegation_of(act))
    raise AssertionError(act)


def _held(doors: Doors, project: str, uid: str, run_id: str, context: JsonObject) -> ClaimedRun:
    definition: dict[str, Any] = {
        "apiVersion": "avow/v1",
        "kind": "Workflow",
        "metadata": {"name": "provision"},
        "steps": [{"id": STEP, "approval": {"groups": ["security"], "expires": "3d"}}],
    }
    ref = ContractRef("postgres-database", "1.0.0", "sha256:" + "0" * 64)
    order = WorkOrder(f"key-{run_id}", 1, project, uid, "provision", Effect.WRITE, ref, definition, context)
    now = doors.clock()
    first = Entry(1, *encode(Accepted(now)))
    with doors.platform.db.write() as tx:
        assert runs.add(tx, run_id, order, first, now)
    return _claimed(project, uid, run_id, context, now)


def _claimed(project: str, uid: str, run_id: str, context: JsonObject, now: datetime) -> ClaimedRun:
    values: dict[str, Any] = {
        "id": run_id,
        "project": project,
        "request_uid": uid,
        "idempotency_key": f"key-{run_id}",
        "operation": "provision",
        "contract_digest": "sha256:" + "0" * 64,
        "definition": {},
        "context": context,
        "created_at": now,
        "fence": 1,
        "seq": 1,
        "mail": 0,
    }
    return ClaimedRun(**{name: values[name] for name in ClaimedRun.__dataclass_fields__})


def a_person(doors: Doors, subject: str, *groups: str, token: str = "", project: str = "shop") -> str:
    """Give somebody a token as an approver, under which tests name him, and return that name."""
    name = token or subject
    body = {
        "name": name,
        "subject": subject,
        "grants": [{"role": "approver", "scope": project}],
        "groups": list(groups),
    }
    made = doors("admin", "POST", "/v1/tokens", body)
    assert made.status_code == 201, made.text
    doors.secrets[name] = made.json()["token"]
    return name
