"""A small real contract for tests: each request is a git repository on a git server of this machine.

It needs nothing but git, so a whole Avow can deliver it, look at it and take it down.
"""

import json
from pathlib import Path
from typing import Any

from tests.factories import contract_document

PLACE = {"destination": "${destination.config}", "name": "${request.name}"}
LOOK = {"id": "look", "uses": "git.inspect", "with": PLACE}
FACTS = {"exists": "${steps.look.outputs.exists}"}
OPEN = {"type": "object", "additionalProperties": False, "properties": {}}


def workflow(name: str, *steps: dict[str, Any], **more: Any) -> str:
    """Return a workflow's text."""
    head = {"apiVersion": "avow/v1", "kind": "Workflow", "metadata": {"name": name}}
    return json.dumps(head | {"steps": list(steps)} | more)


def a_bundle() -> dict[str, str]:
    """Return the files of a contract that makes a git repository."""
    make = {"id": "make", "uses": "git.create_repository", "with": PLACE}
    outputs = {
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {"url": {"type": "string"}},
    }
    document = contract_document(
        name="repository", inputs=OPEN, outputs=outputs, placement={"match": {"kind": "git-server"}}
    )
    del document["spec"]["operations"]["update"]
    return {
        "contract.yaml": json.dumps(document),
        "provision.yaml": workflow(
            "provision", make, outputs={"url": "${steps.make.outputs.url}"}, facts={"exists": True}
        ),
        "delete.yaml": workflow("delete", {"id": "away", "uses": "git.delete_repository", "with": PLACE}),
        "observe.yaml": workflow("observe", LOOK, facts=FACTS),
    }


def a_place(root: Path) -> dict[str, Any]:
    """Return the destination on which the repositories lie."""
    return {"name": "git-1", "kind": "git-server", "config": {"root": str(root), "url": f"file://{root}"}}
