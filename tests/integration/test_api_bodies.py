"""Hostile bodies, headers and addresses over HTTP: a 4xx problem each, and nothing written."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from platform_api.bodies import MIB
from tests.doors import Doors, open_doors, wanted
from tests.operations import BODIES, Operation, Things, operations, things_of

REQUESTS = "/v1/projects/shop/requests"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder: Path = tmp_path_factory.mktemp("bodies")
    with open_doors(f"sqlite:///{folder}/avow.db", folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def things(doors: Doors) -> Things:
    return things_of(doors, "dora", "shop")


def with_bodies(doors: Doors) -> list[Operation]:
    """Return the operations that take a body."""
    found = [each for each in operations(doors) if each.id in BODIES]
    assert len(found) == len(BODIES)
    return found


CONTENTS = {
    "empty": b"",
    "not-json": b"size=s",
    "nan": b'{"name": NaN}',
    "huge-float": b'{"name": 1e999}',
    "huge-integer": b'{"name": ' + b"9" * 5000 + b"}",
    "duplicate": b'{"name": "a", "name": "b"}',
    "surrogate": b'{"name": "\\ud800"}',
    "nul": b'{"name": "\\u0000"}',
    "not-utf8": b'{"name": "\xff"}',
    "deep": b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b"}",
    "deeper": b"[" * 100_000,
    "array": b"[]",
    "text": b'"text"',
    "null": b"null",
    "number": b"1",
    "unknown-field": b'{"no_such_field": 1}',
    "prototype": b'{"__proto__": {}, "constructor": {}}',
    "wrong-types": json.dumps(
        dict.fromkeys(("name", "contract", "files", "inputs", "kind", "grants"), 1.5)
    ).encode(),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_every_route_that_takes_a_body_refuses_a_hostile_one(doors: Doors, things: Things, case: str) -> None:
    before = doors.rows()
    for operation in with_bodies(doors):
        headers = JSON | {"If-Match": "*"}
        answer = doors(
            "admin", operation.method, things.path(operation), content=CONTENTS[case], headers=headers
        )
        assert answer.status_code in {400, 422}, f"{operation.id}: {answer.status_code} {answer.text[:300]}"
        problem = answer.json()
        assert problem["code"] in {"invalid_json", "invalid_body"}, operation.id
        assert problem["errors"][0]["code"]
        assert problem["errors"][0].keys() >= {"pointer", "detail"}
    assert doors.rows() == before


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "unsupported_media_type"),
        ({"Content-Type": "text/plain"}, "unsupported_media_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_media_type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "unsupported_media_type"),
        ({"Content-Type": "application/json; charset=latin-1"}, "unsupported_media_type"),
        ({"Content-Type": "application/json, text/plain"}, "unsupported_media_type"),
        (JSON | {"Content-Encoding": "gzip"}, "unsupported_media_type"),
        (JSON | {"Content-Encoding": "br"}, "unsupported_media_type"),
    ],
    ids=str,
)
def test_only_plain_json_is_taken(doors: Doors, headers: dict[str, str], code: str) -> None:
    body = json.dumps(wanted("x-db")).encode()
    if headers.get("Content-Encoding") == "gzip":
        body = gzip.compress(b"0" * 10 * MIB)
    answer = doors("dora", "POST", REQUESTS, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, code)


@pytest.mark.parametrize(
    "header", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_every_spelling_of_json_is_taken(doors: Doors, header: str) -> None:
    body = json.dumps(wanted("dry-db")).encode()
    answer = doors("dora", "POST", f"{REQUESTS}?dry_run=true", content=body, headers={"Content-Type": header})
    assert answer.status_code == 200


def test_a_merge_patch_has_a_type_of_its_own(doors: Doors, things: Things) -> None:
    patch = json.dumps({"labels": {"a": "b"}}).encode()
    for media_type in ("application/merge-patch+json", "application/json"):
        headers = {"Content-Type": media_type, "If-Match": "*"}
        path = f"{REQUESTS}/shop-db?dry_run=true"
        assert doors("dora", "PATCH", path, content=patch, headers=headers).status_code == 200
    headers = {"Content-Type": "application/json-patch+json", "If-Match": "*"}
    assert doors("dora", "PATCH", f"{REQUESTS}/shop-db", content=b"[]", headers=headers).status_code == 415


def test_a_body_that_is_too_large_is_refused_by_its_announced_length(doors: Doors) -> None:
    answer = doors("dora", "POST", REQUESTS, content=b" " * (MIB + 1), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_without_a_length_is_not_read_to_its_end(doors: Doors) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 50 * MIB:
            sent += 64 * 1024
            yield b" " * 64 * 1024

    answer = doors("dora", "POST", REQUESTS, content=endless(), headers=JSON)
    assert answer.status_code == 413


def test_a_stranger_does_not_get_his_body_read(doors: Doors) -> None:
    for path in (REQUESTS, "/v1/projects"):
        assert doors("", "POST", path, content=b"[" * 100, headers={}).status_code == 401
    assert doors("dora", "POST", "/v1/projects", content=b"[" * 100, headers={}).status_code == 403
    assert doors("erin", "POST", REQUESTS, content=b"[" * 100, headers={}).status_code == 404


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"path": "/v1/projects?page_token=" + "a" * 9000}, 414, "target_too_long"),
        ({"path": "/v1/" + "a" * 9000}, 414, "target_too_long"),
        ({"headers": {f"X-{number}": "y" for number in range(120)}}, 431, "headers_too_large"),
        ({"headers": {"X-Long": "y" * 40_000}}, 431, "headers_too_large"),
        ({"path": "/v1/nothing"}, 404, "not_found"),
        ({"path": "/v1/projects", "method": "DELETE"}, 405, "method_not_allowed"),
        ({"path": "/v1/projects?page_token=%F0%9F%98%80"}, 400, "invalid_page_token"),
        ({"headers": {"Authorization": "Bearer " + "a" * 5000}}, 401, "unauthenticated"),
    ],
    ids=[
        *("long-query", "long-path", "many-headers", "long-header", "no-route", "no-method"),
        *("odd-page-token", "long-token"),
    ],
)
def test_an_odd_request_gets_a_problem(doors: Doors, sent: dict[str, Any], status: int, code: str) -> None:
    who = "" if "Authorization" in sent.get("headers", {}) else "dora"
    answer = doors(
        who, sent.get("method", "GET"), sent.get("path", "/v1/projects"), headers=sent.get("headers", {})
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    if status == 405:
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}


@pytest.mark.parametrize("key", ["", "a" * 201, "tab\there", "é".encode().decode("latin-1")])
def test_an_idempotency_key_is_short_printable_text(doors: Doors, key: str) -> None:
    answer = doors(
        "dora", "POST", REQUESTS, wanted("x-db"), headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


def test_the_trace_of_the_caller_is_kept_and_a_false_one_is_not(doors: Doors) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = doors("", "GET", "/v1/x", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer.headers["X-Trace-Id"] == answer.json()["trace_id"] == trace
    for false in ("", "00-" + "0" * 32 + "-b7ad6b7169203331-01", 'evil"}'):
        made = doors("", "GET", "/v1/x", headers={"traceparent": false}).json()["trace_id"]
        assert len(made) == 32
        assert made not in {trace, "0" * 32}


def test_a_fault_of_our_own_tells_the_client_a_trace_id_and_nothing_else(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("S3CR3T inside")

    monkeypatch.setattr("catalog.projects.page", broken)
    answer = doors("dora", "GET", "/v1/projects")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "S3CR3T" not in answer.text
    assert "Traceback" not in answer.text
    assert len(answer.json()["trace_id"]) == 32


def test_nothing_is_cached_or_sniffed(doors: Doors) -> None:
    answer = doors("dora", "GET", "/v1/projects")
    assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == (
        "no-store",
        "nosniff",
    )
