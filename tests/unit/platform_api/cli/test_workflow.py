"""`avow workflow` on this disk alone: what it ends with, what programs read, what it leaves alone."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from platform_api.cli.junit import junit
from tests.unit.platform_api.cli.conftest import Avow

ROOT = Path(__file__).parents[4]
LINT = ROOT / "tests/bundles/lint"
PICTURE = ROOT / "tests/bundles/picture"
ONBOARDING = ROOT / "catalog/library/developer-onboarding"
LIBRARY = ROOT / "catalog/library"

WORKFLOW = """\
apiVersion: avow/v1
kind: Workflow
metadata: {name: provision}
steps:
  - {id: look, uses: http.read, with: {base_url: "https://a.example"}, timeout: 1s}
outputs: {size: "${inputs.size}"}
"""
TEST = """\
apiVersion: avow/v1
kind: WorkflowTest
workflow: provision.yaml
given: {inputs: {size: 1}}
cases:
  - {name: it goes well, expect: {state: succeeded}}
  - {name: "it <fails> & \\u001b[31mshouts", expect: {outputs: {size: 2}}}
"""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Give a bundle whose second test fails."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b/provision.yaml").write_text(WORKFLOW)
    (tmp_path / "b/provision.test.yaml").write_text(TEST)
    return Path("b")


LOADED = """
import sys
from platform_api.cli.main import run
run(sys.argv[1:])
print("\\n".join(sys.modules), file=sys.stderr)
"""
SERVICES = {"alembic", "celery", "fastapi", "git", "psycopg", "reconciler", "sqlalchemy", "uvicorn"}


@pytest.mark.parametrize(
    "words",
    [("lint", str(PICTURE)), ("graph", str(PICTURE)), ("test", str(ONBOARDING))],
    ids=lambda words: words[0],
)
def test_no_database_and_no_server_is_loaded(words: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOADED, "workflow", *words],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not SERVICES & set(ended.stderr.splitlines())
    assert "executors.workflow.check" in ended.stderr.splitlines()


def test_lint_ends_with_7_for_errors_and_0_for_warnings_unless_strict(avow: Avow) -> None:
    assert avow("workflow", "lint", str(LINT / "approval-without-expiry")).code == 7
    warned = avow("workflow", "lint", str(LINT / "no-check"))
    assert (warned.code, warned.err) == (0, "")
    assert avow("workflow", "lint", "--strict", str(LINT / "no-check")).code == 7
    assert avow("workflow", "lint", "--strict", str(LIBRARY)).code == 0


def test_findings_are_where_an_editor_can_jump_to(avow: Avow) -> None:
    first = avow("workflow", "lint", str(LINT / "no-check")).out.splitlines()[0]
    assert re.match(rf"{re.escape(str(LINT))}/no-check/provision\.yaml:5:5: warning no-check: \S", first)


def test_lint_as_json_has_every_finding_with_place_code_and_fix(avow: Avow) -> None:
    found = json.loads(avow("workflow", "lint", str(LINT / "no-timeout"), "-o", "json").out)
    assert (found["errors"], found["warnings"]) == (0, 2)
    assert [(each["line"], each["code"]) for each in found["findings"]] == [
        (5, "no-timeout"),
        (10, "no-timeout"),
    ]
    assert all(each["fix"] and each["message"] and each["column"] for each in found["findings"])


def test_lint_of_a_file_speaks_of_that_file_alone(avow: Avow) -> None:
    found = avow("workflow", "lint", str(LINT / "should-be-workflow/observe.yaml"))
    assert found.out == "2 workflows: 0 errors, 0 warnings, 0 silenced\n"
    found = avow("workflow", "lint", str(LINT / "copied-control/update.yaml"))
    assert "copied-control" in found.out


def test_the_rules_can_be_read(avow: Avow) -> None:
    names = [rule["name"] for rule in json.loads(avow("workflow", "lint", "--rules", "-o", "json").out)]
    assert set(names) == {folder.name for folder in LINT.iterdir()}
    told = avow("workflow", "lint", "--rules").out
    assert all(name in told for name in names)
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize("words", [("lint",), ("lint", "nowhere"), ("graph", "nowhere"), ("test", "nowhere")])
def test_what_is_not_there_is_told(avow: Avow, words: tuple[str, ...]) -> None:
    ended = avow("workflow", *words)
    assert ended.code == (2 if words == ("lint",) else 3)
    assert ended.err.startswith("Error: ")
    assert "Fix: " in ended.err


@pytest.mark.parametrize(("form", "file"), [("tree", "txt"), ("mermaid", "mmd"), ("dot", "dot")])
def test_a_graph_is_drawn_in_every_form(avow: Avow, form: str, file: str) -> None:
    assert (
        avow("workflow", "graph", str(PICTURE), "--as", form).out
        == (PICTURE / f"provision.{file}").read_text()
    )


def test_a_graph_can_be_of_any_operation_file_or_sub_workflow(avow: Avow) -> None:
    assert avow("workflow", "graph", str(ONBOARDING), "--operation", "delete", "--as", "tree").out.startswith(
        "delete\n"
    )
    assert avow("workflow", "graph", str(PICTURE / "network.yaml"), "--as", "tree").out.startswith(
        "network\n"
    )
    drawn = json.loads(avow("workflow", "graph", str(PICTURE), "-o", "json").out)
    assert drawn["nodes"][0]["inside"]["nodes"][0]["id"] == "reserve"
    missing = avow("workflow", "graph", str(PICTURE), "--operation", "repair")
    assert missing.code == 3
    assert "network.yaml, provision.yaml" in missing.err


def test_a_workflow_that_cannot_be_published_is_not_drawn(avow: Avow, tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(WORKFLOW.replace("http.read", "http.raed"))
    ended = avow("workflow", "graph", "w.yaml")
    assert (ended.code, ended.out) == (2, "")
    assert "w.yaml#/steps/0/uses" in ended.err
    assert "did you mean http.read?" in ended.err


def test_tests_end_with_7_when_one_fails_and_say_what_was_expected(avow: Avow, bundle: Path) -> None:
    ended = avow("workflow", "test", str(bundle))
    assert ended.code == 7
    assert "outputs.size\n          expected  2\n          got       1\n" in ended.out
    assert ended.out.endswith("2 cases, 1 failed\n")
    assert "\x1b" not in ended.out


def test_tests_as_json_have_the_story(avow: Avow, bundle: Path) -> None:
    found = json.loads(avow("workflow", "test", str(bundle), "-o", "json").out)
    assert (found["passed"], found["failed"]) == (1, 1)
    case = found["cases"][1]
    assert case["differences"] == [{"what": "outputs.size", "expected": "2", "got": "1"}]
    assert case["story"][-1] == {"at": "0s", "message": "the run succeeded"}
    lines = avow("workflow", "test", str(bundle), "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["passed"] for line in lines] == [True, False]


def test_tests_as_junit_xml_are_well_formed(avow: Avow, bundle: Path, tmp_path: Path) -> None:
    avow("workflow", "test", str(bundle), "--junit", "out.xml")
    root = ET.fromstring((tmp_path / "out.xml").read_text())  # noqa: S314  # our own file
    [suite] = root
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (
        "b/provision.test.yaml",
        "2",
        "1",
    )
    fine, broken = suite
    assert (fine.get("name"), len(fine)) == ("it goes well", 0)
    assert broken.get("name") == "it <fails> & shouts"
    assert broken[0].get("message") == "outputs.size: expected 2, got 1"
    assert "the run succeeded" in str(broken[0].text)


def test_junit_xml_of_nothing_is_well_formed() -> None:
    assert len(ET.fromstring(junit([]))) == 0  # noqa: S314  # our own text


def test_a_test_file_runs_alone_when_it_is_named(avow: Avow) -> None:
    alone = json.loads(avow("workflow", "test", str(LIBRARY / "service/delete.test.yaml"), "-o", "json").out)
    assert {case["workflow"] for case in alone["cases"]} == {"delete.yaml"}


def test_a_folder_without_tests_is_told(avow: Avow) -> None:
    ended = avow("workflow", "test", str(PICTURE))
    assert ended.code == 3
    assert "There are no tests here" in ended.err


def test_a_broken_test_file_is_refused_with_its_places(avow: Avow, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "b/provision.test.yaml").write_text(TEST.replace("state: succeeded", "state: done"))
    ended = avow("workflow", "test", str(bundle))
    assert ended.code == 2
    assert "provision.test.yaml#/cases/0/expect/state" in ended.err


def test_a_dry_run_says_what_would_be_called_and_whom_it_would_ask(avow: Avow, tmp_path: Path) -> None:
    (tmp_path / "in.yaml").write_text("person: kim\nrole: developer\n")
    words = ("workflow", "run", "--dry-run", str(ONBOARDING), "--inputs", "in.yaml")
    told = avow(*words)
    assert told.code == 0
    assert "would ask group config.approvers" in told.out
    assert '["directory", "accounts", "kim"]' in told.out
    assert "would undo: access > role > account" in told.out
    found = yaml.safe_load(avow(*words, "-o", "yaml").out)
    assert [step["does"] for step in found["steps"]] == ["ask", "call", "call", "call"]
    assert found["outputs"] == {"account": "kim", "role": "developer"}


def test_a_dry_run_refuses_what_the_contract_refuses(avow: Avow) -> None:
    ended = avow("workflow", "run", "--dry-run", str(ONBOARDING))
    assert ended.code == 2
    assert "/inputs/person" in ended.err


def test_a_dry_run_that_would_fail_ends_with_7(avow: Avow, bundle: Path) -> None:
    ended = avow("workflow", "run", "--dry-run", str(bundle))
    assert ended.code == 7
    assert "${inputs.size} has no value here" in ended.out


def test_runs_in_earnest_are_the_servers(avow: Avow, bundle: Path) -> None:
    ended = avow("workflow", "run", str(bundle))
    assert ended.code == 2
    assert "--dry-run" in ended.err


def test_what_a_contract_marks_sensitive_is_not_told(avow: Avow, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    contract = yaml.safe_load((LINT / "should-be-workflow/contract.yaml").read_text())
    contract["spec"]["inputs"]["properties"] = {"word": {"type": "string", "x-sensitive": True}}
    operation = {"executor": "workflow", "definition": "provision.yaml"}
    contract["spec"]["operations"] = dict.fromkeys(("provision", "delete"), operation) | {
        "observe": {"executor": "workflow", "definition": "observe.yaml"}
    }
    (folder / "contract.yaml").write_text(json.dumps(contract))
    text = WORKFLOW.replace('"https://a.example"}', '"https://a.example", path: ["${inputs.word}"]}')
    (folder / "provision.yaml").write_text(text.replace('outputs: {size: "${inputs.size}"}\n', ""))
    (folder / "observe.yaml").write_text((LINT / "should-be-workflow/observe.yaml").read_text())
    (tmp_path / "in.yaml").write_text("word: opensesame\n")
    ended = avow("workflow", "run", "--dry-run", "c", "--inputs", "in.yaml")
    assert ended.code == 0, ended
    assert "opensesame" not in ended.out + ended.err
    assert "(sensitive)" in ended.out
