"""Planning does nothing and says everything; asking is answered at once."""

import json
from pathlib import Path

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import UID, plan, request
from tests.unit.platform_api.cli.stub import Said, Stub

LIST = "/v1/projects/default/requests"
ITEM = f"{LIST}/orders-db"
PLANS = "/v1/projects/default/plans"
PLAN_ID = "pln_01kafv6qv80000000000000001"
ASK = ("postgres", "orders-db", "--set", "size=s")

PLAN = """\
Plan   postgres 1.0.0 -> orders-db
  does      provision: nothing is delivered yet
  inputs    size=s  backups=yes (default)
  lands on  pg-1  (the only one that fits)
  policy    allowed
  steps     1
      1 -- role  postgres.create_role
"""

DENIED = """\
Plan   postgres 1.0.0 -> orders-db  (env prod)
  does      none: nothing is delivered yet
  inputs    size=s  backups=yes (default)
  lands on  pg-1  (the only one that fits)
  policy    1 denied
    x  org/prod /backups  backups must be true in prod
         fix: --set backups=true
"""


def test_a_plan_says_what_would_happen(avow: Avow, stub: Stub) -> None:
    stub.says("POST", LIST, Said(plan()))
    ended = avow("plan", *ASK)
    assert (ended.code, ended.out, ended.err) == (0, PLAN, "")
    asked = stub.last("POST")
    assert asked.query == {"dry_run": "true"}
    assert asked.body == {"name": "orders-db", "contract": "postgres", "inputs": {"size": "s"}}


CHILD = {
    "request": "orders-db-net",
    "deed": "make",
    "is_certain": True,
    "contract": "network",
    "version": "2.0.0",
    "outcome": "needs_approval",
    "operation": "provision",
    "findings": [],
    "policy": [],
    "approvals": [{"step": "sign", "groups": ["net"], "quorum": 1, "is_certain": True}],
    "estimate": {"reason": "no provision of this contract has succeeded lately"},
}
DENIED_CHILD = CHILD | {
    "request": "orders-db-job",
    "deed": "give_back",
    "is_certain": False,
    "outcome": "denied",
    "approvals": [],
    "estimate": {},
    "policy": [{"policy": "org", "rule": "r", "action": "deny", "message": "not now"}],
}
COMPOSED = """\
  does      compose: make orders-db-net
  then      provision
  inputs    size=s  backups=yes (default)
  lands on  pg-1  (the only one that fits)
  policy    allowed
  child     make orders-db-net  network 2.0.0
    asks      group net at sign
    takes     not known: no provision of this contract has succeeded lately
  child     perhaps give back orders-db-job  network 2.0.0  (denied)
    x  org  not now
"""


def test_a_plan_says_what_becomes_of_children_and_what_follows(avow: Avow, stub: Stub) -> None:
    composed = {"action": "compose", "message": "make orders-db-net", "follows": "provision"}
    stub.says("POST", LIST, Said(plan(**composed, children=[CHILD, DENIED_CHILD])))
    ended = avow("plan", *ASK)
    assert COMPOSED in ended.out


def test_what_a_request_uses_is_asked_for_by_name(avow: Avow, stub: Stub) -> None:
    stub.says("POST", LIST, Said(request("pending"), 202))
    assert avow("request", *ASK, "--uses", "net", "--uses", "dns").code == 0
    assert stub.last("POST").body["uses"] == [{"request": "net"}, {"request": "dns"}]
    stub.says("POST", LIST, Said(plan()))
    avow("plan", *ASK, "--uses", "net")
    assert stub.last("POST").body["uses"] == [{"request": "net"}]


def test_a_plan_that_policy_would_deny_says_why_and_ends_with_5(avow: Avow, stub: Stub) -> None:
    stub.says("POST", LIST, Said(plan("deny")))
    ended = avow("plan", *ASK, "--env", "prod")
    assert (ended.code, ended.out) == (5, DENIED)
    assert ended.err == "Error: Policy would deny this. Nothing was done.\nFix: --set backups=true\n"


def test_a_plan_for_programs_is_the_document_and_the_code_is_the_same(avow: Avow, stub: Stub) -> None:
    stub.says("POST", LIST, Said(plan("deny")))
    ended = avow("plan", *ASK, "-o", "json")
    assert ended.code == 5
    assert json.loads(ended.out) == plan("deny")
    assert "x  org/prod /backups  backups must be true in prod" in ended.err


