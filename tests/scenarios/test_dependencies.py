"""Scenario 2: a contract that requires another. Scenario 10: what is in use is not deleted."""

from typing import Any

import httpx
import sqlalchemy as sa

from tests.scenarios import bundles
from tests.scenarios.ledger import Ledger
from tests.scenarios.rig import Rig, condition
from tests.services.polling import eventually

REQUIRES = [{"contract": "network", "version": "^1.0.0"}]


def available(rig: Rig, name: str) -> Any:
    """Say whether a contract is shown available."""
    return rig.ask("GET", f"/v1/contracts/{name}")["available"]


def removals(witness: Ledger) -> list[str]:
    """Return the requests whose entries were taken away, in the order in which that began."""
    uids = [call.path.split("/")[2] for call in witness.made("DELETE")]
    return list(dict.fromkeys(uids))


def test_a_request_on_a_contract_waits_for_what_the_contract_requires(rig: Rig, witness: Ledger) -> None:
    plain = bundles.entry(witness.url)
    rig.publish(bundles.like(plain, "database", requires=REQUIRES))
    assert available(rig, "database") is False
    rig.request("orders", "database")
    waiting = rig.until("orders", lambda seen: condition(seen, "Available")["status"] == "False")
    assert (waiting["phase"], condition(waiting, "Available")["reason"]) == ("pending", "RequirementMissing")
    assert witness.calls == []

    rig.publish(bundles.like(plain, "network"))
    assert available(rig, "database") is True
    ready = rig.until_ready("orders")

    rig.publish(bundles.like(plain, "network", "2.0.0"))
    assert available(rig, "database") is True
    assert rig.show("orders")["phase"] == "ready"

    withdraw(rig, "network", "1.0.0")
    assert available(rig, "database") is False
    rig.act("orders", "reconcile")
    blocked = rig.until("orders", lambda seen: condition(seen, "Available")["status"] == "False")
    assert blocked["phase"] == "blocked"
    assert len(witness.parts_of(ready["uid"])) == 4, "what was delivered stays"

    rig.request("net", "network")
    rig.until_ready("net")
    rig.delete("orders")
    rig.until_gone("orders")
    assert rig.show("net")["phase"] == "ready", "deleting what requires a thing never deletes the thing"
    assert witness.twice() == {}


def withdraw(rig: Rig, name: str, version: str) -> None:
    """Take a version off the shelf, as the end of its life does."""
    engine = sa.create_engine(rig.database_url)
    row = {"name": name, "version": version, "state": "retired", "reason": "it is time", "by": "pia"}
    text = (
        "INSERT INTO catalog_lifecycles (name, version, state, reason, revision, changed_at, changed_by)"
        " VALUES (:name, :version, :state, :reason, 1, CURRENT_TIMESTAMP, :by)"
    )
    with engine.begin() as connection:
        connection.execute(sa.text(text), row)
    engine.dispose()


def test_what_is_in_use_is_not_deleted_and_goes_last(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    net = rig.request("net", "entry")["uid"]
    orders = rig.request("orders", "entry", uses=[{"request": "net", "reason": "to be reached"}])["uid"]
    rig.until_ready("orders")
    made = [call.path.split("/")[2] for call in witness.made("PUT")]
    assert list(dict.fromkeys(made)) == [net, orders], "what is used is there first"

    refused = rig.call("DELETE", "/v1/projects/shop/requests/net", **{"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (httpx.codes.CONFLICT, "in_use")
    assert refused.json()["used_by"] == [{"kind": "request", "ref": "orders", "reason": "to be reached"}]

    queued = rig.ask("DELETE", "/v1/projects/shop/requests/net?when_unused=true", **{"If-Match": "*"})
    assert queued["deletion_queued_at"]
    assert rig.show("net")["phase"] == "ready"
    rig.delete("orders")
    rig.until_gone("orders")
    rig.until_gone("net")
    assert removals(witness) == [orders, net]
    assert witness.entries == {}


def test_once_its_user_is_gone_a_request_is_deleted_as_any_other(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("net", "entry")
    rig.request("orders", "entry", uses=["net"])
    rig.until_ready("orders")
    rig.delete("orders")
    rig.until_gone("orders")
    rig.delete("net")
    rig.until_gone("net")
    assert witness.entries == {}


def test_a_whole_tree_is_made_from_its_roots_and_goes_from_its_leaves(rig: Rig, witness: Ledger) -> None:
    for files in bundles.estate(witness.url):
        rig.publish(files)
    rig.request("home", "estate", inputs={"note": "one"})
    rig.until_ready("home")
    names = ["home", *(f"home-{child}" for child in ("app", "db", "net"))]
    uids = [rig.show(name)["uid"] for name in names]
    made = list(dict.fromkeys(call.path.split("/")[2] for call in witness.made("PUT")))
    assert made == list(reversed(uids))

    rig.change("home", inputs={"note": "two"})
    rig.until("home", lambda seen: seen["phase"] == "ready" and seen["applied"]["inputs"]["note"] == "two")
    assert {rig.show(name)["inputs"]["note"] for name in names} == {"two"}

    refused = rig.call("DELETE", "/v1/projects/shop/requests/home-db", **{"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (httpx.codes.CONFLICT, "owned_by_parent")
    rig.delete("home")
    rig.until_gone("home")
    assert removals(witness) == uids
    assert witness.entries == {}
    assert rig.ask("GET", "/v1/projects/shop/requests")["items"] == []
    assert witness.twice() == {}
    eventually(lambda: rig.ask("GET", "/v1/audit/verify?project=shop")["is_intact"], "the trail to be intact")
