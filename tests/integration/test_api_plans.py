"""Plans that are kept: they say everything, change nothing, and are done as they stand or not at all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog import requests
from catalog.digest import JsonObject
from platform_api.housekeeping import tidy
from platform_api.tables import plans
from policy.engine import PolicyBundle, RawSets
from tests.doors import Doors, ScriptedEngine, open_doors, wanted
from tests.factories import contract_document, contract_files
from tests.together import at_once

PLANS = "/v1/projects/shop/plans"
ONE = "/v1/projects/shop/requests/orders-db"


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        yield opened


def planned(doors: Doors, operation: str = "create", who: str = "dora", **more: Any) -> Any:
    """Keep a plan and return it."""
    body = {"name": "orders-db"} if operation == "delete" else wanted(**more)
    answer = doors(who, "POST", PLANS, {"operation": operation, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def submit(doors: Doors, plan: Any, who: str = "dora", query: str = "", **sent: Any) -> Any:
    """Submit a plan and return the answer."""
    return doors(who, "POST", f"{PLANS}/{plan['id']}/submit{query}", **sent)


def change_of(operation: str) -> Any:
    """Return what an operation asks for beside what is there."""
    return {"inputs": {"size": "m"}} if operation == "update" else {}


def shown(doors: Doors) -> Any:
    """Return the request as it is shown: its status, its generation, all of it."""
    answer = doors("dora", "GET", ONE)
    return answer.json() if answer.is_success else answer.status_code


def grown(doors: Doors, before: dict[str, int]) -> dict[str, int]:
    """Return by how many rows each table has grown."""
    return {name: count - before[name] for name, count in doors.rows().items() if count != before[name]}


def publish(doors: Doors, version: str, **more: Any) -> None:
    """Publish another version of the contract."""
    files = contract_files(contract_document(version=version, **more))
    assert doors("pia", "POST", "/v1/contracts", {"files": files}).status_code == 201


# --- making ------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["create", "update", "delete"])
def test_planning_keeps_the_plan_and_changes_nothing_else(doors: Doors, operation: str) -> None:
    if operation != "create":
        doors.submit()
    before, seen = doors.rows(), shown(doors)
    plan = planned(doors, operation, **change_of(operation))

    assert grown(doors, before) == {"platform_api_plans": 1}
    assert shown(doors) == seen
    assert (plan["operation"], plan["state"], plan["request"]) == (operation, "open", "orders-db")


def test_a_kept_plan_is_what_a_dry_run_answers(doors: Doors) -> None:
    dry = doors("dora", "POST", "/v1/projects/shop/requests?dry_run=true", wanted()).json()
    plan = planned(doors)

    assert plan["plan"] == dry
    assert doors("dora", "GET", f"{PLANS}/{plan['id']}").json() == plan
    assert plan["binding"] | {"wish": ""} == {
        "wish": "",
        "held": None,
        "contract": dry["contract"],
        "destination": {"name": "pg-1", "revision": 1},
        "policy": {"revision": dry["policy"]["revision"], "outcome": "allow"},
        "action": "provision",
        "uses": {},
        "children": {},
    }


def test_a_dry_run_of_keeping_a_plan_keeps_none(doors: Doors) -> None:
    before = doors.rows()
    answer = doors("dora", "POST", f"{PLANS}?dry_run=true", {"operation": "create", **wanted()})
    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert doors.rows() == before


def test_a_denial_is_part_of_the_plan_and_is_repeated_when_it_is_submitted(doors: Doors) -> None:
    doors.engine.deny = [{"id": "size", "msg": "too small"}]
    plan = planned(doors)
    assert (plan["action"], plan["binding"]["policy"]["outcome"]) == ("none", "deny")
    answer = submit(doors, plan)
    assert (answer.status_code, answer.json()["code"]) == (403, "policy_denied")
    assert doors("dora", "GET", ONE).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({**wanted()}, "/operation", "required"),
        ({"operation": "drop", "name": "a"}, "/operation", "enum"),
        ({"operation": 3, "name": "a"}, "/operation", "enum"),
        ({"operation": None, **wanted()}, "/operation", "enum"),
        ({"operation": "create"}, "/name", "required"),
        ({"operation": "create", "name": "a"}, "/contract", "required"),
        ({"operation": "create", **wanted(inputs={})}, "/inputs/size", "required"),
        ({"operation": "create", **wanted(), "status": "ready"}, "/status", "unknown_field"),
        ({"operation": "create", **wanted("Orders")}, "/name", "pattern"),
        ({"operation": "delete", "name": "orders-db", "inputs": {}}, "/inputs", "unknown_field"),
        ({"operation": "delete", **wanted()}, "/contract", "unknown_field"),
    ],
)
def test_a_body_that_plans_nothing_is_refused_with_its_place(
    doors: Doors, body: dict[str, Any], pointer: str, code: str
) -> None:
    doors.submit()
    before = doors.rows()
    answer = doors("dora", "POST", PLANS, body)
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
    assert doors.rows() == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"operation": "create", **wanted()}, 409, "request_exists"),
        ({"operation": "update", **wanted("other")}, 404, "request_not_found"),
        ({"operation": "delete", "name": "other"}, 404, "request_not_found"),
        ({"operation": "create", **wanted("b", contract="none")}, 404, "contract_not_found"),
        ({"operation": "update", **wanted(environment="prod")}, 422, "field_immutable"),
        ({"operation": "create", **wanted("b", uses=[{"request": "no"}])}, 422, "used_request_missing"),
        ({"operation": "update", **wanted(uses=[{"request": "no"}])}, 422, "used_request_missing"),
        ({"operation": "update", **wanted(uses=[{"request": "orders-db"}])}, 422, "dependency_cycle"),
        ({"operation": "create", **wanted("b", uses=[{"request": "going"}])}, 409, "used_request_leaving"),
        ({"operation": "delete", "name": "orders-db"}, 409, "in_use"),
    ],
)
def test_a_plan_is_refused_for_what_the_request_would_be_refused_for(
    doors: Doors, body: dict[str, Any], status: int, code: str
) -> None:
    doors.submit()
    doors.submit("user", uses=[{"request": "orders-db"}])
    doors.submit("going")
    doors("dora", "DELETE", "/v1/projects/shop/requests/going", headers={"If-Match": "*"})
    answer = doors("dora", "POST", PLANS, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


# --- submitting --------------------------------------------------------------------------


def test_a_new_request_is_accepted_as_it_was_planned(doors: Doors) -> None:
    plan = planned(doors, owner="team-orders", labels={"a": "b"})
    answer = submit(doors, plan)
    assert (answer.status_code, answer.headers["Location"], answer.headers["ETag"]) == (202, ONE, '"1"')
    body = answer.json()
    assert (body["owner"], body["labels"], body["inputs"]) == ("team-orders", {"a": "b"}, {"size": "s"})
    assert doors("dora", "GET", f"{PLANS}/{plan['id']}").json()["state"] == "submitted"
    [event] = doors("dora", "GET", f"{ONE}/events").json()["items"]
    assert event["kind"] == "RequestAccepted"


@pytest.mark.parametrize(
    ("change", "status", "generation", "revision"),
    [
        ({"inputs": {"size": "m"}}, 202, 2, 2),
        ({"labels": {"a": "b"}}, 200, 1, 2),
        ({}, 200, 1, 1),
    ],
    ids=["delivery", "labels", "nothing"],
)
def test_a_change_is_answered_as_a_replacement_would_be(
    doors: Doors, change: dict[str, Any], status: int, generation: int, revision: int
) -> None:
    doors.submit()
    plan = planned(doors, "update", **change)
    answer = submit(doors, plan)
    assert answer.status_code == status
    assert (answer.json()["generation"], answer.json()["revision"]) == (generation, revision)
    assert submit(doors, plan).json()["code"] == "plan_submitted"


def test_a_deletion_is_begun_as_it_was_planned(doors: Doors) -> None:
    doors.submit()
    answer = submit(doors, planned(doors, "delete"))
    assert (answer.status_code, answer.json()["phase"]) == (202, "deleting")


def test_a_plan_is_good_for_one_submission_and_a_repeat_gets_its_answer(doors: Doors) -> None:
    plan, key = planned(doors), {"Idempotency-Key": "once"}
    first = submit(doors, plan, headers=key)
    again = submit(doors, plan, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    answer = submit(doors, plan)
    assert (answer.status_code, answer.json()["code"]) == (409, "plan_submitted")


def test_of_many_who_submit_one_plan_at_once_one_does_it(doors: Doors) -> None:
    doors.submit()
    plan = planned(doors, "update", inputs={"size": "m"})
    answers = at_once(6, lambda _number: submit(doors, plan))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 5
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert codes <= {"plan_submitted", "plan_stale"}
    assert doors("dora", "GET", ONE).json()["revision"] == 2


def test_a_plan_that_changes_nothing_is_good_for_one_submission_too(doors: Doors) -> None:
    doors.submit()
    plan = planned(doors, "update")
    answers = at_once(6, lambda _number: submit(doors, plan))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert {answer.json().get("code") for answer in answers} == {None, "plan_submitted"}


class Interrupting(ScriptedEngine):
    """Has something happen while it is asked for the so-manieth time."""

    def __init__(self, turn: int, happens: Callable[[], object]) -> None:
        super().__init__()
        self._turn = turn
        self._happens = happens

    def evaluate(
        self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
    ) -> Mapping[str, RawSets]:
        answer = super().evaluate(bundle, document, timeout_seconds)
        if len(self.asked) == self._turn:
            self._happens()
        return answer


def test_what_changes_after_the_last_look_makes_a_plan_stale(doors: Doors) -> None:
    doors.submit()
    plan = planned(doors, "update", inputs={"size": "m"})
    doors.platform.admission.engine = Interrupting(2, lambda: patch(doors, labels={"x": "y"}))
    answer = submit(doors, plan)
    assert [each["pointer"] for each in answer.json()["changes"]] == ["/held/revision"]
    assert doors("dora", "GET", ONE).json()["inputs"] == {"size": "s"}


def test_a_version_that_is_published_during_the_last_look_makes_a_plan_stale(doors: Doors) -> None:
    plan = planned(doors)
    doors.platform.admission.engine = Interrupting(1, lambda: publish(doors, "1.1.0"))
    answer = submit(doors, plan)
    assert answer.status_code == 409, answer.text
    assert {each["pointer"] for each in answer.json()["changes"]} == {"/contract/version", "/contract/digest"}
    assert doors("dora", "GET", ONE).status_code == 404, "it was accepted nevertheless"


def test_a_dry_run_of_a_submission_says_that_the_plan_still_holds(doors: Doors) -> None:
    plan, before = planned(doors), doors.rows()
    answer = submit(doors, plan, query="?dry_run=true")
    assert (answer.status_code, answer.json()) == (200, plan["plan"])
    assert doors.rows() == before
    publish(doors, "1.1.0")
    assert submit(doors, plan, query="?dry_run=true").json()["code"] == "plan_stale"


def test_a_plan_expires_and_is_dropped_a_day_later(doors: Doors) -> None:
    plan = planned(doors)
    doors.clock.advance(timedelta(hours=doors.platform.settings.plan_hours))
    answer = submit(doors, plan)
    assert (answer.status_code, answer.json()["code"]) == (410, "plan_expired")
    assert doors("dora", "GET", f"{PLANS}/{plan['id']}").json()["state"] == "expired"
    assert tidy(doors.platform) == 0
    doors.clock.advance(timedelta(days=1))
    assert tidy(doors.platform) == 1
    assert submit(doors, plan).json()["code"] == "plan_not_found"


def test_whoever_planned_it_has_had_a_hand_in_it_whoever_submits_it(doors: Doors) -> None:
    def people() -> tuple[str, ...]:
        with doors.platform.db.read() as tx:
            return requests.by_name(tx, "shop", "orders-db").requesters

    submit(doors, planned(doors), who="admin")
    assert people() == ("admin", "dora")
    submit(doors, planned(doors, "update", who="dora", inputs={"size": "m"}), who="admin")
    assert people() == ("admin", "dora")


def test_a_change_by_plan_counts_its_planner(doors: Doors) -> None:
    doors.submit(who="admin")
    submit(doors, planned(doors, "update", inputs={"size": "m"}), who="admin")
    submit(doors, planned(doors, "delete"), who="admin")
    with doors.platform.db.read() as tx:
        assert requests.by_name(tx, "shop", "orders-db").requesters == ("admin", "dora")


# --- staleness ---------------------------------------------------------------------------

Happens = Callable[[Doors], object]


def take_destination_away(doors: Doors) -> None:
    """Have a better destination appear before the one that was chosen."""
    body = {"kind": "postgres-server", "labels": {"env": "dev"}, "config": {}}
    doors("admin", "POST", "/v1/destinations", {"name": "pg-0", **body})


def relabel_destination(doors: Doors) -> None:
    """Change the chosen destination."""
    body = {"kind": "postgres-server", "labels": {"env": "dev", "zone": "eu"}, "config": {}}
    doors("admin", "PUT", "/v1/destinations/pg-1", body, headers={"If-Match": "*"})


def deny(doors: Doors) -> None:
    """Have policy change its mind."""
    doors.engine.deny = ["no"]


def new_policies(doors: Doors) -> None:
    """Ask other policies from now on, which answer the same."""
    admission = doors.platform.admission
    admission.organisation = replace(admission.organisation, revision="sha256:" + "1" * 64)


NEW: dict[str, tuple[Happens, set[str]]] = {
    "a version": (lambda doors: publish(doors, "1.1.0"), {"/contract/version", "/contract/digest"}),
    "a name": (lambda doors: doors.submit(), {"/held"}),
    "a place": (take_destination_away, {"/destination/name"}),
    "another place's label": (relabel_destination, {"/destination/revision"}),
    "an outcome": (deny, {"/policy/outcome", "/action"}),
    "policies": (new_policies, {"/policy/revision"}),
}


@pytest.mark.parametrize(("happens", "pointers"), NEW.values(), ids=NEW)
def test_a_plan_of_something_new_is_stale_once_anything_it_rests_on_changes(
    doors: Doors, happens: Happens, pointers: set[str]
) -> None:
    plan = planned(doors)
    happens(doors)
    before = doors.rows()
    answer = submit(doors, plan)

    assert (answer.status_code, answer.json()["code"]) == (409, "plan_stale")
    assert {each["pointer"] for each in answer.json()["changes"]} == pointers
    assert {each["pointer"] for each in answer.json()["errors"]} == pointers
    assert all(each["before"] != each["after"] for each in answer.json()["changes"])
    assert doors.rows() == before
    assert doors("dora", "GET", f"{PLANS}/{plan['id']}").json()["state"] == "open"


def patch(doors: Doors, **change: Any) -> None:
    """Change the request behind the plan's back."""
    assert doors("dora", "PATCH", ONE, change, headers={"If-Match": "*"}).is_success


