"""Drafts, deprecating, retiring and deleting versions, by the door and on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog import audit, events
from catalog.events import Cursor, Event
from platform_api.commands.sunsets import end_sunsets
from tests.doors import Doors, open_doors, wanted
from tests.factories import contract_document, contract_files

NAME = "postgres-database"
REQUESTS = "/v1/projects/shop/requests"
SUNSET = "2026-06-01T00:00:00Z"


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        yield opened


def publish(doors: Doors, version: str, name: str = NAME, **more: Any) -> Any:
    """Publish a version; `more` goes into the body, `spec` into the contract."""
    document = contract_document(name, version, **more.pop("spec", {}))
    return doors("pia", "POST", "/v1/contracts", {"files": contract_files(document)} | more)


def where(version: str = "1.0.0", part: str = "/lifecycle", name: str = NAME) -> str:
    return f"/v1/contracts/{name}/versions/{version}{part}"


def move(doors: Doors, version: str, state: str, who: str = "pia", etag: str = "*", **terms: Any) -> Any:
    """Move a version."""
    return doors(who, "PUT", where(version), {"state": state} | terms, headers={"If-Match": etag})


def deprecate(doors: Doors, version: str = "1.0.0", **terms: Any) -> Any:
    """Deprecate a version, which must succeed."""
    answer = move(doors, version, "deprecated", **terms)
    assert answer.status_code == 200, answer.text
    return answer.json()


def remove(doors: Doors, version: str, who: str = "pia", name: str = NAME) -> Any:
    return doors(who, "DELETE", where(version, "", name), headers={"If-Match": "*"})


def refused(answer: Any, status: int, code: str) -> Any:
    """Check a refusal and return it; each says what to do."""
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), document
    assert document["fix"]
    assert all(each["fix"] for each in document.get("errors", ()))
    return document


def told(doors: Doors, kind: str) -> list[Event]:
    """Return the events of a kind."""
    with doors.platform.db.read() as tx:
        found = [each.event for each in events.after(tx, Cursor(), 1000)]
    return [event for event in found if event.kind == kind]


def trail(doors: Doors, action: str) -> list[Any]:
    """Return the platform's audit entries of an action."""
    with doors.platform.db.read() as tx:
        return [entry for entry in audit.page(tx, audit.PLATFORM, 0, 1000) if entry.action == action]


def test_a_draft_is_seen_and_not_asked_for_until_it_is_published(doors: Doors) -> None:
    assert publish(doors, "2.0.0", draft=True).json()["state"] == "draft"
    listed = doors("dora", "GET", f"/v1/contracts?name={NAME}").json()["items"]
    assert [each["state"] for each in listed] == ["published", "draft"]
    refused(doors("dora", "POST", REQUESTS, wanted(version="2.0.0")), 409, "version_draft")
    assert doors.submit("follower")["contract_version"] == "1.0.0"
    changed = publish(doors, "2.0.0", draft=True, spec={"description": "Better."})
    assert (changed.status_code, changed.json()["is_new"]) == (201, True)
    published = publish(doors, "2.0.0", spec={"description": "Best."})
    assert (published.json()["state"], published.json()["is_new"]) == ("published", True)
    assert doors.submit("later", version="2.0.0")["contract_version"] == "2.0.0"
    refused(publish(doors, "2.0.0", draft=True, spec={"description": "Best."}), 409, "version_published")


def test_a_draft_is_no_canary(doors: Doors) -> None:
    rows = doors.rows()
    refused(publish(doors, "2.0.0", draft=True, canary=10), 409, "canary_not_published")
    assert doors.rows() == rows


def test_a_draft_moves_by_being_published_and_by_nothing_else(doors: Doors) -> None:
    publish(doors, "2.0.0", draft=True)
    for state in ("published", "deprecated", "retired"):
        assert "avow publish" in refused(move(doors, "2.0.0", state), 409, "lifecycle_move")["fix"]


def test_a_deprecated_version_says_so_and_may_be_what_it_was_again(doors: Doors) -> None:
    publish(doors, "2.0.0")
    seen = doors("dora", "GET", where())
    assert (seen.json()["state"], seen.headers["ETag"]) == ("published", '"0"')
    moved = deprecate(doors, sunset_at=SUNSET, replacement="2.0.0", reason="superseded")
    assert moved["sunset_at"] == SUNSET
    shown = doors("dora", "GET", where(part="")).json()
    assert shown["deprecation"]["replacement"] == "2.0.0"
    [entry] = doors("dora", "GET", f"/v1/contracts/{NAME}").json()["lifecycles"]
    assert (entry["version"], entry["state"]) == ("1.0.0", "deprecated")
    again = move(doors, "1.0.0", "published", reason="still needed").json()
    assert "sunset_at" not in again
    assert "deprecation" not in doors("dora", "GET", where(part="")).json()


