"""What asking for an action of the contract is refused for."""

from collections.abc import Sequence
from typing import Any

from tests.refusals.ground import Call, Ground, act
from tests.refusals.row import refusal

Tried = tuple[Call, Sequence[str]]
SAVE = {"save": {"description": "Save it.", "executor": "workflow", "definition": "observe.yaml"}}


def ready(ground: Ground) -> None:
    """Deliver `orders`, on which something can be asked."""
    ground.publish("store", "1.0.0", spec={"actions": SAVE})
    ground.village.ask("orders", "store")


def both(ground: Ground, action: str = "save") -> Tried:
    """Return both ways to ask."""
    ready(ground)
    return act("orders", action, {}), ["action", "orders", action]


@refusal("action_not_found", then="save", places=[("/action", "*")])
def an_action_that_the_contract_has_not(ground: Ground) -> Tried:
    return both(ground, "dance")


@refusal("operation_under_way", then="avow watch orders")
def an_action_while_another_is_under_way(ground: Ground) -> Tried:
    tried = both(ground)
    assert ground.call(tried[0]).is_success
    return tried


@refusal("request_not_ready", then="avow resume orders")
def an_action_on_what_is_held(ground: Ground) -> Tried:
    tried = both(ground)
    assert ground.call(act("orders", "pause")).is_success
    ground.village.settle()
    return tried


@refusal("action_not_runnable", then="team-data", places=[("contract.yaml#/spec/actions/save/executor", "*")])
def an_action_whose_executor_was_taken_away(ground: Ground) -> Tried:
    tried = both(ground)
    executors: Any = ground.village.doors.platform.executors
    del executors["workflow"]
    return tried
