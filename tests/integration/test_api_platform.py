"""What the platform's own people do: projects, contracts, destinations, tokens, audit, health."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog import fleet_store, requests
from catalog.conditions import Condition, Status, Type
from catalog.digest import Json
from catalog.errors import Finding
from catalog.fleet import Presence, Resource
from tests.doors import Doors, open_doors
from tests.factories import an_applied, an_observation, contract_document, contract_files
from tests.operations import a_run


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        yield opened


# --- projects ---------------------------------------------------------------------------


def test_a_project_is_created_by_an_administrator_and_seen_by_its_people(doors: Doors) -> None:
    created = doors("admin", "POST", "/v1/projects", {"name": "lab", "title": "The lab"})
    assert (created.status_code, created.headers["Location"]) == (201, "/v1/projects/lab")
    assert doors("admin", "GET", "/v1/projects/lab").json() == created.json()
    assert doors("admin", "POST", "/v1/projects", {"name": "lab"}).json()["code"] == "project_exists"
    names = {
        who: [item["name"] for item in doors(who, "GET", "/v1/projects").json()["items"]]
        for who in ("admin", "dora", "pia")
    }
    assert names == {"admin": ["bank", "lab", "shop"], "dora": ["shop"], "pia": []}


@pytest.mark.parametrize("name", ["platform", "shop"])
def test_a_name_that_is_taken_or_reserved_is_refused(doors: Doors, name: str) -> None:
    assert doors("admin", "POST", "/v1/projects", {"name": name}).status_code == 409


@pytest.mark.parametrize("title", ["a\nb", "\u202eevil", "x" * 201, "\u200b"])
def test_a_title_is_one_line_of_readable_text(doors: Doors, title: str) -> None:
    answer = doors("admin", "POST", "/v1/projects", {"name": "lab", "title": title})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/title")


# --- contracts --------------------------------------------------------------------------


def test_a_version_is_published_once_and_shown_whole(doors: Doors) -> None:
    files = contract_files(contract_document(version="1.1.0"))
    first, second = (doors("pia", "POST", "/v1/contracts", {"files": files}) for _ in range(2))
    assert (first.status_code, first.json()["is_new"]) == (201, True)
    assert (second.status_code, second.json()["is_new"]) == (200, False)
    shown = doors("dora", "GET", first.headers["Location"]).json()
    assert (shown["version"], shown["files"], shown["owner"]) == ("1.1.0", files, "team-data")
    contract = doors("dora", "GET", "/v1/contracts/postgres-database").json()
    assert (contract["versions"], contract["newest"]["version"]) == (["1.0.0", "1.1.0"], "1.1.0")
    listed = doors("dora", "GET", "/v1/contracts?name=postgres-database").json()["items"]
    assert [item["version"] for item in listed] == ["1.0.0", "1.1.0"]


def test_a_published_version_never_changes(doors: Doors) -> None:
    files = contract_files(contract_document(description="Another."))
    answer = doors("pia", "POST", "/v1/contracts", {"files": files})
    assert (answer.status_code, answer.json()["code"]) == (409, "version_published")


def test_only_the_owning_team_publishes(doors: Doors) -> None:
    foreign = contract_files(contract_document(name="cache", owner="team-cache"))
    own = contract_files(contract_document(version="2.0.0"))
    assert doors("pia", "POST", "/v1/contracts", {"files": foreign}).json()["code"] == "role_missing"
    assert doors("dora", "POST", "/v1/contracts", {"files": own}).json()["code"] == "role_missing"
    assert doors("admin", "POST", "/v1/contracts", {"files": foreign}).status_code == 201


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"readme.md": "x"}, "invalid_bundle"),
        ({"contract.yaml": "a: &a [*a]"}, "invalid_document"),
        ({"contract.yaml": "{}"}, "invalid_contract"),
        ({"../contract.yaml": "{}"}, "invalid_bundle"),
        (contract_files() | {"provision.yaml": "a: ["}, "invalid_document"),
    ],
    ids=["no-contract", "yaml-bomb", "empty", "outside", "broken-workflow"],
)
def test_a_bundle_that_cannot_be_used_is_refused_with_every_finding(
    doors: Doors, files: dict[str, str], code: str
) -> None:
    before = doors.rows()
    answer = doors("admin", "POST", "/v1/contracts", {"files": files})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"]
    assert doors.rows() == before


def test_what_an_executor_finds_is_told_with_its_file(doors: Doors) -> None:
    doors.executor.findings = (Finding("/steps/0/uses", "unknown_step_kind", "no such kind"),)
    files = contract_files(contract_document(version="1.2.0"))
    answer = doors("pia", "POST", "/v1/contracts", {"files": files}).json()
    assert answer["code"] == "invalid_definition"
    assert {place["pointer"].partition("#")[0] for place in answer["errors"]} == {
        f"{name}.yaml" for name in ("provision", "update", "delete", "observe")
    }


def test_an_executor_that_is_not_installed_is_named(doors: Doors) -> None:
    document = contract_document(version="1.2.0")
    document["spec"]["operations"]["update"]["executor"] = "temporal"
    answer = doors("pia", "POST", "/v1/contracts", {"files": contract_files(document)}).json()
    [place] = answer["errors"]
    assert (place["pointer"], place["code"]) == (
        "contract.yaml#/spec/operations/update/executor",
        "unknown_executor",
    )


def test_a_new_version_wakes_those_who_follow(doors: Doors) -> None:
    doors.submit()
    seen = doors.platform.bell.count("work")
    files = contract_files(contract_document(version="1.1.0"))
    doors("pia", "POST", "/v1/contracts", {"files": files})
    assert doors.platform.bell.count("work") > seen
    changed = doors(
        "dora",
        "PATCH",
        "/v1/projects/shop/requests/orders-db",
        {"labels": {"a": "b"}},
        headers={"If-Match": "*"},
    )
    assert changed.json()["contract_version"] == "1.1.0"


def test_all_requests_on_a_contract_can_be_held(doors: Doors) -> None:
    held = doors("pia", "POST", "/v1/contracts/postgres-database/actions/pause")
    assert (held.status_code, held.json()) == (200, {"name": "postgres-database", "paused": True})
    assert doors("dora", "GET", "/v1/contracts/postgres-database").json()["paused"] is True
    assert doors("dora", "POST", "/v1/contracts/postgres-database/actions/resume").status_code == 403
    assert doors("pia", "POST", "/v1/contracts/nothing/actions/pause").status_code == 404
    assert doors("pia", "POST", "/v1/contracts/postgres-database/actions/resume").json()["paused"] is False


# --- destinations -----------------------------------------------------------------------

GIT = {"name": "git-1", "kind": "git-server", "labels": {"env": "dev"}, "config": {"root": "/srv/git"}}


def test_a_destination_is_registered_changed_and_removed(doors: Doors) -> None:
    created = doors("admin", "POST", "/v1/destinations", GIT)
    assert (created.status_code, created.headers["ETag"]) == (201, '"1"')
    body = {name: GIT[name] for name in ("kind", "labels", "config")} | {"capacity": 5, "cordoned": True}
    changed = doors("admin", "PUT", "/v1/destinations/git-1", body, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert (changed.json()["capacity"], changed.json()["created_at"]) == (5, created.json()["created_at"])
    assert doors("admin", "GET", "/v1/destinations/git-1").json() == changed.json()
    stale = doors("admin", "DELETE", "/v1/destinations/git-1", headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert doors("admin", "DELETE", "/v1/destinations/git-1", headers={"If-Match": '"2"'}).status_code == 204
    assert doors("admin", "GET", "/v1/destinations/git-1").status_code == 404


def test_a_destination_keeps_its_kind_and_needs_to_have_been_read(doors: Doors) -> None:
    body = {"kind": "git-server"}
    assert doors("admin", "PUT", "/v1/destinations/pg-1", body).status_code == 428
    changed = doors("admin", "PUT", "/v1/destinations/pg-1", body, headers={"If-Match": "*"})
    assert (changed.status_code, changed.json()["code"]) == (409, "field_immutable")


def test_a_destination_takes_no_secret(doors: Doors) -> None:
    config = {"host": "db", "password": "hunter2"}
    answer = doors("admin", "POST", "/v1/destinations", GIT | {"config": config})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/config/password")
    assert "hunter2" not in answer.text
    config["password"] = "secret://env/AVOW_SECRET_PG"
    assert doors("admin", "POST", "/v1/destinations", GIT | {"config": config}).status_code == 201


def test_a_destination_in_use_stays(doors: Doors) -> None:
    uid = doors.submit()["uid"]
    place(doors, uid)
    answer = doors("admin", "DELETE", "/v1/destinations/pg-1", headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/projects", {"name": "lab"}),
        ("POST", "/v1/destinations", GIT),
        ("PUT", "/v1/destinations/pg-1", {"kind": "postgres-server", "capacity": 3}),
        ("DELETE", "/v1/destinations/pg-1", None),
        ("POST", "/v1/tokens", {"name": "t", "subject": "s", "grants": [{"role": "admin"}]}),
        ("POST", "/v1/contracts", {"files": contract_files(contract_document(version="3.0.0"))}),
        ("POST", "/v1/contracts/postgres-database/actions/pause", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_dry_run_shows_the_result_and_writes_nothing(
    doors: Doors, method: str, path: str, body: Any
) -> None:
    before = doors.rows()
    answer = doors("admin", method, f"{path}?dry_run=true", body, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert "token" not in answer.json()
    assert doors.rows() == before


def place(doors: Doors, uid: str) -> None:
    """Put a request on the destination, drifted, as the reconciler would."""
    with doors.platform.db.write() as tx:
        request = requests.locked(tx, uid)
        facts: dict[str, Json] = {"exists": True, "size": "m"}
        applied = an_applied(request)
        drifted = Condition(Type.IN_SYNC, Status.FALSE, "Drifted", "changed outside", doors.clock(), 1)
        placed = replace(request, destination="pg-1", applied=applied, conditions={Type.IN_SYNC: drifted})
        requests.save_status(tx, placed)
        seen = an_observation(Presence.PRESENT, request_uid=uid, facts=facts)
        fleet_store.record_observation(tx, request.project, seen)
        thing = Resource(request.uid, request.project, "pg-1", request.contract, request.name, facts)
        fleet_store.record_resource(tx, thing)


# --- fleet, runs, decisions, audit ----------------------------------------------------------


def test_what_drifted_is_listed_with_its_paths(doors: Doors) -> None:
    place(doors, doors.submit()["uid"])
    [item] = doors("dora", "GET", "/v1/drift").json()["items"]
    assert (item["name"], item["differences"]) == (
        "orders-db",
        [{"path": "/size", "delivered": "s", "seen": "m"}],
    )
    [thing] = doors("dora", "GET", "/v1/resources?destination=pg-1").json()["items"]
    assert (thing["name"], thing["kind"]) == ("orders-db", "postgres-database")
    assert doors("erin", "GET", "/v1/drift").json() == {"items": []}
    assert doors("erin", "GET", "/v1/resources").json() == {"items": []}
    why = doors("dora", "GET", "/v1/projects/shop/requests/orders-db/why").json()
    assert [each["path"] for each in why["differences"]] == ["/size"]


def test_a_run_is_shown_with_its_steps_and_its_journal(doors: Doors) -> None:
    run_id = a_run(doors, "shop", doors.submit()["uid"])
    [listed] = doors("dora", "GET", "/v1/projects/shop/requests/orders-db/runs").json()["items"]
    shown = doors("dora", "GET", f"/v1/runs/{run_id}").json()
    assert listed == shown
    assert (shown["state"], shown["operation"], shown["project"]) == ("pending", "provision", "shop")
    [step] = doors("dora", "GET", f"/v1/runs/{run_id}/steps").json()["items"]
    assert (step["id"], step["uses"], step["attempts"]) == ("call", "http.call", 0)
    [entry] = doors("dora", "GET", f"/v1/runs/{run_id}/events").json()["items"]
    assert entry["seq"] == 1


def test_a_run_is_stopped_by_those_who_may_request(doors: Doors) -> None:
    run_id = a_run(doors, "shop", doors.submit()["uid"])
    assert doors("paul", "POST", f"/v1/runs/{run_id}/cancel").status_code == 403
    assert doors("erin", "POST", f"/v1/runs/{run_id}/cancel").status_code == 404
    assert doors("dora", "POST", f"/v1/runs/{run_id}/cancel?dry_run=true").status_code == 200
    assert doors.executor.cancelled == []
    assert doors("dora", "POST", f"/v1/runs/{run_id}/cancel").status_code == 202
    assert doors.executor.cancelled == [f"key-{run_id}"]
    trail = doors("anna", "GET", "/v1/audit?project=shop").json()["items"]
    assert trail[-1]["action"] == "run.cancelled"


def test_decisions_are_listed_newest_first_and_found_by_id(doors: Doors) -> None:
    doors.submit("a-db")
    doors.submit("b-db")
    items = doors("dora", "GET", "/v1/decisions?project=shop").json()["items"]
    assert [item["evaluated_at"] for item in items] == sorted(
        (item["evaluated_at"] for item in items), reverse=True
    )
    assert doors("dora", "GET", f"/v1/decisions/{items[0]['id']}").json() == items[0]
    assert doors("dora", "GET", "/v1/decisions").status_code == 422
    assert doors("erin", "GET", "/v1/decisions?project=shop").status_code == 404


def test_the_trail_verifies_and_shows_who_touched_it(doors: Doors) -> None:
    doors.submit()
    head = doors("anna", "GET", "/v1/audit/verify?project=shop").json()
    assert (head["is_intact"], head["head"]["seq"]) == (True, 1)
    with doors.platform.db.write() as tx:
        tx.connection.exec_driver_sql("UPDATE catalog_audit SET actor = 'mallory' WHERE project = 'shop'")
    found = doors("anna", "GET", "/v1/audit/verify?project=shop").json()
    assert (found["is_intact"], found["first_bad_seq"]) == (False, 1)


def test_the_platforms_own_trail_is_the_administrators(doors: Doors) -> None:
    actions = [item["action"] for item in doors("admin", "GET", "/v1/audit?project=platform").json()["items"]]
    assert "contract.published" in actions
    assert doors("anna", "GET", "/v1/audit?project=platform").status_code == 404


# --- tokens -----------------------------------------------------------------------------


def test_a_token_is_shown_once_opens_doors_and_can_be_revoked(doors: Doors) -> None:
    order = {
        "name": "ci",
        "subject": "ci@shop",
        "grants": [{"role": "developer", "scope": "shop"}],
        "expires_in_days": 1,
    }
    made = doors("admin", "POST", "/v1/tokens", order)
    assert made.status_code == 201
    token = made.json()["token"]
    header = {"Authorization": f"Bearer {token}"}
    assert doors("", "GET", "/v1/projects/shop", headers=header).status_code == 200
    assert doors("", "GET", "/v1/projects/bank", headers=header).status_code == 404
    listed = [item for item in doors("admin", "GET", "/v1/tokens").json()["items"] if item["name"] == "ci"]
    assert "token" not in listed[0]
    assert token not in str(listed)
    assert doors("admin", "DELETE", f"/v1/tokens/{made.json()['id']}").status_code == 204
    assert doors("", "GET", "/v1/projects/shop", headers=header).status_code == 401


def test_a_token_ends_when_it_was_said_to(doors: Doors) -> None:
    order = {"name": "ci", "subject": "ci", "grants": [{"role": "auditor"}], "expires_in_days": 1}
    token = doors("admin", "POST", "/v1/tokens", order).json()["token"]
    doors.clock.advance(timedelta(days=1))
    assert doors("", "GET", "/v1/projects", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_repeated_order_gets_its_answer_without_the_token(doors: Doors) -> None:
    order = {"name": "ci", "subject": "ci", "grants": [{"role": "auditor"}]}
    key = {"Idempotency-Key": "k1"}
    first, second = (doors("admin", "POST", "/v1/tokens", order, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code, second.headers["Idempotent-Replayed"]) == (
        201,
        201,
        "true",
    )
    assert {name: value for name, value in first.json().items() if name != "token"} == second.json()
    with doors.platform.db.read() as tx:
        kept = tx.connection.exec_driver_sql("SELECT body FROM platform_api_idempotency").all()
    assert first.json()["token"] not in str(kept)


@pytest.mark.parametrize(
    "grants",
    [
        [],
        [{"role": "king"}],
        [{"role": "admin", "scope": "shop"}],
        [{"scope": "shop"}],
        [{"role": "developer", "scope": "A"}],
    ],
)
def test_grants_that_cannot_be_are_refused(doors: Doors, grants: list[dict[str, str]]) -> None:
    answer = doors("admin", "POST", "/v1/tokens", {"name": "ci", "subject": "ci", "grants": grants})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")


# --- health and errors --------------------------------------------------------------------


def test_health_needs_no_token(doors: Doors) -> None:
    assert doors("", "GET", "/livez").json() == {"status": "alive"}
    assert doors("", "GET", "/readyz").json()["checks"] == {"database": "ok", "policy": "ok"}
    assert doors("", "GET", "/version").json()["api"] == "v1"
    assert doors("", "GET", "/metrics").headers["Content-Type"].startswith("text/plain")


def test_what_is_not_ready_is_named(doors: Doors) -> None:
    doors.engine.is_down = True
    answer = doors("", "GET", "/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert [place["pointer"] for place in answer.json()["errors"]] == ["policy"]
    assert doors("", "GET", "/livez").status_code == 200


def test_the_type_of_a_problem_leads_to_its_page(doors: Doors) -> None:
    problem = doors("", "GET", "/v1/projects").json()
    page = doors("", "GET", problem["type"])
    assert (page.status_code, page.json()["code"], page.json()["title"]) == (
        200,
        "unauthenticated",
        problem["title"],
    )
    browser = doors("", "GET", problem["type"], headers={"Accept": "text/html,*/*"})
    assert browser.headers["Content-Type"].startswith("text/html")
    assert page.json()["fix"].split()[0] in browser.text
    assert doors("", "GET", "/v1/errors/nothing").json()["code"] == "unknown_error_code"