def delete(doors: Doors) -> None:
    """Give the request back, and have it seen gone."""
    with doors.platform.db.write() as tx:
        held = requests.by_name(tx, "shop", "orders-db")
        requests.save_status(tx, replace(held, deleted_at=doors.clock()))


def delete_and_ask_anew(doors: Doors) -> None:
    """Have another request of the same name."""
    delete(doors)
    doors.submit()


CHANGED: dict[str, tuple[Happens, set[str]]] = {
    "labels": (lambda doors: patch(doors, labels={"x": "y"}), {"/held/revision"}),
    "inputs": (lambda doors: patch(doors, inputs={"size": "l"}), {"/held/revision", "/held/generation"}),
    "pause": (lambda doors: doors("dora", "POST", f"{ONE}/actions/pause"), {"/held/revision"}),
    "gone": (delete, {"/held"}),
    "another": (delete_and_ask_anew, {"/held/uid"}),
    "deleting": (
        lambda doors: doors("dora", "DELETE", ONE, headers={"If-Match": "*"}),
        {"/held/revision"},
    ),
}


@pytest.mark.parametrize("operation", ["update", "delete"])
@pytest.mark.parametrize(("happens", "pointers"), CHANGED.values(), ids=CHANGED)
def test_a_plan_of_a_change_is_stale_once_the_request_is_another(
    doors: Doors, operation: str, happens: Happens, pointers: set[str]
) -> None:
    doors.submit()
    plan = planned(doors, operation, **change_of(operation))
    happens(doors)
    answer = submit(doors, plan)

    assert (answer.status_code, answer.json()["code"]) == (409, "plan_stale")
    found = {each["pointer"] for each in answer.json()["changes"]}
    assert found - {"/contract"} == pointers