def test_whoever_lives_on_it_is_told_in_every_project(doors: Doors) -> None:
    publish(doors, "2.0.0")
    uids = {doors.submit("pinned", version="1.0.0")["uid"]}
    uids.add(doors.submit("theirs", who="erin", project="bank", version="1.0.0")["uid"])
    doors.submit("elsewhere", version="2.0.0")
    deprecate(doors, sunset_at=SUNSET, replacement="2.0.0", reason="superseded")
    found = told(doors, "ContractDeprecated")
    assert {(each.project, each.request_uid) for each in found} == {
        *((project, uid) for project, uid in zip(("shop", "bank"), sorted(uids), strict=True)),
        (audit.PLATFORM, None),
    }
    assert {each.message for each in found} == {
        f"{NAME} 1.0.0 is deprecated; sunset 2026-06-01; go to 2.0.0; superseded"
    }
    assert all(each.detail["replacement"] == "2.0.0" for each in found)
    [entry] = trail(doors, "contract.deprecated")
    assert (entry.actor, entry.subject, entry.detail["requests"]) == ("pia", f"contract/{NAME}@1.0.0", 2)


def test_nothing_is_told_twice_for_a_move_that_changes_nothing(doors: Doors) -> None:
    deprecate(doors, sunset_at=SUNSET)
    rows = doors.rows()
    assert deprecate(doors, sunset_at=SUNSET)["revision"] == 1
    assert doors.rows() == rows
    assert deprecate(doors, sunset_at="2026-07-01T00:00:00Z")["revision"] == 2


def test_a_lifecycle_is_changed_only_as_it_was_seen_and_by_the_owning_team(doors: Doors) -> None:
    publish(doors, "2.0.0")
    rows = doors.rows()
    refused(move(doors, "1.0.0", "deprecated", etag=""), 428, "precondition_required")
    refused(move(doors, "1.0.0", "deprecated", etag='"7"'), 412, "revision_changed")
    for who in ("dora", "paul", "anna"):
        refused(move(doors, "1.0.0", "deprecated", who), 403, "role_missing")
        refused(remove(doors, "1.0.0", who), 403, "role_missing")
    refused(move(doors, "9.9.9", "deprecated"), 404, "contract_not_found")
    dry = doors("pia", "PUT", f"{where()}?dry_run=true", {"state": "deprecated"}, headers={"If-Match": '"0"'})
    assert (dry.status_code, dry.json()["state"], dry.json()["dry_run"]) == (200, "deprecated", True)
    assert doors.rows() == rows
    assert move(doors, "1.0.0", "deprecated", etag='"0"').headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"sunset_at": "2026-02-28T00:00:00Z"}, "/sunset_at"),
        ({"sunset_at": "9999-12-31T23:59:59-12:00"}, "/sunset_at"),
        ({"replacement": "1.0.0"}, "/replacement"),
        ({"replacement": "9.9.9"}, "/replacement"),
        ({"replacement": "1.1.0"}, "/replacement"),
        ({"replacement": "3.0.0"}, "/replacement"),
    ],
    ids=["in the past", "beyond all times", "itself", "nothing", "a deprecated one", "a draft"],
)
def test_terms_that_cannot_be_kept_are_refused_at_their_place(
    doors: Doors, terms: dict[str, str], pointer: str
) -> None:
    for version in ("1.1.0", "2.0.0"):
        publish(doors, version)
    publish(doors, "3.0.0", draft=True)
    deprecate(doors, "1.1.0")
    found = refused(move(doors, "1.0.0", "deprecated", **terms), 422, "invalid_lifecycle")
    assert [each["pointer"] for each in found["errors"]] == [pointer]


