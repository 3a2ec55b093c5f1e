"""`avow contract test`: what becomes of a contract's examples, its policy's table and its workflows."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from catalog.starter import CapabilityKind
from tests.unit.platform_api.cli.authored import edited, new
from tests.unit.platform_api.cli.conftest import Avow


def judged(avow: Avow, *words: str) -> dict[str, Any]:
    """Return the cases of a test run by name."""
    found = json.loads(avow("contract", "test", *words, "-o", "json").out)
    assert (found["passed"], found["failed"]) == (
        sum(case["passed"] for case in found["cases"]),
        sum(not case["passed"] for case in found["cases"]),
    )
    return {case["name"]: case for case in found["cases"]}


def test_an_example_is_told_with_defaults_verdict_and_plan(avow: Avow, tmp_path: Path) -> None:
    new(tmp_path / "net", CapabilityKind.INFRASTRUCTURE)
    case = judged(avow, "net")["example smallest"]
    assert (case["inputs"], case["defaults"]) == (
        {"cidr": "10.1.0.0/24", "public": False},
        ["cidr", "public"],
    )
    assert case["decision"] == {"outcome": "allow", "expected": "allow", "results": []}
    plan = case["plan"]
    assert (plan["operation"], plan["executor"], plan["state"]) == ("provision", "workflow", "succeeded")
    assert [step["step"] for step in plan["steps"]] == ["agreed", "network"]
    assert plan["approvals"] == ["group security: A new network."]
    told = avow("contract", "test", "net").out
    assert "inputs  cidr=10.1.0.0/24 (default), public=no (default)" in told
    assert "0s  agreed   would ask group security: A new network." in told


def test_an_example_that_is_denied_is_planned_no_further(avow: Avow, tmp_path: Path) -> None:
    new(tmp_path / "queue")
    case = judged(avow, "queue")["example a-month-to-try-things-out"]
    assert "plan" not in case
    assert [result["rule"] for result in case["decision"]["results"]] == ["kept-too-long"]
    told = avow("contract", "test", "queue").out
    assert "policy  denied, as the example says" in told
    assert "fix: ask for 14 days or fewer" in told


@pytest.mark.parametrize(
    ("example", "what", "got"),
    [
        ({"inputs": {}, "expect": {"decision": "deny"}}, "decision", "allow"),
        (
            {"inputs": {"retention_days": 90}, "expect": {"decision": "allow"}},
            "decision",
            "deny: contract kept-too-long: outside of production messages are kept for at most two weeks",
        ),
        (
            {"inputs": {}, "environment": "prod", "expect": {"decision": "allow"}},
            "decision",
            "deny: org/production lifecycle: queue 0.1.0 is experimental",
        ),
    ],
    ids=["allowed", "denied-by-its-own", "denied-by-the-organisation"],
)
def test_an_example_that_is_judged_otherwise_fails(
    avow: Avow, tmp_path: Path, example: dict[str, Any], what: str, got: str
) -> None:
    folder = edited(new(tmp_path / "queue"), examples=[{"name": "one", **example}])
    if "lifecycle" in got:
        text = (folder / "contract.yaml").read_text()
        (folder / "contract.yaml").write_text(text.replace('"stable"', '"experimental"'))
    ended = avow("contract", "test", "queue", "-o", "json")
    assert ended.code == 7
    case = {each["name"]: each for each in json.loads(ended.out)["cases"]}["example one"]
    expected = example["expect"]["decision"]
    assert case["differences"] == [{"what": what, "expected": expected, "got": got}]


def test_an_example_of_which_nothing_is_expected_is_shown(avow: Avow, tmp_path: Path) -> None:
    edited(new(tmp_path / "queue"), examples=[{"name": "one", "inputs": {"retention_days": 90}}])
    case = judged(avow, "queue")["example one"]
    assert (case["passed"], case["decision"]["outcome"], case["decision"]["expected"]) == (True, "deny", None)


def test_an_example_is_planned_for_its_own_environment(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    text = (folder / "provision.yaml").read_text()
    only = '  - id: entry\n    if: request.environment == "prod"\n'
    (folder / "provision.yaml").write_text(text.replace("  - id: entry\n", only))
    found = judged(avow, "queue")
    planned = {name: found[f"example {name}"]["plan"] for name in ("smallest", "a-month-in-production")}
    assert {name: plan["steps"][1]["does"] for name, plan in planned.items()} == {
        "smallest": "skip",
        "a-month-in-production": "call",
    }


def test_a_delivery_that_would_fail_fails_the_example(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    text = (folder / "provision.yaml").read_text()
    (folder / "provision.yaml").write_text(text.replace("outputs:\n", 'outputs:\n  x: "${inputs.size}"\n'))
    ended = avow("contract", "test", "queue")
    assert ended.code == 7
    assert "succeeded\n          got       failed: " in ended.out


def test_a_promise_that_is_not_kept_fails_the_example(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    for file in ("provision.yaml", "update.yaml"):
        text = (folder / file).read_text()
        (folder / file).write_text(text.replace("outputs:\n  queue:", "outputs:\n  other:"))
    differences = judged(avow, "queue")["example smallest"]["differences"]
    assert {each["what"] for each in differences} == {"/outputs/queue", "/outputs/other"}


def test_an_example_with_a_secret_where_a_reference_belongs_fails_and_hides_it(
    avow: Avow, tmp_path: Path
) -> None:
    word = {"type": "string", "x-sensitive": True, "description": "A word."}
    inputs = {"type": "object", "additionalProperties": False, "properties": {"word": word}}
    folder = edited(new(tmp_path / "queue"), inputs=inputs)
    edited(folder, examples=[{"name": "one", "inputs": {"word": "opensesame"}}])
    for file in ("provision.yaml", "update.yaml"):
        text = (folder / file).read_text().replace("${inputs.retention_days}", "${inputs.word}")
        (folder / file).write_text(text)
    ended = avow("contract", "test", "queue", "-o", "json")
    told = avow("contract", "test", "queue").out
    assert "opensesame" not in ended.out + told
    case = {each["name"]: each for each in json.loads(ended.out)["cases"]}["example one"]
    assert case["inputs"] == {"word": "(sensitive)"}
    assert [each["what"] for each in case["differences"]] == ["/inputs/word"]


def test_what_cannot_be_published_fails_and_is_not_tried(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    (folder / "observe.yaml").unlink()
    ended = avow("contract", "test", "queue")
    assert ended.code == 7
    assert ended.out.endswith("1 case, 1 failed\n")
    assert "contract.yaml#/spec/operations/observe/definition file_missing" in ended.out
    edited(new(tmp_path / "other"), examples=[{"name": "one", "inputs": {"size": 1}}])
    found = avow("contract", "test", "other").out
    assert "contract.yaml#/spec/examples/0/inputs/size unknown_field" in found


def test_a_failing_table_and_a_failing_workflow_test_fail_the_bundle(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    table = (folder / "policy_test.yaml").read_text()
    (folder / "policy_test.yaml").write_text(table.replace("- id: kept-too-long", "- id: kept-too-short"))
    workflow = (folder / "provision.test.yaml").read_text()
    (folder / "provision.test.yaml").write_text(workflow.replace("elapsed: 30s", "elapsed: 31s"))
    failed = [name for name, case in judged(avow, "queue").items() if not case["passed"]]
    assert failed == [
        "and for nothing else",
        "a service that is overloaded is left alone for as long as it asks",
    ]
    assert avow("contract", "test", "queue").code == 7


def test_an_operation_of_another_executor_is_named_and_not_rehearsed(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    (folder / "provision.test.yaml").unlink()
    (folder / "provision.yaml").write_text("stages: []\n")
    text = (folder / "contract.yaml").read_text()
    (folder / "contract.yaml").write_text(
        text.replace("provision: {executor: workflow", "provision: {executor: gitlab-ci")
    )
    ended = avow("contract", "test", "queue")
    assert ended.code == 0
    assert "plan    provision: provision.yaml by gitlab-ci, which cannot be rehearsed here" in ended.out


def test_results_as_junit_xml_hold_every_case(avow: Avow, tmp_path: Path) -> None:
    edited(new(tmp_path / "queue"), examples=[{"name": "one", "inputs": {}, "expect": {"decision": "deny"}}])
    assert avow("contract", "test", "queue", "--junit", "out.xml").code == 7
    suites = {suite.get("name"): suite for suite in ET.fromstring((tmp_path / "out.xml").read_text())}  # noqa: S314  # our own file
    assert set(suites) == {
        "queue/contract.yaml",
        "queue/policy_test.yaml",
        "queue/provision.test.yaml",
    }
    published, example = suites["queue/contract.yaml"]
    assert (published.get("name"), len(published)) == ("it can be published", 0)
    assert example[0].get("message") == "decision: expected deny, got allow"


def test_the_organisation_s_own_rules_are_asked_when_they_are_named(avow: Avow, tmp_path: Path) -> None:
    new(tmp_path / "queue")
    (tmp_path / "rego").mkdir()
    (tmp_path / "rego/queues.rego").write_text(
        "package avow.policies.queues\n\nimport rego.v1\n\n"
        'deny contains {"id": "no-queues", "msg": "none"} if input.contract.name == "queue"\n'
    )
    assert avow("contract", "test", "queue").code == 0
    case = judged(avow, "queue", "--policy-dir", "rego")["example smallest"]
    assert case["differences"][0]["got"] == "deny: org/queues no-queues: none"
