"""A published contract is a capability: listed, described, and asked for at an address of its own."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from catalog import requests
from tests.capabilities import SMALL, library_files, network_files
from tests.doors import Doors, open_doors
from tests.factories import contract_document, contract_files
from tests.truthful import CHECKS, tried

CAPABILITIES = "/v1/capabilities"
DATABASES = f"{CAPABILITIES}/postgres-database/projects/shop/requests"
NETWORKS = f"{CAPABILITIES}/network/projects/shop/requests"
ONE = f"{DATABASES}/orders-db"
GENERAL = "/v1/projects/shop/requests/orders-db"
ASKED = {"name": "orders-db", "inputs": {"size": "s"}}


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        yield opened


def publish(doors: Doors, files: dict[str, str]) -> None:
    """Publish a bundle."""
    answer = doors("admin", "POST", "/v1/contracts", {"files": files})
    assert answer.status_code == 201, answer.text


@pytest.fixture
def both(doors: Doors) -> Doors:
    """Give a door behind which there is a network too."""
    publish(doors, network_files())
    return doors


# --- reading ------------------------------------------------------------------------------


def test_the_list_shows_each_capability_once_by_its_newest_version(both: Doors) -> None:
    publish(both, network_files("2.2.0"))
    publish(both, network_files("3.0.0-rc.1"))
    items = both("dora", "GET", CAPABILITIES).json()["items"]
    assert [(item["name"], item["version"]) for item in items] == [
        ("network", "2.2.0"),
        ("postgres-database", "1.0.0"),
    ]
    assert items[0] == {
        "name": "network",
        "description": "A PostgreSQL database with its own role.",
        "owner": "team-data",
        "version": "2.2.0",
        "lifecycle": "stable",
    }


def test_the_list_comes_in_pages(both: Doors) -> None:
    first = both("dora", "GET", f"{CAPABILITIES}?page_size=1").json()
    token = first["next_page_token"]
    second = both("dora", "GET", f"{CAPABILITIES}?page_size=1&page_token={token}").json()
    assert [item["name"] for page in (first, second) for item in page["items"]] == [
        "network",
        "postgres-database",
    ]
    assert "next_page_token" not in second


def test_a_capability_says_what_it_takes_and_gives_and_where_to_ask(both: Doors) -> None:
    publish(both, network_files("2.2.0"))
    shown = both("dora", "GET", f"{CAPABILITIES}/network").json()
    assert (shown["version"], shown["versions"]) == ("2.2.0", ["2.1.0", "2.2.0"])
    assert shown["inputs"]["properties"]["zones"]["maxItems"] == 3
    assert shown["outputs"]["required"] == ["host"]
    assert shown["service_levels"] == {"provision_p95": "30s", "availability": 99.9}
    assert shown["docs"].startswith("# network")
    assert [(each["name"], each.get("decision")) for each in shown["examples"]] == [
        ("small", None),
        ("large", "deny"),
    ]
    assert shown["examples"][1]["description"] == "It's for everybody."
    assert shown["endpoint"].format(project="shop") == NETWORKS
    assert both("dora", "GET", shown["openapi"]).json()["info"]["version"] == "2.2.0"


def test_a_version_is_shown_as_it_was_published(both: Doors) -> None:
    publish(both, network_files("2.2.0"))
    shown = both("dora", "GET", f"{CAPABILITIES}/network/versions/2.1.0").json()
    assert shown["version"] == "2.1.0"
    assert both("dora", "GET", shown["openapi"]).json()["info"]["version"] == "2.1.0"


@pytest.mark.parametrize(
    "path",
    [
        *("nothing", "nothing/openapi.json", "nothing/projects/shop/requests"),
        *("postgres-database/versions/9.0.0", "postgres-database/versions/9.0.0/openapi.json"),
    ],
)
def test_what_nobody_published_is_not_there(doors: Doors, path: str) -> None:
    answer = doors("dora", "GET", f"{CAPABILITIES}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "contract_not_found")


@pytest.mark.parametrize("version", ["", "/versions/1.0.0"])
def test_a_description_that_one_has_is_not_sent_again(doors: Doors, version: str) -> None:
    path = f"{CAPABILITIES}/postgres-database{version}/openapi.json"
    first = doors("dora", "GET", path)
    tag = first.headers["ETag"]
    assert "no-store" not in first.headers["Cache-Control"]
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = doors("dora", "GET", path, headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert doors("dora", "GET", path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_new_version_changes_the_description_and_not_that_of_the_old_one(doors: Doors) -> None:
    path = f"{CAPABILITIES}/postgres-database"
    newest, pinned = f"{path}/openapi.json", f"{path}/versions/1.0.0/openapi.json"
    tags = {each: doors("dora", "GET", each).headers["ETag"] for each in (newest, pinned)}
    publish(doors, contract_files(contract_document(version="1.1.0")))
    for each, status in ((newest, 200), (pinned, 304)):
        answer = doors("dora", "GET", each, headers={"If-None-Match": tags[each]})
        assert answer.status_code == status


# --- asking -------------------------------------------------------------------------------


def test_what_is_asked_for_here_is_the_same_request_there(doors: Doors) -> None:
    answer = doors("dora", "POST", DATABASES, ASKED | {"labels": {"a": "b"}, "owner": "team-orders"})
    assert (answer.status_code, answer.headers["Location"], answer.headers["ETag"]) == (202, ONE, '"1"')
    assert answer.json() == doors("dora", "GET", GENERAL).json() == doors("dora", "GET", ONE).json()
    assert answer.json()["contract"] == "postgres-database"
    assert doors("dora", "GET", ONE).headers["ETag"] == '"1"'
    [decision] = doors("dora", "GET", f"{GENERAL}/decisions").json()["items"]
    assert decision["operation"] == "create"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", DATABASES, ASKED), ("PUT", ONE, {"inputs": {"size": "m"}}), ("PATCH", ONE, {})],
)
def test_a_body_cannot_name_a_contract(doors: Doors, method: str, path: str, body: dict[str, Any]) -> None:
    doors.submit()
    before = doors.rows()
    named = body | {"contract": "postgres-database"}
    answer = doors("dora", method, path, named, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    assert answer.json()["errors"][0]["pointer"] == "/contract"
    assert doors.rows() == before


def test_inputs_are_held_to_the_contract(doors: Doors) -> None:
    answer = doors("dora", "POST", DATABASES, ASKED | {"inputs": {"size": "xl"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_inputs")
    assert answer.json()["errors"][0]["pointer"] == "/inputs/size"


def test_policy_is_asked_here_as_there(doors: Doors) -> None:
    doors.engine.deny = ["no"]
    answer = doors("dora", "POST", DATABASES, ASKED)
    assert (answer.status_code, answer.json()["code"]) == (403, "policy_denied")
    assert doors("dora", "GET", ONE).status_code == 404


def test_a_repeated_submission_gets_the_answer_of_the_first(doors: Doors) -> None:
    key = {"Idempotency-Key": "once"}
    first = doors("dora", "POST", DATABASES, ASKED, headers=key)
    again = doors("dora", "POST", DATABASES, ASKED, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Location"] == ONE
    assert again.headers["Idempotent-Replayed"] == "true"
    other = doors("dora", "POST", DATABASES, ASKED | {"name": "b"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("PUT", {"inputs": {"size": "m"}}, 202),
        ("PATCH", {"inputs": {"size": "m"}}, 202),
        ("PATCH", {"labels": {"a": "b"}}, 200),
        ("DELETE", None, 202),
    ],
)
def test_a_change_needs_a_fresh_look_and_says_what_came_of_it(
    doors: Doors, method: str, body: Any, status: int
) -> None:
    doors.submit()
    for match, refused in (("", 428), ('"7"', 412), ("nonsense", 400)):
        assert doors("dora", method, ONE, body, headers={"If-Match": match}).status_code == refused
    answer = doors("dora", method, ONE, body, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"], answer.headers["Location"]) == (status, '"2"', ONE)
    assert doors("dora", "GET", GENERAL).json()["revision"] == 2


def test_a_replacement_takes_away_what_it_does_not_say(doors: Doors) -> None:
    doors.submit(labels={"a": "b"}, version="1.0.0")
    answer = doors("dora", "PUT", ONE, {"inputs": {"size": "s"}}, headers={"If-Match": "*"}).json()
    assert (answer["labels"], "version" in answer) == ({}, False)


def test_a_plan_writes_nothing(doors: Doors) -> None:
    before = doors.rows()
    plan = doors("dora", "POST", f"{DATABASES}?dry_run=true", ASKED)
    assert (plan.status_code, plan.json()["action"]) == (200, "provision")
    assert doors.rows() == before
    doors.submit()
    before = doors.rows()
    for method, body in (("PUT", {"inputs": {"size": "m"}}), ("PATCH", {}), ("DELETE", None)):
        plan = doors("dora", method, f"{ONE}?dry_run=true", body, headers={"If-Match": "*"})
        assert (plan.status_code, plan.json()["dry_run"]) == (200, True)
    assert doors.rows() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_a_request_of_another_capability_is_not_there(both: Doors, method: str) -> None:
    both.submit()
    before = both.rows()
    body = {"PUT": {"inputs": SMALL}, "PATCH": {}}.get(method)
    answer = both("dora", method, f"{NETWORKS}/orders-db", body, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (404, "request_not_found")
    assert both.rows() == before


def test_the_list_holds_the_capabilitys_own_requests_only(both: Doors) -> None:
    both.submit()
    both.submit("net", contract="network", inputs=SMALL, owner="team-net")
    for path, names in ((DATABASES, ["orders-db"]), (NETWORKS, ["net"])):
        items = both("dora", "GET", path).json()["items"]
        assert [item["name"] for item in items] == names
    assert both("dora", "GET", f"{NETWORKS}?owner=nobody").json()["items"] == []
    assert both("dora", "GET", f"{NETWORKS}?contract=network").status_code == 422


def test_what_was_deleted_is_gone_here_and_was_never_there_elsewhere(both: Doors) -> None:
    uid = both.submit()["uid"]
    with both.platform.db.write() as tx:
        requests.save_status(tx, replace(requests.locked(tx, uid), deleted_at=both.clock()))
    assert both("dora", "GET", ONE).json()["code"] == "request_deleted"
    assert both("dora", "GET", f"{NETWORKS}/orders-db").json()["code"] == "request_not_found"


# --- the descriptions are true ------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Give a door behind which the shipped contracts are published, each with a request."""
    folder: Path = tmp_path_factory.mktemp("capabilities")
    with open_doors(f"sqlite:///{folder}/avow.db", folder) as opened:
        for name in ("postgres-database", "service"):
            publish(opened, library_files(name, "2.0.0"))
        publish(opened, network_files())
        opened.submit("db", inputs={"connections": 3})
        opened.submit("site", contract="service", inputs={"description": "Sells"}, version="2.0.0")
        opened.submit("net", contract="network", inputs=SMALL)
        yield opened


