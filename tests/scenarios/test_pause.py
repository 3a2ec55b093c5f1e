"""Scenario 6: a pause holds work back and loses nothing."""

from tests.scenarios import bundles
from tests.scenarios.ledger import Ledger
from tests.scenarios.rig import Rig


def reason(rig: Rig, name: str) -> str:
    found: str = rig.ask("GET", f"/v1/projects/shop/requests/{name}/why")["reason"]
    return found


def test_a_paused_contract_takes_requests_and_edits_and_runs_each_once_when_it_goes_on(
    rig: Rig, witness: Ledger
) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("old", "entry")
    rig.until_ready("old")
    rig.ask("POST", "/v1/contracts/entry/actions/pause")

    rig.request("new", "entry")
    rig.change("old", inputs={"note": "two"})
    rig.change("old", inputs={"note": "three"})
    for name in ("old", "new"):
        rig.until(
            name, lambda seen: seen["phase"] != "ready" and reason(rig, seen["name"]) == "ContractPaused"
        )
    assert [run["operation"] for run in rig.runs("old")] == ["provision"]
    assert rig.runs("new") == []

    rig.ask("POST", "/v1/contracts/entry/actions/resume")
    rig.until_ready("new")
    old = rig.until_ready("old", generation=3)

    assert [run["operation"] for run in rig.runs("old")] == ["update", "provision"]
    assert [run["operation"] for run in rig.runs("new")] == ["provision"]
    assert old["applied"]["inputs"] == {"note": "three"}


def test_a_paused_request_keeps_its_edits_and_converges_on_the_newest(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry")
    rig.until_ready("notes")
    rig.act("notes", "pause")

    rig.change("notes", inputs={"note": "two"})
    rig.change("notes", inputs={"note": "three"})
    rig.until("notes", lambda seen: seen["phase"] == "paused")
    assert len(rig.runs("notes")) == 1

    rig.act("notes", "resume")
    seen = rig.until_ready("notes", generation=3)

    assert len(rig.runs("notes")) == 2
    assert seen["applied"]["inputs"] == {"note": "three"}


def test_deletion_is_not_held_by_a_pause(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry")
    uid = rig.until_ready("notes")["uid"]
    rig.act("notes", "pause")

    rig.delete("notes")
    rig.until_gone("notes")

    assert witness.parts_of(uid) == []
