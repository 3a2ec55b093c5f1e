"""Applying makes what files declare so; applying again changes nothing."""

import io
from pathlib import Path

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import plan, request
from tests.unit.platform_api.cli.stub import Said, Stub

LIST = "/v1/projects/default/requests"
ITEM = f"{LIST}/orders-db"
TEXT = """\
apiVersion: avow/v1
kind: Request
metadata: {name: orders-db}
spec: {contract: postgres, inputs: {size: m}}
---
apiVersion: avow/v1
kind: Destination
metadata: {name: pg-1, labels: {env: dev}}
spec: {kind: postgres-server, config: {host: db}}
---
apiVersion: avow/v1
kind: Project
metadata: {name: shop}
spec: {title: The shop}
"""
REQUEST = TEXT.partition("---")[0]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "all.yaml"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    path = tmp_path / "request.yaml"
    path.write_text(REQUEST)
    return str(path)


def test_what_is_not_there_is_made_in_the_order_in_which_it_is_needed(
    avow: Avow, stub: Stub, file: str
) -> None:
    stub.says("POST", "/v1/projects", Said({"name": "shop"}, 201))
    stub.says("POST", "/v1/destinations", Said({"name": "pg-1"}, 201))
    stub.says("POST", LIST, Said(request("pending"), 202))
    ended = avow("apply", "-f", file)
    assert (ended.code, ended.out) == (
        0,
        "project shop created\ndestination pg-1 created\nrequest orders-db created\n",
    )
    assert [asked.body for asked in stub.asked if asked.method == "POST"] == [
        {"name": "shop", "title": "The shop"},
        {"name": "pg-1", "labels": {"env": "dev"}, "kind": "postgres-server", "config": {"host": "db"}},
        {"name": "orders-db", "contract": "postgres", "inputs": {"size": "m"}},
    ]


def test_what_is_there_is_replaced_as_it_was_read(avow: Avow, stub: Stub, request_file: str) -> None:
    stub.says("GET", ITEM, Said(request(), headers={"ETag": '"1"'}))
    stub.says("PUT", ITEM, Said(request("progressing"), 202, {"ETag": '"2"'}))
    assert avow("apply", "-f", request_file).out == "request orders-db changed\n"
    asked = stub.last("PUT")
    assert asked.headers["If-Match"] == '"1"'
    # What the file leaves unsaid stays as it is.
    assert asked.body == {
        "environment": "dev",
        "owner": "team-orders",
        "contract": "postgres",
        "inputs": {"size": "m"},
    }


def test_applying_twice_changes_nothing(avow: Avow, stub: Stub, request_file: str) -> None:
    stub.says("GET", ITEM, Said(request(), headers={"ETag": '"2"'}))
    stub.says("PUT", ITEM, Said(request(), 200, {"ETag": '"2"'}))
    ended = avow("apply", "-f", request_file)
    assert (ended.code, ended.out) == (0, "request orders-db unchanged\n")


