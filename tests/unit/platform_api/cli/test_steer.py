"""Steering changes the course of what there is, and says what became of it."""

import json

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import RUN, page, plan, request, run
from tests.unit.platform_api.cli.stub import Said, Stub, problem

ITEM = "/v1/projects/default/requests/orders-db"


def test_deleting_is_accepted_at_once(avow: Avow, stub: Stub) -> None:
    stub.says("DELETE", ITEM, Said(request("deleting"), 202))
    ended = avow("delete", "orders-db")
    assert (ended.code, ended.out) == (0, "orders-db is being deleted\n")
    assert ended.err == "Wait for it: avow wait orders-db --for deleted\n"
    assert stub.last("DELETE").headers["If-Match"] == "*"


def test_a_deletion_can_wait_until_nothing_uses_it(avow: Avow, stub: Stub) -> None:
    queued = request() | {"deletion_queued_at": "2026-03-01T12:00:00Z"}
    stub.says("DELETE", ITEM, Said(queued, 202))
    ended = avow("delete", "orders-db", "--when-unused")
    assert (ended.code, ended.out) == (0, "orders-db is deleted once nothing uses it\n")
    assert stub.last("DELETE").query == {"when_unused": "true"}


def test_what_is_in_use_is_not_deleted_and_its_users_are_printed(avow: Avow, stub: Stub) -> None:
    users = [{"kind": "request", "ref": "shop", "reason": "to be reached"}, {"kind": "request", "ref": "b"}]
    refused = {"code": "in_use", "detail": "orders-db is used by shop, b.", "used_by": users}
    stub.says("DELETE", ITEM, problem(409, refused))
    ended = avow("delete", "orders-db")
    assert ended.code == 6
    assert "  used by request shop: to be reached\n  used by request b\n" in ended.err


def test_deleting_can_be_waited_for(avow: Avow, stub: Stub) -> None:
    stub.says("DELETE", ITEM, Said(request("deleting"), 202))
    stub.says("GET", ITEM, problem(410, {"code": "request_deleted"}))
    ended = avow("delete", "orders-db", "--wait")
    assert (ended.code, ended.out) == (0, "DELETED  orders-db\n")


def test_a_dry_run_shows_the_plan_of_the_teardown(avow: Avow, stub: Stub) -> None:
    stub.says("DELETE", ITEM, Said(plan(action="delete")))
    ended = avow("delete", "orders-db", "--dry-run")
    assert (ended.code, stub.last("DELETE").query) == (0, {"dry_run": "true"})
    assert ended.out.startswith("Plan   ")


def test_deleting_what_is_gone_is_not_found(avow: Avow, stub: Stub) -> None:
    stub.refuses("DELETE", ITEM, 410, "request_deleted", detail="orders-db was deleted and seen gone.")
    assert avow("delete", "orders-db").code == 3


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_api.cli.terminal.Terminal.is_attended", True)


@pytest.mark.usefixtures("attended")
def test_at_a_terminal_deleting_asks_first(avow: Avow, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.says("DELETE", ITEM, Said(request("deleting"), 202))
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text, **_: asked.append(text))
    avow("delete", "orders-db")
    assert asked == ["Tear down orders-db in project default?"]
    avow("delete", "orders-db", "--yes")
    avow("delete", "orders-db", "--no-input")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("reconcile", "is looked at now"),
        ("pause", "is held"),
        ("resume", "goes on"),
        ("keep", "is kept"),
    ],
)
def test_an_action_is_asked_for_by_its_name(avow: Avow, stub: Stub, action: str, said: str) -> None:
    stub.says("POST", f"{ITEM}/actions/{action}", Said(request(), 202))
    ended = avow(action, "orders-db")
    assert (ended.code, ended.out) == (0, f"orders-db {said}\n")
    assert json.loads(avow(action, "orders-db", "-o", "json").out)["name"] == "orders-db"


def test_a_teardown_cannot_be_held(avow: Avow, stub: Stub) -> None:
    stub.refuses("POST", f"{ITEM}/actions/pause", 409, "request_deleting", detail="It is being deleted.")
    assert avow("pause", "orders-db").code == 6


def test_a_run_is_cancelled_by_its_id_or_its_request(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"/v1/runs/{RUN}/cancel", Said(run("compensating"), 202))
    stub.says("GET", f"{ITEM}/runs", page(run()))
    for name in (RUN, "orders-db"):
        assert avow("cancel", name).out == f"{RUN} is being cancelled\n"


def test_a_request_without_a_run_has_none_to_cancel(avow: Avow, stub: Stub) -> None:
    stub.says("GET", f"{ITEM}/runs", page())
    ended = avow("cancel", "orders-db")
    assert ended.code == 3
    assert "orders-db has no run." in ended.err
