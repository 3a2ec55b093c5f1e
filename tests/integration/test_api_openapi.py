"""The API's description is true: what it says is taken is taken, and what comes back is as it says."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup

from tests.doors import Doors, open_doors
from tests.operations import STREAMS, operations, things_of
from tests.truthful import tried


@pytest.fixture(scope="module")
def doors(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with open_doors(shared_database_url, tmp_path_factory.mktemp("openapi")) as opened:
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


def test_the_walk_notices_a_fault(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("platform_api.routes.health.installed_version", broken)
    schema = schemathesis.openapi.from_asgi("/openapi.json", doors.app)
    with pytest.raises(FailureGroup, match="Server error"):
        tried(schema["/version"]["GET"], GenerationMode.POSITIVE, doors.secrets["admin"])