def test_a_plan_is_stale_once_what_it_uses_is_another_of_the_same_name(doors: Doors) -> None:
    doors.submit()
    plan = planned(doors, name="user", uses=[{"request": "orders-db"}])
    delete(doors)
    gone = submit(doors, plan)
    doors.submit()
    another = submit(doors, plan)
    for answer in (gone, another):
        assert (answer.status_code, answer.json()["code"]) == (409, "plan_stale")
        assert {each["pointer"] for each in answer.json()["changes"]} == {"/uses/orders-db"}


def test_what_it_uses_may_not_become_another_during_the_last_look_either(doors: Doors) -> None:
    doors.submit()
    plan = planned(doors, name="user", uses=[{"request": "orders-db"}])
    doors.platform.admission.engine = Interrupting(2, lambda: delete_and_ask_anew(doors))
    answer = submit(doors, plan)
    assert (answer.status_code, answer.json()["code"]) == (409, "plan_stale")
    assert doors("dora", "GET", "/v1/projects/shop/requests/user").status_code == 404


def test_a_plan_from_before_an_upgrade_is_bound_to_what_was_known_then(doors: Doors) -> None:
    plan = planned(doors)
    old = {name: value for name, value in plan["binding"].items() if name not in ("uses", "children")}
    with doors.platform.db.write() as tx:
        tx.execute(plans.update().values(binding=old))
    assert submit(doors, plan).status_code == 202


