"""Looking shows what there is, in the format that was asked for, and changes nothing."""

import json

import pytest
import yaml

from platform_api.cli.kinds import KINDS
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import (
    RUN,
    ago,
    condition,
    event,
    page,
    request,
    run,
    why,
)
from tests.unit.platform_api.cli.stub import Stub

LIST = "/v1/projects/default/requests"
ITEM = f"{LIST}/orders-db"
PAY = request("failed", name="pay-db", owner="", created_at=ago(days=2))

TABLE = """\
NAME       CONTRACT  VERSION  ENV  OWNER        PHASE   AGE
orders-db  postgres  1.0.0    dev  team-orders  ready   3h
pay-db     postgres  1.0.0    dev  -            failed  2d
"""


def test_a_list_is_a_table_for_people(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LIST, page(request(), PAY))
    ended = avow("get", "requests")
    assert (ended.code, ended.out, ended.err) == (0, TABLE, "")


def test_a_list_is_the_servers_documents_for_programs(avow: Avow, stub: Stub) -> None:
    documents = [request(), PAY]
    stub.says("GET", LIST, page(*documents))
    assert json.loads(avow("get", "requests", "-o", "json").out) == documents
    assert yaml.safe_load(avow("get", "requests", "-o", "yaml").out) == documents
    assert [json.loads(line) for line in avow("get", "requests", "-o", "jsonl").out.splitlines()] == documents
    assert avow("get", "requests", "-o", "name").out == "orders-db\npay-db\n"


def test_one_thing_is_one_document(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, request())
    assert json.loads(avow("get", "request", "orders-db", "-o", "json").out)["name"] == "orders-db"
    assert avow("get", "request", "orders-db").out.splitlines()[1].startswith("orders-db  postgres")


def test_an_empty_list_says_so_and_leaves_stdout_alone(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LIST, page())
    ended = avow("get", "requests")
    assert (ended.code, ended.out, ended.err) == (0, "", "There are no requests here.\n")
    assert avow("get", "requests", "-o", "json").out == "[]\n"


def test_a_list_is_narrowed_by_the_server(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LIST, page())
    avow(
        "get",
        "requests",
        "--phase",
        "failed",
        "--env",
        "prod",
        "--label",
        "a=b",
        "--label",
        "c=d",
        "--search",
        "pay",
    )
    query = stub.last("GET").query
    assert query.pop("page_size") == "500"
    assert query == {"phase": "failed", "environment": "prod", "labels": "a=b,c=d", "q": "pay"}


def test_a_filter_that_a_kind_does_not_know_is_refused(avow: Avow, stub: Stub) -> None:
    ended = avow("get", "projects", "--phase", "failed")
    assert ended.code == 2
    assert "projects cannot be narrowed by phase, only by nothing." in ended.err


def test_a_cut_list_says_that_it_is_cut(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LIST, page(request(name="a"), request(name="b"), request(name="c")))
    ended = avow("get", "requests", "--limit", "2", "-o", "name")
    assert ended.out == "a\nb\n"
    assert ended.err == "There are more than 2: see all with --limit 0.\n"
    assert avow("get", "requests", "--limit", "0", "-o", "name").out == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("word", "nearest"), [("requets", "requests"), ("contarct", "contracts"), ("polices", "policies")]
)
def test_an_unknown_kind_is_refused_with_the_nearest(avow: Avow, word: str, nearest: str) -> None:
    ended = avow("get", word)
    assert ended.code == 2
    assert ended.err == f"Error: There is no kind of thing called {word}.\nFix: did you mean {nearest}?\n"


def test_runs_are_listed_per_request(avow: Avow, stub: Stub) -> None:
    stub.says("GET", f"{ITEM}/runs", page(run("succeeded")))
    for words in (("get", "runs", "--request", "orders-db"), ("get", "runs", "orders-db")):
        assert avow(*words, "-o", "name").out == f"{RUN}\n"
    ended = avow("get", "runs")
    assert ended.code == 2
    assert "Fix: name one: avow get runs --request NAME" in ended.err


def test_a_run_is_found_by_its_id(avow: Avow, stub: Stub) -> None:
    stub.says("GET", f"/v1/runs/{RUN}", run("failed", step="push", message="no route"))
    assert avow("get", "run", RUN).out.splitlines()[1].split()[:4] == [RUN, "provision", "failed", "push"]


