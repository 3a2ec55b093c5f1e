"""Each capability describes its own address: valid, complete, and in the contract's own words."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import jsonschema
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from catalog.contract import Contract
from tests.capabilities import SMALL, contracts, document, general

CONTRACTS = contracts()
NETWORK = CONTRACTS["network"]
REQUESTS = "/v1/capabilities/network/projects/{project}/requests"


def schemas(found: dict[str, Any]) -> dict[str, Any]:
    """Return a document's schemas by name."""
    named: dict[str, Any] = found["components"]["schemas"]
    return named


def judge(found: dict[str, Any], name: str) -> Any:
    """Return a validator of one of a document's schemas."""
    return jsonschema.Draft202012Validator({**found, "$ref": f"#/components/schemas/{name}"})


def calls(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation with its address."""
    for path, item in found["paths"].items():
        for method, described in item.items():
            yield f"{method.upper()} {path}", described


def references(part: Any) -> Iterator[str]:
    """Yield every reference of a document; one under a keyword that holds values is none."""
    if isinstance(part, dict):
        for name, child in part.items():
            if name == "$ref" and isinstance(child, str):
                yield child
            elif name not in {"const", "example", "examples"}:
                yield from references(child)
    elif isinstance(part, list):
        for child in part:
            yield from references(child)


def at(found: dict[str, Any], reference: str) -> Any:
    """Return what a reference leads to."""
    part: Any = found
    for token in reference.removeprefix("#/").split("/"):
        part = part[token.replace("~1", "/").replace("~0", "~")]
    return part


@pytest.mark.parametrize("is_pinned", [False, True], ids=["newest", "pinned"])
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_contract_becomes_a_valid_document(contract: Contract, *, is_pinned: bool) -> None:
    found = document(contract, "# Docs", is_pinned=is_pinned)
    assert found["openapi"].startswith("3.1")
    jsonschema.Draft202012Validator(OPENAPI_31).validate(found)
    for schema in schemas(found).values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in references(found):
        at(found, reference)


@pytest.mark.parametrize("is_pinned", [False, True], ids=["newest", "pinned"])
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_every_example_of_a_contract_is_one_of_its_document(contract: Contract, *, is_pinned: bool) -> None:
    found = document(contract, is_pinned=is_pinned)
    for _, described in calls(found):
        for content in described.get("requestBody", {}).get("content", {}).values():
            shown = content.get("examples", {})
            is_body = content["schema"]["$ref"].endswith(("Submission", "Replacement"))
            assert list(shown) == [example.name for example in contract.examples if is_body]
            for example in shown.values():
                judge(found, content["schema"]["$ref"].rpartition("/")[2]).validate(example["value"])


def test_operations_are_called_after_the_capability() -> None:
    ids = {described["operationId"] for _, described in calls(document(CONTRACTS["postgres-database"]))}
    verbs = ("submit", "list", "get", "replace", "patch", "delete")
    assert ids == {f"{verb}PostgresDatabase" for verb in verbs}


def test_the_addresses_name_the_capability_and_nothing_else_is_described() -> None:
    found = document(NETWORK)
    assert set(found["paths"]) == {REQUESTS, f"{REQUESTS}/{{request}}"}
    for address, described in calls(found):
        named = {each["name"] for each in described["parameters"] if each["in"] == "path"}
        assert named == {part[1:-1] for part in address.split("/") if part.startswith("{")}


def test_headers_refusals_and_the_token_are_those_of_the_general_document() -> None:
    found = document(NETWORK)
    for path, item in found["paths"].items():
        for method, described in item.items():
            source = general()["paths"][path.replace("/network/", "/{name}/")][method]
            assert described["responses"].keys() == source["responses"].keys()
            assert described["security"] == source["security"] == [{"token": []}]
            ours = [each for each in source["parameters"] if each["name"] != "name"]
            assert described["parameters"] == ours
            for status, response in described["responses"].items():
                if status >= "400":
                    content = response["content"]["application/problem+json"]
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert found["components"]["securitySchemes"] == general()["components"]["securitySchemes"]
    named = {each["name"] for _, described in calls(found) for each in described["parameters"]}
    assert named >= {"dry_run", "idempotency-key", "if-match", "page_size", "labels"}


def test_no_other_schema_is_carried_along() -> None:
    names = set(schemas(document(NETWORK)))
    assert not names & {"RequestView", "PlanView", "SubmitCapabilityRequest", "HTTPValidationError"}
    assert {"NetworkInputs", "NetworkInputsZone", "NetworkOutputs", "NetworkRequest", "Problem"} <= names


@pytest.mark.parametrize(
    ("body", "is_good"),
    [
        ({"name": "a", "inputs": SMALL}, True),
        ({"name": "a", "inputs": SMALL, "version": "2.0.0", "labels": {"a": "b"}}, True),
        ({"name": "a"}, False),
        ({"inputs": SMALL}, False),
        ({"name": "a", "inputs": SMALL | {"size": "xl"}}, False),
        ({"name": "a", "inputs": {"zones": []}}, False),
        ({"name": "a", "inputs": SMALL, "contract": "network"}, False),
        ({"name": "a", "inputs": SMALL | {"token": "hunter2"}}, False),
    ],
    ids=str,
)
def test_a_body_is_held_to_the_contract(body: dict[str, Any], *, is_good: bool) -> None:
    assert judge(document(NETWORK), "NetworkSubmission").is_valid(body) is is_good


def test_inputs_may_be_left_out_where_the_contract_asks_for_none() -> None:
    found = document(CONTRACTS["postgres-database"])
    assert judge(found, "PostgresDatabaseSubmission").is_valid({"name": "a"})


def test_a_version_of_its_own_is_the_one_that_its_bodies_name() -> None:
    submission = judge(document(NETWORK, is_pinned=True), "NetworkSubmission")
    assert submission.is_valid({"name": "a", "inputs": SMALL, "version": "2.1.0"})
    assert not submission.is_valid({"name": "a", "inputs": SMALL, "version": "2.0.0"})
    assert not submission.is_valid({"name": "a", "inputs": SMALL})
    patch = judge(document(NETWORK, is_pinned=True), "NetworkPatch")
    assert patch.is_valid({"inputs": {"size": "l"}})
    assert not patch.is_valid({"version": "2.0.0"})


@pytest.mark.parametrize(
    ("patch", "is_good"),
    [
        ({}, True),
        ({"inputs": {"size": None}, "owner": None, "labels": {"a": None}}, True),
        ({"inputs": {"size": "xl"}}, False),
        ({"inputs": {"no": 1}}, False),
        ({"name": "b"}, False),
        ({"contract": "network"}, False),
    ],
    ids=str,
)
def test_a_patch_is_described_as_far_as_it_can_be(patch: dict[str, Any], *, is_good: bool) -> None:
    assert judge(document(NETWORK), "NetworkPatch").is_valid(patch) is is_good


def test_answers_show_the_outputs_and_allow_for_another_version() -> None:
    outputs = schemas(document(NETWORK))["NetworkRequest"]["properties"]["outputs"]
    assert outputs == {
        "anyOf": [{"$ref": f"#/components/schemas/Network{name}"} for name in ("Outputs", "Other")]
    }
    given = judge(document(NETWORK), "NetworkOutputs")
    assert given.is_valid({"host": "a", "password": "secret://file/shop/req_1/password"})
    assert not given.is_valid({"host": "a", "password": "hunter2"})


def test_what_its_publishers_wrote_is_the_description() -> None:
    info = document(NETWORK, "# network\n\nOurs.")["info"]
    assert (info["title"], info["version"], info["description"]) == ("network", "2.1.0", "# network\n\nOurs.")
    assert info["contact"] == {"name": "team-data"}
    assert info["x-avow"]["service_levels"] == {"provision_p95": "30s", "availability": 99.9}
    assert document(NETWORK)["info"]["description"] == NETWORK.description


def test_an_example_says_what_it_shows() -> None:
    [large] = [
        content["examples"]["large"]
        for _, described in calls(document(NETWORK))
        for content in described.get("requestBody", {}).get("content", {}).values()
        if described["operationId"] == "submitNetwork"
    ]
    assert large["summary"] == "It's for everybody."
    assert "denies" in large["description"]
    assert large["value"]["environment"] == "prod"


def test_the_general_document_is_left_as_it_is() -> None:
    before = deepcopy(general())
    document(NETWORK)
    assert general() == before


def test_it_is_the_same_document_every_time() -> None:
    assert document(NETWORK) == document(NETWORK)
