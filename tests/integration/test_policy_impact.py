"""The impact of other policies: who would be denied, warned or allowed, and why; nothing is decided."""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from catalog.actor import Grant, Role
from platform_api import tokens
from platform_api.tokens import Token
from policy.bundle import organisation, proposed
from policy.embedded import EmbeddedEngine
from tests.engine import step, undoable
from tests.integration.test_publish_impact import bundle
from tests.integration.test_publish_impact import publish as publish_bundle
from tests.integration.test_versions import publish
from tests.stage import CONTRACT, Stage, open_stage

IMPACT = "/v1/policies/impact"
PRESENT = organisation()
SIZES = """\
package avow.policies.sizes

import rego.v1

deny contains {
	"id": "small-in-dev",
	"msg": "that is too small",
	"path": "/size",
	"remediation": "--set size=m",
} if {
	input.request.environment == "dev"
	input.inputs.size == "s"
}

warn contains {"id": "large", "msg": "that is large"} if input.inputs.size == "l"
"""

OWN = """\
package avow.contract

import rego.v1

deny contains "not delivered" if {
	input.enforcement_point == "plan"
	input.inputs.size == "m"
}
"""


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database_url, tmp_path) as opened, closing(EmbeddedEngine()) as engine:
        admission = opened.doors.platform.admission
        admission.engine, admission.organisation = engine, PRESENT
        publish(opened, undoable("make"), step("more"))
        for name, size, environment, owner in (
            ("small", "s", "dev", "team-a"),
            ("large", "l", "dev", "team-a"),
            ("staged", "s", "staging", "team-b"),
        ):
            opened.request(name, inputs={"size": size}, environment=environment, owner=owner)
        opened.doors.submit("theirs", "erin", "bank", contract=CONTRACT, inputs={"size": "s"}, owner="team-a")
        opened.settle()
        yield opened


def impact(stage: Stage, query: str = "", who: str = "admin", **body: Any) -> Any:
    answer = stage.doors(who, "POST", IMPACT + query, body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def outcomes(found: Any) -> dict[str, str]:
    return {each["request"]: each["outcome"] for each in found["items"]}


def test_new_policies_are_told_for_each_request_with_the_rule_and_the_fix(stage: Stage) -> None:
    before = stage.doors.rows()
    found = impact(stage, files={"sizes.rego": SIZES})
    assert stage.doors.rows() == before
    assert outcomes(found) == {
        "small": "denied",
        "large": "warned",
        "staged": "unchanged",
        "theirs": "denied",
    }
    small = next(each for each in found["items"] if each["request"] == "small")
    assert small["policy"] == [
        {
            "policy": "org/sizes",
            "rule": "small-in-dev",
            "action": "deny",
            "message": "that is too small",
            "path": "/size",
            "remediation": "--set size=m",
        }
    ]
    summary = found["summary"]
    assert summary["outcomes"] == {"denied": 2, "unchanged": 1, "warned": 1}
    assert summary["by_rule"] == {"org/sizes large": {"warned": 1}, "org/sizes small-in-dev": {"denied": 2}}
    assert summary["by_project"]["bank"] == {"denied": 1}


def test_what_is_foretold_is_what_policy_then_says(stage: Stage) -> None:
    found = impact(stage, files={"sizes.rego": SIZES})
    stage.doors.platform.admission.organisation = proposed(PRESENT, {"sizes.rego": SIZES}, {})
    publish(stage, undoable("make"), version="1.1.0")
    stage.settle()
    for each in found["items"]:
        who = "erin" if each["project"] == "bank" else "dora"
        where = f"/v1/projects/{each['project']}/requests/{each['request']}"
        conditions = stage.doors(who, "GET", where).json()["conditions"]
        denied = any(one["reason"] == "PolicyDenied" for one in conditions)
        assert denied is (each["outcome"] == "denied"), each["request"]


def test_what_is_denied_now_may_be_allowed_then(stage: Stage) -> None:
    strict = proposed(PRESENT, {"sizes.rego": SIZES}, {})
    stage.doors.platform.admission.organisation = strict
    found = impact(stage, files={})
    assert outcomes(found) == {
        "small": "allowed",
        "large": "unchanged",
        "staged": "unchanged",
        "theirs": "allowed",
    }
    small = next(each for each in found["items"] if each["request"] == "small")
    assert [each["rule"] for each in small["policy"]] == ["small-in-dev"], "what stands against it now"
    assert outcomes(impact(stage))["small"] == "unchanged", "denied as before"


def test_settings_alone_can_be_tried(stage: Stage) -> None:
    found = impact(
        stage, settings={"protected_environments": ["staging"], "protected_requires": {"size": "m"}}
    )
    assert outcomes(found) == {
        "small": "unchanged",
        "large": "unchanged",
        "staged": "denied",
        "theirs": "unchanged",
    }
    file = '{"protected_environments": ["staging"], "protected_requires": {"size": "m"}}'
    assert outcomes(impact(stage, files={"settings.json": file})) == outcomes(found)
    over = impact(stage, files={"settings.json": file}, settings={"protected_environments": []})
    assert set(outcomes(over).values()) == {"unchanged"}


def test_the_contracts_own_policy_keeps_its_say(stage: Stage) -> None:
    files = {**bundle("1.0.0", "sml", undoable("make"), name="own", policies=["policy.rego"])}
    publish_bundle(stage, {**files, "policy.rego": OWN})
    stage.doors.submit("mine", contract="own", inputs={"size": "m"}, owner="team-a")
    found = impact(stage, files={"sizes.rego": SIZES})
    mine = next(each for each in found["items"] if each["request"] == "mine")
    assert (mine["outcome"], mine["reason"]) == ("unchanged", "PolicyDenied")
    assert [each["policy"] for each in mine["policy"]] == ["contract"]


def test_what_cannot_go_over_to_its_version_is_asked_about_as_it_stands(stage: Stage) -> None:
    publish_bundle(stage, bundle("2.0.0", "l", undoable("make")))
    stage.settle()
    assert stage.shown("small")["phase"] == "blocked"
    rule = 'deny contains "old" if input.contract.version == "1.0.0"\n'
    old = f"package avow.policies.old\n\nimport rego.v1\n\n{rule}"
    assert outcomes(impact(stage, files={"old.rego": old})) == {
        "small": "denied",
        "large": "unchanged",
        "staged": "denied",
        "theirs": "denied",
    }


def test_pages_go_on_from_contract_to_contract(stage: Stage) -> None:
    publish_bundle(stage, bundle("1.0.0", "sml", undoable("make"), name="another"))
    for number in range(3):
        stage.doors.submit(f"a{number}", contract="another", inputs={"size": "s"}, owner="team-a")
    whole = impact(stage, files={"sizes.rego": SIZES})
    listed, token = list[Any](), ""
    while True:
        query = f"?page_size=2&page_token={token}" if token else "?page_size=2"
        page = impact(stage, query, files={"sizes.rego": SIZES})
        listed += page["items"]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert listed == whole["items"]
    assert [each["request"] for each in listed][:4] == ["a0", "a1", "a2", "small"]


def test_it_comes_as_a_table(stage: Stage) -> None:
    answer = stage.doors("admin", "POST", f"{IMPACT}?format=csv", {"files": {"sizes.rego": SIZES}})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["outcome"] for row in rows] == ["denied", "warned", "unchanged", "denied"]
    assert rows[0]["policy"] == "org/sizes small-in-dev: that is too small"


