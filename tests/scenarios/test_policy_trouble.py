"""The policy engine is down, slow, or lies: nothing is let through, and it heals by itself."""

from pathlib import Path

import httpx

from tests.scenarios import bundles
from tests.scenarios.ledger import Ledger
from tests.scenarios.lying_opa import NONSENSE, lying_opa
from tests.scenarios.rig import Rig
from tests.services.children import Children
from tests.services.polling import eventually

PATH = "/v1/projects/shop/requests"


def submit(rig: Rig, name: str) -> httpx.Response:
    return rig.call("POST", PATH, {"name": name, "contract": "entry"})


def test_no_answer_from_the_policy_engine_means_no_and_it_recovers_without_a_restart(
    children: Children, tmp_path: Path, sqlite_url: str, opa_url: str, witness: Ledger
) -> None:
    with lying_opa(opa_url) as opa:
        rig = Rig(
            children, tmp_path / "avow", sqlite_url, {"AVOW_OPA_URL": opa.url, "AVOW_POLICY_SECONDS": "4"}
        )
        rig.start()
        rig.project("shop")
        rig.publish(bundles.entry(witness.url))
        rig.request("before", "entry")
        rig.until_ready("before")

        for behaviour in ("dead", "error", "slow", *NONSENSE):
            opa.behaviour = behaviour
            answer = submit(rig, f"during-{behaviour}")
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, (behaviour, answer.text)
            assert answer.json()["code"] == "policy_unavailable"
            assert "Retry-After" in answer.headers
            assert [each["name"] for each in rig.ask("GET", PATH)["items"]] == ["before"]

            opa.behaviour = "honest"
            eventually(lambda: submit(rig, "after").is_success, f"recovery from {behaviour}")
            rig.until_ready("after")
            rig.delete("after")
            rig.until_gone("after")


def test_a_plan_that_cannot_be_judged_waits_and_is_carried_out_when_it_can(
    children: Children, tmp_path: Path, sqlite_url: str, opa_url: str, witness: Ledger
) -> None:
    with lying_opa(opa_url) as opa:
        rig = Rig(children, tmp_path / "avow", sqlite_url, {"AVOW_OPA_URL": opa.url})
        rig.start()
        rig.project("shop")
        rig.publish(bundles.entry(witness.url))
        rig.request("notes", "entry")
        uid = rig.until_ready("notes")["uid"]

        opa.behaviour = "dead"
        with witness.lock:
            witness.entries.clear()
        rig.until("notes", lambda seen: seen["phase"] == "blocked")
        why = rig.ask("GET", f"{PATH}/notes/why")
        assert why["reason"] == "PolicyUnavailable"
        assert witness.parts_of(uid) == []

        opa.behaviour = "honest"
        rig.until_ready("notes")
        assert len(witness.parts_of(uid)) == 4