@pytest.mark.parametrize(
    "path",
    ["postgres-database", "postgres-database/versions/1.0.0", "service/versions/2.0.0", "service", "network"],
)
def test_generated_calls_find_no_fault_and_no_untruth(shelf: Doors, path: str) -> None:
    token, schema = shelf.secrets["admin"], described(shelf, path)
    schema.validate()
    walked, statuses = set[str](), Counter[int]()
    for result in schema.get_all_operations():
        operation = result.ok()
        walked.add(operation.definition.raw["operationId"])
        statuses += tried(operation, GenerationMode.POSITIVE, token, 8)
        with suppress(Unsatisfiable):  # what takes nothing can be given nothing wrong
            statuses += tried(operation, GenerationMode.NEGATIVE, token, 8)
    assert len(walked) == 6
    assert {404, 422} <= set(statuses), "the walk did not get past the front door"


def described(shelf: Doors, path: str) -> Any:
    """Return a capability's own description, read by whoever generates calls."""
    headers = {"Authorization": f"Bearer {shelf.secrets['admin']}"}
    return schemathesis.openapi.from_asgi(f"{CAPABILITIES}/{path}/openapi.json", shelf.app, headers=headers)


@pytest.mark.parametrize("path", ["postgres-database", "service"])
def test_whatever_a_description_says_is_taken_is_taken(shelf: Doors, path: str) -> None:
    submit = described(shelf, path)[f"{CAPABILITIES}/{path}/projects/{{project}}/requests"]["POST"]
    statuses = Counter[int]()

    @seed(7)
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=submit.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def call(case: Any) -> None:
        case.path_parameters, case.query = {"project": "shop"}, {"dry_run": "true"}
        case.headers = {"Authorization": f"Bearer {shelf.secrets['admin']}"}
        statuses[case.call().status_code] += 1

    call()
    # 404 and 409: a version that nobody published; 422: a text that is no range of versions.
    assert set(statuses) <= {200, 404, 409, 422}
    assert statuses[200] > 5


