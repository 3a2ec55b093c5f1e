"""Every operation of the OpenAPI document, with what it takes to call it.

Tests that must hold for all routes walk this list. A new route fails them until somebody
has said here how it is called: which thing each path parameter names, which query it needs,
and a body that is good.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from executors import runs
from executors.port import ContractRef, Effect, WorkOrder
from executors.workflow.events import Accepted
from executors.workflow.journal import entries_of
from tests.doors import Doors, wanted
from tests.factories import contract_document, contract_files

METHODS = ("get", "post", "put", "patch", "delete")
STREAMS = frozenset({"watchEvents"})
"""Never end by themselves, so a walk calls them differently."""

_REPLACEMENT = {"contract": "postgres-database", "inputs": {"size": "m"}}
BODIES: Mapping[str, Any] = {
    "createProject": {"name": "new-project"},
    "publishContract": {"files": contract_files(contract_document(version="7.0.0"))},
    "submitRequest": wanted("new-db"),
    "replaceRequest": _REPLACEMENT,
    "patchRequest": {"inputs": {"size": "l"}},
    "createDestination": {"name": "new-place", "kind": "git-server"},
    "replaceDestination": {"kind": "postgres-server", "capacity": 3},
    "createToken": {"name": "new-token", "subject": "somebody", "grants": [{"role": "auditor"}]},
}
BODILESS = frozenset(
    {"actOnRequest", "actOnContract", "deleteRequest", "deleteDestination", "revokeToken", "cancelRun"}
)
NEEDS_PROJECT = frozenset({"listDecisions", "listAudit", "verifyAudit"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    id: str
    method: str
    path: str
    parameters: tuple[str, ...]
    is_open: bool

    @property
    def is_write(self) -> bool:
        """Say whether it may change something."""
        return self.method != "GET"


@dataclass(frozen=True, slots=True)
class Things:
    """One project's things, by the name of the path parameter that leads to them."""

    project: str
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def path(self, operation: Operation) -> str:
        """Return the address of the operation on these things."""
        path = operation.path
        for parameter in operation.parameters:
            path = path.replace(f"{{{parameter}}}", self._value(operation, parameter))
        return path + (f"?project={self.project}" if operation.id in NEEDS_PROJECT else "")

    def _value(self, operation: Operation, parameter: str) -> str:
        if parameter == "project":
            return self.project
        own = self.names.get(operation.path, self.names.get(_family(operation.path), {}))
        assert parameter in own, f"say in tests/operations.py what {parameter} of {operation.path} is"
        return own[parameter]


def operations(doors: Doors) -> Iterator[Operation]:
    """Yield every operation that the door describes."""
    document = doors("", "GET", "/openapi.json").json()
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                described = item[method]
                parameters = [
                    each["name"] for each in described.get("parameters", ()) if each["in"] == "path"
                ]
                is_open = not described.get("security")
                yield Operation(described["operationId"], method.upper(), path, tuple(parameters), is_open)


def body_of(operation: Operation) -> Any:
    """Return a good body for the operation; None when it takes none."""
    if not operation.is_write or operation.id in BODILESS:
        return None
    assert operation.id in BODIES, f"say in tests/operations.py what {operation.id} takes"
    return BODIES[operation.id]


def things_of(doors: Doors, who: str, project: str) -> Things:
    """Make one of everything in a project and return how it is found."""
    request = doors.submit(f"{project}-db", who=who, project=project)
    [decision] = doors(who, "GET", f"/v1/projects/{project}/requests/{project}-db/decisions").json()["items"]
    run_id = a_run(doors, project, request["uid"])
    return _things(project, f"{project}-db", run_id, decision["id"], doors)


def nothing_of(project: str, doors: Doors) -> Things:
    """Return addresses of things that do not exist."""
    return _things(project, f"{project}-db", "run_" + "0" * 26, "dec_" + "0" * 26, doors)


def _things(project: str, name: str, run_id: str, decision_id: str, doors: Doors) -> Things:
    [token] = [
        item["id"] for item in doors("admin", "GET", "/v1/tokens").json()["items"] if item["name"] == "paul"
    ]
    return Things(
        project,
        {
            "requests": {"name": name, "action": "pause"},
            "runs": {"run_id": run_id},
            "decisions": {"decision_id": decision_id},
            "contracts": {"name": "postgres-database", "version": "1.0.0", "action": "pause"},
            "destinations": {"name": "pg-1"},
            "tokens": {"token_id": token},
            "errors": {"code": "policy_denied"},
        },
    )


def _family(path: str) -> str:
    parts = path.split("/")
    return "requests" if "requests" in parts else (parts[2] if len(parts) > 2 else "")


def a_run(doors: Doors, project: str, uid: str) -> str:
    """Store a run of a request and return its id."""
    run_id = doors.platform.mint("run")
    definition: dict[str, Any] = {
        "apiVersion": "avow/v1",
        "kind": "Workflow",
        "metadata": {"name": "provision"},
        "steps": [{"id": "call", "uses": "http.call", "with": {}}],
    }
    ref = ContractRef("postgres-database", "1.0.0", "sha256:" + "0" * 64)
    order = WorkOrder(f"key-{run_id}", 1, project, uid, "provision", Effect.WRITE, ref, definition, {})
    [first] = entries_of([Accepted(doors.clock())], 0)
    with doors.platform.db.write() as tx:
        assert runs.add(tx, run_id, order, first, doors.clock())
    return run_id
