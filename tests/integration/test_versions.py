"""Versions of running workflows: parked runs over an upgrade, and their migration, by the door."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog import audit, contracts
from executors import runs
from executors.workflow import history
from platform_api.commands import migrations
from reconciler.migrants import migrating_to
from tests.engine import document, step, undoable
from tests.factories import contract_document, contract_files
from tests.stage import CONTRACT, PATH, Stage, open_stage

GO = {"id": "go", "wait": {"signal": "go"}}
END: dict[str, Any] = {"outputs": {"host": "h"}, "facts": {"exists": True}}
OLD = (undoable("reserve"), GO, undoable("ship"))
NEW = (undoable("hold"), GO, undoable("scan"), undoable("ship"))
MAPPING = {"reserve": "hold"}


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database_url, tmp_path) as opened:
        publish(opened, *OLD)
        yield opened


def publish(stage: Stage, *steps: dict[str, Any], version: str = "1.0.0", **more: Any) -> None:
    """Publish a version whose provisioning takes these steps."""
    look = document(step("look", uses="test.look"), name="observe", facts={"exists": True})
    bundle = {
        "provision.yaml": json.dumps(document(*steps, **END)),
        "update.yaml": json.dumps(document(undoable("change"), name="update", **END)),
        "delete.yaml": json.dumps(document(undoable("away"), name="delete")),
        "observe.yaml": json.dumps(look),
    }
    files = contract_files(contract_document(CONTRACT, version), bundle)
    answer = stage.doors("pia", "POST", "/v1/contracts", {"files": files} | more)
    assert answer.status_code == 201, answer.text
    stage.settle()


def run_of(stage: Stage, name: str = "orders") -> Any:
    """Return the newest run of a request."""
    return stage.doors("dora", "GET", f"/v1/projects/shop/requests/{name}/runs").json()["items"][0]


def signal(stage: Stage, name: str = "orders") -> None:
    """Send the signal for which the newest run of a request waits."""
    with stage.doors.platform.db.read() as tx:
        key = runs.load(tx, "shop", run_of(stage, name)["id"]).idempotency_key
    stage.doors.platform.executors["workflow"].signal(key, "go", {})
    stage.settle()


def migrate(stage: Stage, who: str = "admin", query: str = "", **body: Any) -> Any:
    """Ask for a migration of the run of `orders`, and settle."""
    wanted = {"contract_version": "2.0.0", "mapping": MAPPING} | body
    wanted = {name: value for name, value in wanted.items() if value is not None}
    answer = stage.doors(who, "POST", f"/v1/runs/{run_of(stage)['id']}/migrate{query}", wanted)
    if answer.is_success:
        stage.settle()
    return answer


def test_a_parked_run_keeps_its_definition_over_an_upgrade_and_new_runs_take_the_new_one(
    stage: Stage,
) -> None:
    stage.request()
    publish(stage, *NEW, version="2.0.0")
    stage.request("later")
    assert stage.world.done() == ["reserve", "hold"]
    signal(stage)
    assert stage.world.done()[2] == "ship", "the parked run does a step of the new definition"
    signal(stage, "later")
    assert stage.world.done()[-2:] == ["scan", "ship"]


def test_a_parked_run_goes_over_to_the_new_version_and_delivers_that(stage: Stage) -> None:
    stage.request()
    publish(stage, *NEW, version="2.0.0")
    answer = migrate(stage)
    assert answer.status_code == 202, answer.text
    signal(stage)
    assert stage.world.done() == ["reserve", "scan", "ship"]
    shown = stage.shown()
    assert (shown["phase"], shown["contract_version"]) == ("ready", "2.0.0")
    stage.settle()
    assert "change" not in stage.world.done(), "what was migrated is delivered once more"


def test_a_migrated_run_shows_its_steps_and_what_it_followed_before(stage: Stage) -> None:
    stage.request()
    run_id = run_of(stage)["id"]
    publish(stage, *NEW, version="2.0.0")
    assert migrate(stage).status_code == 202
    steps = stage.doors("dora", "GET", f"/v1/runs/{run_id}/steps").json()["items"]
    assert [(each["id"], each["state"]) for each in steps][:2] == [("hold", "done"), ("go", "parked")]
    entries = stage.doors("dora", "GET", f"/v1/runs/{run_id}/events").json()["items"]
    migrated = next(each["seq"] for each in entries if each["type"] == "Migrated")
    with stage.doors.platform.db.read() as tx:
        before = history.definition_at(tx, "shop", run_id, migrated - 1)
        after = history.definition_at(tx, "shop", run_id, migrated)
    assert [each["id"] for each in before["steps"]] == ["reserve", "go", "ship"]  # type: ignore[union-attr, index, call-overload]  # a stored document
    assert [each["id"] for each in after["steps"]] == ["hold", "go", "scan", "ship"]  # type: ignore[union-attr, index, call-overload]  # a stored document


def test_a_dry_run_says_what_would_be_and_changes_nothing(stage: Stage) -> None:
    stage.request()
    publish(stage, *NEW, version="2.0.0")
    rows = stage.doors.rows()
    answer = migrate(stage, query="?dry_run=true")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "migrating")
    assert stage.doors.rows() == rows


def test_a_mapping_that_does_not_fit_is_refused_with_every_place(stage: Stage) -> None:
    stage.request()
    publish(stage, step("hold"), undoable("new"), {"id": "go", "wait": {"timer": "1h"}}, version="2.0.0")
    answer = migrate(stage, query="?dry_run=true")
    assert (answer.status_code, answer.json()["code"]) == (422, "migration_refused")
    found = {(each["pointer"], each["code"]) for each in answer.json()["errors"]}
    assert found == {("/mapping/reserve", "compensation_missing"), ("/mapping/go", "other_wait")}
    assert all(each["fix"] for each in answer.json()["errors"])


def test_a_run_is_not_migrated_to_a_version_that_its_request_does_not_follow(stage: Stage) -> None:
    stage.request(version="1.0.0")
    publish(stage, *NEW, version="2.0.0")
    answer = migrate(stage)
    assert (answer.status_code, answer.json()["code"]) == (409, "version_not_followed")


def test_a_definition_of_its_own_is_for_whoever_runs_the_installation(stage: Stage) -> None:
    stage.request()
    own = document(*NEW, **END)
    assert migrate(stage, "dora", contract_version=None, definition=own).status_code == 403
    assert migrate(stage, "admin", contract_version=None, definition=own).status_code == 202
    signal(stage)
    assert stage.world.done() == ["reserve", "scan", "ship"]
    assert stage.shown()["contract_version"] == "1.0.0"


@pytest.mark.parametrize("who", ["dora", "paul", "anna"])
def test_only_publishers_of_the_owning_team_migrate(stage: Stage, who: str) -> None:
    stage.request()
    publish(stage, *NEW, version="2.0.0")
    assert migrate(stage, who).status_code == 403


@pytest.mark.parametrize("who", ["erin", "pia"])
def test_whoever_may_not_read_the_project_does_not_learn_of_the_run(stage: Stage, who: str) -> None:
    stage.request()
    assert migrate(stage, who).status_code == 404


@pytest.mark.parametrize("body", [{}, {"contract_version": "2.0.0", "definition": {}}])
def test_exactly_one_goal_is_named(stage: Stage, body: dict[str, Any]) -> None:
    stage.request()
    answer = stage.doors("admin", "POST", f"/v1/runs/{run_of(stage)['id']}/migrate", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")


def test_an_ended_run_is_not_migrated(stage: Stage) -> None:
    stage.request()
    signal(stage)
    publish(stage, *NEW, version="2.0.0")
    with stage.doors.platform.db.read() as tx:
        uid = stage.shown()["uid"]
        first = runs.by_request(tx, "shop", uid, 10)[-1].id
    answer = stage.doors("admin", "POST", f"/v1/runs/{first}/migrate", {"contract_version": "2.0.0"})
    assert (answer.status_code, answer.json()["code"]) == (409, "run_ended")


def test_all_parked_runs_of_a_version_go_over_and_the_report_tells_of_each(stage: Stage) -> None:
    stage.request("a")
    stage.request("b")
    stage.request("pinned", version="1.0.0")
    publish(stage, *NEW, version="2.0.0")
    where = f"/v1/contracts/{CONTRACT}/versions/1.0.0/migrate"
    body = {"contract_version": "2.0.0", "mapping": MAPPING}
    dry = stage.doors("pia", "POST", f"{where}?dry_run=true", body).json()
    assert (dry["migrating"], dry["refused"]) == (2, 1)
    report = stage.doors("pia", "POST", where, body).json()
    assert (report["migrating"], report["refused"]) == (2, 1)
    assert [each["code"] for item in report["items"] for each in item["findings"]] == ["version_not_followed"]
    stage.settle()
    for name in ("a", "b", "pinned"):
        signal(stage, name)
    assert stage.world.done() == ["reserve"] * 3 + ["scan", "ship"] * 2 + ["ship"]


def test_a_migration_is_in_the_audit_trail_and_in_the_story_of_the_request(stage: Stage) -> None:
    stage.request()
    publish(stage, *NEW, version="2.0.0")
    migrate(stage)
    trail = stage.doors("admin", "GET", "/v1/audit?project=shop&page_size=500").json()["items"]
    [entry] = [each for each in trail if each["action"] == "run.migrated"]
    assert (entry["actor"], entry["detail"]["mapping"]) == ("admin", MAPPING)
    told = stage.doors("dora", "GET", f"{PATH}/events?page_size=200").json()["items"]
    assert "RunMigrated" in {each["kind"] for each in told}


def canary(stage: Stage, share: int, who: str = "pia", etag: str = "*", query: str = "") -> Any:
    """Set the share of version 2.0.0, and settle."""
    where = f"/v1/contracts/{CONTRACT}/versions/2.0.0/canary{query}"
    answer = stage.doors(who, "PUT", where, {"share": share}, headers={"If-Match": etag})
    stage.settle()
    return answer


def versions(stage: Stage, names: list[str]) -> list[str]:
    """Return which version each request stands on."""
    return [stage.shown(name)["contract_version"] for name in names]


def many(stage: Stage) -> list[str]:
    """Ask for twelve, and have them delivered."""
    names = [f"r{number}" for number in range(12)]
    for name in names:
        stage.request(name)
        signal(stage, name)
    return names


def test_a_canary_is_followed_by_its_share_and_a_larger_one_only_adds(stage: Stage) -> None:
    names = many(stage)
    publish(stage, *NEW, version="2.0.0", canary=0)
    assert set(versions(stage, names)) == {"1.0.0"}
    canary(stage, 40)
    some = versions(stage, names)
    canary(stage, 70)
    more = versions(stage, names)
    assert {"1.0.0", "2.0.0"} == set(some)
    assert all(after == "2.0.0" for before, after in zip(some, more, strict=True) if before == "2.0.0")
    assert canary(stage, 100).json()["trial"] == "promoted"
    assert set(versions(stage, names)) == {"2.0.0"}


def test_an_aborted_canary_is_left_by_the_ordinary_update(stage: Stage) -> None:
    names = many(stage)
    publish(stage, *NEW, version="2.0.0", canary=50)
    assert "2.0.0" in versions(stage, names)
    assert canary(stage, 0).json()["trial"] == "aborted"
    assert set(versions(stage, names)) == {"1.0.0"}
    assert all(stage.shown(name)["phase"] == "ready" for name in names)
    assert run_of(stage, names[versions(stage, names).index("1.0.0")])["operation"] in ("provision", "update")


def test_a_share_is_changed_only_as_it_was_seen_and_leaves_its_trace(stage: Stage) -> None:
    publish(stage, *NEW, version="2.0.0", canary=10)
    where = f"/v1/contracts/{CONTRACT}/versions/2.0.0/canary"
    seen = stage.doors("dora", "GET", where)
    assert (seen.json()["share"], seen.headers["ETag"]) == (10, '"1"')
    assert canary(stage, 20, etag="").status_code == 428
    assert canary(stage, 20, etag='"7"').status_code == 412
    assert canary(stage, 20, who="dora").status_code == 403
    rows = stage.doors.rows()
    assert canary(stage, 20, query="?dry_run=true").json()["share"] == 20
    assert stage.doors.rows() == rows
    assert canary(stage, 20, etag='"1"').headers["ETag"] == '"2"'
    listed = stage.doors("dora", "GET", f"/v1/contracts?name={CONTRACT}").json()["items"]
    assert [each.get("share") for each in listed] == [None, 20]
    with stage.doors.platform.db.read() as tx:
        trail = audit.page(tx, audit.PLATFORM, 0, 100)
    assert [each.detail["share"] for each in trail if each.action == "contract.canary"] == [20]


@pytest.mark.parametrize("share", [-1, 101, 1.5, "10", True, None])
def test_a_share_is_a_whole_number_of_a_hundred(stage: Stage, share: Any) -> None:
    publish(stage, *NEW, version="2.0.0", canary=10)
    assert canary(stage, share).status_code == 422


def test_the_only_version_is_no_canary(stage: Stage) -> None:
    where = f"/v1/contracts/{CONTRACT}/versions/1.0.0/canary"
    answer = stage.doors("pia", "PUT", where, {"share": 5}, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (409, "canary_alone")


# --- a version to which runs go over ------------------------------------------------------


def ending(stage: Stage, version: str = "2.0.0") -> Any:
    """Have a version deprecated and retired; return the last answer."""
    where, head = f"/v1/contracts/{CONTRACT}/versions/{version}/lifecycle", {"If-Match": "*"}
    assert stage.doors("pia", "PUT", where, {"state": "deprecated"}, headers=head).is_success
    return stage.doors("pia", "PUT", where, {"state": "retired"}, headers=head)


def told_to_go(stage: Stage) -> None:
    """Have the run of `orders` told to go over, and nobody take that in yet."""
    stage.request()
    publish(stage, *NEW, version="2.0.0")
    wanted = {"contract_version": "2.0.0", "mapping": MAPPING}
    answer = stage.doors("admin", "POST", f"/v1/runs/{run_of(stage)['id']}/migrate", wanted)
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("is_taken_in", [False, True])
def test_a_version_to_which_a_run_goes_over_is_in_use(stage: Stage, *, is_taken_in: bool) -> None:
    told_to_go(stage)
    if is_taken_in:
        while stage._drive():
            pass
    answer = ending(stage)
    assert (answer.status_code, answer.json()["code"]) == (409, "version_in_use")
    assert "shop/orders" in answer.text
    stage.settle()
    signal(stage)
    assert "scan" in stage.world.done(), "it was delivered from the version that was in use"
    assert stage.shown()["phase"] == "ready"


def test_a_letter_that_a_run_refuses_keeps_no_version_in_use(stage: Stage) -> None:
    stage.request()
    publish(stage, *NEW, version="2.0.0")
    run_id = run_of(stage)["id"]
    with stage.doors.platform.db.read() as tx:
        key = runs.load(tx, "shop", run_id).idempotency_key
        digest = contracts.load(tx, CONTRACT, "2.0.0").digest
    stage.doors.platform.executors["workflow"].cancel(key, "it comes first")
    wanted = {"contract_version": "2.0.0", "mapping": MAPPING}
    assert stage.doors("admin", "POST", f"/v1/runs/{run_id}/migrate", wanted).status_code == 202
    assert len(coming(stage, digest)) == 1
    stage._drive()
    entries = stage.doors("dora", "GET", f"/v1/runs/{run_id}/events").json()["items"]
    assert "Migrated" not in {each["type"] for each in entries}
    assert coming(stage, digest) == []


def coming(stage: Stage, digest: str) -> list[str]:
    with stage.doors.platform.db.read() as tx:
        return migrating_to(tx, digest)


def test_no_run_goes_over_to_a_version_that_ended_meanwhile(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.request()
    publish(stage, *NEW, version="2.0.0")
    judged = migrations._goal

    def after_the_end(*parts: Any) -> Any:
        goal = judged(*parts)
        assert ending(stage).status_code == 200
        return goal

    monkeypatch.setattr(migrations, "_goal", after_the_end)
    answer = migrate(stage)
    assert (answer.status_code, answer.json()["code"]) == (409, "version_not_followed")
    assert "retired" in answer.json()["detail"]
    stage.settle()
    signal(stage)
    assert (stage.shown()["phase"], stage.shown()["contract_version"]) == ("ready", "1.0.0")
