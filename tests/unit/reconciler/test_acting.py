"""What an action's end amounts to, and what it leaves alone."""

from dataclasses import replace
from typing import Any

import pytest

from catalog.conditions import Status, Type
from catalog.contract import OperationName
from catalog.digest import JsonObject
from catalog.request import Applied, Phase, Request, phase_of
from executors.port import GROUNDS, TRACE, RunReport, RunState
from policy.redact import redaction
from reconciler import acting
from reconciler.acting import Asked, applied_after, ended, outcome_of_action
from reconciler.explain import Mover, explain
from reconciler.operation import Operation, OperationState
from reconciler.orders import with_grounds
from reconciler.status import Statements
from tests.factories import START, a_contract, a_request, an_operation

FACTS: JsonObject = {"exists": True, "size": "s"}
APPLIED = Applied(1, "1.0.0", "sha256:c", "sha256:d", {"size": "s"}, FACTS, "sha256:f", START)
ASKED = {"by": "user:dora", "trace": "00-a-b-01"}


def an_action(**fields: Any) -> Operation:
    plan = {"action": {"name": "save", "inputs": {"keep": 3}}, "asked": ASKED}
    return replace(an_operation(plan=plan, contract_digest="sha256:c"), name="save", **fields)


def delivered(**fields: Any) -> Request:
    values: dict[str, Any] = {"applied": APPLIED, "generation": 1}
    return a_request(**(values | fields))


@pytest.mark.parametrize(
    ("report", "state", "reason"),
    [
        ({"state": RunState.SUCCEEDED}, OperationState.SUCCEEDED, "Delivered"),
        ({"state": RunState.SUCCEEDED, "facts": FACTS}, OperationState.SUCCEEDED, "Delivered"),
        ({"state": RunState.SUCCEEDED, "facts": {"size": "l"}}, OperationState.FAILED, "InvalidOutput"),
        ({"state": RunState.SUCCEEDED, "facts": {"exists": False}}, OperationState.FAILED, "InvalidOutput"),
        ({"state": RunState.SUCCEEDED, "outputs": {"a": "\x00"}}, OperationState.FAILED, "InvalidOutput"),
        ({"state": RunState.FAILED, "message": "no"}, OperationState.FAILED, "OperationFailed"),
        ({"state": RunState.CANCELLED}, OperationState.FAILED, "OperationFailed"),
        ({"state": RunState.STUCK}, OperationState.STUCK, "Stuck"),
    ],
)
def test_an_end_is_held_to_what_an_action_may_say(
    report: dict[str, Any], state: OperationState, reason: str
) -> None:
    found = outcome_of_action(an_action(), RunReport(run_id="run-1", **report))
    assert (found.state, found.reason) == (state, reason)
    assert found.is_success or not found.facts


def test_facts_that_an_action_states_are_what_is_delivered_from_then_on() -> None:
    done = an_action(state=OperationState.SUCCEEDED, facts={"exists": True, "size": "l"})
    after = applied_after(delivered(), a_contract(), done, START)
    assert after is not None
    assert after.facts == {"exists": True, "size": "l"}
    assert after.facts_digest != APPLIED.facts_digest
    assert replace(after, facts=APPLIED.facts, facts_digest=APPLIED.facts_digest) == APPLIED


@pytest.mark.parametrize(
    "done",
    [
        an_action(state=OperationState.SUCCEEDED),
        an_action(state=OperationState.SUCCEEDED, facts=FACTS),
        an_action(state=OperationState.FAILED, facts={"exists": True, "size": "l"}),
        replace(
            an_action(state=OperationState.SUCCEEDED, facts={"exists": True, "size": "l"}),
            contract_digest="sha256:e",
        ),
    ],
    ids=["nothing stated", "the same", "failed", "of another revision"],
)
def test_otherwise_what_is_delivered_stays(done: Operation) -> None:
    assert applied_after(delivered(), a_contract(), done, START) is None