def test_a_plan_that_follows_the_newest_is_stale_when_the_newest_takes_no_such_inputs(doors: Doors) -> None:
    plan = planned(doors)
    schema = {"type": "object", "additionalProperties": False, "properties": {"tier": {"type": "string"}}}
    publish(doors, "2.0.0", inputs=schema)
    assert submit(doors, plan).json()["code"] == "plan_stale"


def test_a_pinned_plan_does_not_mind_a_new_version(doors: Doors) -> None:
    plan = planned(doors, version="1.0.0")
    publish(doors, "1.1.0")
    assert submit(doors, plan).status_code == 202


def test_a_canary_that_takes_the_request_in_when_it_is_planned_takes_it_in_when_it_is_submitted(
    doors: Doors,
) -> None:
    files = contract_files(contract_document(version="2.0.0"))
    made = doors("pia", "POST", "/v1/contracts", {"files": files, "canary": 50})
    assert made.status_code == 201
    for number in range(12):
        plan = planned(doors, name=f"r{number}")
        answer = submit(doors, plan)
        assert answer.status_code == 202
        assert answer.json()["contract_version"] == plan["plan"]["contract"]["version"]


# --- who ---------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["paul", "anna"])
def test_whoever_may_only_read_neither_plans_nor_sees_plans(doors: Doors, who: str) -> None:
    plan = planned(doors)
    for method, path in (("POST", PLANS), ("GET", PLANS), ("GET", f"{PLANS}/{plan['id']}")):
        body = {"operation": "create", **wanted("b")} if method == "POST" else None
        assert doors(who, method, path, body).json()["code"] == "role_missing"
    assert submit(doors, plan, who=who).json()["code"] == "role_missing"


def test_another_projects_plan_is_as_good_as_none(doors: Doors) -> None:
    plan = planned(doors)
    nothing = {**plan, "id": f"pln_{'0' * 26}"}
    for each in (plan, nothing):
        answer = doors("erin", "POST", f"/v1/projects/bank/plans/{each['id']}/submit")
        assert (answer.status_code, answer.json()["code"]) == (404, "plan_not_found")
        assert submit(doors, each, who="erin").json()["code"] == "project_not_found"
    assert submit(doors, plan).status_code == 202


def test_plans_are_listed_newest_first_page_by_page(doors: Doors) -> None:
    made = [planned(doors, name=f"r{number}")["id"] for number in range(3)]
    first = doors("dora", "GET", f"{PLANS}?page_size=2").json()
    rest = doors("dora", "GET", f"{PLANS}?page_size=2&page_token={first['next_page_token']}").json()
    listed = [each["id"] for each in (*first["items"], *rest["items"])]
    assert listed == made[::-1]
    assert "plan" not in first["items"][0]
