"""Every operation of the OpenAPI document, with what it takes to call it.

Tests that must hold for all routes walk this list. A new route fails them until somebody
has said here how it is called: which thing each path parameter names, which query it needs,
and a body that is good.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from catalog import contracts
from executors import runs
from executors.port import ContractRef, Effect, WorkOrder
from executors.workflow.events import Accepted
from executors.workflow.journal import entries_of
from tests.asking import BINDING, an_approval
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
    "submitCapabilityRequest": {"name": "typed-db", "inputs": {"size": "s"}},
    "replaceCapabilityRequest": {"inputs": {"size": "m"}},
    "patchCapabilityRequest": {"inputs": {"size": "l"}},
    "createDestination": {"name": "new-place", "kind": "git-server"},
    "replaceDestination": {"kind": "postgres-server", "capacity": 3},
    "createToken": {"name": "new-token", "subject": "somebody", "grants": [{"role": "auditor"}]},
    "voteOnApproval": {"verdict": "approve", "binding": BINDING},
    "claimApproval": {"minutes": 5},
    "delegateApproval": {"to": "paul"},
    "setCanary": {"share": 0},
    "upgradeRequest": {"to": "^1.0.0"},
    "setLifecycle": {"state": "deprecated", "sunset_at": "2027-03-01T00:00:00Z", "reason": "old"},
    "sendSignal": {"name": "go", "payload": {"at": 1}},
    "migrateRun": {"contract_version": "1.0.0"},
    "migrateRuns": {"contract_version": "1.0.0"},
    "getPublishImpact": {"files": contract_files(contract_document(version="7.0.0"))},
    "getPolicyImpact": {"settings": {}},
    "makePlan": {"operation": "create", **wanted("planned-db")},
    "createDelegation": {"delegate": "olga", "ends_at": "2026-12-31T00:00:00Z"},
}
BODILESS = frozenset(
    {"actOnRequest", "actOnContract", "deleteRequest", "deleteDestination", "revokeToken", "cancelRun"}
    | {"reconcileRequest", "pauseRequest", "resumeRequest", "keepRequest"}
    | {"pinRequest", "rollBackRequest", "deleteContractVersion", "submitPlan", "deleteCapabilityRequest"}
    | {"revokeDelegation", "pauseRun", "resumeRun", "retryRun"}
)
QUESTIONS = frozenset({"getPublishImpact", "getPolicyImpact"})
"""Ask with a body, and change nothing."""

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
        return self.method != "GET" and self.id not in QUESTIONS


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
    if operation.method == "GET" or operation.id in BODILESS:
        return None
    assert operation.id in BODIES, f"say in tests/operations.py what {operation.id} takes"
    return BODIES[operation.id]


def things_of(doors: Doors, who: str, project: str) -> Things:
    """Make one of everything in a project and return how it is found."""
    request = doors.submit(f"{project}-db", who=who, project=project)
    [decision] = doors(who, "GET", f"/v1/projects/{project}/requests/{project}-db/decisions").json()["items"]
    ids = {
        "run_id": a_run(doors, project, request["uid"]),
        "decision_id": decision["id"],
        "approval_id": an_approval(doors, request),
        "plan_id": a_plan(doors, who, project),
    }
    return _things(project, f"{project}-db", ids, doors)


def nothing_of(project: str, doors: Doors) -> Things:
    """Return addresses of things that do not exist."""
    prefixes = {"run_id": "run", "decision_id": "dec", "approval_id": "apr", "plan_id": "pln"}
    return _things(
        project, f"{project}-db", {name: f"{prefix}_{'0' * 26}" for name, prefix in prefixes.items()}, doors
    )


def _things(project: str, name: str, ids: Mapping[str, str], doors: Doors) -> Things:
    [token] = [
        item["id"] for item in doors("admin", "GET", "/v1/tokens").json()["items"] if item["name"] == "paul"
    ]
    return Things(
        project,
        {
            "requests": {"name": name, "action": "pause"},
            "runs": ids,
            "decisions": ids,
            "approvals": ids,
            "plans": ids,
            "delegations": {"delegation_id": a_delegation(doors)},
            "contracts": {"name": "postgres-database", "version": "1.0.0", "action": "pause"},
            "capabilities": {"name": "postgres-database", "version": "1.0.0", "request": name},
            "/v1/contracts/{name}/versions/{version}/requests": {
                "name": "postgres-database",
                "version": "1.0.0",
            },
            "destinations": {"name": "pg-1"},
            "tokens": {"token_id": token},
            "errors": {"code": "policy_denied"},
        },
    )


def _family(path: str) -> str:
    parts = path.split("/")
    family = next((each for each in ("capabilities", "requests", "plans") if each in parts), "")
    return family or (parts[2] if len(parts) > 2 else "")


def a_plan(doors: Doors, who: str, project: str) -> str:
    """Keep a plan that nobody submits, and return its id."""
    body = {"operation": "create", **wanted("planned-db")}
    answer = doors(who, "POST", f"/v1/projects/{project}/plans", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def a_delegation(doors: Doors) -> str:
    """Make a standing delegation that no test is about, and return its id."""
    body = {"delegate": "nobody", "ends_at": (doors.clock() + timedelta(days=1)).isoformat()}
    answer = doors("admin", "POST", "/v1/delegations", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def a_run(doors: Doors, project: str, uid: str) -> str:
    """Store a run of a request and return its id."""
    run_id = doors.platform.mint("run")
    definition: dict[str, Any] = {
        "apiVersion": "avow/v1",
        "kind": "Workflow",
        "metadata": {"name": "provision"},
        "steps": [{"id": "call", "uses": "http.call", "with": {}}],
    }
    with doors.platform.db.read() as tx:
        ref = ContractRef(
            "postgres-database", "1.0.0", contracts.load(tx, "postgres-database", "1.0.0").digest
        )
    order = WorkOrder(f"key-{run_id}", 1, project, uid, "provision", Effect.WRITE, ref, definition, {})
    [first] = entries_of([Accepted(doors.clock())], 0)
    with doors.platform.db.write() as tx:
        assert runs.add(tx, run_id, order, first, doors.clock())
    return run_id
