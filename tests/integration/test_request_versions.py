"""Which version a request is on, and with which inputs, by the door and the real reconciler."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from platform_api import admission
from platform_api.commands import requests as commands
from tests.stage import CONTRACT, Stage, open_stage
from tests.versions_ground import (
    GIB,
    TO_GIB,
    applied_inputs,
    condition,
    deprecate,
    kinds,
    on,
    patch,
    publish,
    refused,
)


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database_url, tmp_path) as opened:
        publish(opened, "1.0.0")
        yield opened


def test_a_request_is_on_what_its_wish_comes_to_and_moves_when_that_does(stage: Stage) -> None:
    publish(stage, "2.0.0")
    wishes = {"nothing": None, "range": "^1.0.0", "pin": "1.0.0", "all": "*", "stable": "stable"}
    for name, wish in wishes.items():
        stage.request(name, **({} if wish is None else {"version": wish}))
    publish(stage, "1.1.0")
    publish(stage, "2.1.0")
    delivered = {name: on(stage, name)[2] for name in wishes}
    assert delivered == {
        "nothing": "2.1.0",
        "range": "1.1.0",
        "pin": "1.0.0",
        "all": "2.1.0",
        "stable": "2.1.0",
    }
    assert stage.shown("range")["version"] == "^1.0.0"
    assert stage.shown("range")["previous_version"] == "1.0.0"


def test_what_moves_by_itself_says_so_and_what_people_move_does_not(stage: Stage) -> None:
    stage.request()
    assert "VersionResolved" not in kinds(stage)
    publish(stage, "1.1.0")
    assert kinds(stage).count("VersionResolved") == 1
    patch(stage, version="1.0.0")
    assert on(stage) == ("1.0.0", "1.0.0", "1.0.0")
    assert kinds(stage).count("VersionResolved") == 1


def test_the_channels_take_every_canary_and_none(stage: Stage) -> None:
    stage.request("safe", version="stable")
    stage.request("brave", version="canary")
    publish(stage, "2.0.0", canary=1)
    assert (on(stage, "safe")[2], on(stage, "brave")[2]) == ("1.0.0", "2.0.0")
    publish(stage, "2.1.0")
    assert (on(stage, "safe")[2], on(stage, "brave")[2]) == ("2.1.0", "2.1.0")


@pytest.mark.parametrize("wish", ["newest", "^", ">2 <1", "1.0.0.0", "", "^1.0.0\n", "Stable"])
def test_what_is_no_wish_is_refused_at_its_place(stage: Stage, wish: str) -> None:
    body = {"name": "orders", "contract": CONTRACT, "version": wish, "inputs": {"size": "s"}}
    answer = stage.doors("dora", "POST", "/v1/projects/shop/requests", body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/version")


def test_a_wish_that_nothing_fits_is_refused_and_told_what_there_is(stage: Stage) -> None:
    publish(stage, "1.1.0")
    body = {"name": "orders", "contract": CONTRACT, "version": "^3.0.0", "inputs": {"size": "s"}}
    for query in ("", "?dry_run=true"):
        answer = stage.doors("dora", "POST", f"/v1/projects/shop/requests{query}", body)
        assert "published are 1.0.0, 1.1.0" in refused(answer, 409, "version_unresolvable")["detail"]
    stage.request()
    refused(patch(stage, version="^3.0.0"), 409, "version_unresolvable")


def test_a_range_that_has_lost_its_fit_keeps_the_request_where_it_is_and_says_what_to_do(
    stage: Stage,
) -> None:
    publish(stage, "2.0.0", canary=100)
    stage.request(version="^2.0.0")
    where = f"/v1/contracts/{CONTRACT}/versions/2.0.0/canary"
    stage.doors("pia", "PUT", where, {"share": 0}, headers={"If-Match": "*"})
    stage.settle()
    assert on(stage) == ("^2.0.0", "2.0.0", "2.0.0")
    assert stage.shown()["phase"] == "blocked"
    why = stage.why()
    assert (why["reason"], "avow upgrade orders --to" in why["next_action"]) == ("VersionGone", True)
    assert patch(stage, labels={"a": "b"}).status_code == 200, "its labels can still be changed"
    stage.doors("pia", "PUT", where, {"share": 100}, headers={"If-Match": "*"})
    stage.settle()
    assert stage.shown()["phase"] == "ready"


def test_who_follows_leaves_a_deprecated_version_and_who_pins_it_stays_and_may_change(stage: Stage) -> None:
    publish(stage, "2.0.0")
    stage.request("follower")
    stage.request("pinned", version="2.0.0")
    deprecate(stage, "2.0.0")
    assert (on(stage, "follower")[2], on(stage, "pinned")[2]) == ("1.0.0", "2.0.0")
    assert stage.shown("pinned")["phase"] == "ready"
    assert patch(stage, "pinned", inputs={"size": "l"}).status_code == 202
    assert stage.shown("pinned")["applied"]["inputs"]["size"] == "l"
    deprecate(stage, "1.0.0")
    assert on(stage, "follower")[2] == "1.0.0", "it stays where nothing else fits"
    assert stage.shown("follower")["phase"] == "ready"


def test_inputs_are_converted_for_a_version_and_the_wish_keeps_its_own(stage: Stage) -> None:
    stage.request(inputs={"size": "m"})
    publish(stage, "2.0.0", spec={"inputs": GIB, "conversion": TO_GIB})
    shown = stage.shown()
    assert (shown["phase"], shown["applied"]["contract_version"]) == ("ready", "2.0.0")
    assert shown["inputs"] == {"size": "m"}
    assert applied_inputs(stage) == {"gib": 10, "backups": True}, "an older default went along"
    stage.sleep(timedelta(hours=1))
    assert stage.world.done().count("v2-0-0") == 1, "it is delivered once"
    assert stage.doors.engine.asked[-1]["inputs"] == {"gib": 10, "backups": True}


def test_what_was_converted_is_what_the_next_version_starts_from(stage: Stage) -> None:
    stage.request(inputs={"size": "m"})
    publish(stage, "2.0.0", spec={"inputs": GIB, "conversion": TO_GIB})
    publish(stage, "3.0.0", spec={"inputs": GIB})
    assert applied_inputs(stage) == {"gib": 10, "backups": True}
    mib = GIB | {"required": ["mib"], "properties": {"mib": {"type": "integer"}}}
    more = {"from": ">=2.0.0", "inputs": {"mib": "inputs.gib * 1024", "gib": "null", "backups": "null"}}
    publish(stage, "4.0.0", spec={"inputs": mib, "conversion": more})
    assert applied_inputs(stage) == {"mib": 10240}
    assert stage.shown()["inputs"] == {"size": "m"}


def test_a_converted_request_is_changed_as_any_other(stage: Stage) -> None:
    stage.request(inputs={"size": "m"})
    publish(stage, "2.0.0", spec={"inputs": GIB, "conversion": TO_GIB})
    assert patch(stage, labels={"a": "b"}).status_code == 200
    assert patch(stage, inputs={"size": "l"}).json()["code"] == "invalid_inputs"
    rewritten = {"gib": 5, "size": None, "backups": None}
    assert patch(stage, inputs=rewritten).status_code == 202
    assert (stage.shown()["inputs"], applied_inputs(stage)) == ({"gib": 5}, {"gib": 5, "backups": False})


@pytest.mark.parametrize(
    ("spec", "reason", "owner"),
    [
        ({"inputs": GIB}, "InputsDoNotFit", "requester"),
        (
            {"inputs": GIB, "conversion": {"from": "^1.0.0", "inputs": {"gib": "inputs.volume"}}},
            "ConversionFailed",
            "contract-owner",
        ),
        (
            {"inputs": GIB, "conversion": {"from": "^1.0.0", "inputs": {"gib": "0", "size": "null"}}},
            "ConversionFailed",
            "contract-owner",
        ),
    ],
    ids=["no conversion", "no answer", "what it makes does not fit"],
)
def test_inputs_that_do_not_do_keep_the_request_on_its_version_and_it_lives_on(
    stage: Stage, spec: dict[str, Any], reason: str, owner: str
) -> None:
    stage.request()
    publish(stage, "2.0.0", spec=spec)
    assert on(stage) == ("", "1.0.0", "1.0.0")
    available = condition(stage, "Available")
    assert (available["status"], available["reason"]) == ("False", reason)
    assert ("2.0.0" in available["message"], "it stays on 1.0.0" in available["message"]) == (True, True)
    why = stage.why()
    assert (why["reason"], why["waiting_on"]["kind"]) == (reason, owner)
    assert stage.world.done() == ["v1-0-0"]
    publish(stage, "3.0.0", spec={"inputs": GIB, "conversion": TO_GIB})
    assert (stage.shown()["phase"], on(stage)[2]) == ("ready", "3.0.0")


def test_what_keeps_it_from_a_version_is_forgotten_with_the_next_wish(stage: Stage) -> None:
    stage.request()
    publish(stage, "2.0.0", spec={"inputs": GIB})
    assert stage.shown()["phase"] == "blocked"
    path = "/v1/projects/shop/requests/orders"
    for method, changes in (("PATCH", {"inputs": {"gib": 5, "size": None}}), ("DELETE", None)):
        answer = stage.doors("dora", method, path, changes, headers={"If-Match": "*"}).json()
        assert "InputsDoNotFit" not in {each["reason"] for each in answer["conditions"]}, method
    stage.settle()


# --- a change, and a move beside it -------------------------------------------------------


def moves_meanwhile(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the request go to 1.1.0 and 1.0.0 retire while policy is asked about the next change."""
    admit = admission.admit

    def after_the_move(*parts: Any, **more: Any) -> Any:
        decision = admit(*parts, **more)
        monkeypatch.setattr(commands, "admit", admit)
        publish(stage, "1.1.0")
        deprecate(stage, "1.0.0")
        assert deprecate(stage, "1.0.0", "retired").status_code == 200
        return decision

    monkeypatch.setattr(commands, "admit", after_the_move)


