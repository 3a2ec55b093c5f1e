"""A contract with actions, for a village: databases that can be saved, signed off and asked in vain."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.asking import a_person
from tests.engine import document
from tests.village import NAME, WHERE, Village, bundle, open_village

ONE = f"{WHERE}/orders"
LABELS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["label"],
    "properties": {
        "label": {"type": "string", "pattern": "^[a-z-]+$"},
        "keep": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "key": {"type": "string", "x-sensitive": True},
    },
}
SAVE = {
    "id": "save",
    "uses": "test.do",
    "with": {
        "name": "${action.inputs.label}",
        "of": ["${action.inputs.keep}", "${inputs.size}", "${outputs.id}"],
    },
}
DEFINITIONS: dict[str, dict[str, Any]] = {
    "save": document(SAVE, name="save", outputs={"saved": "${steps.save.outputs.id}"}),
    "lose": document({"id": "away", "uses": "test.undo", "with": {"name": NAME}}, name="lose"),
    "sign": document(
        {"id": "sign-off", "approval": {"groups": ["security"], "expires": "3d"}},
        {"id": "signed", "uses": "test.do", "with": {"name": "${action.name}"}},
        name="sign",
    ),
}


def actions(**more: Any) -> dict[str, Any]:
    """Return the actions of the contract, and others."""
    described = {"description": "Something to do.", "executor": "workflow"}
    own: dict[str, Any] = {name: {**described, "definition": f"{name}.yaml"} for name in DEFINITIONS}
    own["save"]["inputs"] = LABELS
    return own | {name: described | part for name, part in more.items()}


def acting_bundle(version: str = "1.0.0", *, name: str = "database", **spec: Any) -> dict[str, str]:
    """Return a bundle of a contract with actions."""
    files = bundle(
        (name, version, "team-data"),
        "${inputs.size}",
        "${steps.make.outputs.id}",
        **({"actions": actions()} | spec),
    )
    return files | {f"{action}.yaml": json.dumps(part) for action, part in DEFINITIONS.items()}


def publish(village: Village, files: dict[str, str]) -> None:
    """Publish a bundle and settle."""
    answer = village.doors("pia", "POST", "/v1/contracts", {"files": files})
    assert answer.status_code == 201, answer.text
    village.settle()


def act(village: Village, action: str = "save", *, who: str = "dora", query: str = "", **sent: Any) -> Any:
    """Have somebody ask for an action of `orders`, and return the answer; nothing is driven."""
    headers = sent.pop("headers", {})
    inputs = {"label": "nightly"} if action == "save" else {}
    return village.doors(
        who, "POST", f"{ONE}/actions/{action}{query}", {"inputs": inputs} | sent, headers=headers
    )


def acted(village: Village, action: str = "save", **sent: Any) -> Any:
    """Have dora ask for an action that is accepted, settle, and return the request as it then is."""
    answer = act(village, action, **sent)
    assert answer.status_code == 202, answer.text
    village.settle()
    return village.shown("orders")


def events(village: Village) -> list[str]:
    """Return the kinds of what was told about `orders`."""
    listed = village.doors("dora", "GET", f"{ONE}/events?page_size=200").json()["items"]
    return [each["kind"] for each in listed]


def trail(village: Village, prefix: str) -> list[Any]:
    """Return the entries of the audit trail whose action begins so, the oldest first."""
    listed = village.doors("admin", "GET", "/v1/audit?project=shop&page_size=500").json()["items"]
    return [each for each in listed if each["action"].startswith(prefix)]


def runs(village: Village) -> list[Any]:
    """Return the runs of `orders`, the newest first."""
    found: list[Any] = village.doors("dora", "GET", f"{ONE}/runs").json()["items"]
    return found


@contextmanager
def open_ground(url: str, folder: Path) -> Iterator[Village]:
    """Open a village in which `orders` is a database that is ready, and anna signs off."""
    with open_village(url, folder) as village:
        publish(village, acting_bundle())
        assert village.ask("orders", "database")["phase"] == "ready"
        a_person(village.doors, "anna", "security", token="anna-s")
        yield village
