"""`avow contract init` and `lint`, and `avow lint`, on this disk alone: what they write and find."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from catalog.bundle import read_files
from catalog.starter import CapabilityKind, starter
from executors.workflow.lint import linter, whole
from tests.unit.platform_api.cli.authored import edited, new, written
from tests.unit.platform_api.cli.conftest import Avow

ROOT = Path(__file__).parents[4]
LINT = ROOT / "tests/bundles/lint"
SHIPPED = (ROOT / "catalog/library", ROOT / "catalog/starters", ROOT / "deploy/examples")

# What the product calls a sign of misuse, and the bundle that shows it.
MISUSE = {
    "policy in workflow steps": "policy-in-steps",
    "ownership in workflow steps": "ownership-in-steps",
    "the same control in several workflows": "copied-control",
    "a step with an effect and no compensation": "no-compensation",
    "no timeout": "no-timeout",
    "no idempotency key": "no-idempotency-key",
    "an approval without expiry": "approval-without-expiry",
    "a workflow that should be a pipeline": "should-be-pipeline",
    "a pipeline that should be a workflow": "should-be-workflow",
}


def codes(avow: Avow, *words: str) -> list[str]:
    return [each["code"] for each in json.loads(avow("lint", *words, "-o", "json").out)["findings"]]


# --- init ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CapabilityKind)
def test_a_new_contract_is_complete_and_passes_everything(
    avow: Avow, tmp_path: Path, kind: CapabilityKind
) -> None:
    made = avow("contract", "init", "orders", "--kind", kind, "--owner", "team-orders", "--into", "new")
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith(f"new/orders/  a contract of kind {kind}, ")
    assert read_files(tmp_path / "new/orders") == starter(kind, "orders", "team-orders")
    linted = avow("contract", "lint", "--strict", "new/orders")
    assert (linted.code, linted.err) == (0, "")
    assert "1 contract, 4 workflows: 0 errors, 0 warnings" in linted.out
    tested = avow("contract", "test", "new/orders")
    assert (tested.code, tested.err) == (0, ""), tested.out
    assert tested.out.endswith(" cases, 0 failed\n")


def test_what_stands_there_already_is_left_alone(avow: Avow, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("orders", "taken", "link"):
        ended = avow("contract", "init", name, "--kind", "database")
        assert (ended.code, ended.out) == (6, "")
        assert f"There is something at {name} already." in ended.err
    assert list((tmp_path / "orders").iterdir()) == []
    assert (tmp_path / "taken").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "words",
    [("Orders", "--kind", "database"), ("a", "--kind", "database", "--owner", "a b"), ("a", "--kind", "cow")],
)
def test_words_that_make_no_contract_write_nothing(
    avow: Avow, tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert avow("contract", "init", *words).code == 2
    assert list(tmp_path.iterdir()) == []


def test_init_as_json_lists_the_files(avow: Avow) -> None:
    told = json.loads(avow("contract", "init", "a", "--kind", "service", "-o", "json").out)
    assert (told["name"], told["kind"], told["owner"], told["folder"]) == (
        "a",
        "service",
        "team-platform",
        "a",
    )
    assert "templates/ci.yml" in told["files"]


# --- lint ---------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("lint",), ("contract", "lint")], ids=" ".join)
@pytest.mark.parametrize("rule", MISUSE.values(), ids=MISUSE.keys())
def test_every_sign_of_misuse_is_pointed_out(avow: Avow, command: tuple[str, ...], rule: str) -> None:
    found = json.loads(avow(*command, str(LINT / rule), "-o", "json").out)["findings"]
    assert [each for each in found if each["code"] == rule and each["fix"] and each["line"]]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_what_ships_breaks_no_rule_unless_it_says_why(avow: Avow, folder: Path) -> None:
    ended = avow("lint", "--strict", str(folder))
    assert (ended.code, ended.err) == (0, ""), ended.out


def without_docs(folder: Path) -> None:
    (folder / "docs/README.md").unlink()


def without_policy_test(folder: Path) -> None:
    (folder / "policy_test.yaml").unlink()


def with_a_bare_input(folder: Path) -> None:
    inner = {"type": "object", "description": "Both.", "properties": {"low": {"type": "integer"}}}
    edited(folder, inputs={"type": "object", "additionalProperties": False, "properties": {"limits": inner}})
    edited(folder, examples=[{"name": "a", "inputs": {}}])


def with_another_output(folder: Path) -> None:
    edited(folder, outputs={"type": "object", "properties": {"queue": {}, "url": {"type": "string"}}})


def with_a_strange_executor(folder: Path) -> None:
    (folder / "pipeline.yaml").write_text("stages: []\n")
    operations = yaml.safe_load((folder / "contract.yaml").read_text())["spec"]["operations"]
    operations["update"] = {"executor": "gitlab-ci", "definition": "pipeline.yaml"}
    edited(folder, operations=operations)


# What is done to a bundle that nothing is wrong with, and where the rule then speaks.
SPOILT: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "no-examples": (lambda folder: edited(folder, examples=None), "/spec/examples"),
    "no-service-level": (lambda folder: edited(folder, service_levels=None), "/spec/service_levels"),
    "no-drift-interval": (lambda folder: edited(folder, drift={"mode": "repair"}), "/spec/drift"),
    "no-docs": (without_docs, ""),
    "no-policy-test": (without_policy_test, "/spec/policies"),
    "undescribed-input": (with_a_bare_input, "/spec/inputs/properties/limits/properties/low"),
    "unfilled-output": (with_another_output, "/spec/outputs/properties/url"),
    "unknown-executor": (with_a_strange_executor, "/spec/operations/update/executor"),
}


def test_every_rule_about_a_whole_bundle_is_tried() -> None:
    assert set(SPOILT) == set(whole.NAMES)


@pytest.mark.parametrize("rule", SPOILT)
def test_a_rule_about_a_whole_bundle_speaks_where_it_is_broken_and_alone(
    avow: Avow, tmp_path: Path, rule: str
) -> None:
    spoil, pointer = SPOILT[rule]
    spoil(new(tmp_path / "queue"))
    ended = avow("contract", "lint", "queue", "-o", "json")
    [found] = json.loads(ended.out)["findings"]
    assert (found["code"], found.get("pointer", ""), found["path"]) == (rule, pointer, "queue/contract.yaml")
    assert found["fix"]
    assert ended.code == (7 if rule == "unfilled-output" else 0)
    assert (found["line"] > 1) == bool(pointer)
    # `avow workflow lint` looks at workflows, and does not take a reasoned silence for a mistake.
    assert json.loads(avow("workflow", "lint", "queue", "-o", "json").out)["findings"] == []
    silenced = f"# lint: allow {rule}: we know\n{(tmp_path / 'queue/contract.yaml').read_text()}"
    (tmp_path / "queue/contract.yaml").write_text(silenced)
    assert codes(avow, "queue") == []
    assert avow("workflow", "lint", "--strict", "queue").code == 0


def test_an_output_is_missed_in_every_workflow_that_delivers(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    update = folder / "update.yaml"
    update.write_text(update.read_text().replace("outputs:\n  queue:", "outputs:\n  other:"))
    ended = avow("lint", "queue")
    assert "queue is promised, and update.yaml does not hand it back" in ended.out


def test_what_publishing_would_refuse_is_an_error_with_its_place(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    (folder / "policy.rego").write_text(
        "package avow.contract\n\nimport rego.v1\n\ndeny contains 1 if inputt.x\n"
    )
    (folder / "delete.yaml").write_text((folder / "delete.yaml").read_text().replace("http.call", "http.cal"))
    edited(folder, drift={"interval": "10ms"})
    found = {each["code"]: each for each in json.loads(avow("lint", "queue", "-o", "json").out)["findings"]}
    assert {"interval_too_short", "unknown_step_kind"} <= set(found)
    assert found["interval_too_short"]["line"] > 1
    edited(folder, drift={"interval": "10m"})
    found = {each["code"]: each for each in json.loads(avow("lint", "queue", "-o", "json").out)["findings"]}
    assert (found["unknown_name"]["path"], found["unknown_name"]["line"]) == ("queue/policy.rego", 5)
    assert avow("lint", "queue").code == 7


def test_a_policy_that_only_the_compiler_refuses_is_an_error(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    text = "package avow.contract\n\nimport rego.v1\n\ndeny contains x if {\n\tx := 1 2\n}\n"
    (folder / "policy.rego").write_text(text)
    assert "policy_does_not_compile" in codes(avow, "queue")


def test_a_gate_that_temporal_does_not_keep_is_an_error(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    operations = yaml.safe_load((folder / "contract.yaml").read_text())["spec"]["operations"]
    for operation in operations.values():
        operation["executor"] = "temporal"
    edited(folder, operations=operations)
    assert codes(avow, "queue") == []
    text = (folder / "update.yaml").read_text()
    (folder / "update.yaml").write_text(text.replace("steps:", "concurrency: {key: a, limit: 1}\nsteps:"))
    assert codes(avow, "queue") == ["not_on_temporal"]


def test_a_definition_of_another_executor_must_be_readable(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    with_a_strange_executor(folder)
    (folder / "pipeline.yaml").write_text("a: &a [*a]\n")
    assert codes(avow, "queue") == ["unknown-executor", "yaml_alias"]


def test_an_executor_that_is_misspelt_is_told_with_what_was_meant(avow: Avow, tmp_path: Path) -> None:
    folder = new(tmp_path / "queue")
    text = (folder / "contract.yaml").read_text()
    (folder / "contract.yaml").write_text(
        text.replace("update: {executor: workflow", "update: {executor: workfow")
    )
    assert "fix: did you mean workflow?" in avow("lint", "queue").out


def test_an_executor_that_a_distribution_brings_is_known(
    avow: Avow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_a_strange_executor(new(tmp_path / "queue"))
    assert codes(avow, "queue") == ["unknown-executor"]
    metadata = {
        "METADATA": "Name: pipes\nVersion: 1.0\n",
        "entry_points.txt": "[avow.executors]\ngitlab-ci = a:b\n",
    }
    written(tmp_path / "site/pipes-1.0.dist-info", metadata)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert codes(avow, "queue") == []


def test_a_folder_without_a_contract_cannot_be_published(avow: Avow) -> None:
    ended = avow("lint", str(LINT / "no-check"))
    assert ended.code == 7
    assert "no-check/contract.yaml:1:1: error contract_missing" in ended.out


def test_the_organisation_s_settings_are_those_of_the_server(avow: Avow, tmp_path: Path) -> None:
    new(tmp_path / "queue")
    (tmp_path / "rego").mkdir()
    (tmp_path / "rego/settings.json").write_text('{"protected_environments": ["prod"], "reserved_words": 7}')
    assert avow("lint", "queue", "--policy-dir", "rego").code == 0
    (tmp_path / "rego/settings.json").write_text("{")
    ended = avow("lint", "queue", "--policy-dir", "rego")
    assert (ended.code, ended.out) == (2, "")
    assert "rego/settings.json" in ended.err


def test_all_rules_can_be_read(avow: Avow) -> None:
    names = [rule["name"] for rule in json.loads(avow("lint", "--rules", "-o", "json").out)]
    assert names == [*(rule.name for rule in linter.RULES), *whole.NAMES]
    told = avow("contract", "lint", "--rules").out
    assert all(f"{name}  (" in told for name in names)
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize("words", [("lint",), ("lint", "nowhere"), ("contract", "test", "nowhere")])
def test_what_is_not_there_is_told(avow: Avow, words: tuple[str, ...]) -> None:
    ended = avow(*words)
    assert ended.code == (2 if words == ("lint",) else 3)
    assert "Fix: " in ended.err


def test_a_file_is_no_bundle(avow: Avow, tmp_path: Path) -> None:
    new(tmp_path / "queue")
    for command in (("lint",), ("contract", "test")):
        ended = avow(*command, "queue/provision.yaml")
        assert (ended.code, ended.out) == (2, "")
        assert "Name the folder of a bundle." in ended.err


LOADED = """
import sys
from platform_api.cli.main import run
run(sys.argv[1:])
print("\\n".join(sys.modules), file=sys.stderr)
"""
SERVICES = {"alembic", "celery", "fastapi", "git", "psycopg", "reconciler", "sqlalchemy", "uvicorn"}


@pytest.mark.parametrize("command", ["lint", "test"])
def test_no_database_and_no_server_is_loaded(tmp_path: Path, command: str) -> None:
    new(tmp_path / "queue")
    ended = subprocess.run(
        [sys.executable, "-c", LOADED, "contract", command, str(tmp_path / "queue")],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not SERVICES & set(ended.stderr.splitlines())
    assert "policy.embedded" in ended.stderr.splitlines()