def test_a_change_of_labels_leaves_the_version_to_which_the_request_went_meanwhile(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.request()
    moves_meanwhile(stage, monkeypatch)
    where = "/v1/projects/shop/requests/orders"
    answer = stage.doors("dora", "PATCH", where, {"labels": {"a": "b"}}, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["contract_version"]) == (200, "1.1.0")
    assert (stage.shown()["labels"], on(stage)) == ({"a": "b"}, ("", "1.1.0", "1.1.0"))


def test_inputs_are_not_written_for_a_version_that_retired_meanwhile(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.request()
    moves_meanwhile(stage, monkeypatch)
    refused(patch(stage, inputs={"size": "l"}), 409, "version_retired")
    assert (on(stage), applied_inputs(stage)["size"]) == (("", "1.1.0", "1.1.0"), "s")
    assert patch(stage, inputs={"size": "l"}).status_code == 202


@pytest.mark.parametrize("value", [1, 1.0, 0])
def test_a_value_that_only_python_takes_for_the_same_is_checked(stage: Stage, value: float) -> None:
    stage.request(inputs={"size": "s", "backups": bool(value)})
    refused(patch(stage, inputs={"size": "s", "backups": value}), 422, "invalid_inputs")
    assert patch(stage, inputs={"size": "s", "backups": bool(value)}).status_code == 200


def test_a_number_that_becomes_another_kind_of_number_is_a_change(stage: Stage) -> None:
    publish(stage, "2.0.0", spec={"inputs": GIB})
    stage.request(inputs={"gib": 2})
    assert patch(stage, inputs={"gib": 2.0}).status_code == 202
    assert patch(stage, inputs={"gib": 2.0}).status_code == 200


# --- secrets ------------------------------------------------------------------------------


def a_token(**more: Any) -> dict[str, Any]:
    properties = {"token": {"type": "string", **more}}
    return {"inputs": {"type": "object", "additionalProperties": False, "properties": properties}}


def test_a_secret_in_clear_is_not_taken_along_to_where_the_field_became_sensitive(stage: Stage) -> None:
    publish(stage, "2.0.0", spec=a_token())
    stage.request(inputs={"token": "hunter2"})
    publish(stage, "3.0.0", spec=a_token(**{"x-sensitive": True}))
    assert on(stage) == ("", "2.0.0", "2.0.0")
    available = condition(stage, "Available")
    assert available["reason"] == "InputsDoNotFit"
    assert "/inputs/token" in available["message"]
    assert "hunter2" not in available["message"]
    [finding] = refused(patch(stage, version="3.0.0"), 422, "invalid_inputs")["errors"]
    assert (finding["pointer"], finding["code"]) == ("/inputs/token", "secret_value_refused")
    assert patch(stage, inputs={"token": "secret://env/AVOW_SECRET_TOKEN"}).status_code == 202
    assert on(stage) == ("", "3.0.0", "3.0.0")


def test_a_sensitive_input_further_down_takes_no_secret_in_clear(stage: Stage) -> None:
    secret = {"type": "string", "x-sensitive": True}
    inner = {"type": "object", "additionalProperties": False, "properties": {"key": secret}}
    properties = {"by": {"$ref": "#/$defs/secret"}, "login": inner}
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    publish(stage, "2.0.0", spec={"inputs": schema | {"$defs": {"secret": secret}}})
    body = {"name": "new", "contract": CONTRACT, "inputs": {"by": "hunter2", "login": {"key": "hunter2"}}}
    answer = stage.doors("dora", "POST", "/v1/projects/shop/requests", body)
    found = refused(answer, 422, "invalid_inputs")["errors"]
    assert [each["pointer"] for each in found] == ["/inputs/by", "/inputs/login/key"]
    assert "hunter2" not in answer.text
