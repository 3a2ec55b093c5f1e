"""Two tenants on every route: neither reads, lists, guesses or touches the other's things.

The test walks the OpenAPI document. A route that is not placed below fails it, so that a
new one cannot slip in unlooked at.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doors import Doors, open_doors
from tests.operations import STREAMS, Operation, Things, body_of, nothing_of, operations, things_of

# What belongs to no project: the same for every tenant, guarded by roles (test_api_roles).
PLATFORM_WIDE = frozenset(
    {
        *("listContracts", "getContract", "getContractVersion", "publishContract", "actOnContract"),
        *("getCanary", "setCanary", "migrateRuns", "getPublishImpact", "getPolicyImpact"),
        *("listCapabilities", "getCapability", "getCapabilityVersion"),
        *("getCapabilityOpenapi", "getCapabilityVersionOpenapi"),
        *("getLifecycle", "setLifecycle", "deleteContractVersion"),
        *("createProject", "getPolicies", "openapi", "livez", "readyz", "version", "metrics"),
        *("listErrors", "getError", "listTokens", "createToken", "revokeToken"),
        # Of a person, not of a project; who sees which is in test_api_delegations.
        *("listDelegations", "createDelegation", "revokeDelegation"),
        *(
            "listDestinations",
            "createDestination",
            "getDestination",
            "replaceDestination",
            "deleteDestination",
        ),
    }
)
# Lists over everything that the reader may see.
FILTERED = frozenset(
    {"listProjects", "listResources", "listDrift", "listApprovals", "listDeadLetters", "listBreakers"}
    | {"listVersionRequests"}
)
NORMAL = "THE-OTHER"


@pytest.fixture(scope="module")
def doors(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with open_doors(shared_database_url, tmp_path_factory.mktemp("tenants")) as opened:
        yield opened


@pytest.fixture(scope="module")
def theirs(doors: Doors) -> Things:
    return things_of(doors, "erin", "bank")


@pytest.fixture(scope="module")
def ours(doors: Doors) -> Things:
    return things_of(doors, "dora", "shop")


def said(doors: Doors, who: str, operation: Operation, things: Things) -> Any:
    """Return what is answered about things, without what differs by nature."""
    answer = doors(
        who, operation.method, things.path(operation), body_of(operation), headers={"If-Match": "*"}
    )
    document = answer.json()
    document.pop("trace_id", None)
    return answer.status_code, str(document).replace(things.project, NORMAL)


def scoped(doors: Doors) -> list[Operation]:
    """Return the operations on one project's things."""
    return [each for each in operations(doors) if each.id not in PLATFORM_WIDE | FILTERED | STREAMS]


def test_every_operation_is_looked_at(doors: Doors) -> None:
    known = {each.id for each in operations(doors)}
    assert known >= PLATFORM_WIDE | FILTERED | STREAMS, "these are no operations any more"
    unplaced = [each.id for each in scoped(doors) if "project" not in each.parameters and not _is_by_id(each)]
    assert unplaced == [], "say for these whether they are platform-wide, filtered, or by id"
    assert len(scoped(doors)) >= 18


def _is_by_id(operation: Operation) -> bool:
    return operation.id in {
        *("getRun", "listRunSteps", "listRunEvents", "cancelRun", "migrateRun", "getDecision"),
        *("pauseRun", "resumeRun", "retryRun", "sendSignal", "listLateAnswers"),
        *("listDecisions", "listAudit", "verifyAudit"),
        *("getApproval", "voteOnApproval", "claimApproval", "delegateApproval"),
    }


def test_what_another_tenant_has_looks_exactly_like_what_is_not_there(doors: Doors, theirs: Things) -> None:
    absent = nothing_of("nowhere", doors)
    for operation in scoped(doors):
        seen = said(doors, "dora", operation, theirs)
        assert seen[0] == 404, f"{operation.id}: {seen}"
        assert seen == said(doors, "dora", operation, absent), operation.id


def test_the_owner_does_find_it(doors: Doors, theirs: Things) -> None:
    needs_more = {"listAudit", "verifyAudit"}
    for operation in scoped(doors):
        if not operation.is_write and operation.id not in needs_more:
            status, document = said(doors, "erin", operation, theirs)
            assert status == 200, f"{operation.id}: {document}"


def test_no_write_of_a_stranger_leaves_a_trace(doors: Doors, theirs: Things) -> None:
    before = doors.rows()
    for operation in scoped(doors):
        if operation.is_write:
            said(doors, "dora", operation, theirs)
    assert doors.rows() == before
    assert doors("erin", "GET", "/v1/projects/bank/requests/bank-db").json()["revision"] == 1


def test_lists_hold_only_what_the_reader_may_see(doors: Doors, ours: Things, theirs: Things) -> None:
    for operation in operations(doors):
        if operation.id in FILTERED:
            answer = doors("dora", "GET", ours.path(operation))
            assert (answer.status_code, "bank" in answer.text) == (200, False), operation.id
    names = [item["name"] for item in doors("dora", "GET", "/v1/projects").json()["items"]]
    assert names == ["shop"]


def test_a_page_token_of_one_tenant_leads_the_other_nowhere(doors: Doors) -> None:
    for name in ("bank-a", "bank-b"):
        doors.submit(name, who="erin", project="bank")
    path = "/v1/projects/{}/requests"
    token = doors("erin", "GET", f"{path.format('bank')}?page_size=1").json()["next_page_token"]
    answer = doors("dora", "GET", f"{path.format('shop')}?page_token={token}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_page_token")


def test_one_tenants_idempotency_key_says_nothing_to_the_other(doors: Doors) -> None:
    body = {"contract": "postgres-database", "inputs": {"size": "s"}, "name": "same"}
    key = {"Idempotency-Key": "shared"}
    first = doors("dora", "POST", "/v1/projects/shop/requests", body, headers=key).json()
    second = doors("erin", "POST", "/v1/projects/bank/requests", body, headers=key).json()
    assert (first["project"], second["project"]) == ("shop", "bank")
    assert first["uid"] != second["uid"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/projects/BANK/requests",
        "/v1/projects/bank%2Frequests",
        "/v1/projects/shop/../bank/requests",
        "/v1/projects/shop/requests/..%2F..%2Fbank%2Frequests%2Fbank-db",
        "/v1/projects/shop%00/requests",
        "/v1//projects/bank/requests",
        "/v1/projects/bank/requests/",
        "/v1/projects/bank;/requests",
        "/V1/projects/bank/requests",
    ],
)
def test_no_spelling_of_the_address_gets_past_the_guard(doors: Doors, theirs: Things, path: str) -> None:
    answer = doors("dora", "GET", path, headers={"Host": "a/../admin?", "X-Forwarded-Prefix": "/admin"})
    assert answer.status_code == 404
    assert "bank-db" not in answer.text