def test_a_project_that_is_there_is_left_alone(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("apiVersion: avow/v1\nkind: Project\nmetadata: {name: shop}\n")
    stub.says("GET", "/v1/projects/shop", {"name": "shop"})
    assert avow("apply", "-f", "p.yaml").out == "project shop unchanged\n"


def test_a_dry_run_says_what_would_be(avow: Avow, stub: Stub, request_file: str) -> None:
    stub.says("GET", ITEM, Said(request(), headers={"ETag": '"1"'}))
    stub.says("PUT", ITEM, Said(plan()))
    assert avow("apply", "--dry-run", "-f", request_file).out == "request orders-db would be changed\n"
    assert stub.last("PUT").query == {"dry_run": "true"}


def test_nothing_is_sent_when_any_file_is_wrong(avow: Avow, stub: Stub, file: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("kind: Request\n")
    ended = avow("apply", "-f", file, "-f", "bad.yaml")
    assert ended.code == 2
    assert "bad.yaml:1 does not declare anything that is known" in ended.err
    assert "x  /apiVersion  must be avow/v1" in ended.err
    assert stub.asked == []


def test_a_file_that_is_not_there_is_named(avow: Avow) -> None:
    ended = avow("apply", "-f", "gone.yaml")
    assert ended.code == 2
    assert "gone.yaml cannot be read: No such file or directory" in ended.err


def test_stdin_is_a_file_too(avow: Avow, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(REQUEST))
    stub.says("POST", LIST, Said(request("pending"), 202))
    assert avow("apply", "-f", "-", "-o", "name").out == "orders-db\n"


def test_a_manifest_names_its_own_project(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(REQUEST.replace("{name:", "{project: pay, name:"))
    stub.says("POST", "/v1/projects/pay/requests", Said(request("pending"), 202))
    assert avow("apply", "-f", "p.yaml").code == 0


def test_a_refusal_ends_it_with_its_code(avow: Avow, stub: Stub, request_file: str) -> None:
    stub.refuses("POST", LIST, 403, "policy_denied", detail="Policy denies this: no")
    ended = avow("apply", "-f", request_file)
    assert (ended.code, ended.out) == (5, "")
    assert "Error: Policy denies this: no" in ended.err


PLANNED = "/v1/projects/default/plans/pln_1/submit"


def test_a_kept_plan_is_done_as_it_stands(avow: Avow, stub: Stub) -> None:
    stub.says("POST", PLANNED, Said(request("pending"), 202))
    ended = avow("apply", "--plan", "pln_1")
    assert (ended.code, ended.out) == (0, "request orders-db accepted\n")
    assert ended.err == "Follow it: avow watch orders-db\n"
    assert stub.last("POST").headers["Idempotency-Key"]


def test_a_plan_that_holds_no_more_says_what_changed(avow: Avow, stub: Stub) -> None:
    places = [{"pointer": "/contract/version", "code": "changed", "detail": '"1.0.0" became "1.1.0"'}]
    stub.refuses("POST", PLANNED, 409, "plan_stale", errors=places, fix="plan it again: avow plan")
    ended = avow("apply", "--plan", "pln_1")
    assert ended.code == 6
    assert 'x  /contract/version  "1.0.0" became "1.1.0"' in ended.err
    assert "Fix: plan it again: avow plan" in ended.err


def test_a_dry_run_of_a_plan_says_whether_it_still_holds(avow: Avow, stub: Stub) -> None:
    stub.says("POST", PLANNED, Said(plan()))
    ended = avow("apply", "--plan", "pln_1", "--dry-run")
    assert ended.out == "plan pln_1 is as it was made: provision would begin\n"
    assert stub.last("POST").query == {"dry_run": "true"}


@pytest.mark.parametrize("words", [(), ("-f", "a.yaml", "--plan", "pln_1")])
def test_either_files_or_a_plan_are_applied(avow: Avow, stub: Stub, words: tuple[str, ...]) -> None:
    assert avow("apply", *words).code == 2
    assert stub.asked == []


USING = """\
apiVersion: avow/v1
kind: Request
metadata: {name: %s}
spec: {contract: postgres, uses: %s}
"""


def test_requests_are_made_after_those_that_they_use(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    texts = [USING % ("app", "[db, net]"), USING % ("db", "[{request: net}]"), USING % ("net", "[]")]
    (tmp_path / "all.yaml").write_text("---\n".join(texts))
    stub.says("POST", LIST, Said(request("pending"), 202))
    assert avow("apply", "-f", str(tmp_path)).code == 0
    posted = [asked.body["name"] for asked in stub.asked if asked.method == "POST"]
    assert posted == ["net", "db", "app"]


def test_requests_that_use_one_another_in_a_ring_are_sent_all_the_same(
    avow: Avow, stub: Stub, tmp_path: Path
) -> None:
    (tmp_path / "all.yaml").write_text("---\n".join((USING % ("a", "[b]"), USING % ("b", "[a]"))))
    stub.says("POST", LIST, Said(request("pending"), 202))
    assert avow("apply", "-f", str(tmp_path)).code == 0
    assert len([asked for asked in stub.asked if asked.method == "POST"]) == 2
