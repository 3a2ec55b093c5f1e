"""Asking for an action: what is sent, what is said, and how a refusal ends."""

import json
from typing import Any

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import request
from tests.unit.platform_api.cli.stub import Said, Stub, problem

ITEM = "/v1/projects/default/requests/orders-db"
TAKES = {"type": "object", "properties": {"minutes": {"type": "integer"}, "label": {"type": "string"}}}
OFFERED: dict[str, Any] = {
    "contract": "postgres-database",
    "version": "1.2.0",
    "items": [
        {"name": "end", "description": "Ends connections.", "inputs": TAKES},
        {"name": "look", "description": "Looks.", "inputs": {"type": "object"}},
    ],
}
PLAN: dict[str, Any] = {
    "action": "end",
    "message": "asked for by dora",
    "contract": {"name": "postgres-database", "version": "1.2.0"},
    "inputs": {"minutes": 5},
    "policy": {"outcome": "allow", "results": []},
    "approvals": [],
    "steps": [{"id": "end", "uses": "postgres.end_connections", "needs": []}],
}


def test_what_can_be_asked_is_listed(avow: Avow, stub: Stub) -> None:
    stub.says("GET", f"{ITEM}/actions", Said(OFFERED))
    ended = avow("action", "orders-db")
    assert ended.code == 0
    assert [line.split() for line in ended.out.splitlines()[:3]] == [
        ["ACTION", "TAKES", "DESCRIPTION"],
        ["end", "minutes,", "label", "Ends", "connections."],
        ["look", "-", "Looks."],
    ]
    assert json.loads(avow("action", "orders-db", "-o", "json").out) == OFFERED
    stub.says("GET", f"{ITEM}/actions", Said(OFFERED | {"items": []}))
    assert avow("action", "orders-db").out == "postgres-database 1.2.0 has no actions.\n"


def test_inputs_are_sent_as_the_action_takes_them_with_the_reason(avow: Avow, stub: Stub) -> None:
    stub.says("GET", f"{ITEM}/actions", Said(OFFERED))
    stub.says("POST", f"{ITEM}/actions/end", Said(request("progressing"), 202))
    ended = avow(
        "action", "orders-db", "end", "--set", "minutes=5", "--set", "label=7", "--reason", "it hangs"
    )
    assert (ended.code, ended.out) == (0, "end of orders-db begins\n")
    assert ended.err == "Follow it: avow watch orders-db\n"
    assert stub.last("POST").body == {"inputs": {"minutes": 5, "label": "7"}, "reason": "it hangs"}
    assert stub.last("POST").headers["Idempotency-Key"]


def test_a_dry_run_shows_the_plan(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"{ITEM}/actions/end", Said(PLAN))
    ended = avow("action", "orders-db", "end", "--set-json", "minutes=5", "--dry-run")
    assert ended.code == 0
    assert "does      end: asked for by dora" in ended.out
    assert "postgres.end_connections" in ended.out
    assert stub.last("POST").query == {"dry_run": "true"}


def test_a_plan_that_policy_denies_ends_as_denied(avow: Avow, stub: Stub) -> None:
    said = {"policy": "org/x", "rule": "r", "action": "deny", "message": "not now"}
    stub.says("POST", f"{ITEM}/actions/end", Said(PLAN | {"policy": {"outcome": "deny", "results": [said]}}))
    assert avow("action", "orders-db", "end", "--dry-run").code == 5


def test_a_refusal_says_whose_move_it_is_and_what_to_do(avow: Avow, stub: Stub) -> None:
    detail = "Update of orders-db is under way; it is the move of: executor."
    refused = {"code": "operation_under_way", "detail": detail, "fix": "follow it: avow watch orders-db"}
    stub.says("POST", f"{ITEM}/actions/end", problem(409, refused))
    ended = avow("action", "orders-db", "end")
    assert ended.code == 6
    assert detail in ended.err
    assert "avow watch orders-db" in ended.err
