"""Every answer about a request on a deprecated version says so in its head (RFC 9745, RFC 8594)."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.doors import Doors, open_doors
from tests.factories import contract_document, contract_files
from tests.operations import STREAMS, Operation, Things, body_of, operations, things_of

NAME = "postgres-database"
VERSION = f"/v1/contracts/{NAME}/versions/1.0.0"
SUNSET = "2026-06-01T00:00:00+00:00"
ONE = "/v1/projects/shop/requests/shop-db"
BY_ID = ("{run_id}", "{decision_id}", "{approval_id}")
HEADERS = ("Deprecation", "Sunset", "Link")
CHANGES = {"replaceRequest", "patchRequest", "replaceCapabilityRequest", "patchCapabilityRequest"}


@pytest.fixture(scope="module")
def doors(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with open_doors(shared_database_url, tmp_path_factory.mktemp("notices")) as opened:
        yield opened


@pytest.fixture(scope="module")
def things(doors: Doors) -> Things:
    """Make one of everything on version 1.0.0 and deprecate that."""
    made = things_of(doors, "dora", "shop")
    files = contract_files(contract_document(version="2.0.0"))
    assert doors("pia", "POST", "/v1/contracts", {"files": files}).status_code == 201
    terms = {"state": "deprecated", "sunset_at": SUNSET, "replacement": "2.0.0", "reason": "old"}
    moved = doors("pia", "PUT", f"{VERSION}/lifecycle", terms, headers={"If-Match": "*"})
    assert moved.status_code == 200, moved.text
    return made


def is_about_a_request(operation: Operation) -> bool:
    """Say whether an operation is on one request, or on something of one."""
    return "/requests/{" in operation.path or any(part in operation.path for part in BY_ID)


def called(doors: Doors, operation: Operation, things: Things, **headers: str) -> httpx.Response:
    """Call an operation, without an effect."""
    path = things.path(operation)
    path += ("&" if "?" in path else "?") + "dry_run=true" if operation.is_write else ""
    return doors("admin", operation.method, path, body_of(operation), headers={"If-Match": "*"} | headers)


def said(answer: httpx.Response) -> list[Any]:
    return [answer.headers.get(name) for name in HEADERS]


def wanted_of(doors: Doors) -> list[Operation]:
    """Return the operations that are about a request."""
    return [each for each in operations(doors) if is_about_a_request(each) and each.id not in STREAMS]


def test_every_answer_about_a_request_carries_the_notice(doors: Doors, things: Things) -> None:
    since = doors("dora", "GET", f"{VERSION}/lifecycle").json()["deprecated_at"]
    stamp = int(datetime.fromisoformat(since).timestamp())
    successor = f'</v1/contracts/{NAME}/versions/2.0.0>; rel="successor-version"'
    about = f'<{VERSION}/lifecycle>; rel="deprecation"; type="application/json"'
    walked = wanted_of(doors)
    assert len(walked) >= 20
    for operation in walked:
        answer = called(doors, operation, things)
        assert answer.status_code < 500, f"{operation.id}: {answer.text}"
        # A plan that leads to another version is about that.
        if operation.id in CHANGES:
            continue
        assert said(answer) == [f"@{stamp}", "Mon, 01 Jun 2026 00:00:00 GMT", f"{about}, {successor}"], (
            operation.id
        )
        assert parsedate_to_datetime(answer.headers["Sunset"]).isoformat() == SUNSET


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_plan_and_what_comes_of_it_carry_the_notice(doors: Doors, things: Things, operation: str) -> None:
    doors.submit(f"plan-{operation}", version="1.0.0")
    wish: dict[str, Any] = {"contract": NAME, "version": "1.0.0", "inputs": {"size": "m"}}
    body = {"operation": operation, "name": f"plan-{operation}"} | (wish if operation == "update" else {})
    made = doors("dora", "POST", "/v1/projects/shop/plans", body)
    assert made.status_code == 201, made.text
    one = f"/v1/projects/shop/plans/{made.json()['id']}"
    for answer in (
        made,
        doors("dora", "GET", one),
        doors("dora", "POST", f"{one}/submit?dry_run=true"),
        doors("dora", "POST", f"{one}/submit"),
    ):
        assert answer.is_success, answer.text
        assert said(answer)[1] == "Mon, 01 Jun 2026 00:00:00 GMT"


def test_refusals_about_a_request_carry_it_too(doors: Doors, things: Things) -> None:
    outdated = {"If-Match": '"77"'}
    for answer in (
        doors("dora", "DELETE", ONE, headers=outdated),
        doors("dora", "PATCH", ONE, {"inputs": {"size": "m"}}, headers=outdated),
        doors("dora", "PATCH", ONE, {"version": "1.0.0", "inputs": {"size": "?"}}, headers={"If-Match": "*"}),
    ):
        assert answer.status_code in (412, 422)
        assert said(answer)[0]


def test_the_version_itself_carries_it(doors: Doors, things: Things) -> None:
    paths = [VERSION, f"{VERSION}/lifecycle", f"{VERSION}/requests"]
    assert [bool(said(doors("dora", "GET", path))[0]) for path in paths] == [True] * 3
    other = VERSION.replace("1.0.0", "2.0.0")
    assert said(doors("dora", "GET", other)) == [None] * 3


def test_answers_about_anything_else_do_not(doors: Doors, things: Things) -> None:
    made = doors.submit("fresh")
    assert made["contract_version"] == "2.0.0"
    fresh = f"{ONE.rpartition('/')[0]}/fresh"
    for path in (fresh, f"{fresh}/why", f"{fresh}/events", "/v1/projects/shop/requests", "/v1/contracts"):
        assert said(doors("dora", "GET", path)) == [None] * 3, path
    assert said(doors("erin", "GET", ONE)) == [None] * 3, "a stranger learns that there is a request"


def test_a_request_that_leaves_the_version_leaves_the_notice(doors: Doors, things: Things) -> None:
    doors.submit("mover", version="1.0.0")
    mover = f"{ONE.rpartition('/')[0]}/mover"
    there = doors("dora", "PATCH", mover, {"labels": {"a": "b"}}, headers={"If-Match": "*"})
    assert (there.status_code, bool(said(there)[0]), "deprecation" in there.json()) == (200, True, True)
    moved = doors("dora", "PATCH", mover, {"version": "2.0.0"}, headers={"If-Match": "*"})
    assert (moved.status_code, said(moved), "deprecation" in moved.json()) == (202, [None] * 3, False)


def test_lists_say_it_of_each_request(doors: Doors, things: Things) -> None:
    items = doors("dora", "GET", "/v1/projects/shop/requests").json()["items"]
    [old] = [each for each in items if each["name"] == "shop-db"]
    assert old["deprecation"]["sunset_at"].startswith("2026-06-01T00:00:00")
    assert (old["deprecation"]["replacement"], old["deprecation"]["reason"]) == ("2.0.0", "old")
    assert all("deprecation" not in each for each in items if each["contract_version"] == "2.0.0")
    shown = doors("dora", "GET", ONE).json()
    assert (
        shown["deprecation"] == old["deprecation"] == doors("dora", "GET", f"{ONE}/why").json()["deprecation"]
    )


def test_an_answer_that_is_repeated_repeats_it(doors: Doors, things: Things) -> None:
    key = {"Idempotency-Key": "notice"}
    first = doors("dora", "POST", f"{ONE}/actions/reconcile", headers=key)
    again = doors("dora", "POST", f"{ONE}/actions/reconcile", headers=key)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert said(first) == said(again)
    assert said(first)[0]
