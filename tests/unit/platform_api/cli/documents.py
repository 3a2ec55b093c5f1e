"""Documents as the API writes them, for the stub to say."""

from datetime import UTC, datetime, timedelta
from typing import Any

UID = "req_01kafv6qv8000000000000orde"
RUN = "run_01kafv6qv80000000000000001"
APPROVAL = "apr_01kafv6qv80000000000000001"
NEEDED = ("Available", "Placed", "Allowed", "Applied", "Observed", "InSync", "Written")

Document = dict[str, Any]


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""The time that every command of a test takes for the present."""


def ago(**span: float) -> str:
    """Return the time that lies so far back."""
    return (NOW - timedelta(**span)).isoformat()


def condition(type_: str, status: str, reason: str, message: str = "") -> Document:
    """Return one condition."""
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message or f"{reason} it is",
        "since": ago(minutes=2),
        "generation": 1,
    }


def request(phase: str = "ready", *conditions: Document, **changes: Any) -> Document:
    """Return a request."""
    return {
        "uid": UID,
        "project": "default",
        "name": "orders-db",
        "contract": "postgres",
        "contract_version": "1.0.0",
        "contract_digest": "sha256:" + "a" * 64,
        "environment": "dev",
        "owner": "team-orders",
        "labels": {},
        "inputs": {"size": "s"},
        "generation": 1,
        "revision": 1,
        "attempt": 1,
        "phase": phase,
        "paused": False,
        "conditions": list(conditions) or [condition(type_, "True", "Fine") for type_ in NEEDED],
        "outputs": {"host": "127.0.0.1", "port": 5544} if phase == "ready" else {},
        "created_at": ago(hours=3),
        "created_by": "ann",
        "updated_at": ago(hours=3),
    } | changes


def event(number: int, kind: str, message: str = "", reason: str = "", uid: str = UID) -> Document:
    """Return an event, `number` being its place in the stream."""
    return {
        "id": f"0.{number}",
        "project": "default",
        "request_uid": uid,
        "kind": kind,
        "reason": reason,
        "message": message or kind,
        "at": ago(seconds=60 - number),
    }


def entry(seq: int, type_: str, second: float = 0, **body: Any) -> Document:
    """Return a line of a run's journal."""
    at = f"2026-11-21T12:00:{second:06.3f}+00:00"
    return {"seq": seq, "type": type_, "body": {"v": 1, "at": at, "side": "do"} | body}


def failure(message: str) -> Document:
    """Return why an attempt failed."""
    return {"kind": "transient", "code": "refused", "message": message}


def run(state: str = "running", **changes: Any) -> Document:
    """Return a run."""
    return {
        "id": RUN,
        "project": "default",
        "request_uid": UID,
        "operation": "provision",
        "contract_digest": "sha256:" + "a" * 64,
        "state": state,
        "created_at": ago(seconds=30),
    } | changes


def why(phase: str = "failed", **changes: Any) -> Document:
    """Return an explanation."""
    return {
        "name": "orders-db",
        "phase": phase,
        "reason": "OperationFailed",
        "message": "push failed: no route to host",
        "since": ago(seconds=14),
        "waiting_on": {"kind": "platform"},
        "next_action": "see the failing step: avow get runs --request orders-db",
        "differences": [],
    } | changes


def plan(outcome: str = "allow", **changes: Any) -> Document:
    """Return the answer to a dry run."""
    denial = {
        "policy": "org/prod",
        "rule": "needs-backups",
        "action": "deny",
        "message": "backups must be true in prod",
        "path": "/backups",
        "remediation": "--set backups=true",
    }
    return {
        "dry_run": True,
        "action": "provision" if outcome == "allow" else "none",
        "reason": "NotDelivered",
        "message": "nothing is delivered yet",
        "generation": 1,
        "contract": {"name": "postgres", "version": "1.0.0", "digest": "sha256:" + "a" * 64},
        "inputs": {"size": "s", "backups": True},
        "defaults": ["backups"],
        "placement": {"destination": "pg-1", "message": "the only one that fits", "considered": []},
        "policy": {
            "outcome": outcome,
            "revision": "sha256:" + "b" * 64,
            "engine": "static",
            "results": [] if outcome == "allow" else [denial],
        },
        "approvals": [],
        "steps": [{"id": "role", "uses": "postgres.create_role", "needs": [], "compensate": False}]
        if outcome == "allow"
        else [],
        "estimate": {},
        "changes": [],
    } | changes


def page(*items: Document, token: str = "") -> Document:
    """Return a page of a list."""
    return {"items": list(items)} | ({"next_page_token": token} if token else {})


def approval(state: str = "open", **changes: Any) -> Document:
    """Return an approval."""
    return {
        "id": APPROVAL,
        "project": "default",
        "request": "orders-db",
        "request_uid": UID,
        "run_id": RUN,
        "operation": "provision",
        "generation": 1,
        "step": "sign-off",
        "state": state,
        "binding": "sha256:" + "c" * 64,
        "requesters": ["dora"],
        "whom": "group security",
        "asked": {"groups": ["security"], "people": []},
        "quorum": 1,
        "approvals": 0,
        "needs_evidence": False,
        "votes": [],
        "delegations": [],
        "reminders": 0,
        "opened_at": ago(hours=5),
        "expires_at": ago(hours=-19),
        "you": {"may_vote": True},
    } | changes