def test_a_plan_tells_whom_it_asks_and_how_long_it_takes(avow: Avow, stub: Stub) -> None:
    approvals = [
        {"step": "sign-off", "groups": ["security"], "assignees": ["vera"], "quorum": 2, "is_certain": True}
        | {"expires": "3d", "on_expiry": "reject", "conditions": []},
        {"step": "net/ask", "groups": [], "assignees": [], "quorum": 1, "is_certain": False}
        | {"conditions": ["steps.a.outputs.ok", "inputs.size != 's'"]},
    ]
    estimate = {
        "work": {"p50_seconds": 12.0, "p95_seconds": 81.0, "runs": 37},
        "people": {"p50_seconds": 3600.0, "p95_seconds": 7200.0, "runs": 4},
    }
    stub.says("POST", LIST, Said(plan(approvals=approvals, estimate=estimate)))
    out = avow("plan", *ASK).out
    assert (
        "  asks      vera or group security (2 votes) at sign-off; expires after 3d, then reject\n"
        "  asks      an approver of the project at net/ask; "
        "perhaps: if steps.a.outputs.ok and inputs.size != 's'\n"
        "  takes     12.0s, nearly always less than 1m21s  (37 runs); "
        "people take 60m00s, nearly always less than 120m00s  (4 runs)\n"
    ) in out


def test_a_plan_without_history_says_so(avow: Avow, stub: Stub) -> None:
    reason = "no provision of this contract has succeeded lately"
    stub.says("POST", LIST, Said(plan(estimate={"reason": reason})))
    assert f"  takes     not known: {reason}\n" in avow("plan", *ASK).out
    stub.says("POST", LIST, Said(plan(estimate={"reason": "nothing would be begun"})))
    assert "takes" not in avow("plan", *ASK).out


def test_a_plan_can_be_kept(avow: Avow, stub: Stub) -> None:
    stored = {"id": PLAN_ID, "expires_at": "2026-11-22T12:00:00Z", "plan": plan()}
    stub.says("POST", PLANS, Said(stored, 201))
    ended = avow("plan", *ASK, "--save")
    assert (ended.code, ended.out) == (0, PLAN)
    assert ended.err == f"Kept until 2026-11-22T12:00:00Z: avow apply --plan {PLAN_ID}\n"
    asked = {"operation": "create", "name": "orders-db", "contract": "postgres", "inputs": {"size": "s"}}
    assert stub.last("POST").body == asked
    stub.says("GET", ITEM, Said(request(), headers={"ETag": '"3"'}))
    ended = avow("plan", *ASK, "--save", "-o", "json")
    assert json.loads(ended.out) == stored
    assert stub.last("POST").body["operation"] == "update"


def test_a_kept_plan_that_policy_denies_ends_with_5(avow: Avow, stub: Stub) -> None:
    stub.says("POST", PLANS, Said({"id": PLAN_ID, "plan": plan("deny")}, 201))
    assert avow("plan", *ASK, "--save").code == 5


def test_a_plan_of_what_is_there_is_a_plan_of_its_change(avow: Avow, stub: Stub) -> None:
    changes = [{"path": "/inputs/size", "before": "s", "after": "m"}, {"path": "/inputs/note", "before": "x"}]
    stub.says("GET", ITEM, Said(request(), headers={"ETag": '"3"'}))
    stub.says("PUT", ITEM, Said(plan(changes=changes)))
    assert "  changes   2: /inputs/size s -> m; /inputs/note x -> nothing\n" in avow("plan", *ASK).out
    assert stub.last("PUT").headers["If-Match"] == '"3"'
    assert stub.last("PUT").query == {"dry_run": "true"}


def test_a_plan_without_a_place_says_why(avow: Avow, stub: Stub) -> None:
    placement = {
        "message": "no destination fits",
        "considered": [{"destination": "pg-1", "objection": "it is cordoned"}],
    }
    stub.says("POST", LIST, Said(plan(placement=placement)))
    assert "  lands on  no destination fits\n    x  pg-1  it is cordoned\n" in avow("plan", *ASK).out


