"""The impact of a publish is what then happens, request by request; and it changes nothing itself."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from executors import runs
from policy.embedded import EmbeddedEngine
from tests.asking import a_person
from tests.engine import document, step, undoable
from tests.factories import contract_document, contract_files
from tests.stage import CONTRACT, Stage, open_stage

IMPACT = "/v1/contracts/impact"
END: dict[str, Any] = {"outputs": {"host": "h"}, "facts": {"exists": True}}
ASK_IN_QA = {"id": "ask", "if": 'request.environment == "qa"', "approval": {"groups": ["security"]}}
PARK = {"id": "park", "if": 'request.labels.park == "yes"', "wait": {"signal": "go"}}
ASK_IN_STAGING = {"id": "staging", "if": 'request.environment == "staging"', "approval": {"groups": ["ops"]}}

POLICY = """\
package avow.contract

import rego.v1

deny contains {
	"id": "needs-owner",
	"msg": "somebody must answer for it",
	"remediation": "name an owner",
} if {
	input.enforcement_point == "plan"
	input.request.environment == "prod"
	input.request.owner == ""
}

warn contains {"id": "small", "msg": "that is small"} if input.inputs.size == "s"
"""


def bundle(version: str, sizes: str, *steps: dict[str, Any], **spec: Any) -> dict[str, str]:
    """Return a bundle whose provisioning and updating take these steps."""
    head = {"name": spec.pop("name", CONTRACT), "owner": spec.pop("owner", "team-data")}
    properties = {"size": {"enum": list(sizes)}, **spec.pop("properties", {})}
    inputs = {
        "type": "object",
        "required": ["size"],
        "additionalProperties": False,
        "properties": properties,
    }
    look = document(step("look", uses="test.look"), name="observe", facts={"exists": True})
    files = {
        "provision.yaml": json.dumps(document(*steps, **END)),
        "update.yaml": json.dumps(document(*steps, name="update", **END)),
        "delete.yaml": json.dumps(document(undoable("away"), name="delete")),
        "observe.yaml": json.dumps(look),
    }
    if "policies" in spec:
        files["policy.rego"] = POLICY
    return contract_files(contract_document(version=version, inputs=inputs, **head, **spec), files)


OLD = bundle("1.0.0", "sml", undoable("make"), ASK_IN_QA, PARK)
NEW = bundle(
    "2.0.0",
    "sm",
    undoable("make"),
    ASK_IN_QA,
    ASK_IN_STAGING,
    step("more"),
    properties={"tier": {"enum": ["web", "job"], "default": "web"}},
    policies=["policy.rego"],
)


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(database_url, tmp_path) as opened, closing(EmbeddedEngine()) as engine:
        opened.doors.platform.admission.engine = engine
        a_person(opened.doors, "sue", "security")
        publish(opened, OLD)
        yield opened


def publish(stage: Stage, files: dict[str, str], **more: Any) -> None:
    answer = stage.doors("pia", "POST", "/v1/contracts", {"files": files, **more})
    assert answer.status_code == 201, answer.text


def impact(stage: Stage, files: dict[str, str] = NEW, query: str = "", who: str = "pia", **more: Any) -> Any:
    """Return the impact of publishing a bundle."""
    answer = stage.doors(who, "POST", IMPACT + query, {"files": files, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(
    stage: Stage, name: str, size: str = "s", who: str = "dora", project: str = "shop", **more: Any
) -> None:
    """Have a request made; labels say whether its run parks."""
    labels = {"park": more.pop("park", "no")}
    stage.doors.submit(name, who, project, contract=CONTRACT, inputs={"size": size}, labels=labels, **more)
    stage.settle()


def populate(stage: Stage) -> None:
    """Have requests in every state that a publish may meet."""
    ask(stage, "plain", owner="team-a")
    ask(stage, "large", "l")
    ask(stage, "staged", environment="staging", owner="team-a")
    ask(stage, "ownerless", environment="prod")
    ask(stage, "owned", environment="prod", owner="team-a")
    ask(stage, "pinned", version="1.0.0")
    ask(stage, "held")
    ask(stage, "held-large", "l")
    for name in ("held", "held-large"):
        stage.doors("dora", "POST", f"/v1/projects/shop/requests/{name}/actions/pause")
    ask(stage, "parked", park="yes")
    ask(stage, "parked-staged", park="yes", environment="staging")
    ask(stage, "asking", environment="qa")
    ask(stage, "theirs", who="erin", project="bank")
    ask(stage, "leaving", park="yes")
    stage.doors("dora", "DELETE", "/v1/projects/shop/requests/leaving", headers={"If-Match": "*"})
    stage.settle()


FORESEEN = {
    "plain": ("changes", ""),
    "large": ("breaks", ""),
    "staged": ("needs_approval", ""),
    "ownerless": ("denied", ""),
    "owned": ("changes", ""),
    "held": ("changes", "Paused"),
    "held-large": ("breaks", "Paused"),
    "parked": ("changes", "Operating"),
    "parked-staged": ("needs_approval", "Operating"),
    "asking": ("needs_approval", ""),
    "theirs": ("changes", ""),
}


def let_go(stage: Stage) -> None:
    """Do what ends whatever held a request up."""
    for name in ("held", "held-large"):
        stage.doors("dora", "POST", f"/v1/projects/shop/requests/{name}/actions/resume")
    for name in ("parked", "parked-staged"):
        run = stage.doors("dora", "GET", f"/v1/projects/shop/requests/{name}/runs").json()["items"][0]
        with stage.doors.platform.db.read() as tx:
            key = runs.load(tx, "shop", run["id"]).idempotency_key
        stage.doors.platform.executors["workflow"].signal(key, "go", {})
    stage.settle()


def became(stage: Stage, name: str) -> str:
    """Return what really became of a request, in the words of an impact."""
    project, who = ("bank", "erin") if name == "theirs" else ("shop", "dora")
    shown = stage.doors(who, "GET", f"/v1/projects/{project}/requests/{name}").json()
    reasons = {each["reason"] for each in shown["conditions"] if each["status"] == "False"}
    if "InputsDoNotFit" in reasons:
        return "breaks"
    if "PolicyDenied" in reasons:
        return "denied"
    if any(each["request"] == name for each in stage.asked()):
        return "needs_approval"
    return "changes" if shown["applied"]["contract_version"] == "2.0.0" else "unchanged"


def test_the_list_is_what_then_happens(stage: Stage) -> None:
    populate(stage)
    before = stage.doors.rows()
    found = impact(stage)
    assert stage.doors.rows() == before, "an impact was written down"
    foreseen = {each["request"]: (each["outcome"], each.get("held_by", "")) for each in found["items"]}
    assert foreseen == FORESEEN
    assert found["summary"]["left_alone"] == {"deleting": 1, "pinned": 1}

    publish(stage, NEW)
    stage.settle()
    let_go(stage)
    assert {name: became(stage, name) for name in FORESEEN} == {
        name: outcome for name, (outcome, _) in FORESEEN.items()
    }
    pinned = stage.shown("pinned")
    assert (pinned["applied"]["contract_version"], pinned["phase"]) == ("1.0.0", "ready")


def item(stage: Stage, name: str) -> Any:
    return next(each for each in impact(stage)["items"] if each["request"] == name)


def test_a_row_says_what_changes_and_why_not(stage: Stage) -> None:
    populate(stage)
    plain = item(stage, "plain")
    assert (plain["from_version"], plain["to_version"], plain["operation"]) == ("1.0.0", "2.0.0", "update")
    assert plain["changes"] == [
        {"path": "/contract/version", "before": "1.0.0", "after": "2.0.0"},
        {"path": "/inputs/tier", "before": None, "after": "web"},
        {"path": "/steps/park", "before": f"wait if {PARK['if']}", "after": None},
        {"path": "/steps/staging", "before": None, "after": f"approval if {ASK_IN_STAGING['if']}"},
        {"path": "/steps/more", "before": None, "after": "test.do"},
    ]
    assert [(each["rule"], each["action"]) for each in plain["policy"]] == [("small", "warn")]
    [misfit] = item(stage, "large")["findings"]
    assert (misfit["pointer"], misfit["code"]) == ("/inputs/size", "enum")
    denial = item(stage, "ownerless")["policy"][0]
    assert (denial["rule"], denial["remediation"]) == ("needs-owner", "name an owner")
    [approval] = item(stage, "staged")["approvals"]
    assert (approval["step"], approval["groups"], approval["is_certain"]) == ("staging", ["ops"], True)
    assert item(stage, "asking")["operation"] == "provision", "what is asked about is given up"
    assert item(stage, "parked")["operation"] == "update", "what is under way is delivered first"


def test_everything_is_counted_by_project_team_and_environment(stage: Stage) -> None:
    populate(stage)
    summary = impact(stage)["summary"]
    assert summary["requests"] == len(FORESEEN) + 2
    assert summary["outcomes"] == dict(Counter(outcome for outcome, _ in FORESEEN.values()))
    assert summary["by_project"]["bank"] == {"changes": 1}
    assert summary["by_owner"]["team-a"] == {"changes": 2, "needs_approval": 1}
    assert summary["by_environment"]["prod"] == {"changes": 1, "denied": 1}
    assert summary["by_rule"]["contract needs-owner"] == {"denied": 1}
    for groups in (summary["by_project"], summary["by_owner"], summary["by_environment"]):
        total = sum((Counter(group) for group in groups.values()), Counter[str]())
        assert total == summary["outcomes"]


@pytest.mark.parametrize("share", [0, 40, 100])
def test_a_canary_concerns_the_requests_that_then_follow_it(stage: Stage, share: int) -> None:
    names = [f"r{number}" for number in range(7)]
    for name in names:
        ask(stage, name, owner="team-a")
    found = impact(stage, canary=share)
    concerned = {each["request"] for each in found["items"]}
    assert found["summary"]["left_alone"].get("other_version", 0) == 7 - len(concerned)

    publish(stage, NEW, canary=share)
    stage.settle()
    assert {name for name in names if stage.shown(name)["contract_version"] == "2.0.0"} == concerned


def test_an_older_version_concerns_nobody(stage: Stage) -> None:
    ask(stage, "plain")
    older = bundle("0.9.0", "sm", undoable("make"))
    assert impact(stage, older)["items"] == []
    assert impact(stage, older)["summary"]["left_alone"] == {"other_version": 1}


def test_what_is_published_already_changes_nothing(stage: Stage) -> None:
    ask(stage, "plain")
    found = impact(stage, OLD)
    assert [(each["request"], each["outcome"], each["changes"]) for each in found["items"]] == [
        ("plain", "unchanged", [])
    ]


def test_a_rule_of_placement_that_the_place_does_not_meet_breaks(stage: Stage) -> None:
    ask(stage, "plain")
    moved = bundle("2.0.0", "sml", undoable("make"), placement={"match": {"kind": "git-server"}})
    [found] = impact(stage, moved)["items"]
    assert (found["outcome"], found["findings"][0]["code"]) == ("breaks", "no_destination")
    publish(stage, moved)
    stage.settle()
    shown = stage.shown("plain")
    assert (shown["phase"], shown["applied"]["contract_version"]) == ("blocked", "1.0.0")


def test_the_first_version_of_a_contract_concerns_nobody(stage: Stage) -> None:
    found = impact(stage, bundle("1.0.0", "s", undoable("make"), name="brand-new"))
    assert found == {
        "compatibility": {"compatible": True, "due": "none", "compared": []},
        "summary": {
            "requests": 0,
            "outcomes": {},
            "left_alone": {},
            "by_project": {},
            "by_owner": {},
            "by_environment": {},
            "by_rule": {},
        },
        "items": [],
    }


# --- pages and exports -------------------------------------------------------------------


def test_pages_hold_every_row_once_and_only_the_first_counts(stage: Stage) -> None:
    populate(stage)
    whole, pages, token = impact(stage), list[Any](), ""
    while True:
        query = f"?page_size=3&page_token={token}" if token else "?page_size=3"
        pages.append(impact(stage, query=query))
        token = pages[-1].get("next_page_token", "")
        if not token:
            break
    assert [each for page in pages for each in page["items"]] == whole["items"]
    assert [len(page["items"]) for page in pages] == [3, 3, 3, 2]
    assert ["summary" in page for page in pages] == [True, False, False, False]
    assert pages[0]["summary"] == whole["summary"]


def test_only_some_outcomes_are_listed_and_all_are_counted(stage: Stage) -> None:
    populate(stage)
    query = "?outcome=breaks&outcome=denied&page_size=2"
    first = impact(stage, query=query)
    rest = impact(stage, query=f"{query}&page_token={first['next_page_token']}")
    listed = [each["request"] for each in (*first["items"], *rest["items"])]
    assert listed == ["large", "ownerless", "held-large"]
    assert first["summary"]["outcomes"]["changes"] == 5


def test_a_page_token_goes_on_with_the_same_bundle_only(stage: Stage) -> None:
    populate(stage)
    token = impact(stage, query="?page_size=1")["next_page_token"]
    other = bundle("3.0.0", "sml", undoable("make"))
    answer = stage.doors("pia", "POST", f"{IMPACT}?page_size=1&page_token={token}", {"files": other})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_page_token")


def test_all_of_it_comes_at_once_as_json(stage: Stage) -> None:
    populate(stage)
    assert impact(stage, query="?format=json&page_size=1") == impact(stage)


@pytest.mark.parametrize(("query", "headers"), [("?format=csv", {}), ("", {"Accept": "text/csv"})])
def test_all_of_it_comes_as_a_table_for_spreadsheets(
    stage: Stage, query: str, headers: dict[str, str]
) -> None:
    populate(stage)
    answer = stage.doors("pia", "POST", IMPACT + query, {"files": NEW}, headers=headers)
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = {each["request"]: each for each in csv.DictReader(io.StringIO(answer.text, newline=""))}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        name: outcome for name, (outcome, _) in FORESEEN.items()
    }
    assert "somebody must answer for it" in rows["ownerless"]["policy"]
    assert "/inputs/tier: None -> 'web'" in rows["plain"]["changes"]


# --- who, and what is refused ------------------------------------------------------------


@pytest.mark.parametrize("who", ["dora", "erin", "paul", "anna"])
def test_only_publishers_of_the_owning_team_see_it(stage: Stage, who: str) -> None:
    answer = stage.doors(who, "POST", IMPACT, {"files": NEW})
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")


def test_nobody_sees_the_impact_of_another_teams_contract(stage: Stage) -> None:
    foreign = bundle("2.0.0", "s", undoable("make"), owner="team-web")
    answer = stage.doors("admin", "POST", IMPACT, {"files": foreign})
    assert (answer.status_code, answer.json()["code"]) == (409, "owner_mismatch")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_body"),
        ({"files": {}}, 422, "invalid_body"),
        ({"files": {"a.yaml": "x"}}, 422, "invalid_bundle"),
        ({"files": NEW, "canary": 101}, 422, "invalid_body"),
        ({"files": NEW, "more": 1}, 422, "invalid_body"),
        ({"files": {**NEW, "contract.yaml": "kind: Contract"}}, 422, "invalid_contract"),
        ({"files": {**OLD, "extra.txt": "x"}}, 409, "version_published"),
        ({"files": bundle("0.1.0", "s", undoable("make")), "canary": 5}, 409, "canary_not_newest"),
    ],
)
def test_what_could_not_be_published_has_no_impact(
    stage: Stage, body: dict[str, Any], status: int, code: str
) -> None:
    before = stage.doors.rows()
    answer = stage.doors("pia", "POST", IMPACT, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert stage.doors.rows() == before


@pytest.mark.parametrize("query", ["?outcome=happy", "?format=xml", "?page_size=0", "?dry_runn=true"])
def test_a_question_that_cannot_be_is_refused(stage: Stage, query: str) -> None:
    answer = stage.doors("pia", "POST", IMPACT + query, {"files": NEW})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")


def test_without_policy_there_is_no_impact(stage: Stage) -> None:
    ask(stage, "plain")
    stage.doors.platform.admission.engine.close()
    answer = stage.doors("pia", "POST", IMPACT, {"files": NEW})
    assert (answer.status_code, answer.json()["code"]) == (503, "policy_unavailable")


def test_a_question_that_policy_cannot_answer_is_shown_as_what_it_comes_to(stage: Stage) -> None:
    ask(stage, "plain", owner="team-a")
    ask(stage, "other", owner="team-b")
    wrong = (
        POLICY + '\na := 1 if input.request.owner == "team-b"\n\na := 2 if input.request.name == "other"\n'
    )
    files = {**NEW, "policy.rego": wrong + '\ndeny contains "never" if a == 3\n'}
    found = {each["request"]: each for each in impact(stage, files)["items"]}
    assert {name: each["outcome"] for name, each in found.items()} == {"plain": "changes", "other": "denied"}
    assert found["other"]["findings"][0]["code"] == "policy_unavailable"
