"""The API's description is true: what it says is taken is taken, and what comes back is as it says."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.doors import Doors, open_doors
from tests.operations import STREAMS, operations, things_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    allow_header_conformance,
    unsupported_method,
    negative_data_rejection,
]
EXAMPLES = 12


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def doors(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder: Path = tmp_path_factory.mktemp("openapi")
    url = f"sqlite:///{folder}/avow.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new_database()
    with open_doors(url, folder) as opened:
        things_of(opened, "dora", "shop")
        yield opened


@pytest.fixture(scope="module")
def document(doors: Doors) -> dict[str, Any]:
    described: dict[str, Any] = doors("", "GET", "/openapi.json").json()
    return described


def calls(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation's description with its address."""
    for path, item in document["paths"].items():
        for method, described in item.items():
            yield f"{method.upper()} {path}", described


def test_it_is_the_same_document_every_time_and_says_its_version(
    doors: Doors, document: dict[str, Any]
) -> None:
    assert document == doors("", "GET", "/openapi.json").json()
    assert document["openapi"].startswith("3.1")


def test_operation_ids_are_stable_words(document: dict[str, Any]) -> None:
    ids = [described["operationId"] for _, described in calls(document)]
    assert len(ids) == len(set(ids))
    assert all(id_.isalnum() and id_[0].islower() for id_ in ids)


def test_every_operation_says_what_it_does_and_how_it_refuses(document: dict[str, Any]) -> None:
    for address, described in calls(document):
        assert described["description"], address
        refusals = {code: part for code, part in described["responses"].items() if code >= "400"}
        assert refusals.keys() >= {"400", "422", "500", "503"}, address
        for code, part in refusals.items():
            schema = part["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, f"{address} {code}"


def test_no_field_is_null(document: dict[str, Any]) -> None:
    assert "'null'" not in repr(document["components"])
    assert "None" not in repr(document["components"])


def test_bodies_refuse_fields_that_they_do_not_know(document: dict[str, Any]) -> None:
    bodies = {
        part["schema"]["$ref"].rpartition("/")[2]
        for _, described in calls(document)
        for part in described.get("requestBody", {}).get("content", {}).values()
        if "$ref" in part["schema"]
    }
    assert len(bodies) >= 7
    assert all(document["components"]["schemas"][name]["additionalProperties"] is False for name in bodies)


def test_every_schema_is_one_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    names = {text.partition("'")[0] for text in repr(document).split("'#/components/schemas/")[1:]}
    assert names <= set(schemas)


def test_generated_requests_find_no_fault_and_no_untruth(doors: Doors) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", doors.app)
    walked, statuses = {"openapi"}, Counter[int]()
    for result in schema.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # an unreadable operation fails the test
        walked.add(operation.definition.raw["operationId"])
        if not walked & STREAMS:
            statuses += tried(operation, GenerationMode.POSITIVE, doors.secrets["admin"])
            with suppress(Unsatisfiable):  # what takes nothing can be given nothing wrong
                statuses += tried(operation, GenerationMode.NEGATIVE, doors.secrets["admin"])
        walked -= STREAMS
    assert walked == {each.id for each in operations(doors)} - STREAMS
    assert statuses.total() > 200
    assert {200, 400, 404, 422} <= set(statuses), "the walk did not get past the front door"


def tried(operation: Any, mode: GenerationMode, token: str) -> Counter[int]:
    """Call an operation with generated values and return how it answered."""
    statuses = Counter[int]()

    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        statuses[case.call_and_validate(headers=headers, checks=CHECKS).status_code] += 1

    call()
    return statuses


def test_the_walk_notices_a_fault(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("platform_api.routes.health.installed_version", broken)
    schema = schemathesis.openapi.from_asgi("/openapi.json", doors.app)
    with pytest.raises(FailureGroup, match="Server error"):
        tried(schema["/version"]["GET"], GenerationMode.POSITIVE, doors.secrets["admin"])
