"""The first straight line, over HTTP and on both databases: ask, change, give back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from catalog import audit, requests
from catalog.conditions import Condition, Status, Type
from catalog.db import Tx
from reconciler import outbox
from reconciler.tables import git_outbox, work
from tests.doors import Doors, open_doors, wanted
from tests.factories import contract_document, contract_files

REQUESTS = "/v1/projects/shop/requests"
ONE = f"{REQUESTS}/orders-db"


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        yield opened


def work_of(tx: Tx, uid: str) -> Any:
    """Return the work row of a request."""
    return tx.execute(work.select().where(work.c.request_uid == uid)).one_or_none()


def test_an_accepted_request_is_on_record_in_every_place_at_once(doors: Doors) -> None:
    answer = doors("dora", "POST", REQUESTS, wanted(labels={"tier": "backend"}, owner="team-orders"))
    assert (answer.status_code, answer.headers["Location"], answer.headers["ETag"]) == (202, ONE, '"1"')
    body = answer.json()
    assert (body["phase"], body["generation"], body["contract_version"]) == ("pending", 1, "1.0.0")
    assert body["inputs"] == {"size": "s"}, "defaults are not stored"
    with doors.platform.db.read() as tx:
        assert work_of(tx, body["uid"]).lane == 1
        assert outbox.pending(tx, body["uid"]).count == 1
        [entry] = audit.page(tx, "shop", 0, 10)
        assert (entry.action, entry.actor) == ("request.accepted", "dora")
    [decision] = doors("dora", "GET", f"{ONE}/decisions").json()["items"]
    assert decision["id"] == entry.detail["decision"]
    [event] = doors("dora", "GET", f"{ONE}/events").json()["items"]
    assert event["kind"] == "RequestAccepted"
    assert doors("dora", "GET", ONE).json() == body


def test_policy_is_asked_about_the_inputs_with_their_defaults(doors: Doors) -> None:
    doors.submit()
    [asked] = doors.engine.asked
    assert asked["inputs"] == {"size": "s", "backups": True}
    assert (asked["operation"], asked["enforcement_point"]) == ("create", "admission")


def test_a_denied_request_leaves_its_decision_and_an_audit_entry_and_nothing_else(doors: Doors) -> None:
    doors.engine.deny = [{"id": "size", "msg": "too small", "path": "/size", "remediation": "--set size=m"}]
    before = doors.rows()
    answer = doors("dora", "POST", REQUESTS, wanted())
    assert (answer.status_code, answer.json()["code"]) == (403, "policy_denied")
    [place] = answer.json()["errors"]
    assert (place["pointer"], place["detail"], place["fix"]) == ("/inputs/size", "too small", "--set size=m")
    after = doors.rows()
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown == {"policy_decisions": 1, "catalog_audit": 1, "catalog_audit_heads": 1}
    decision = doors("dora", "GET", f"/v1/decisions/{answer.json()['decision']}").json()
    assert (decision["outcome"], decision["project"]) == ("deny", "shop")
    assert doors("dora", "GET", ONE).status_code == 404


def test_without_policy_nothing_is_accepted_and_recovery_needs_no_restart(doors: Doors) -> None:
    doors.engine.is_down = True
    before = doors.rows()
    answer = doors("dora", "POST", REQUESTS, wanted())
    assert (answer.status_code, answer.json()["code"]) == (503, "policy_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert doors.rows() == before
    assert doors("", "GET", "/readyz").status_code == 503
    doors.engine.is_down = False
    doors.submit()
    assert doors("", "GET", "/readyz").status_code == 200


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"inputs": {}}, "/inputs/size", "required"),
        ({"inputs": {"size": "xl"}}, "/inputs/size", "enum"),
        ({"inputs": {"size": "s", "sise": 1}}, "/inputs/sise", "unknown_field"),
        ({"inputs": {"size": "s", "backups": "yes"}}, "/inputs/backups", "type"),
        ({"status": "ready"}, "/status", "unknown_field"),
        ({"name": "Orders"}, "/name", "pattern"),
        ({"labels": {"a b": "c"}}, "/labels/a b", "pattern"),
    ],
    ids=str,
)
def test_a_wrong_request_is_refused_with_its_place_and_writes_nothing(
    doors: Doors, change: dict[str, Any], pointer: str, code: str
) -> None:
    before = doors.rows()
    answer = doors("dora", "POST", REQUESTS, wanted() | change)
    assert answer.status_code == 422
    assert [(place["pointer"], place["code"]) for place in answer.json()["errors"]] == [(pointer, code)]
    assert doors.rows() == before


@pytest.mark.parametrize(
    ("change", "code"),
    [({"contract": "nothing"}, "contract_not_found"), ({"version": "9.0.0"}, "contract_not_found")],
    ids=str,
)
def test_a_contract_that_is_not_there_is_said_so(doors: Doors, change: dict[str, Any], code: str) -> None:
    answer = doors("dora", "POST", REQUESTS, wanted() | change)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_name_is_taken_once(doors: Doors) -> None:
    doors.submit()
    answer = doors("dora", "POST", REQUESTS, wanted())
    assert (answer.status_code, answer.json()["code"]) == (409, "request_exists")


def test_a_secret_is_refused_where_a_reference_belongs(doors: Doors) -> None:
    publish_with_secret(doors)
    order = wanted(contract="vault", inputs={"token": "S3CR3T"})
    answer = doors("dora", "POST", REQUESTS, order)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "secret_value_refused")
    assert "S3CR3T" not in answer.text
    order["inputs"] = {"token": "secret://env/AVOW_SECRET_X"}
    assert doors("dora", "POST", REQUESTS, order).status_code == 202


def publish_with_secret(doors: Doors) -> None:
    """Publish a contract that takes a secret."""
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"token": {"type": "string", "x-sensitive": True}},
    }
    files = contract_files(contract_document(name="vault", inputs=schema))
    assert doors("pia", "POST", "/v1/contracts", {"files": files}).status_code == 201


# --- changing ---------------------------------------------------------------------------


def change(doors: Doors, method: str, body: dict[str, Any], match: str = '"1"', query: str = "") -> Any:
    """Change the one request."""
    return doors("dora", method, ONE + query, body, headers={"If-Match": match} if match else {})


def test_a_change_of_what_is_delivered_makes_a_generation_and_a_revision(doors: Doors) -> None:
    doors.submit()
    answer = change(doors, "PATCH", {"inputs": {"size": "m"}})
    assert (answer.status_code, answer.headers["ETag"]) == (202, '"2"')
    body = answer.json()
    assert (body["generation"], body["revision"], body["inputs"]) == (2, 2, {"size": "m"})
    with doors.platform.db.read() as tx:
        assert work_of(tx, body["uid"]).seq == 2
        assert outbox.pending(tx, body["uid"]).count == 2


def test_a_change_of_labels_is_a_revision_and_no_generation(doors: Doors) -> None:
    doors.submit()
    answer = change(doors, "PATCH", {"labels": {"tier": "backend"}})
    assert (answer.status_code, answer.json()["generation"], answer.json()["revision"]) == (200, 1, 2)


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", {}),
        ("PATCH", {"inputs": {"size": "s"}}),
        ("PUT", {"contract": "postgres-database", "inputs": {"size": "s"}}),
    ],
)
def test_a_change_that_changes_nothing_writes_nothing(
    doors: Doors, method: str, body: dict[str, Any]
) -> None:
    doors.submit()
    before = doors.rows()
    answer = change(doors, method, body)
    assert (answer.status_code, answer.json()["revision"]) == (200, 1)
    assert doors.rows() == before


def test_a_replacement_takes_away_what_it_does_not_say(doors: Doors) -> None:
    doors.submit(labels={"a": "b"}, inputs={"size": "s", "backups": False}, version="1.0.0")
    body = {"contract": "postgres-database", "inputs": {"size": "s"}}
    answer = change(doors, "PUT", body).json()
    assert (answer["labels"], answer["inputs"], "version" in answer) == ({}, {"size": "s"}, False)


def test_a_patch_with_null_goes_back_to_the_default(doors: Doors) -> None:
    doors.submit(version="1.0.0", inputs={"size": "s", "backups": False})
    answer = change(doors, "PATCH", {"version": None, "inputs": {"backups": None}}).json()
    assert ("version" in answer, answer["inputs"]) == (False, {"size": "s"})


@pytest.mark.parametrize("field", ["contract", "environment"])
def test_what_never_changes_is_named(doors: Doors, field: str) -> None:
    doors.submit()
    answer = change(doors, "PATCH", {field: "postgres-database" if field == "environment" else "other"})
    assert (answer.status_code, answer.json()["code"]) == (422, "field_immutable")
    assert answer.json()["errors"][0]["pointer"] == f"/{field}"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_who_has_not_read_it_cannot_change_it(doors: Doors, method: str) -> None:
    doors.submit()
    body = None if method == "DELETE" else {"contract": "postgres-database", "inputs": {"size": "m"}}
    before = doors.rows()
    for match, status in (("", 428), ('"7"', 412), ("nonsense", 400)):
        answer = doors("dora", method, ONE, body, headers={"If-Match": match} if match else {})
        assert answer.status_code == status
    assert doors.rows() == before


def test_a_denied_change_changes_nothing(doors: Doors) -> None:
    doors.submit()
    doors.engine.deny = ["no"]
    assert change(doors, "PATCH", {"inputs": {"size": "m"}}).status_code == 403
    assert doors("dora", "GET", ONE).json()["inputs"] == {"size": "s"}


# --- giving back ------------------------------------------------------------------------


def test_a_deletion_is_accepted_once_and_asked_for_as_often_as_one_likes(doors: Doors) -> None:
    uid = doors.submit()["uid"]
    answers = [change(doors, "DELETE", None, match) for match in ('"1"', '"1"', '"2"', "*")]  # type: ignore[arg-type]  # no body
    assert [answer.status_code for answer in answers] == [202] * 4
    assert {answer.json()["deletion_requested_at"] for answer in answers} == {
        answers[0].json()["deletion_requested_at"]
    }
    assert answers[0].json()["phase"] == "deleting"
    with doors.platform.db.read() as tx:
        assert work_of(tx, uid).lane == 0
        rows = tx.execute(git_outbox.select().where(git_outbox.c.request_uid == uid)).all()
        assert [row.content is None for row in rows] == [False, True]
        assert [entry.action for entry in audit.page(tx, "shop", 0, 10)] == [
            "request.accepted",
            "request.delete",
        ]


def test_a_deletion_says_nothing_of_what_failed_before_it(doors: Doors) -> None:
    uid = doors.submit()["uid"]
    failed = Condition(Type.APPLIED, Status.FALSE, "OperationFailed", "access failed", doors.clock(), 1)
    with doors.platform.db.write() as tx:
        request = requests.locked(tx, uid)
        requests.save_status(tx, replace(request, conditions={**request.conditions, Type.APPLIED: failed}))
    answer = change(doors, "DELETE", None)  # type: ignore[arg-type]  # no body
    stated = {each["type"]: each for each in answer.json()["conditions"]}
    assert (stated["Applied"]["status"], stated["Applied"]["reason"]) == ("Unknown", "Accepted")


def test_what_is_being_deleted_takes_no_more_changes(doors: Doors) -> None:
    doors.submit()
    change(doors, "DELETE", None)  # type: ignore[arg-type]  # no body
    for answer in (
        change(doors, "PATCH", {"inputs": {"size": "m"}}, '"2"'),
        doors("dora", "POST", f"{ONE}/actions/pause"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "request_deleting")
    assert doors("dora", "POST", REQUESTS, wanted()).json()["code"] == "request_exists"


def test_what_was_deleted_is_gone_and_its_name_free(doors: Doors) -> None:
    uid = doors.submit()["uid"]
    forget(doors, uid)
    answer = doors("dora", "GET", ONE)
    assert (answer.status_code, answer.json()["code"]) == (410, "request_deleted")
    assert doors("erin", "GET", ONE).json()["code"] == "project_not_found"
    assert doors.submit()["uid"] != uid
    assert doors("dora", "GET", ONE).status_code == 200


def forget(doors: Doors, uid: str) -> None:
    """Leave a tombstone, as the reconciler does in the end."""
    with doors.platform.db.write() as tx:
        requests.save_status(tx, replace(requests.locked(tx, uid), deleted_at=doors.clock()))


# --- actions, plans, explanations ---------------------------------------------------------


def test_a_pause_holds_and_a_resume_lets_go(doors: Doors) -> None:
    doors.submit()
    held = doors("dora", "POST", f"{ONE}/actions/pause")
    assert (held.status_code, held.json()["phase"], held.json()["revision"]) == (202, "paused", 2)
    assert doors("dora", "POST", f"{ONE}/actions/pause").json()["revision"] == 2
    assert doors("dora", "POST", f"{ONE}/actions/resume").json()["phase"] == "pending"
    assert doors("dora", "POST", f"{ONE}/actions/dance").status_code == 404


def test_a_look_can_be_asked_for(doors: Doors) -> None:
    uid = doors.submit()["uid"]
    assert doors("dora", "POST", f"{ONE}/actions/reconcile").status_code == 202
    with doors.platform.db.read() as tx:
        assert work_of(tx, uid).seq == 2


def test_a_plan_says_what_would_happen_and_writes_nothing(doors: Doors) -> None:
    before = doors.rows()
    plan = doors("dora", "POST", f"{REQUESTS}?dry_run=true", wanted())
    assert plan.status_code == 200
    body = plan.json()
    assert (body["action"], body["inputs"], body["defaults"]) == (
        "provision",
        {"size": "s", "backups": True},
        ["backups"],
    )
    assert (body["placement"]["destination"], body["policy"]["outcome"]) == ("pg-1", "allow")
    assert body["steps"] == [{"id": "call", "uses": "http.call", "needs": [], "compensate": False}]
    assert body["approvals"] == []
    assert body["estimate"] == {"reason": "no provision of this contract has succeeded lately"}
    assert {each["path"]: each["after"] for each in body["changes"]} == {
        "/contract/version": "1.0.0",
        "/destination": "pg-1",
        "/environment": "dev",
        "/inputs/size": "s",
        "/inputs/backups": True,
    }
    assert doors.rows() == before


def test_a_plan_shows_a_denial_instead_of_being_refused(doors: Doors) -> None:
    doors.engine.deny = [{"msg": "no", "path": "/size"}]
    before = doors.rows()
    body = doors("dora", "POST", f"{REQUESTS}?dry_run=true", wanted()).json()
    assert (body["action"], body["policy"]["outcome"], body["steps"]) == ("none", "deny", [])
    assert body["policy"]["results"][0]["message"] == "no"
    assert doors.rows() == before


def test_a_plan_is_refused_for_what_the_request_would_be_refused_for(doors: Doors) -> None:
    doors.submit()
    query = f"{REQUESTS}?dry_run=true"
    assert doors("dora", "POST", query, wanted()).json()["code"] == "request_exists"
    assert doors("dora", "POST", query, wanted("b", inputs={})).json()["code"] == "invalid_inputs"
    assert doors("erin", "POST", query, wanted("b")).json()["code"] == "project_not_found"
    doors.engine.is_down = True
    assert doors("dora", "POST", query, wanted("b")).json()["code"] == "policy_unavailable"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", ONE, {"contract": "postgres-database", "inputs": {"size": "m"}}),
        ("PATCH", ONE, {"inputs": {"size": "m"}}),
        ("DELETE", ONE, None),
        ("POST", f"{ONE}/actions/pause", None),
        ("POST", f"{ONE}/actions/reconcile", None),
    ],
)
def test_a_dry_run_of_any_change_writes_nothing(doors: Doors, method: str, path: str, body: Any) -> None:
    doors.submit()
    before, seen = doors.rows(), doors("dora", "GET", ONE).json()
    answer = doors("dora", method, f"{path}?dry_run=true", body, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert doors.rows() == before
    assert doors("dora", "GET", ONE).json() == seen


def test_a_plan_of_a_deletion_says_so(doors: Doors) -> None:
    doors.submit()
    plan = doors("dora", "DELETE", f"{ONE}?dry_run=true", headers={"If-Match": "*"}).json()
    assert (plan["action"], plan["reason"]) == ("none", "Gone"), "nothing was ever delivered"


def test_why_says_whose_move_it_is(doors: Doors) -> None:
    doors.submit()
    why = doors("dora", "GET", f"{ONE}/why").json()
    assert (why["phase"], why["reason"], why["waiting_on"]) == ("pending", "Accepted", {"kind": "platform"})
    assert why["next_action"] == "wait: avow wait orders-db"
    assert why["retry_at"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a-db", "b-db", "c-db"]),
        ("environment=prod", ["b-db"]),
        ("owner=team-x", ["c-db"]),
        ("labels=tier=web", ["a-db", "c-db"]),
        ("labels=tier=web,zone=eu", ["c-db"]),
        ("q=b-", ["b-db"]),
        ("phase=paused", ["a-db"]),
        ("contract=other", []),
        ("labels=tier=web&environment=prod", []),
    ],
)
def test_a_list_shows_what_fits_all_filters(doors: Doors, query: str, names: list[str]) -> None:
    doors.submit("a-db", labels={"tier": "web"})
    doors.submit("b-db", environment="prod")
    doors.submit("c-db", owner="team-x", labels={"tier": "web", "zone": "eu"})
    doors("dora", "POST", f"{REQUESTS}/a-db/actions/pause")
    items = doors("dora", "GET", f"{REQUESTS}?{query}").json()["items"]
    assert [item["name"] for item in items] == names


@pytest.mark.parametrize(
    "query",
    [
        "phase=happy",
        "q=%00",
        "q=A",
        "labels=a",
        "labels=a=%00",
        "owner=%ff",
        "page_size=0",
        "page_size=x",
        "unknown=1",
    ],
)
def test_a_filter_that_cannot_be_is_refused(doors: Doors, query: str) -> None:
    answer = doors("dora", "GET", f"{REQUESTS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert answer.json()["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"