@pytest.mark.parametrize(
    ("kind", "path", "document", "cells"),
    [
        (
            "projects",
            "/v1/projects",
            {"name": "shop", "title": "The shop", "created_at": ago(days=1)},
            ["shop", "The", "shop", "1d"],
        ),
        (
            "contracts",
            "/v1/contracts",
            {
                "name": "postgres",
                "version": "1.0.0",
                "state": "published",
                "owner": "data",
                "digest": "sha256:abcdef0123456789",
                "published_at": ago(hours=1),
            },
            ["postgres", "1.0.0", "published", "data", "-", "1h", "abcdef012345"],
        ),
        (
            "destinations",
            "/v1/destinations",
            {
                "name": "pg-1",
                "kind": "postgres-server",
                "labels": {"env": "dev"},
                "cordoned": False,
                "created_at": ago(hours=1),
            },
            ["pg-1", "postgres-server", "env=dev", "no", "1h"],
        ),
        (
            "resources",
            "/v1/resources",
            {
                "name": "orders-db",
                "kind": "postgres",
                "destination": "pg-1",
                "project": "shop",
                "last_seen_at": ago(minutes=5),
            },
            ["orders-db", "postgres", "pg-1", "shop", "5m"],
        ),
        (
            "drift",
            "/v1/drift",
            {
                "name": "orders-db",
                "project": "shop",
                "phase": "drifted",
                "differences": [{"path": "/a"}, {"path": "/b"}],
            },
            ["orders-db", "shop", "drifted", "/a,", "/b"],
        ),
        (
            "tokens",
            "/v1/tokens",
            {
                "id": "tok_1",
                "name": "ci",
                "subject": "ci",
                "grants": [{"role": "developer", "scope": "shop"}],
                "groups": ["security", "qa"],
            },
            ["tok_1", "ci", "ci", "developer:shop", "security,qa", "-", "-", "-"],
        ),
        (
            "delegations",
            "/v1/delegations",
            {"id": "dlg_1", "person": "vera", "delegate": "otto", "reason": "holiday"},
            ["dlg_1", "vera", "otto", "-", "-", "holiday", "-"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_every_kind_has_its_table(
    avow: Avow, stub: Stub, *, kind: str, path: str, document: dict[str, object], cells: list[str]
) -> None:
    stub.says("GET", path, page(document))
    heads, row = avow("get", kind).out.splitlines()
    assert row.split() == cells
    assert heads == heads.upper()


def test_decisions_and_the_audit_trail_are_the_projects(avow: Avow, stub: Stub) -> None:
    for kind in ("decisions", "audit"):
        stub.says("GET", f"/v1/{kind}", page())
        avow("get", kind, "--project", "shop")
        assert stub.last("GET").query["project"] == "shop"


def test_the_decisions_of_a_request_are_asked_for_by_its_address(avow: Avow, stub: Stub) -> None:
    stub.says("GET", f"{ITEM}/decisions", page())
    avow("get", "decisions", "--request", "orders-db")
    assert set(stub.last("GET").query) == {"page_size"}


def test_events_are_listed_per_request(avow: Avow, stub: Stub) -> None:
    stub.says("GET", f"{ITEM}/events", page(event(1, "DriftFound", "the CI file is gone", "Drifted")))
    assert avow("get", "events", "orders-db").out.splitlines()[1].split(maxsplit=3)[1:] == [
        "DriftFound",
        "Drifted",
        "the CI file is gone",
    ]


def test_policies_are_shown_with_their_engine(avow: Avow, stub: Stub) -> None:
    document = {
        "revision": "sha256:0123456789abcdef",
        "modules": ["naming", "prod"],
        "engine": {"name": "opa", "version": "1.4", "is_ready": True},
    }
    stub.says("GET", "/v1/policies", document)
    assert avow("get", "policies").out.splitlines()[1:] == [
        "naming  opa 1.4  0123456789ab",
        "prod    opa 1.4  0123456789ab",
    ]


def test_one_of_a_kind_without_an_address_is_looked_for_in_the_list(avow: Avow, stub: Stub) -> None:
    stub.says("GET", "/v1/tokens", page({"id": "tok_1", "name": "ci"}, {"id": "tok_2", "name": "ann"}))
    assert avow("get", "token", "ann", "-o", "name").out == "ann\n"
    assert avow("get", "token", "bob").code == 3


def test_a_contract_is_shown_by_its_newest_version_or_the_one_named(avow: Avow, stub: Stub) -> None:
    stub.says("GET", "/v1/contracts/postgres", {"name": "postgres", "newest": {"version": "2.0.0"}})
    stub.says("GET", "/v1/contracts/postgres/versions/1.0.0", {"name": "postgres", "version": "1.0.0"})
    assert avow("get", "contract", "postgres").out.splitlines()[1].split()[:2] == ["postgres", "2.0.0"]
    assert avow("get", "contract", "postgres@1.0.0").out.splitlines()[1].split()[:2] == ["postgres", "1.0.0"]


def test_status_says_where_a_request_stands(avow: Avow, stub: Stub) -> None:
    git = [
        {
            "branch": "state",
            "path": "projects/default/requests/orders-db.yaml",
            "commit": "4f1c2ab" + "0" * 33,
        }
    ]
    stub.says("GET", ITEM, request("ready", condition("Applied", "True", "Delivered"), destination="pg-1"))
    stub.says("GET", f"{ITEM}/git", {"items": git})
    assert avow("status", "orders-db").out == (
        "READY  orders-db  postgres 1.0.0  (project default, env dev, owner team-orders)\n"
        "  inputs     size=s\n"
        "  outputs    host=127.0.0.1  port=5544\n"
        "  lies on    pg-1\n"
        "  git        4f1c2ab000  projects/default/requests/orders-db.yaml on state\n"
        "  requested  3h ago by ann, generation 1\n"
        "  CONDITION  HOLDS  FOR  REASON     MESSAGE\n"
        "  Applied    True   2m   Delivered  Delivered it is\n"
    )


def test_status_of_what_is_not_ready_says_what_it_waits_for(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, request("failed", condition("Applied", "False", "Stuck", "the undo failed")))
    assert "  waits for  the undo failed; see avow why orders-db\n" in avow("status", "orders-db").out


def test_the_tree_goes_down_to_the_steps(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, request())
    stub.says(
        "GET",
        f"{ITEM}/runs",
        page(run("succeeded", created_at="2026-11-21T12:00:00Z", ended_at="2026-11-21T12:00:03.4Z")),
    )
    steps = [
        {
            "id": "role",
            "uses": "postgres.create_role",
            "state": "done",
            "attempts": 1,
            "began_at": "2026-11-21T12:00:00Z",
            "ended_at": "2026-11-21T12:00:00.4Z",
        },
        {"id": "database", "uses": "postgres.create_database", "state": "done", "attempts": 2},
        {"id": "grant", "uses": "postgres.grant", "state": "idle", "attempts": 0},
    ]
    stub.says("GET", f"/v1/runs/{RUN}/steps", {"items": steps})
    lines = avow("status", "orders-db", "--tree").out.splitlines()
    assert lines[-4:] == [
        f"  run {RUN}  provision  succeeded  3.4s",
        "    done  role      postgres.create_role      0.4s",
        "    done  database  postgres.create_database        try 2",
        "    idle  grant     postgres.grant",
    ]


def test_the_tree_of_a_run_without_steps_is_its_run(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, request())
    stub.says("GET", f"{ITEM}/runs", page(run("failed", message="the job failed")))
    lines = avow("status", "orders-db", "--tree").out.splitlines()
    assert lines[-2:] == [f"  run {RUN}  provision  failed", "      the job failed"]


def test_why_says_what_since_when_whose_move_it_is_and_what_to_do(avow: Avow, stub: Stub) -> None:
    document = why(
        "drifted",
        reason="Drifted",
        message="changed outside the platform: /files",
        waiting_on={"kind": "contract-owner", "owner": "team-data", "ref": "postgres 1.0.0"},
        differences=[{"path": "/files/ci.yml", "delivered": "sha256:1"}],
        next_action="wait for the repair: avow watch orders-db",
        retry_at=ago(seconds=-46),
    )
    stub.says("GET", f"{ITEM}/why", document)
    assert avow("why", "orders-db").out == (
        "orders-db is DRIFTED since 14s\n"
        "  why        changed outside the platform: /files  (Drifted)\n"
        "  differs    /files/ci.yml  delivered sha256:1, seen nothing\n"
        "  whose move contract-owner  team-data  postgres 1.0.0\n"
        "  again      in 46s\n"
        "  you can    wait for the repair: avow watch orders-db\n"
    )
    assert json.loads(avow("why", "orders-db", "-o", "json").out) == document


def test_why_of_nothing_is_not_found(avow: Avow, stub: Stub) -> None:
    stub.refuses(
        "GET",
        f"{ITEM}/why",
        404,
        "request_not_found",
        detail="There is no request orders-db.",
        fix="see avow get requests",
    )
    ended = avow("why", "orders-db")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.splitlines()[0] == "Error: There is no request orders-db."
    assert ended.err.splitlines()[-1] == "Fix: see avow get requests"


def test_what_a_server_says_cannot_steer_the_terminal(avow: Avow, stub: Stub) -> None:
    evil = "\x1b]0;owned\x07\x1b[2Jorders\r\u202edb"
    stub.says("GET", LIST, page(request(owner=evil)))
    stub.says("GET", ITEM, request(owner=evil, outputs={evil: evil}))
    stub.says("GET", f"{ITEM}/why", why(message=evil, next_action=evil))
    for words in (["get", "requests"], ["status", "orders-db"], ["why", "orders-db"]):
        for output in ("table", "json", "yaml", "jsonl", "name"):
            said = avow(*words, "-o", output).out
            assert not set(said) & set("\x1b\r\x07\u202e")


def test_the_help_names_every_kind(avow: Avow) -> None:
    said = avow("get", "--help").out
    listed = said.partition("Kinds:")[2].partition(".")[0]
    assert {kind.strip() for kind in listed.split(",")} == set(KINDS)


def test_a_list_that_comes_at_once_is_not_asked_for_by_the_page(avow: Avow, stub: Stub) -> None:
    breaker = {"project": "shop", "key": "api", "failures": 5, "limit": 5, "failed_at": ago(minutes=1)}
    stub.says("GET", "/v1/breakers", page(breaker))
    ended = avow("get", "breakers")
    assert (ended.code, ended.out.splitlines()[1].split()[:4]) == (0, ["shop", "api", "5", "5"])
    assert "page_size" not in stub.last("GET").query, "the server knows no such parameter there"
