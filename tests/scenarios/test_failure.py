"""Scenario 5: what happens after a failure, on the schedule and by hand."""

from tests.scenarios import bundles
from tests.scenarios.ledger import Ledger
from tests.scenarios.rig import Rig, is_ready
from tests.services.polling import eventually

KEPT_RUNS = 5


def is_failed(seen: dict[str, object]) -> bool:
    return seen["phase"] == "failed"


def test_a_failing_run_is_tried_again_on_the_schedule_until_the_gate_opens(rig: Rig, witness: Ledger) -> None:
    witness.is_open = False
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry")
    rig.until("notes", is_failed)
    failed = len(witness.made("PUT"))
    eventually(lambda: len(witness.made("PUT")) > failed, "another attempt by itself")

    witness.is_open = True
    ready = rig.until_ready("notes")

    assert witness.parts_of(ready["uid"]) == ["first", "fourth", "second", "third"]
    assert len(rig.runs("notes")) <= KEPT_RUNS + 1
    assert witness.twice() == {}


def test_after_success_it_is_looked_at_on_the_schedule_and_mended(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry")
    uid = rig.until_ready("notes")["uid"]

    with witness.lock:
        witness.entries.pop(f"/requests/{uid}/second")

    eventually(lambda: "second" in witness.parts_of(uid), "the repair")
    rig.until_ready("notes")


def test_with_retrying_off_only_a_person_or_a_change_tries_again(rig: Rig, witness: Ledger) -> None:
    witness.is_open = False
    rig.publish(bundles.entry(witness.url, retry_failed=False))
    rig.request("by-hand", "entry")
    rig.request("by-change", "entry")
    for name in ("by-hand", "by-change"):
        rig.until(name, is_failed)
    why = rig.ask("GET", "/v1/projects/shop/requests/by-hand/why")
    tried = len(witness.made("PUT"))
    witness.is_open = True

    rig.act("by-hand", "reconcile")
    rig.until_ready("by-hand")
    assert is_failed(rig.show("by-change"))
    assert len(witness.made("PUT")) == tried + 4

    rig.change("by-change", inputs={"note": "again"})
    rig.until("by-change", lambda seen: is_ready(seen, generation=2))
    assert why["reason"] == "OperationFailed"
    assert "avow reconcile" in why["next_action"]
