"""Every role on every route: who may come in, and that nobody else does.

The table is written out by hand, so that a guard which says something else is noticed.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from platform_api.openapi import guard_of
from tests.doors import PEOPLE, Doors, open_doors
from tests.operations import STREAMS, Things, body_of, operations, things_of

EVERYBODY = frozenset(PEOPLE)
READERS = frozenset({"admin", "dora", "paul", "anna"})
REQUESTERS = frozenset({"admin", "dora"})
APPROVERS = frozenset({"admin", "paul"})
AUDITORS = frozenset({"admin", "anna"})
PUBLISHERS = frozenset({"admin", "pia"})
ADMIN = frozenset({"admin"})
NOBODY_TOO = EVERYBODY | {""}

MAY = {
    **dict.fromkeys(
        ["livez", "readyz", "version", "metrics", "openapi", "listErrors", "getError"], NOBODY_TOO
    ),
    **dict.fromkeys(["listProjects", "listResources", "listDrift", "getPolicies", "watchEvents"], EVERYBODY),
    **dict.fromkeys(["listContracts", "getContract", "getContractVersion", "getCanary"], EVERYBODY),
    **dict.fromkeys(["listCapabilities", "getCapability", "getCapabilityVersion"], EVERYBODY),
    **dict.fromkeys(["getCapabilityOpenapi", "getCapabilityVersionOpenapi"], EVERYBODY),
    **dict.fromkeys(["getLifecycle", "listVersionRequests"], EVERYBODY),
    **dict.fromkeys(["setLifecycle", "deleteContractVersion"], PUBLISHERS),
    **dict.fromkeys(["publishContract", "actOnContract", "setCanary", "migrateRuns"], PUBLISHERS),
    "getPublishImpact": PUBLISHERS,
    "getPolicyImpact": ADMIN,  # or an auditor of all projects
    **dict.fromkeys(
        ["getProject", "listRequests", "getRequest", "listRequestRuns", "listRequestEvents"], READERS
    ),
    **dict.fromkeys(["listRequestDecisions", "explainRequest", "listDecisions", "getDecision"], READERS),
    **dict.fromkeys(["listRequestFiles", "listRequestActions"], READERS),
    **dict.fromkeys(["reconcileRequest", "pauseRequest", "resumeRequest", "keepRequest"], REQUESTERS),
    **dict.fromkeys(["getRun", "listRunSteps", "listRunEvents", "listLateAnswers"], READERS),
    **dict.fromkeys(
        ["submitRequest", "replaceRequest", "patchRequest", "deleteRequest", "actOnRequest"], REQUESTERS
    ),
    **dict.fromkeys(["listCapabilityRequests", "getCapabilityRequest"], READERS),
    **dict.fromkeys(["submitCapabilityRequest", "replaceCapabilityRequest"], REQUESTERS),
    **dict.fromkeys(["patchCapabilityRequest", "deleteCapabilityRequest"], REQUESTERS),
    **dict.fromkeys(["upgradeRequest", "pinRequest", "rollBackRequest"], REQUESTERS),
    **dict.fromkeys(["cancelRun", "pauseRun", "resumeRun", "retryRun", "sendSignal"], REQUESTERS),
    **dict.fromkeys(["makePlan", "listPlans", "getPlan", "submitPlan"], REQUESTERS),
    **dict.fromkeys(["listDeadLetters", "listBreakers"], EVERYBODY),
    "migrateRun": ADMIN,  # or a publisher who may read the project
    "getApproval": READERS,
    **dict.fromkeys(["voteOnApproval", "claimApproval", "delegateApproval"], APPROVERS),
    **dict.fromkeys(["listApprovals", "listDelegations", "createDelegation"], EVERYBODY),
    "revokeDelegation": ADMIN,
    **dict.fromkeys(["listAudit", "verifyAudit"], AUDITORS),
    **dict.fromkeys(["createProject", "listTokens", "createToken", "revokeToken"], ADMIN),
    **dict.fromkeys(["listDestinations", "createDestination", "getDestination"], ADMIN),
    **dict.fromkeys(["replaceDestination", "deleteDestination"], ADMIN),
}
REFUSALS = {401, 403, 404}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder: Path = tmp_path_factory.mktemp("roles")
    with open_doors(f"sqlite:///{folder}/avow.db", folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def things(doors: Doors) -> Things:
    return things_of(doors, "dora", "shop")


def test_the_table_holds_every_operation(doors: Doors) -> None:
    assert {each.id for each in operations(doors)} == set(MAY)


@pytest.mark.parametrize("who", [*PEOPLE, ""])
def test_who_may_comes_in_and_nobody_else(doors: Doors, things: Things, who: str) -> None:
    for operation in operations(doors):
        if operation.id in STREAMS:
            continue
        path = things.path(operation)
        # Nothing is done, so that the order of the walk does not matter.
        path += ("&" if "?" in path else "?") + "dry_run=true" if operation.is_write else ""
        answer = doors(who, operation.method, path, body_of(operation), headers={"If-Match": "*"})
        if who in MAY[operation.id]:
            assert answer.status_code not in REFUSALS, f"{who} {operation.id}: {answer.text}"
            assert answer.status_code < 500, f"{who} {operation.id}: {answer.text}"
        else:
            expected = {401} if not who else {403, 404}
            assert answer.status_code in expected, f"{who} {operation.id}: {answer.status_code} {answer.text}"
            assert answer.headers["Content-Type"] == "application/problem+json"


def test_every_route_names_its_guard(doors: Doors) -> None:
    routes = [route for route in iter_route_contexts(doors.app.routes) if route.methods]
    unguarded = [route.path for route in routes if not hasattr(route, "dependant") or guard_of(route) is None]
    assert unguarded == []
    assert len(routes) >= len(MAY)


def test_what_is_open_is_open_on_purpose(doors: Doors) -> None:
    assert {each.id for each in operations(doors) if each.is_open} == {
        name for name, people in MAY.items() if "" in people
    }
