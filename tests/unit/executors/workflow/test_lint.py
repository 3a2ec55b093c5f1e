"""Every sign of misuse is named where it stands, and nothing else is.

There is one bundle per rule in `tests/bundles/lint`, named like it; where a rule speaks there
is pinned here. What ships is held to all of them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.bundle import read_files
from catalog.documents import read_yaml
from executors.workflow.authoring.folder import Folder, folder_of
from executors.workflow.authoring.kinds import InstalledKinds, Opaque
from executors.workflow.lint.linter import RULES, Remark, Report, lint
from executors.workflow.lint.rule import Severity

ROOT = Path(__file__).parents[4]
BUNDLES = ROOT / "tests/bundles/lint"
PICTURE = ROOT / "tests/bundles/picture"
KINDS = InstalledKinds()
SHIPPED = sorted(
    [
        *ROOT.glob("catalog/library/*/"),
        *ROOT.glob("catalog/starters/*/"),
        *ROOT.glob("deploy/examples/*/contract/"),
    ]
)

PLACES: Mapping[str, list[str]] = {
    "approval-without-expiry": ["provision.yaml:6:5"],
    "copied-control": ["update.yaml:6:5"],
    "no-check": ["provision.yaml:5:5"],
    "no-compensation": ["provision.yaml:5:5"],
    "no-idempotency-key": ["provision.yaml:5:5", "provision.yaml:10:17", "provision.yaml:12:5"],
    "no-timeout": ["provision.yaml:5:5", "provision.yaml:10:5"],
    "ownership-in-steps": ["provision.yaml:11:23", "provision.yaml:20:5"],
    "policy-in-steps": ["provision.yaml:7:5", "provision.yaml:14:5", "provision.yaml:20:5"],
    "should-be-pipeline": ["provision.yaml:4:1"],
    "should-be-workflow": ["delete.yaml:7:12", "delete.yaml:8:5", "pipeline.yaml:5:1", "pipeline.yaml:7:1"],
}
ALSO = {"should-be-pipeline": {"no-compensation"}}
"""What a bundle cannot show without another rule speaking too."""

HEAD = "apiVersion: avow/v1\nkind: Workflow\nmetadata: {name: provision}\nsteps:\n"
PUT = (
    "    uses: http.call\n"
    "    with: {method: PUT, base_url: 'https://a.example', path: [a], check: {path: [a]}}\n"
    "    timeout: 10s\n"
)
LOOK = "    uses: http.read\n    with: {base_url: 'https://a.example'}\n    timeout: 10s\n"
ASK = "    approval: {groups: [security], expires: 3d}\n"


def bundle(name: str) -> Folder:
    return folder_of(read_files(BUNDLES / name))


def linted(**files: str) -> Report:
    """Lint files by name, `a_b` for `a.b`."""
    return lint([folder_of({name.replace("_", "."): text for name, text in files.items()})], KINDS)


def place(remark: Remark) -> str:
    return f"{remark.path}:{remark.line}:{remark.column}"


def rules_of(report: Report) -> list[str]:
    return [remark.rule for remark in report.remarks]


def test_there_is_a_bundle_for_every_rule_and_no_other() -> None:
    assert {folder.name for folder in BUNDLES.iterdir()} == {rule.name for rule in RULES} == set(PLACES)


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_rule_speaks_where_it_is_broken_and_alone(name: str) -> None:
    report = lint([bundle(name)], KINDS)
    assert [place(remark) for remark in report.remarks if remark.rule == name] == PLACES[name]
    assert set(rules_of(report)) == {name} | ALSO.get(name, set())
    assert all(remark.message and remark.fix for remark in report.remarks)


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_comment_with_a_reason_silences_a_rule_in_a_whole_file(name: str) -> None:
    files = read_files(BUNDLES / name)
    quiet = {path: f"# lint: allow {name}: we know\n{text}" for path, text in files.items()}
    report = lint([folder_of(quiet)], KINDS)
    assert name not in rules_of(report)
    assert {remark.reason for remark in report.silenced} == {"we know"}
    assert len(report.silenced) == len(PLACES[name])


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.parent.name + "-" + path.name)
def test_what_ships_breaks_no_rule_unless_it_says_why(folder: Path) -> None:
    report = lint([folder_of(read_files(folder))], KINDS)
    assert report.workflows
    assert [f"{place(remark)} {remark.rule}" for remark in report.remarks] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_says_why_it_exists_and_what_to_do(rule: object) -> None:
    assert getattr(rule, "why").endswith(".")  # noqa: B009  # parametrised as an object
    assert getattr(rule, "fix")  # noqa: B009


def test_a_silence_holds_for_its_step_and_no_other() -> None:
    first = f"  # lint: allow no-compensation: it leaves nothing\n  - id: a\n{PUT}\n"
    report = linted(provision_yaml=f"{HEAD}{first}  - id: b\n{PUT}\n  - id: c\n{ASK}")
    assert [place(remark) for remark in report.silenced] == ["provision.yaml:6:5"]
    assert [place(remark) for remark in report.remarks] == ["provision.yaml:11:5"]


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        ("# lint: allow no-timeout", "silence-without-reason"),
        ("# lint: allow no-timeouts: because", "unknown-rule"),
        ("# lint: allow no-check: because", "unused-silence"),
    ],
)
def test_a_silence_that_says_nothing_is_told(comment: str, code: str) -> None:
    text = f"{HEAD}  {comment}\n  - id: a\n    uses: http.read\n    with: {{base_url: 'https://a.example'}}\n"
    report = linted(provision_yaml=text)
    assert set(rules_of(report)) == {"no-timeout", code}
    assert report.silenced == ()


def test_what_publishing_refuses_cannot_be_silenced() -> None:
    text = f"# lint: allow unknown_step_kind: not yet\n{HEAD}  - id: a\n    uses: http.cal\n    timeout: 1s\n"
    report = linted(provision_yaml=text)
    refused = [remark for remark in report.remarks if remark.severity is Severity.ERROR]
    assert [(place(remark), remark.rule) for remark in refused] == [
        ("provision.yaml:7:5", "unknown_step_kind")
    ]
    assert refused[0].fix == "did you mean http.call?"
    assert "unknown-rule" in rules_of(report)


def test_a_file_that_is_no_yaml_is_told_by_its_line_and_the_others_are_linted() -> None:
    report = linted(provision_yaml=f"{HEAD}  - id: a\n{LOOK}", update_yaml=f"{HEAD}  - id: *a\n")
    assert [(place(remark), remark.rule) for remark in report.remarks] == [("update.yaml:5:1", "yaml_alias")]
    assert report.workflows == 1


def test_a_fault_in_a_sub_workflow_is_told_once_and_in_its_own_file() -> None:
    inner = HEAD.replace("provision", "network") + "  - id: x\n    uses: no.such\n    timeout: 1s\n"
    call = "    workflow: network.yaml\n"
    files = {
        "provision.yaml": f"{HEAD}  - id: a\n{call}  - id: b\n{call}",
        "update.yaml": HEAD.replace("provision", "update") + f"  - id: a\n{call}",
        "network.yaml": inner,
    }
    report = lint([folder_of(files)], KINDS)
    refused = [remark for remark in report.remarks if remark.rule == "unknown_step_kind"]
    assert [place(remark) for remark in refused] == ["network.yaml:6:5"]


def test_a_contract_that_names_a_missing_file_is_told() -> None:
    files = read_files(BUNDLES / "should-be-workflow")
    del files["observe.yaml"]
    report = lint([folder_of(files)], KINDS)
    assert "file_missing" in rules_of(report)


@pytest.mark.parametrize(
    ("steps", "spoken"),
    [
        (f"  - id: a\n{PUT}  - id: b\n{ASK}", ["no-compensation"]),
        (f"  - id: b\n{ASK}  - id: a\n{PUT}", []),  # nothing can fail after the last step
        (f"  - id: a\n{PUT}  - id: b\n    needs: []\n{ASK}", ["no-compensation"]),  # b may fail later
    ],
    ids=["first", "last", "beside"],
)
def test_only_the_very_last_step_needs_no_compensation(steps: str, spoken: list[str]) -> None:
    assert rules_of(linted(provision_yaml=HEAD + steps)) == spoken


@pytest.mark.parametrize("name", ["update", "repair", "delete"])
def test_what_works_on_things_in_use_needs_no_compensation(name: str) -> None:
    text = HEAD.replace("provision", name) + f"  - id: a\n{PUT}  - id: b\n{ASK}"
    assert rules_of(linted(provision_yaml=text)) == []


def test_a_control_is_found_in_another_bundle_too() -> None:
    text = f"{HEAD}  - id: a\n{ASK}"
    folders = [folder_of({"provision.yaml": text}, shown) for shown in ("one/", "two/")]
    [remark] = lint(folders, KINDS).remarks
    assert (place(remark), remark.rule) == ("two/provision.yaml:6:5", "copied-control")
    assert "one/provision.yaml" in remark.message


def test_a_kind_that_is_not_installed_is_taken_to_change_things() -> None:
    kinds = {**KINDS, "far.away": Opaque("far.away")}
    text = f"{HEAD}  - id: a\n    uses: far.away\n    with: {{any: thing}}\n    timeout: 1s\n  - id: b\n{ASK}"
    assert rules_of(lint([folder_of({"provision.yaml": text})], kinds)) == ["no-compensation"]


def test_the_report_does_not_depend_on_the_order_of_the_files() -> None:
    folder = bundle("policy-in-steps")
    turned = replace(folder, files=dict(sorted(folder.files.items(), reverse=True)))
    assert lint([folder], KINDS) == lint([turned], KINDS)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 60), JUNK), min_size=1, max_size=3))
def test_whatever_stands_in_a_document_is_linted_without_breaking(places: list[tuple[int, Any]]) -> None:
    broken = json.loads(json.dumps(read_yaml((PICTURE / "provision.yaml").read_text(), "w")))
    for number, junk in places:
        _replace(broken, number, junk)
    report = linted(provision_yaml=f"# kind: Workflow\n{json.dumps(broken)}", network_yaml=HEAD)
    assert report.remarks


def _replace(value: Any, number: int, junk: Any) -> None:
    """Put something else in the place that a walk comes to after so many steps."""
    found = list(_members(value))
    if found:
        whole, name = found[number % len(found)]
        whole[name] = junk


def _members(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for name in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, name
            yield from _members(value[name])