def test_asking_is_accepted_at_once(avow: Avow, stub: Stub) -> None:
    stub.says("POST", LIST, Said(request("pending"), 202))
    words = ("--env", "prod", "--owner", "team-a", "--label", "tier=gold", "--version", "1.0.0")
    ended = avow("request", *ASK, *words)
    assert (ended.code, ended.out) == (0, "request orders-db accepted\n")
    assert ended.err == "Follow it: avow watch orders-db\n"
    assert stub.last("POST").body == {
        "name": "orders-db",
        "contract": "postgres",
        "inputs": {"size": "s"},
        "environment": "prod",
        "owner": "team-a",
        "labels": {"tier": "gold"},
        "version": "1.0.0",
    }
    assert json.loads(avow("request", *ASK, "-o", "json").out)["uid"] == UID


def test_the_contract_says_what_a_setting_means(avow: Avow, stub: Stub) -> None:
    inputs = {"properties": {"version": {"type": "string"}, "replicas": {"type": "integer"}}}
    stub.says("GET", "/v1/contracts/postgres", {"name": "postgres", "newest": {"inputs": inputs}})
    stub.says("GET", "/v1/contracts/postgres/versions/1.0.0", {"inputs": {}})
    stub.says("POST", LIST, Said(request("pending"), 202))
    words = ("postgres", "a", "--set", "version=16", "--set", "replicas=3")
    avow("request", *words)
    assert stub.last("POST").body["inputs"] == {"version": "16", "replicas": 3}
    avow("request", *words, "--version", "1.0.0")
    assert stub.last("POST").body["inputs"] == {"version": 16, "replicas": 3}


def test_a_file_holds_the_inputs_or_the_whole_request(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    stub.says("POST", LIST, Said(request("pending"), 202))
    (tmp_path / "inputs.yaml").write_text("size: m\nnotes: no\n")
    avow("request", *ASK, "-f", "inputs.yaml")
    assert stub.last("POST").body["inputs"] == {"size": "s", "notes": "no"}
    (tmp_path / "request.yaml").write_text(
        "apiVersion: avow/v1\nkind: Request\nmetadata: {name: pay-db}\n"
        "spec: {contract: postgres, inputs: {size: l}}\n"
    )
    avow("request", "-f", "request.yaml", "--env", "prod")
    assert stub.last("POST").body == {
        "name": "pay-db",
        "contract": "postgres",
        "inputs": {"size": "l"},
        "environment": "prod",
    }


@pytest.mark.parametrize("words", [["request"], ["plan", "postgres"], ["request", "postgres"]])
def test_too_few_words_are_answered_with_an_example(avow: Avow, stub: Stub, words: list[str]) -> None:
    ended = avow(*words)
    assert ended.code == 2
    assert "Fix: avow request CONTRACT NAME --set size=s, or avow request -f FILE" in ended.err


def test_a_file_of_something_else_is_no_request(avow: Avow, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("apiVersion: avow/v1\nkind: Project\nmetadata: {name: a}\n")
    ended = avow("request", "-f", "p.yaml")
    assert ended.code == 2
    assert "p.yaml does not declare exactly one request" in ended.err


def test_a_dry_run_is_a_plan(avow: Avow, stub: Stub) -> None:
    stub.says("POST", LIST, Said(plan()))
    assert avow("request", *ASK, "--dry-run").out == PLAN


@pytest.mark.parametrize(
    ("status", "code", "ends_with"),
    [
        (401, "unauthenticated", 4),
        (403, "role_missing", 4),
        (403, "policy_denied", 5),
        (404, "contract_not_found", 3),
        (409, "request_exists", 6),
        (422, "invalid_inputs", 2),
        (503, "policy_unavailable", 1),
    ],
)
def test_a_refusal_ends_with_the_promised_code(
    avow: Avow, stub: Stub, status: int, code: str, ends_with: int
) -> None:
    stub.refuses("POST", LIST, status, code, detail="No, and this is why.", fix="do that")
    ended = avow("request", *ASK)
    assert (ended.code, ended.out) == (ends_with, "")
    assert ended.err.startswith("Error: No, and this is why.\n")
    assert ended.err.splitlines()[-1].startswith("Fix: ")


def test_without_a_token_it_says_where_one_is_looked_for(
    avow: Avow, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.refuses("POST", LIST, 401, "unauthenticated", fix="send Authorization")
    assert "AVOW_TOKEN" in avow("request", *ASK).err.splitlines()[-1]
    monkeypatch.delenv("AVOW_TOKEN")
    assert "admin-token" in avow("request", *ASK).err.splitlines()[-1]