def test_after_an_end_only_a_look_makes_it_ready() -> None:
    found = ended(delivered(), START, is_written=True)
    assert (found[Type.APPLIED].status, found[Type.OBSERVED].reason) == (Status.TRUE, "LookPending")
    assert found[Type.READY].status is Status.FALSE
    assert Type.WRITTEN not in found
    assert ended(delivered(), START, is_written=False)[Type.WRITTEN].reason == "WritePending"


def test_an_end_does_not_say_delivered_of_what_is_wanted_since() -> None:
    assert ended(delivered(generation=2), START, is_written=True)[Type.APPLIED].reason == "DesiredChanged"
    leaving = delivered(deletion_requested_at=START)
    assert ended(leaving, START, is_written=True)[Type.APPLIED].reason == "DeletionRequested"
    assert phase_of(leaving, ended(leaving, START, is_written=True)) is Phase.DELETING


def test_an_order_says_who_asked_and_what() -> None:
    context = with_grounds({}, a_request(created_by="user:ada", trace="00-x-y-01"), an_action())
    grounds: Any = context[GROUNDS]
    assert grounds["requesters"] == ["user:ada", "user:dora"]
    assert context["action"] == {"name": "save", "inputs": {"keep": 3}}
    assert context[TRACE] == {"parent": "00-a-b-01"}
    plain = with_grounds({}, a_request(), an_operation(OperationName.UPDATE))
    assert "action" not in plain


def test_a_long_reason_is_kept_within_its_column() -> None:
    asked = Asked("save", {}, "user:" + "d" * 190, "r" * 5000)
    intent = acting.Intent("op_1", 3, _Decision(), START)  # type: ignore[arg-type]  # of it two fields are read
    made = acting.intended(delivered(), APPLIED, a_contract(actions={"save": _action()}), asked, intent)
    assert len(made.message) == 1000
    assert (made.fence, made.generation, made.desired_digest) == (3, 1, "sha256:d")


class _Decision:
    id, revision = "dec_1", "sha256:p"


def _action() -> dict[str, Any]:
    return {"description": "Saves.", "executor": "workflow", "definition": "update.yaml"}


@pytest.mark.parametrize(
    ("state", "reason", "mover"),
    [
        (OperationState.FAILED, "ActionFailed", Mover.REQUESTER),
        (OperationState.STUCK, "ActionStuck", Mover.OPERATOR),
    ],
)
def test_a_failed_action_is_said_of_what_is_ready_until_somebody_takes_note(
    state: OperationState, reason: str, mover: Mover
) -> None:
    conditions = {
        type_: Statements(delivered(), START).say(type_, Status.TRUE, "Delivered", "so")
        for type_ in (Type.APPLIED, Type.OBSERVED, Type.IN_SYNC, Type.WRITTEN, Type.READY)
    }
    request = delivered(conditions=conditions, phase=Phase.READY)
    failed = an_action(state=state, message="the disk is full")
    found = explain(request, "team-data", failed, None)
    assert (found.reason, found.waiting_on.kind, found.phase) == (reason, mover, Phase.READY)
    assert "the disk is full" in found.message
    assert explain(request, "team-data", replace(failed, superseded=True), None).reason == "Delivered"


def test_two_redactions_hide_what_either_hides() -> None:
    one = redaction({"properties": {"a": {"x-sensitive": True}}}, {"a": "hush-hush"})
    other = redaction({"properties": {"b": {"x-sensitive": True}}}, {"b": "quiet-now"})
    both = one.beside(other)
    shown = both.document({"inputs": {"a": "hush-hush"}, "action": {"inputs": {"b": "quiet-now"}}})
    assert shown == {
        "inputs": {"a": {"$redacted": True}},
        "action": {"inputs": {"b": {"$redacted": True}}},
    }
    assert both.text("hush-hush and quiet-now") == "[redacted] and [redacted]"
    nothing = redaction({}, {})
    assert nothing.beside(nothing).text("plain") == "plain"
