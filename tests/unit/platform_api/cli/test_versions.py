"""A request is steered between versions, with a plan when one is asked for."""

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import plan, request
from tests.unit.platform_api.cli.stub import Said, Stub

ITEM = "/v1/projects/default/requests/orders-db"
MOVED = request("pending", version="2.0.0", contract_version="2.0.0")


def test_an_upgrade_says_where_it_goes_and_sends_no_more_than_was_said(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"{ITEM}/actions/upgrade", Said(MOVED, 202))
    ended = avow("upgrade", "orders-db")
    assert (ended.out, stub.last("POST").body) == ("orders-db goes to 2.0.0, and wishes 2.0.0\n", {})
    avow("upgrade", "orders-db", "--to", "^2.0.0")
    assert stub.last("POST").body == {"to": "^2.0.0"}


@pytest.mark.parametrize("action", ["pin", "rollback"])
def test_a_request_is_pinned_and_rolled_back(avow: Avow, stub: Stub, action: str) -> None:
    stub.says("POST", f"{ITEM}/actions/{action}", Said(MOVED, 202))
    assert avow(action, "orders-db").code == 0
    assert stub.last("POST").body is None


def test_what_is_so_already_is_said_to_be(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"{ITEM}/actions/upgrade", Said(request(), 200))
    said = avow("upgrade", "orders-db").out
    assert said == "orders-db is on 1.0.0 already, and wishes what is stable\n"


def test_a_plan_is_shown_and_a_denial_ends_with_5(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"{ITEM}/actions/rollback", Said(plan()))
    ended = avow("rollback", "orders-db", "--dry-run")
    assert (ended.code, ended.out.startswith("Plan   postgres 1.0.0 -> orders-db")) == (0, True)
    assert stub.last("POST").query == {"dry_run": "true"}
    stub.says("POST", f"{ITEM}/actions/rollback", Said(plan("deny")))
    assert avow("rollback", "orders-db", "--dry-run").code == 5


def test_a_status_says_what_is_wished_and_what_failed(avow: Avow, stub: Stub) -> None:
    applied = {"contract_version": "1.4.0"}
    held = {"version": "^1.0.0", "contract_version": "1.4.0", "failed_version": "1.5.0", "applied": applied}
    stub.says("GET", ITEM, request("failed", **held))
    said = avow("status", "orders-db").out
    assert "version    1.4.0, for ^1.0.0" in said
    assert "version    the upgrade to 1.5.0 failed; 1.4.0 is delivered" in said


def test_inputs_are_read_by_the_newest_version_when_a_range_is_wished(avow: Avow, stub: Stub) -> None:
    schema = {"properties": {"size": {"type": "integer"}}}
    stub.says("GET", "/v1/contracts/postgres", {"newest": {"inputs": schema}})
    stub.says("POST", "/v1/projects/default/requests", Said(request(), 202))
    avow("request", "postgres", "orders-db", "--set", "size=3", "--version", "^1.0.0")
    sent = stub.last("POST").body
    assert (sent["version"], sent["inputs"]) == ("^1.0.0", {"size": 3})
