"""A version that is too low for what it changes is refused, with every place and the version it is due."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from platform_api.commands import contracts as commands
from tests.doors import Doors, open_doors
from tests.factories import contract_document, contract_files
from tests.together import at_once

CONTRACTS = "/v1/contracts"
IMPACT = "/v1/contracts/impact"
NAME = "cache"
SIZES = {"size": {"enum": ["s", "m"]}}
POLICY = """\
package avow.contract

import rego.v1

deny contains {"id": "none", "msg": "not in qa", "remediation": "ask elsewhere"} if {
	input.request.environment == "qa"
}
"""


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        yield opened


def bundle(version: str, **spec: Any) -> dict[str, str]:
    """Return a bundle whose inputs have these properties besides `size`, all optional."""
    inputs = {
        "type": "object",
        "additionalProperties": False,
        "properties": spec.pop("properties", SIZES),
        **({"required": spec.pop("required")} if "required" in spec else {}),
    }
    files = {"policy.rego": POLICY} if "policies" in spec else {}
    return contract_files(contract_document(NAME, version, inputs=inputs, **spec), files)


def publish(doors: Doors, files: dict[str, str], query: str = "") -> Any:
    """Publish, or try to."""
    return doors("pia", "POST", CONTRACTS + query, {"files": files})


def published(doors: Doors, *versions: str, **spec: Any) -> None:
    """Have versions published that say the same."""
    for version in versions:
        assert publish(doors, bundle(version, **spec)).status_code == 201, version


MORE = SIZES | {"tier": {"type": "string"}}

# What was published, the version that is tried and how it differs, the code, one place, and the fix.
REFUSED: dict[str, tuple[list[str], str, dict[str, Any], str, str, str]] = {
    "a minor version takes less": (
        ["1.0.0"],
        "1.1.0",
        {"properties": {"size": {"enum": ["s"]}}},
        "breaking_change",
        "/spec/inputs/properties/size/enum/1",
        "publish it as 2.0.0, or mend what is named",
    ),
    "a patch version takes less": (
        ["1.0.0", "1.1.0"],
        "1.1.1",
        {"required": ["size"]},
        "breaking_change",
        "/spec/inputs/required/0",
        "publish it as 2.0.0, or mend what is named",
    ),
    "the next major version is taken": (
        ["1.0.0", "2.0.0"],
        "1.1.0",
        {"required": ["size"]},
        "breaking_change",
        "/spec/inputs/required/0",
        "publish it as 3.0.0, or mend what is named",
    ),
    "a promise is weaker": (
        ["1.0.0"],
        "1.1.0",
        {"outputs": {"type": "object", "properties": {"password": {"type": "string", "x-sensitive": True}}}},
        "breaking_change",
        "/spec/outputs/properties/host",
        "publish it as 2.0.0, or mend what is named",
    ),
    "a policy is new": (
        ["1.0.0"],
        "1.1.0",
        {"policies": ["policy.rego"]},
        "breaking_change",
        "/spec/policies/0",
        "publish it as 2.0.0, or mend what is named",
    ),
    "one more contract is needed": (
        ["1.0.0"],
        "1.1.0",
        {"requires": [{"contract": "dns", "version": "*"}]},
        "breaking_change",
        "/spec/requires/0",
        "publish it as 2.0.0, or mend what is named",
    ),
    "nobody knows what it means": (
        ["1.0.0"],
        "1.1.0",
        {"properties": {"size": {"enum": ["s", "m"], "x-unit": "shirt"}}},
        "breaking_change",
        "/spec/inputs/properties/size/x-unit",
        "publish it as 2.0.0, or mend what is named",
    ),
    "a pre-release of a minor version takes less": (
        ["1.0.0"],
        "1.1.0-rc.1",
        {"required": ["size"]},
        "breaking_change",
        "/spec/inputs/required/0",
        "publish it as 2.0.0, or mend what is named",
    ),
    "below one a patch version takes less": (
        ["0.3.0"],
        "0.3.1",
        {"required": ["size"]},
        "breaking_change",
        "/spec/inputs/required/0",
        "publish it as 0.4.0, or mend what is named",
    ),
    "a patch version takes more": (
        ["1.0.0"],
        "1.0.1",
        {"properties": MORE},
        "version_too_low",
        "/spec/inputs/properties/tier",
        "publish it as 1.1.0, or mend what is named",
    ),
    "a patch version of an older minor takes more": (
        ["1.0.0", "1.1.0", "1.2.0"],
        "1.0.1",
        {"properties": MORE},
        "version_too_low",
        "/spec/inputs/properties/tier",
        "publish it as 1.3.0, or mend what is named",
    ),
    "the next version takes less than one in between": (
        ["1.0.0", "1.2.0"],
        "1.1.0",
        {"properties": MORE},
        "breaking_change",
        "/spec/inputs/properties/tier",
        "take up what 1.2.0 promises, and publish it as 1.3.0",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_version_that_is_too_low_is_refused_with_place_and_way_out(doors: Doors, case: str) -> None:
    before, version, spec, code, place, fix = REFUSED[case]
    published(doors, *before)
    held = doors.rows()
    for query in ("?dry_run=true", ""):
        answer = publish(doors, bundle(version, **spec), query)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert f"contract.yaml#{place}" in {each["pointer"] for each in answer.json()["errors"]}
        assert all(each["detail"] and each["fix"] for each in answer.json()["errors"])
        assert answer.json()["fix"] == fix
    assert doors.rows() == held


ALLOWED: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "a major version breaks": (["1.0.0", "1.4.0"], "2.0.0", {"required": ["size"]}),
    "a minor version takes more": (["1.0.0"], "1.1.0", {"properties": MORE}),
    "a patch version says it in other words": (["1.0.0"], "1.0.1", {"description": "A cache."}),
    "other majors are another matter": (["1.0.0", "3.0.0"], "2.0.0", {"required": ["size"]}),
    "below one a minor version breaks": (["0.3.0", "0.3.7"], "0.4.0", {"required": ["size"]}),
    "below one a patch version takes more": (["0.3.0"], "0.3.1", {"properties": MORE}),
    "the first stable version breaks": (["0.3.0"], "1.0.0", {"required": ["size"]}),
    "a pre-release of a major version breaks": (["1.0.0"], "2.0.0-rc.1", {"required": ["size"]}),
    "a pre-release before a release may be anything": (["1.1.0"], "1.1.0-rc.1", {"required": ["size"]}),
    "a patch of an older minor": (["1.0.0", "1.1.0"], "1.0.1", {"description": "A cache."}),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_a_version_that_is_high_enough_is_published(doors: Doors, case: str) -> None:
    before, version, spec = ALLOWED[case]
    published(doors, *before)
    answer = publish(doors, bundle(version, **spec))
    assert answer.status_code == 201, answer.text
    assert publish(doors, bundle(version, **spec)).status_code == 200


def test_the_neighbour_counts_and_not_the_highest_version(doors: Doors) -> None:
    published(doors, "1.0.0", "1.1.0")
    published(doors, "1.2.0", properties=MORE)
    assert publish(doors, bundle("1.1.1", properties=MORE)).json()["code"] == "version_too_low"
    assert publish(doors, bundle("1.2.1")).json()["code"] == "breaking_change"
    assert publish(doors, bundle("1.2.1", properties=MORE, description="A cache.")).status_code == 201


def promote(doors: Doors, version: str) -> Any:
    """Make a version one for everybody, or try to."""
    address = f"{CONTRACTS}/{NAME}/versions/{version}/canary"
    known = doors("pia", "GET", address)
    return doors("pia", "PUT", address, {"share": 100}, headers={"If-Match": known.headers["ETag"]})


def test_a_pre_release_counts_once_it_is_for_everybody(doors: Doors) -> None:
    published(doors, "1.0.0")
    published(doors, "1.1.0-rc.1", properties=MORE)
    assert publish(doors, bundle("1.1.0"), "?dry_run=true").status_code == 200
    assert promote(doors, "1.1.0-rc.1").status_code == 200
    refused = publish(doors, bundle("1.1.0"))
    assert (refused.status_code, refused.json()["code"]) == (409, "breaking_change")


def test_a_pre_release_that_others_went_beyond_is_not_promoted(doors: Doors) -> None:
    published(doors, "1.0.0", "1.2.0-rc.1")
    published(doors, "1.1.0", properties=MORE)
    refused = promote(doors, "1.2.0-rc.1")
    assert (refused.status_code, refused.json()["code"]) == (409, "breaking_change")
    assert refused.json()["errors"][0]["pointer"] == "contract.yaml#/spec/inputs/properties/tier"


def test_the_plan_of_a_publish_says_what_changes_and_which_version_is_due(doors: Doors) -> None:
    published(doors, "1.0.0", "1.4.0")
    answer = doors("pia", "POST", IMPACT, {"files": bundle("1.5.0", properties=MORE, required=["size"])})
    assert answer.status_code == 200, answer.text
    found = answer.json()["compatibility"]
    assert (found["compatible"], found["due"], found["publish_as"]) == (False, "major", "2.0.0")
    (compared,) = found["compared"]
    assert (compared["from_version"], compared["to_version"]) == ("1.4.0", "1.5.0")
    assert (compared["due"], compared["enough"]) == ("major", False)
    assert [(each["pointer"], each["breaks"], each["due"]) for each in compared["changes"]] == [
        ("/spec/inputs/required/0", "requester", "major"),
        ("/spec/inputs/properties/tier", "nobody", "minor"),
    ]
    assert answer.json()["summary"]["requests"] == 0


def test_the_plan_of_a_major_version_says_what_it_breaks_and_that_it_may(doors: Doors) -> None:
    published(doors, "1.0.0", "3.0.0")
    files = bundle("2.0.0", required=["size"])
    whole = doors("pia", "POST", f"{IMPACT}?format=json", {"files": files}).json()["compatibility"]
    assert (whole["compatible"], whole["due"]) == (True, "major")
    assert "publish_as" not in whole
    assert [(each["from_version"], each["to_version"], each["due"]) for each in whole["compared"]] == [
        ("1.0.0", "2.0.0", "major"),
        ("2.0.0", "3.0.0", "minor"),
    ]


def test_the_plan_of_a_first_version_has_nothing_to_compare(doors: Doors) -> None:
    found = doors("pia", "POST", IMPACT, {"files": bundle("1.0.0")}).json()["compatibility"]
    assert found == {"compatible": True, "due": "none", "compared": []}


def test_the_plan_is_refused_for_all_else_that_publishing_is_refused_for(doors: Doors) -> None:
    published(doors, "1.0.0", "2.0.0")
    files = bundle("1.1.0", required=["size"])
    answer = doors("pia", "POST", IMPACT, {"files": files, "canary": 10})
    assert (answer.status_code, answer.json()["code"]) == (409, "canary_not_newest")


def test_of_two_that_become_neighbours_at_once_the_second_sees_the_first(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(doors, "1.0.0")
    both_are_stored = threading.Barrier(2)
    leave = commands._leave

    def meet(*arguments: Any, **named: Any) -> None:
        with suppress(threading.BrokenBarrierError):  # SQLite lets one in at a time
            both_are_stored.wait(timeout=1)
        leave(*arguments, **named)

    monkeypatch.setattr(commands, "_leave", meet)
    offers = [bundle("1.1.0", properties=MORE), bundle("1.2.0")]
    answers = at_once(2, lambda number: publish(doors, offers[number]))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "breaking_change"}
