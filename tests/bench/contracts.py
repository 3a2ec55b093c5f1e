"""A contract whose delivery does nothing, so that what is measured is Avow around it.

It is as complete as a real one: inputs with a default, placement, a policy of its own, four
operations, and a look that finds what was delivered.
"""

import json
from typing import Any

from catalog.digest import JsonObject
from tests.engine import document
from tests.factories import contract_document, contract_files

NAME = "nothing"
DESTINATION: JsonObject = {"name": "pg-1", "kind": "postgres-server", "labels": {"env": "dev"}, "config": {}}

_POLICY = """\
package avow.contract

import rego.v1

deny contains {
	"id": "large-in-development",
	"msg": "a large one is for production",
	"path": "/size",
	"remediation": "set size to s or m",
} if {
	input.request.environment == "dev"
	input.inputs.size == "l"
}
"""


def files() -> dict[str, str]:
    """Return the bundle's files."""
    outputs = {"type": "object", "required": ["at"], "properties": {"at": {"type": "number"}}}
    contract = contract_document(NAME, outputs=outputs, policies=["policy.rego"])
    workflows = {
        "provision": _four("provision"),
        "update": _four("update"),
        "delete": document(_step("s1"), name="delete"),
        "observe": document(
            _step("look", "bench.look"), name="observe", facts={"exists": "${steps.look.outputs.exists}"}
        ),
    }
    texts = {f"{name}.yaml": json.dumps(workflow) for name, workflow in workflows.items()}
    return contract_files(contract, {**texts, "policy.rego": _POLICY})


def wanted(name: str) -> dict[str, Any]:
    """Return what somebody asks for."""
    return {
        "name": name,
        "contract": NAME,
        "environment": "dev",
        "owner": "team-orders",
        "labels": {"tier": "backend"},
        "inputs": {"size": "s"},
    }


def _four(name: str) -> dict[str, Any]:
    steps = [_step(f"s{number}") for number in range(1, 5)]
    return document(*steps, name=name, outputs={"at": "${steps.s1.outputs.at}"}, facts={"exists": True})


def _step(id_: str, uses: str = "bench.nothing") -> dict[str, Any]:
    return {"id": id_, "uses": uses, "with": {}}