@pytest.mark.parametrize("who", ["dora", "pia", "paul", "anna"])
def test_whoever_does_not_oversee_all_projects_does_not_see_it(stage: Stage, who: str) -> None:
    answer = stage.doors(who, "POST", IMPACT, {"settings": {}})
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


def test_an_auditor_of_all_projects_sees_it(stage: Stage) -> None:
    doors = stage.doors
    doors.secrets["omar"] = tokens.new_secret()
    with doors.platform.db.write() as tx:
        grants = (Grant(Role.AUDITOR),)
        token = Token(doors.platform.mint("tok"), "omar", "omar", grants, doors.clock(), "setup")
        tokens.create(tx, token, doors.secrets["omar"])
    assert set(outcomes(impact(stage, who="omar", settings={})).values()) == {"unchanged"}


BROKEN = "package avow.policies.sizes\n\nimport rego.v1\n\ndeny contains x if {\n\tinptu.a == 1\n}\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"files": {"sizes.rego": BROKEN}}, "invalid_policy"),
        ({"files": {"sizes.rego": ""}}, "invalid_policy"),
        ({"files": {"naming.rego": SIZES}}, "invalid_policy"),
        ({"files": {"settings.json": "[]"}}, "invalid_policy"),
        ({"files": {"settings.json": '{"a-b": 1}'}}, "invalid_policy"),
        ({"files": {"settings.json": '{"a": NaN}'}}, "invalid_policy"),
        ({"settings": {"a-b": 1}}, "invalid_body"),
        ({"files": {"../etc/passwd": "x"}}, "invalid_body"),
        ({"files": {"Sizes.rego": SIZES}}, "invalid_body"),
        ({"files": None}, "invalid_body"),
        ({"files": {"sizes.rego": 3}}, "invalid_body"),
        ({"settings": []}, "invalid_body"),
        ({"more": 1}, "invalid_body"),
    ],
    ids=str,
)
def test_policies_that_could_not_be_used_are_refused(stage: Stage, body: Any, code: str) -> None:
    answer = stage.doors("admin", "POST", IMPACT, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["errors"]
