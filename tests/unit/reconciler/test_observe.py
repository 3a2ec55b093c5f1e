"""A look that fails in any way is unknown, and never taken for absence."""

from dataclasses import replace
from typing import Any

import pytest

from catalog.bundle import bundle_from_files
from catalog.contracts import Revision
from catalog.errors import Conflict, Invalid, NotFound, PlatformError, Unavailable
from catalog.fleet import Observation, Presence
from executors.port import Effect, RunReport, RunState, WorkOrder
from reconciler.observe import look
from tests.factories import START, a_delivered_request, a_revision, a_situation, contract_files


class Looking:
    """An executor that only looks, and says what it was told to say."""

    def __init__(self, answer: RunReport | PlatformError) -> None:
        self.answer = answer
        self.orders: list[WorkOrder] = []

    def start(self, order: WorkOrder) -> RunReport:
        self.orders.append(order)
        if isinstance(self.answer, PlatformError):
            raise self.answer
        return self.answer


def looked(answer: RunReport | PlatformError, current: Revision | None = None) -> tuple[Observation, Looking]:
    executor = Looking(answer)

    def named(_name: str) -> Any:
        return executor

    situation = a_situation(a_delivered_request())
    return look(situation, current or a_revision(), named, "look_1", START), executor


def seen(**facts: Any) -> Observation:
    return looked(RunReport(RunState.SUCCEEDED, facts=facts))[0]


def test_what_is_there_is_present_with_its_facts() -> None:
    observation = seen(exists=True, size="s")
    assert (observation.presence, observation.facts) == (Presence.PRESENT, {"exists": True, "size": "s"})
    assert observation.observed_at == START


def test_only_a_plain_no_is_absence() -> None:
    assert seen(exists=False, size="s").presence is Presence.ABSENT
    assert seen(exists=False, size="s").facts == {}


@pytest.mark.parametrize("facts", [{}, {"exists": None}, {"exists": 0}, {"exists": "false"}, {"exists": []}])
def test_an_answer_that_states_no_presence_is_unknown(facts: dict[str, Any]) -> None:
    assert seen(**facts).presence is Presence.UNKNOWN
    assert seen(**facts).message


@pytest.mark.parametrize("fact", ["\x00", "\ud800", float("nan"), 10**30])
def test_facts_that_cannot_be_stored_are_unknown(fact: Any) -> None:
    assert seen(exists=True, note=fact).presence is Presence.UNKNOWN


@pytest.mark.parametrize("state", [state for state in RunState if state is not RunState.SUCCEEDED])
def test_a_look_that_did_not_succeed_is_unknown_with_its_cause(state: RunState) -> None:
    observation, _ = looked(RunReport(state, facts={"exists": False}, message="no route\x00"))
    assert (observation.presence, observation.message) == (Presence.UNKNOWN, "no route\ufffd")
    assert looked(RunReport(state))[0].message


@pytest.mark.parametrize("kind", [Unavailable, NotFound, Conflict, Invalid])
def test_an_executor_that_refuses_is_unknown_with_its_reason(kind: type[PlatformError]) -> None:
    observation, _ = looked(kind("some_code", "It does not answer."))
    assert (observation.presence, observation.message) == (Presence.UNKNOWN, "It does not answer.")


def test_a_definition_that_cannot_be_read_is_unknown() -> None:
    broken = bundle_from_files(contract_files(files={"observe.yaml": "["}))
    observation, executor = looked(RunReport(RunState.SUCCEEDED), replace(a_revision(), bundle=broken))
    assert observation.presence is Presence.UNKNOWN
    assert executor.orders == []


def test_the_look_is_a_read_order_with_what_was_delivered() -> None:
    _, executor = looked(RunReport(RunState.SUCCEEDED, facts={"exists": True}))
    (order,) = executor.orders
    assert (order.effect, order.operation, order.idempotency_key) == (Effect.READ, "observe", "look_1")
    assert order.context["inputs"] == {"size": "s", "backups": True}