@pytest.mark.parametrize(
    ("path", "name"), [("postgres-database", "db"), ("service", "site"), ("network", "net")]
)
def test_what_is_answered_about_a_request_is_as_described(shelf: Doors, path: str, name: str) -> None:
    schema, everything = described(shelf, path), f"{CAPABILITIES}/{path}/projects/{{project}}/requests"
    inputs = shelf("admin", "GET", f"/v1/projects/shop/requests/{name}").json()["inputs"]
    one, all_, wanted = f"{everything}/{{request}}", {"project": "shop"}, {"inputs": inputs}
    headers = {"If-Match": "*", "Authorization": f"Bearer {shelf.secrets['admin']}"}
    for where, method, body in (
        (one, "GET", None),
        (everything, "GET", None),
        (one, "PUT", wanted),
        (one, "PATCH", {"labels": {"a": "b"}}),
        (one, "DELETE", None),
        (everything, "POST", wanted | {"name": f"{name}-2"}),
    ):
        media_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        sent: dict[str, Any] = {"body": body, "media_type": media_type} if body else {}
        for query in ({},) if method == "GET" else ({"dry_run": "true"}, {}):
            found = schema[where][method]
            case = found.Case(path_parameters=all_ | {"request": name}, query=query, headers=headers, **sent)
            answer = case.call_and_validate(checks=CHECKS)
            assert answer.status_code in {200, 202}, answer.text
