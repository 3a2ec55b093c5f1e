"""Versions that differ in what they take and do, over a stage; what the tests of their steering share."""

import json
from typing import Any

from tests.engine import document, fails_for_good, undoable
from tests.factories import contract_document, contract_files
from tests.stage import CONTRACT, PATH, Stage

END: dict[str, Any] = {"outputs": {"host": "h"}, "facts": {"exists": True}}
SIZES: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "additionalProperties": False,
    "properties": {"size": {"enum": ["s", "m", "l"]}, "backups": {"type": "boolean", "default": True}},
}
GIB: dict[str, Any] = {
    "type": "object",
    "required": ["gib"],
    "additionalProperties": False,
    "properties": {
        "gib": {"type": "integer", "minimum": 1},
        "backups": {"type": "boolean", "default": False},
    },
}
EXPRESSIONS = {
    "gib": "{'s': 1, 'm': 10, 'l': 100}[inputs.size]",
    "size": "null",
    "backups": "inputs.backups",
}
TO_GIB: dict[str, Any] = {"from": "^1.0.0", "inputs": EXPRESSIONS}


def publish(stage: Stage, version: str, *, retry: bool = True, **more: Any) -> None:
    """Publish a version whose every operation does one step named after it."""
    spec = {"inputs": SIZES, "reconcile": {"retry_failed": retry}} | more.pop("spec", {})
    step = step_of(version)
    flows = {
        "provision": document(undoable(step), **END),
        "update": document(undoable(step), name="update", **END),
        "delete": document(undoable("away"), name="delete"),
        "observe": document(
            {"id": "look", "uses": "test.look", "with": {"name": "look"}},
            name="observe",
            facts={"exists": "${steps.look.outputs.exists}"},
        ),
    }
    files = {f"{name}.yaml": json.dumps(flow) for name, flow in flows.items()}
    contract = contract_document(CONTRACT, version, **spec)
    body = {"files": contract_files(contract, files)} | more
    answer = stage.doors("pia", "POST", "/v1/contracts", body)
    assert answer.status_code == 201, answer.text
    stage.settle()


def step_of(version: str) -> str:
    """Return the name of the step that delivers a version."""
    return f"v{version.replace('.', '-')}"


def act(stage: Stage, action: str, body: Any = None, query: str = "", name: str = "orders") -> Any:
    """Steer a request, and settle."""
    answer = stage.doors("dora", "POST", f"/v1/projects/shop/requests/{name}/actions/{action}{query}", body)
    stage.settle()
    return answer


def patch(stage: Stage, name: str = "orders", **changes: Any) -> Any:
    """Change a request by merge patch, and settle."""
    where = f"/v1/projects/shop/requests/{name}"
    answer = stage.doors("dora", "PATCH", where, changes, headers={"If-Match": "*"})
    stage.settle()
    return answer


def deprecate(stage: Stage, version: str, state: str = "deprecated") -> Any:
    where = f"/v1/contracts/{CONTRACT}/versions/{version}/lifecycle"
    answer = stage.doors("pia", "PUT", where, {"state": state}, headers={"If-Match": "*"})
    stage.settle()
    return answer


def failing(stage: Stage, version: str, times: int = 1) -> None:
    """Have the next deliveries from a version fail."""
    stage.world.script[step_of(version)] += [fails_for_good] * times


def on(stage: Stage, name: str = "orders") -> tuple[str, str, str]:
    """Return the wish, the version stood on and the version delivered."""
    shown = stage.shown(name)
    return shown.get("version", ""), shown["contract_version"], shown["applied"]["contract_version"]


def applied_inputs(stage: Stage) -> Any:
    return stage.shown()["applied"]["inputs"]


def condition(stage: Stage, type_: str) -> Any:
    return next(each for each in stage.shown()["conditions"] if each["type"] == type_)


def kinds(stage: Stage) -> list[str]:
    """Return what happened to the request, kind by kind."""
    return [
        each["kind"] for each in stage.doors("dora", "GET", f"{PATH}/events?page_size=500").json()["items"]
    ]


def refused(answer: Any, status: int, code: str) -> Any:
    document_ = answer.json()
    assert (answer.status_code, document_["code"]) == (status, code), document_
    assert document_["fix"]
    return document_