@pytest.mark.parametrize(
    "body",
    [
        {"state": "draft"},
        {"state": "deprecated", "sunset_at": "2026-06-01T00:00:00"},
        {"state": "deprecated", "sunset_at": None},
        {"sunset_at": SUNSET},
        {"state": "deprecated", "reason": "a\nb"},
        {"state": "deprecated", "why": "so"},
    ],
)
def test_what_is_no_lifecycle_is_refused(doors: Doors, body: dict[str, Any]) -> None:
    answer = doors("pia", "PUT", where(), body, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")


def test_only_the_moves_of_the_table_are_made(doors: Doors) -> None:
    refused(move(doors, "1.0.0", "retired"), 409, "lifecycle_move")
    deprecate(doors)
    assert move(doors, "1.0.0", "retired").status_code == 200
    for state in ("published", "deprecated"):
        assert (
            "anew under a higher version"
            in refused(move(doors, "1.0.0", state), 409, "lifecycle_move")["fix"]
        )


def test_a_version_in_use_is_not_retired_and_the_refusal_names_who_uses_it(doors: Doors) -> None:
    publish(doors, "2.0.0")
    for number in range(22):
        doors.submit(f"db-{number:02}", version="1.0.0")
    deprecate(doors)
    document = refused(move(doors, "1.0.0", "retired"), 409, "version_in_use")
    assert "22 requests use it" in document["detail"]
    named = [each["detail"] for each in document["errors"]]
    assert (len(named), named[0]) == (20, "shop/db-00 uses it")


def test_a_version_on_which_a_contract_relies_is_not_retired(doors: Doors) -> None:
    needed = [{"contract": NAME, "version": "^1.0.0"}]
    publish(doors, "1.0.0", "service", spec={"requires": needed})
    publish(doors, "2.0.0")
    deprecate(doors)
    document = refused(move(doors, "1.0.0", "retired"), 409, "version_in_use")
    assert [each["detail"] for each in document["errors"]] == ["service@1.0.0 relies on it"]
    publish(doors, "1.1.0")
    assert move(doors, "1.0.0", "retired").status_code == 200


def test_a_retired_version_takes_nobody_and_says_where_to_go(doors: Doors) -> None:
    publish(doors, "2.0.0")
    deprecate(doors, replacement="2.0.0")
    move(doors, "1.0.0", "retired")
    found = refused(doors("dora", "POST", REQUESTS, wanted(version="1.0.0")), 409, "version_retired")
    assert found["fix"] == "use version 2.0.0"
    doors.submit(version="2.0.0")
    body = {"contract": NAME, "version": "1.0.0", "inputs": {"size": "s"}}
    answer = doors("dora", "PUT", f"{REQUESTS}/orders-db", body, headers={"If-Match": "*"})
    refused(answer, 409, "version_retired")


def test_only_drafts_and_retired_versions_are_deleted(doors: Doors) -> None:
    publish(doors, "2.0.0")
    publish(doors, "3.0.0", draft=True)
    refused(remove(doors, "1.0.0"), 409, "lifecycle_move")
    deprecate(doors)
    assert refused(remove(doors, "1.0.0"), 409, "lifecycle_move")["fix"] == (
        "retire it first: avow retire postgres-database@1.0.0"
    )
    move(doors, "1.0.0", "retired")
    assert remove(doors, "1.0.0").status_code == 204
    assert remove(doors, "3.0.0").status_code == 204
    assert doors("dora", "GET", f"/v1/contracts/{NAME}").json()["versions"] == ["2.0.0"]
    refused(remove(doors, "1.0.0"), 404, "contract_not_found")
    refused(publish(doors, "1.0.0", spec={"description": "Other."}), 409, "version_published")
    assert publish(doors, "3.0.0", spec={"description": "Other."}).status_code == 201
    assert publish(doors, "1.0.0").status_code == 201
    assert [entry.subject for entry in trail(doors, "contract.deleted")] == [
        f"contract/{NAME}@1.0.0",
        f"contract/{NAME}@3.0.0",
    ]


def test_a_deletion_needs_what_was_seen_and_a_dry_run_deletes_nothing(doors: Doors) -> None:
    publish(doors, "2.0.0", draft=True)
    refused(doors("pia", "DELETE", where("2.0.0", "")), 428, "precondition_required")
    rows = doors.rows()
    dry = doors("pia", "DELETE", f"{where('2.0.0', '')}?dry_run=true", headers={"If-Match": '"1"'})
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
    assert doors.rows() == rows


def test_the_laggards_are_listed_for_owners_whole_and_for_others_as_far_as_they_may_read(
    doors: Doors,
) -> None:
    publish(doors, "2.0.0")
    doors.submit("ours", version="1.0.0", owner="team-orders")
    doors.submit("theirs", who="erin", project="bank", version="1.0.0")
    doors.submit("elsewhere", version="2.0.0")
    deprecate(doors, sunset_at=SUNSET)
    seen = {
        who: [each["name"] for each in doors(who, "GET", where(part="/requests")).json()["items"]]
        for who in ("pia", "admin", "dora", "erin")
    }
    assert seen == {
        "pia": ["ours", "theirs"],
        "admin": ["ours", "theirs"],
        "dora": ["ours"],
        "erin": ["theirs"],
    }
    [first] = doors("dora", "GET", where(part="/requests")).json()["items"]
    assert (first["version"], first["owner"], first["contract_version"]) == ("1.0.0", "team-orders", "1.0.0")
    assert timedelta(days=91) < timedelta(seconds=first["seconds_left"]) < timedelta(days=92)
    page = doors("pia", "GET", f"{where(part='/requests')}?page_size=1").json()
    rest = doors(
        "pia", "GET", f"{where(part='/requests')}?page_size=1&page_token={page['next_page_token']}"
    ).json()
    assert [each["name"] for each in page["items"] + rest["items"]] == ["ours", "theirs"]


def test_after_its_sunset_an_unused_version_retires_by_itself(doors: Doors) -> None:
    deprecate(doors, sunset_at=SUNSET)
    assert end_sunsets(doors.platform) == 0
    doors.clock.advance(timedelta(days=93))
    assert end_sunsets(doors.platform) == 1
    assert doors("dora", "GET", where()).json()["state"] == "retired"
    [entry] = trail(doors, "contract.retired")
    assert entry.actor == "system:avow"
    assert end_sunsets(doors.platform) == 0


def test_after_its_sunset_those_who_are_left_are_told_once_and_stay_listed(doors: Doors) -> None:
    uid = doors.submit(version="1.0.0")["uid"]
    deprecate(doors, sunset_at=SUNSET)
    doors.clock.advance(timedelta(days=93))
    for _ in range(3):
        assert end_sunsets(doors.platform) == 0
    assert [each.request_uid for each in told(doors, "SunsetPassed")] == [uid, None]
    [left] = doors("pia", "GET", where(part="/requests")).json()["items"]
    assert left["seconds_left"] < 0
    assert doors("dora", "GET", where()).json()["state"] == "deprecated"


def test_after_its_sunset_a_version_on_which_a_contract_relies_goes_on(doors: Doors) -> None:
    publish(doors, "1.0.0", "service", spec={"requires": [{"contract": NAME, "version": "^1.0.0"}]})
    deprecate(doors, sunset_at=SUNSET)
    doors.clock.advance(timedelta(days=93))
    assert end_sunsets(doors.platform) == 0
    assert len(told(doors, "SunsetPassed")) == 1


def test_new_terms_after_the_sunset_are_told_of_anew(doors: Doors) -> None:
    doors.submit(version="1.0.0")
    deprecate(doors, sunset_at=SUNSET)
    doors.clock.advance(timedelta(days=93))
    end_sunsets(doors.platform)
    later = (doors.clock() + timedelta(days=1)).isoformat()
    deprecate(doors, sunset_at=later)
    doors.clock.advance(timedelta(days=2))
    end_sunsets(doors.platform)
    assert len(told(doors, "SunsetPassed")) == 4


def test_policy_is_told_where_the_version_stands_and_whether_the_request_is_new_there(doors: Doors) -> None:
    publish(doors, "2.0.0")
    doors.submit(version="2.0.0")
    doors.submit("old", version="1.0.0")
    deprecate(doors, sunset_at=SUNSET, replacement="2.0.0")
    doors.engine.asked.clear()
    doors.submit("new", version="1.0.0")
    body = {"contract": NAME, "version": "1.0.0", "inputs": {"size": "l"}}
    for name in ("orders-db", "old"):
        doors("dora", "PUT", f"{REQUESTS}/{name}", body, headers={"If-Match": "*"})
    said: list[Any] = [asked["contract"] for asked in doors.engine.asked]
    assert [each["is_new_here"] for each in said] == [True, True, False]
    assert {(each["state"], each["sunset_at"], each["replacement"]) for each in said} == {
        ("deprecated", SUNSET, "2.0.0")
    }


def test_a_plan_asks_policy_what_the_request_itself_would(doors: Doors) -> None:
    publish(doors, "2.0.0")
    doors.submit(version="2.0.0")
    deprecate(doors)
    doors.engine.asked.clear()
    body = {"contract": NAME, "version": "1.0.0", "inputs": {"size": "s"}}
    doors("dora", "POST", f"{REQUESTS}?dry_run=true", body | {"name": "new"})
    doors("dora", "PUT", f"{REQUESTS}/orders-db?dry_run=true", body, headers={"If-Match": "*"})
    said: list[Any] = [asked["contract"] for asked in doors.engine.asked]
    assert [each["is_new_here"] for each in said] == [True, True]


@pytest.mark.parametrize("way", ["POST", "PUT"])
def test_a_version_that_is_retired_while_policy_is_asked_takes_nobody(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    publish(doors, "2.0.0")
    deprecate(doors)
    doors.submit(version="2.0.0")
    judge = doors.engine.evaluate

    def retire_and_judge(*asked: Any) -> Any:
        assert move(doors, "1.0.0", "retired").status_code == 200
        return judge(*asked)

    monkeypatch.setattr(doors.engine, "evaluate", retire_and_judge)
    body = wanted("late", version="1.0.0")
    path = REQUESTS
    if way == "PUT":
        path = f"{REQUESTS}/orders-db"
        body.pop("name")
    refused(doors("dora", way, path, body, headers={"If-Match": "*"}), 409, "version_retired")
    [only] = doors("dora", "GET", REQUESTS).json()["items"]
    assert (only["name"], only["contract_version"]) == ("orders-db", "2.0.0")
