"""The impact of a publish on requests that are made of requests is what then happens, child by child."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from policy.embedded import EmbeddedEngine
from tests.asking import a_person
from tests.village import WHERE, Village, bundle, open_village

IMPACT = "/v1/contracts/impact"
ASK_IN_QA = {"id": "ask", "if": 'request.environment == "qa"', "approval": {"groups": ["security"]}}
NOT_IN_PROD = """\
package avow.contract

import rego.v1

deny contains {"id": "never", "msg": "not in prod", "remediation": "ask elsewhere"} if {
	input.enforcement_point == "plan"
	input.request.environment == "prod"
}
"""
SMALL = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"size": {"enum": ["s", "m"]}},
}


def child(name: str, contract: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "contract": contract, "version": "^1.0.0"} | more


BEFORE = [child("b", "base", inputs={"size": "s"}), child("d", "base")]
AFTER = [
    child("b", "base", inputs={"size": "l"}),
    child("c", "small", inputs={"size": "${inputs.size}"}),
    child("g", "guarded", needs=["c"]),
]


@pytest.fixture
def village(database_url: str, tmp_path: Path) -> Iterator[Village]:
    with open_village(database_url, tmp_path) as opened, closing(EmbeddedEngine()) as engine:
        opened.doors.platform.admission.engine = engine
        a_person(opened.doors, "sue", "security")
        opened.offer("base")
        opened.offer("small", inputs=SMALL)
        guarded = offered("guarded", "1.0.0", policies=["policy.rego"])
        document = json.loads(guarded["provision.yaml"])
        document["steps"].insert(0, ASK_IN_QA)
        publish(opened, guarded | {"provision.yaml": json.dumps(document), "policy.rego": NOT_IN_PROD})
        publish(opened, offered("site", "1.0.0", children=BEFORE))
        yield opened


def offered(name: str, version: str, **spec: Any) -> dict[str, str]:
    return bundle((name, version, "team-data"), "${inputs.size}", "${steps.make.outputs.id}", **spec)


def publish(village: Village, files: dict[str, str]) -> None:
    answer = village.doors("pia", "POST", "/v1/contracts", {"files": files})
    assert answer.status_code == 201, answer.text
    village.settle()


def impact(village: Village, files: dict[str, str], query: str = "") -> Any:
    """Return the rows of an impact, by request."""
    before = village.doors.rows()
    answer = village.doors("pia", "POST", IMPACT + query, {"files": files})
    assert answer.status_code == 200, answer.text
    assert village.doors.rows() == before, "an impact was written down"
    return {each["request"]: each for each in answer.json()["items"]}


def populate(village: Village) -> None:
    """Have requests in every state that a publish may meet."""
    village.ask("plain", "site")
    village.ask("large", "site", inputs={"size": "l"})
    village.ask("taken", "site")
    village.ask("taken-c", "base")
    village.ask("asking", "site", environment="qa")
    village.ask("prod", "site", environment="prod")
    village.ask("held", "site")
    village.doors("dora", "POST", f"{WHERE}/held/actions/pause")
    village.ask("other", "base")
    village.ask("using", "site", uses=[{"request": "other"}])
    village.doors("dora", "POST", f"{WHERE}/other/actions/pause")
    village.settle()


def let_go(village: Village) -> None:
    """Do what ends whatever held a request up."""
    for name in ("held", "other"):
        village.doors("dora", "POST", f"{WHERE}/{name}/actions/resume")
    village.settle()


FORESEEN = {
    "plain": ("changes", ""),
    "large": ("breaks", ""),
    "taken": ("breaks", ""),
    "asking": ("needs_approval", ""),
    "prod": ("denied", ""),
    "held": ("changes", "Paused"),
    "using": ("changes", "UsedNotReady"),
}
WHOLE = [("change", "b"), ("make", "c"), ("make", "g"), ("give_back", "d")]
CHILDREN = {
    "plain": WHOLE,
    "large": [("change", "b")],
    "taken": [("change", "b")],
    "asking": WHOLE,
    "prod": WHOLE[:3],
    "held": WHOLE,
    "using": WHOLE,
}


def became(village: Village, name: str) -> str:
    """Return what really became of a request, in the words of an impact."""
    family = [each for each in village.phases() if each == name or each in (f"{name}-{c}" for c in "bcdg")]
    reasons = {
        each["reason"]
        for one in family
        for each in village.shown(one)["conditions"]
        if each["status"] == "False"
    }
    if reasons & {"RequirementMissing", "ChildMisfit", "ChildNameTaken"}:
        return "breaks"
    if "PolicyDenied" in reasons:
        return "denied"
    if any(each["request"] in family for each in village.asked()):
        return "needs_approval"
    return "changes" if village.shown(name)["applied"]["contract_version"] == "2.0.0" else "unchanged"


def stands(village: Village, name: str) -> dict[str, int]:
    """Return the generations of the children of a request that are there."""
    listed = village.doors("dora", "GET", f"{WHERE}?page_size=200").json()["items"]
    return {each["child"]: each["generation"] for each in listed if each.get("parent") == name}


def deeds(before: dict[str, int], after: dict[str, int]) -> set[tuple[str, str]]:
    """Return what was really done about children."""
    changed = {("change", each) for each in before if each in after and after[each] != before[each]}
    made = {("make", each) for each in after if each not in before}
    return changed | made | {("give_back", each) for each in before if each not in after}


def test_the_list_is_what_then_happens(village: Village) -> None:
    populate(village)
    new = offered("site", "2.0.0", children=AFTER)
    found = impact(village, new)
    assert {name: (row["outcome"], row.get("held_by", "")) for name, row in found.items()} == FORESEEN
    told = {
        name: [(each["deed"], each["request"].removeprefix(f"{name}-")) for each in row["children"]]
        for name, row in found.items()
    }
    assert told == CHILDREN
    before = {name: stands(village, name) for name in FORESEEN}

    publish(village, new)
    let_go(village)
    assert {name: became(village, name) for name in FORESEEN} == {
        name: outcome for name, (outcome, _) in FORESEEN.items()
    }
    for approval in village.asked():
        village.vote("sue", approval)
    village.settle()
    assert {name: deeds(before[name], stands(village, name)) for name in FORESEEN} == {
        name: set(done) for name, done in CHILDREN.items()
    }


def test_a_row_says_what_becomes_of_each_child(village: Village) -> None:
    populate(village)
    found = impact(village, offered("site", "2.0.0", children=AFTER))
    plain = found["plain"]
    assert (plain["reason"], plain["operation"]) == ("Composing", "update")
    changed, made, _, given_back = plain["children"]
    assert (changed["operation"], changed["contract"], changed["version"]) == ("update", "base", "1.0.0")
    assert changed["changes"] == [{"path": "/inputs/size", "before": "s", "after": "l"}]
    assert (made["operation"], made["outcome"], made["parent"]) == ("provision", "changes", "plain")
    assert (given_back["operation"], given_back["is_certain"]) == ("delete", True)
    [approval] = found["asking"]["children"][2]["approvals"]
    assert (approval["step"], approval["groups"], approval["is_certain"]) == ("ask", ["security"], True)
    denied = found["prod"]["children"][2]
    assert (denied["outcome"], denied["policy"][0]["remediation"]) == ("denied", "ask elsewhere")
    [misfit] = found["large"]["findings"]
    assert (misfit["code"], "large-c" in misfit["detail"]) == ("child_misfit", True)
    assert found["taken"]["findings"][0]["code"] == "child_name_taken"


def test_what_policy_says_of_children_is_counted_and_listed_for_spreadsheets(village: Village) -> None:
    populate(village)
    new = offered("site", "2.0.0", children=AFTER)
    summary = village.doors("pia", "POST", IMPACT, {"files": new}).json()["summary"]
    assert summary["by_rule"] == {"contract never": {"denied": 1}}
    answer = village.doors("pia", "POST", f"{IMPACT}?format=csv", {"files": new})
    rows = {each["request"]: each for each in csv.DictReader(io.StringIO(answer.text, newline=""))}
    assert "make asking-g (needs_approval): ask: security" in rows["asking"]["children"]
    assert "not in prod" in rows["prod"]["children"]


MISSING: dict[str, Any] = {
    "a requirement": {"requires": [{"contract": "nowhere", "version": "^1.0.0"}], "children": BEFORE},
    "a child's version": {"children": [child("b", "base", version="^9.0.0")]},
}


@pytest.mark.parametrize("spec", MISSING.values(), ids=MISSING)
def test_a_version_that_needs_what_nobody_published_breaks_what_is_delivered(
    village: Village, spec: Any
) -> None:
    village.ask("plain", "site")
    before, new = stands(village, "plain"), offered("site", "2.0.0", **spec)
    row = impact(village, new)["plain"]
    [finding] = row["findings"]
    assert (row["outcome"], finding["code"], row["children"]) == ("breaks", "requirement_missing", [])
    publish(village, new)
    shown = village.shown("plain")
    assert (shown["phase"], shown["applied"]["contract_version"]) == ("blocked", "1.0.0")
    assert stands(village, "plain") == before


def test_who_waited_for_it_before_is_left_as_it_is(village: Village) -> None:
    needs = [{"contract": "nowhere", "version": "^1.0.0"}]
    publish(village, offered("site", "2.0.0", requires=needs, children=BEFORE))
    village.ask("waiting", "site")
    row = impact(village, offered("site", "2.1.0", requires=needs, children=BEFORE))["waiting"]
    assert (row["outcome"], row["reason"]) == ("unchanged", "RequirementMissing")


def test_a_child_of_another_contract_is_given_back_and_made_anew(village: Village) -> None:
    village.ask("plain", "site")
    new = offered("site", "2.0.0", children=[child("b", "small", inputs={"size": "s"}), BEFORE[1]])
    row = impact(village, new)["plain"]
    assert row["outcome"] == "changes"
    assert [(each["deed"], each["contract"]) for each in row["children"]] == [
        ("give_back", "base"),
        ("make", "small"),
    ]
    story = len(village.things.story)
    publish(village, new)
    village.settle()
    assert village.things.story[story:] == ["-plain-b", "+plain-b", "+plain"]


def test_children_that_take_what_others_hand_back_are_uncertain(village: Village) -> None:
    linked = child("e", "base", inputs={"peer": "${children.b.outputs.id}"})
    publish(village, offered("site", "2.0.0", children=[*BEFORE, linked]))
    village.ask("plain", "site")
    row = impact(village, offered("site", "2.1.0", children=[AFTER[0], BEFORE[1], linked]))["plain"]
    assert [(each["deed"], each["request"], each["is_certain"]) for each in row["children"]] == [
        ("change", "plain-b", True),
        ("change", "plain-e", False),
    ]


def test_children_of_children_are_told_with_theirs(village: Village) -> None:
    publish(village, offered("house", "1.0.0", children=[child("g", "guarded")]))
    village.ask("plain", "site", environment="qa")
    new = offered("site", "2.0.0", children=[*BEFORE, child("h", "house")])
    row = impact(village, new)["plain"]
    assert [(each["request"], each["parent"], each["outcome"]) for each in row["children"]] == [
        ("plain-h", "plain", "needs_approval"),
        ("plain-h-g", "plain-h", "needs_approval"),
    ]
    assert row["outcome"] == "needs_approval"
    publish(village, new)
    assert [each["request"] for each in village.asked()] == ["plain-h-g"]


def test_what_is_published_already_changes_nothing(village: Village) -> None:
    village.ask("plain", "site")
    row = impact(village, offered("site", "1.0.0", children=BEFORE))["plain"]
    assert (row["outcome"], row["children"], row["changes"]) == ("unchanged", [], [])
