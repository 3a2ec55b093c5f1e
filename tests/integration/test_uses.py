"""Requests that use other requests, by the door: waited for, protected, and gone in the right order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog import audit, contracts, requests
from catalog.actor import SYSTEM
from catalog.request import Request, Use
from catalog.tables import uses as uses_table
from platform_api.commands import requests as commands
from platform_api.commands.requests import Wanted
from platform_api.receipts import Answer, Receipt
from reconciler.render import desired_file
from tests.together import in_threads
from tests.village import WHERE, Village, open_village


@pytest.fixture
def village(database_url: str, tmp_path: Path) -> Iterator[Village]:
    with open_village(database_url, tmp_path) as opened:
        opened.offer("network")
        opened.offer("database")
        yield opened


def submit(village: Village, name: str, **more: Any) -> Any:
    """Have dora ask for a database, without settling."""
    return village.doors("dora", "POST", WHERE, {"name": name, "contract": "database"} | more)


def rows_of_uses(village: Village) -> int:
    """Return how many uses are kept for looking backwards."""
    with village.doors.platform.db.read() as tx:
        return len(tx.execute(uses_table.select()).all())


# --- asking -----------------------------------------------------------------------------


def test_a_use_is_named_plainly_or_with_its_reason_and_shown(village: Village) -> None:
    village.ask("net", "network")
    village.ask("dns", "network")
    shown = village.ask("orders", "database", uses=["net", {"request": "dns", "reason": "to be found"}])
    assert shown["uses"] == [{"request": "net"}, {"request": "dns", "reason": "to be found"}]


def test_what_is_used_must_be_there_and_a_near_name_is_suggested(village: Village) -> None:
    village.ask("network-a", "network")
    rows = village.doors.rows()
    answer = submit(village, "orders", uses=["network-a", "netwerk-a"])
    assert (answer.status_code, answer.json()["code"]) == (422, "used_request_missing")
    [place] = answer.json()["errors"]
    assert (place["pointer"], place["fix"]) == ("/uses/1", "did you mean network-a?")
    dry = village.doors(
        "dora", "POST", f"{WHERE}?dry_run=true", {"name": "x", "contract": "database", "uses": ["no"]}
    )
    assert (dry.status_code, dry.json()["code"]) == (422, "used_request_missing")
    assert village.doors.rows() == rows


def test_a_request_of_another_project_is_not_there_to_be_used(village: Village) -> None:
    body = {"name": "net", "contract": "network"}
    assert village.doors("erin", "POST", "/v1/projects/bank/requests", body).status_code == 202
    assert submit(village, "orders", uses=["net"]).json()["code"] == "used_request_missing"


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ("net", "/uses"),
        ([3], "/uses/0"),
        ([{"reason": "x"}], "/uses/0/request"),
        (["A b"], "/uses/0/request"),
    ],
    ids=["no list", "a number", "no name", "no such name"],
)
def test_what_is_no_use_is_refused_at_its_place(village: Village, wanted: Any, pointer: str) -> None:
    answer = submit(village, "orders", uses=wanted)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    assert [place["pointer"] for place in answer.json()["errors"]] == [pointer]


def test_a_request_is_used_once(village: Village) -> None:
    village.ask("net", "network")
    assert submit(village, "orders", uses=["net", "net"]).json()["code"] == "duplicate_use"


def test_uses_stand_in_git_and_nothing_new_stands_there_without_any(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=[{"request": "net", "reason": "to be reached"}])
    with village.doors.platform.db.read() as tx:
        net, orders = requests.by_name(tx, "shop", "net"), requests.by_name(tx, "shop", "orders")
        contract = contracts.newest(tx, "database").contract
    assert "request: net" in desired_file(orders, contract)[1]
    assert "uses" not in desired_file(net, contract)[1]


# --- waiting ----------------------------------------------------------------------------


def test_a_user_is_not_operated_on_before_what_it_uses_is_ready(village: Village) -> None:
    village.doors("dora", "POST", WHERE, {"name": "net", "contract": "network"})
    village.doors("dora", "POST", f"{WHERE}/net/actions/pause")
    shown = village.ask("orders", "database", uses=["net"])
    assert shown["phase"] == "pending"
    available = village.condition("orders", "Available")
    assert (available["status"], available["reason"]) == ("False", "UsedNotReady")
    assert "net" in available["message"]
    why = village.why("orders")
    assert why["waiting_on"]["ref"] == "net"
    assert why["next_action"].endswith("avow why net")
    assert village.things.story == []

    village.doors("dora", "POST", f"{WHERE}/net/actions/resume")
    village.settle()
    assert village.things.story == ["+net", "+orders"]
    assert village.phases() == {"net": "ready", "orders": "ready"}


def test_what_is_delivered_stays_ready_while_what_it_uses_is_not(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=["net"])
    village.doors("dora", "POST", f"{WHERE}/net/actions/pause")
    village.doors("dora", "POST", f"{WHERE}/orders/actions/reconcile")
    village.settle()
    assert village.phases() == {"net": "paused", "orders": "ready"}
    village.change("orders", inputs={"size": "l"})
    assert village.condition("orders", "Available")["reason"] == "UsedNotReady"
    assert village.things.there["orders"] == "s"


def test_a_change_of_uses_alone_delivers_nothing_anew(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database")
    answer = village.change("orders", uses=["net"])
    assert (answer.status_code, answer.json()["generation"]) == (200, 1)
    assert village.things.story == ["+net", "+orders"]
    assert rows_of_uses(village) == 1
    village.change("orders", uses=[])
    assert rows_of_uses(village) == 0
    assert village.delete("net").status_code == 202


def test_requests_that_would_use_one_another_are_refused_with_the_ring(village: Village) -> None:
    for name, used in (("a", []), ("b", ["a"]), ("c", ["b"])):
        village.ask(name, "network", uses=used)
    answer = village.change("a", uses=["c"])
    assert (answer.status_code, answer.json()["code"]) == (422, "dependency_cycle")
    [place] = answer.json()["errors"]
    assert place["pointer"] == "/uses/0"
    assert "a on c on b on a" in place["detail"]
    assert village.change("a", uses=["a"]).json()["code"] == "dependency_cycle"
    assert village.shown("a")["uses"] == []
    assert rows_of_uses(village) == 2


# --- deleting ---------------------------------------------------------------------------


def test_what_is_used_is_not_deleted_and_the_answer_says_who_uses_it(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=[{"request": "net", "reason": "to be reached"}])
    for query in ("", "?dry_run=true"):
        answer = village.delete("net", query)
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
        assert answer.json()["used_by"] == [{"kind": "request", "ref": "orders", "reason": "to be reached"}]
        assert "--when-unused" in answer.json()["fix"]
    assert village.phases() == {"net": "ready", "orders": "ready"}


def test_a_user_that_is_being_deleted_still_protects_until_it_is_gone(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=["net"])
    village.delete("orders", settles=False)
    assert village.delete("net", settles=False).json()["code"] == "in_use"
    village.settle()
    assert village.delete("net").status_code == 202
    assert village.things.story == ["+net", "+orders", "-orders", "-net"]


def test_a_queued_deletion_is_shown_and_happens_when_the_last_user_is_gone(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=["net"])
    village.ask("billing", "database", uses=["net"])
    answer = village.delete("net", "?when_unused=true")
    assert (answer.status_code, answer.json()["phase"]) == (202, "ready")
    assert answer.json()["deletion_queued_at"]
    why = village.why("net")
    assert (why["reason"], [each["ref"] for each in why["used_by"]]) == (
        "DeletionQueued",
        ["orders", "billing"],
    )
    assert why["deletion_queued_at"]

    village.delete("orders")
    assert village.phases() == {"net": "ready", "billing": "ready"}
    village.delete("billing")
    assert village.phases() == {}
    assert village.things.story[-3:] == ["-orders", "-billing", "-net"]


@pytest.mark.parametrize("used", ["net", "home-db"], ids=["itself", "its child"])
def test_a_queued_deletion_happens_when_the_last_user_uses_something_else(
    village: Village, used: str
) -> None:
    village.offer("site", children=[{"name": "db", "contract": "database", "version": "^1.0.0"}])
    village.ask("home", "site")
    village.ask("net", "network")
    village.ask("orders", "database", uses=[used])
    queued = used.partition("-")[0]
    assert village.delete(queued, "?when_unused=true").json()["deletion_queued_at"]
    village.change("orders", labels={"a": "b"})
    assert queued in village.phases()
    village.change("orders", uses=["net"] if queued == "home" else [])
    assert not {queued, used} & set(village.phases())
    assert village.phases()["orders"] == "ready"


def test_a_queued_deletion_refuses_new_uses(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=["net"])
    village.ask("billing", "database")
    village.delete("net", "?when_unused=true")
    assert submit(village, "late", uses=["net"]).json()["code"] == "used_request_leaving"
    assert village.change("billing", uses=["net"]).json()["code"] == "used_request_leaving"
    assert village.change("orders", inputs={"size": "m"}).status_code == 202, "who uses it already goes on"


def test_a_queued_deletion_can_be_taken_back(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=["net"])
    village.delete("net", "?when_unused=true")
    kept = village.doors("dora", "POST", f"{WHERE}/net/actions/keep")
    assert kept.status_code == 202
    assert "deletion_queued_at" not in kept.json()
    village.delete("orders")
    assert village.phases() == {"net": "ready"}
    village.delete("net", settles=False)
    late = village.doors("dora", "POST", f"{WHERE}/net/actions/keep")
    assert (late.status_code, late.json()["code"]) == (409, "request_deleting")


def test_an_unused_request_is_deleted_at_once_whatever_was_said(village: Village) -> None:
    village.ask("net", "network")
    answer = village.delete("net", "?when_unused=true", settles=False)
    assert answer.json()["phase"] == "deleting"


def test_queueing_and_keeping_leave_their_traces(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=["net"])
    village.delete("net", "?when_unused=true")
    village.doors("dora", "POST", f"{WHERE}/net/actions/keep")
    village.delete("net", "?when_unused=true")
    village.delete("orders")
    with village.doors.platform.db.read() as tx:
        trail = [
            (each.actor, each.action) for each in audit.page(tx, "shop", 0, 200) if "net" in each.subject
        ]
    assert [each for each in trail if "operation" not in each[1]] == [
        ("dora", "request.accepted"),
        ("dora", "request.queued"),
        ("dora", "request.kept"),
        ("dora", "request.queued"),
        ("system:avow", "request.delete"),
        ("system:avow", "request.gone"),
        ("system:avow", "request.deleted"),
    ]


def test_asking_twice_for_a_queued_deletion_changes_nothing(village: Village) -> None:
    village.ask("net", "network")
    village.ask("orders", "database", uses=["net"])
    first = village.delete("net", "?when_unused=true")
    again = village.delete("net", "?when_unused=true")
    assert first.headers["ETag"] == again.headers["ETag"]


def test_what_is_being_deleted_is_not_used_any_more(village: Village) -> None:
    village.ask("net", "network")
    assert village.delete("net", settles=False).status_code == 202
    answer = submit(village, "orders", uses=["net"])
    assert (answer.status_code, answer.json()["code"]) == (409, "used_request_leaving")


@pytest.mark.parametrize("number", range(6))
def test_a_use_and_a_deletion_at_the_same_moment_never_both_succeed(village: Village, number: int) -> None:
    village.ask("net", "network")
    platform = village.doors.platform
    with platform.db.read() as tx:
        net = requests.by_name(tx, "shop", "net")
    wish = Wanted("orders", "database", None, "dev", "", {}, {}, (Use("net"),))

    def use_or_delete(turn: int) -> None:
        if turn == number % 2:
            commands.submit(platform, SYSTEM, "shop", wish, plain(village))
        else:
            commands.delete(platform, SYSTEM, net, plain(village))

    failures = in_threads(2, use_or_delete)
    assert [type(each).__name__ for each in failures] in (["InUse"], ["Conflict"])
    village.settle()
    assert village.phases() in ({}, {"net": "ready", "orders": "ready"})


def test_two_changes_that_would_close_a_ring_together_never_both_succeed(village: Village) -> None:
    for name, used in (("a", []), ("b", ["a"]), ("c", []), ("d", ["c"])):
        village.ask(name, "network", uses=used)
    platform = village.doors.platform

    def close(turn: int) -> None:
        with platform.db.read() as tx:
            held = requests.by_name(tx, "shop", "ac"[turn])
        wish = Wanted(held.name, "network", None, "dev", "", {}, {}, (Use("db"[turn]),))
        commands.change(platform, SYSTEM, held, wish, plain(village))

    for _ in range(5):
        failures = in_threads(2, close)
        assert [getattr(each, "code", each) for each in failures] == ["dependency_cycle"]
        assert rows_of_uses(village) == 3
        for name in "ac":
            village.doors("dora", "PATCH", f"{WHERE}/{name}", {"uses": []}, headers={"If-Match": "*"})


def plain(village: Village) -> Receipt[Request]:
    """Return a receipt that keeps nothing."""
    return Receipt(village.doors.clock(), lambda _request: Answer(200, {}))


def test_a_destination_with_live_requests_is_in_use_and_says_by_whom(village: Village) -> None:
    village.doors.submit("orders-db")
    village.settle()
    answer = village.doors("admin", "DELETE", "/v1/destinations/pg-1", headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert answer.json()["used_by"] == [
        {"kind": "request", "ref": "shop/orders-db", "reason": "it lies there"}
    ]
