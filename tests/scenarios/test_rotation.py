"""The library's `secret-rotation` over REST: a secret's whole life, and its value only where it belongs."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.keyholder import WORD, Keyholder, keyholding
from tests.scenarios import gitwork
from tests.scenarios.rig import Rig, condition
from tests.scenarios.scenes import LIBRARY, files_of
from tests.scenarios.search import places_of

CONSUMER = "shop/payments"
STATE = "projects/shop/requests/payments-key.yaml"


@pytest.fixture
def rig_options() -> dict[str, str]:
    return {"AVOW_SECRET_DOOR": WORD}


@pytest.fixture
def holder() -> Iterator[Keyholder]:
    with keyholding() as serving:
        yield serving


@pytest.fixture
def shop(rig: Rig, holder: Keyholder) -> Rig:
    """Give an installation whose production consumers can be given secrets."""
    rig.publish(files_of(LIBRARY / "secret-rotation"))
    config = {"url": holder.url, "authorization": "secret://env/AVOW_SECRET_DOOR"}
    body = {"name": "doors", "kind": "secret-consumers", "labels": {"env": "prod"}, "config": config}
    rig.ask("POST", "/v1/destinations", body)
    return rig


def wanted(rotation: str) -> dict[str, Any]:
    inputs = {"consumer": "payments", "rotation": rotation}
    return {"contract": "secret-rotation", "environment": "prod", "owner": "team-pay", "inputs": inputs}


def value_of(shop: Rig, reference: str) -> str:
    return (shop.folder / "secrets" / reference.removeprefix("secret://file/")).read_text()


def test_a_secret_is_delivered_rotated_mended_and_given_back_and_no_value_rests_anywhere(
    shop: Rig, holder: Keyholder
) -> None:
    shop.request("payments-key", **wanted("q4-2026"))
    first = shop.until_ready("payments-key")["outputs"]
    assert first["rotation"] == "q4-2026"
    values = [value_of(shop, first["reference"])]
    assert holder.held[CONSUMER] == {"q4-2026": values[0]}

    shop.change("payments-key", inputs={"rotation": "q1-2027"})
    second = shop.until_ready("payments-key", generation=2)["outputs"]
    values.append(value_of(shop, second["reference"]))
    assert values[0] != values[1]
    assert holder.held[CONSUMER] == {"q1-2027": values[1]}

    holder.held[CONSUMER] = {"by-hand": "not ours"}
    shop.act("payments-key", "reconcile")
    shop.until("payments-key", lambda seen: holder.labels(CONSUMER) == ["q1-2027"])
    shop.until_ready("payments-key", generation=2)
    assert holder.held[CONSUMER] == {"q1-2027": values[1]}
    assert [run["operation"] for run in shop.runs("payments-key")] == ["repair", "update", "provision"]

    assert "q1-2027" in (gitwork.show(shop.state_remote, STATE, "state") or "")
    # What does rest everywhere is found everywhere, so that not finding says something.
    assert {"catalog_requests", "git state.git"} <= set(places_of(shop, "q1-2027"))
    for value in (*values, WORD.removeprefix("Bearer ")):
        assert places_of(shop, value) == []

    shop.delete("payments-key")
    shop.until_gone("payments-key")
    assert holder.labels(CONSUMER) == []
    assert not list((shop.folder / "secrets").rglob("q*"))
    for value in values:
        assert places_of(shop, value) == []


def test_a_secret_that_does_not_work_is_not_kept_and_no_value_is_told_with_the_failure(
    shop: Rig, holder: Keyholder
) -> None:
    shop.request("payments-key", **wanted("q4-2026"))
    first = shop.until_ready("payments-key")["outputs"]
    old = value_of(shop, first["reference"])
    offered: list[str] = []

    def refuse(call: str) -> int | None:
        if not call.startswith(f"GET /secrets/{CONSUMER}/q1-2027"):
            return None
        offered.append(holder.held[CONSUMER].get("q1-2027", ""))
        return 403

    holder.before = refuse
    shop.change("payments-key", inputs={"rotation": "q1-2027"})
    failed = shop.until("payments-key", lambda seen: seen["phase"] == "failed")
    assert "403" in condition(failed, "Applied")["message"]
    assert failed["outputs"] == first
    assert holder.held[CONSUMER] == {"q4-2026": old}
    assert offered[0]
    for value in (old, offered[0]):
        assert places_of(shop, value) == []


def test_production_wants_a_quarter_and_one_request_is_for_one_consumer(shop: Rig, holder: Keyholder) -> None:
    answer = shop.call("POST", "/v1/projects/shop/requests", {"name": "payments-key", **wanted("newest")})
    assert answer.status_code == 403
    assert "write the quarter and the year, such as q1-2027" in answer.text
    assert holder.came == []
    shop.request("payments-key", **wanted("q4-2026"))
    shop.until_ready("payments-key")
    shop.change("payments-key", inputs={"consumer": "orders"})
    refused = shop.until("payments-key", lambda seen: seen["phase"] == "blocked")
    assert "does not move to another consumer" in condition(refused, "Allowed")["message"]
    assert holder.labels("shop/orders") == []
