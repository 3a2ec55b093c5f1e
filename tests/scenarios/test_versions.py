"""Scenarios 3 and 4: pins and followers over a new version, and what a failed upgrade leaves behind."""

from typing import Any

from tests.scenarios import bundles
from tests.scenarios.ledger import Ledger
from tests.scenarios.rig import Rig, condition, is_ready
from tests.services.polling import eventually

NOTES = "/v1/projects/shop/requests/notes"


def delivers(version: str, generation: int = 1) -> Any:
    """Return whether a request is ready on a version."""
    return lambda seen: is_ready(seen, generation) and seen["applied"]["contract_version"] == version


def looked_at_twice_more(witness: Ledger) -> None:
    """Wait until what is delivered was looked at twice: whatever is done by itself would be done."""
    before = witness.looks
    eventually(lambda: witness.looks >= before + 3, "two more looks")


def has_failed(seen: dict[str, Any]) -> bool:
    return seen.get("failed_version") == "2.0.0" and condition(seen, "Applied")["reason"] == "UpgradeFailed"


def test_a_new_version_moves_who_follows_and_leaves_who_pins_until_he_is_moved(
    rig: Rig, witness: Ledger
) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("pinned", "entry", version="1.0.0")
    rig.request("follower", "entry")
    rig.request("ranging", "entry", version="^1.0.0")
    for name in ("pinned", "follower", "ranging"):
        rig.until_ready(name)

    rig.publish(bundles.entry(witness.url, "2.0.0"))
    rig.until("follower", delivers("2.0.0"))
    looked_at_twice_more(witness)

    assert [len(rig.runs(name)) for name in ("pinned", "follower", "ranging")] == [1, 2, 1]
    assert rig.show("pinned")["applied"]["contract_version"] == "1.0.0"

    rig.act("pinned", "upgrade")
    moved = rig.until("pinned", delivers("2.0.0", generation=2))
    assert (moved["version"], moved["previous_version"]) == ("2.0.0", "1.0.0")

    rig.act("pinned", "rollback")
    back = rig.until("pinned", delivers("1.0.0", generation=3))
    assert (back["version"], back["previous_version"]) == ("1.0.0", "2.0.0")
    assert witness.twice() == {}


def test_a_failed_upgrade_is_on_record_waits_for_somebody_and_goes_on_with_a_fixed_version(
    rig: Rig, witness: Ledger
) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry")
    rig.until_ready("notes")
    witness.is_open = False

    rig.publish(bundles.entry(witness.url, "2.0.0"))
    failed = rig.until("notes", has_failed)
    assert (failed["applied"]["contract_version"], failed["contract_version"]) == ("1.0.0", "1.0.0")
    tried = len(witness.made("PUT"))
    looked_at_twice_more(witness)
    assert len(witness.made("PUT")) == tried, "it was tried again, although nobody asked"

    rig.act("notes", "reconcile")
    eventually(lambda: len(rig.runs("notes")) == 3, "a new attempt")
    again = rig.until("notes", has_failed)
    why = rig.ask("GET", f"{NOTES}/why")
    assert again["generation"] == 1
    assert "avow reconcile notes" in why["next_action"]
    assert "1.0.0 to 2.0.0 failed" in why["message"]

    witness.is_open = True
    looked_at_twice_more(witness)
    assert rig.show("notes")["failed_version"] == "2.0.0"
    rig.publish(bundles.entry(witness.url, "2.0.1"))
    fixed = rig.until("notes", delivers("2.0.1"))
    assert ("failed_version" not in fixed, fixed["previous_version"]) == (True, "1.0.0")


def test_a_failed_upgrade_is_rolled_back_and_what_was_delivered_lives_on(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry")
    uid = rig.until_ready("notes")["uid"]
    witness.is_open = False
    rig.publish(bundles.entry(witness.url, "2.0.0"))
    rig.until("notes", has_failed)
    witness.is_open = True

    rig.act("notes", "rollback")
    back = rig.until_ready("notes", generation=1)
    assert (back["version"], back["generation"]) == ("1.0.0", 2)

    with witness.lock:
        witness.entries.pop(f"/requests/{uid}/second")
    eventually(lambda: "second" in witness.parts_of(uid), "the repair")
    rig.publish(bundles.entry(witness.url, "2.0.1"))
    looked_at_twice_more(witness)
    assert rig.show("notes")["applied"]["contract_version"] == "1.0.0"


def test_a_deprecated_version_takes_nobody_new_and_retires_when_nobody_is_left(
    rig: Rig, witness: Ledger
) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry", version="1.0.0")
    rig.until_ready("notes")
    rig.publish(bundles.entry(witness.url, "2.0.0"))
    where = "/v1/contracts/entry/versions/1.0.0"
    terms = {"state": "deprecated", "sunset_at": "2099-01-01T00:00:00Z", "replacement": "2.0.0"}
    far = rig.call("PUT", f"{where}/lifecycle", terms, **{"If-Match": "*"})
    assert far.json()["errors"][0]["code"] == "sunset_out_of_range"
    rig.ask("PUT", f"{where}/lifecycle", {"state": "deprecated", "replacement": "2.0.0"}, **{"If-Match": "*"})

    new = {"name": "late", "contract": "entry", "version": "1.0.0"}
    denied = rig.call("POST", "/v1/projects/shop/requests", new)
    assert denied.json()["code"] == "policy_denied"
    assert [(each["code"], each["fix"]) for each in denied.json()["errors"]] == [
        ("deprecated", "use version 2.0.0")
    ]
    assert rig.call("GET", NOTES).headers["Deprecation"].startswith("@")
    rig.change("notes", inputs={"note": "still here"})
    rig.until("notes", delivers("1.0.0", generation=2))
    retire = {"state": "retired"}
    in_use = rig.call("PUT", f"{where}/lifecycle", retire, **{"If-Match": "*"})
    assert in_use.json()["code"] == "version_in_use"

    rig.act("notes", "upgrade")
    rig.until("notes", delivers("2.0.0", generation=3))
    assert rig.ask("PUT", f"{where}/lifecycle", retire, **{"If-Match": "*"})["state"] == "retired"
