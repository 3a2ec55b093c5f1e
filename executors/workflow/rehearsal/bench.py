"""Runs the test files of a bundle.

A test is held to the bundle before it is played: its workflow must be one that could be
published, its inputs fit the contract, and every step that it speaks of exists, because a
misspelt one would be a test of nothing.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from catalog.acting import action_root
from catalog.digest import JsonObject
from catalog.errors import Finding, Invalid
from catalog.schema import violations, with_defaults
from executors.workflow.authoring.folder import TEST_SUFFIX, Folder, assembled
from executors.workflow.check import OBSERVE, workflow_findings
from executors.workflow.lint.rule import Kinds
from executors.workflow.places import taken_apart
from executors.workflow.rehearsal.people import ABOUT_APPROVALS
from executors.workflow.rehearsal.script import Case, Given, Table, read_test
from executors.workflow.rehearsal.stage import Play, rehearse
from executors.workflow.rehearsal.verdict import Difference, differences, state_of, story


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case.

    Attributes:
        story: what happened in the run, with the time since its beginning.
    """

    path: str
    workflow: str
    name: str
    state: str
    elapsed: timedelta
    differences: tuple[Difference, ...]
    story: tuple[tuple[timedelta, str], ...]

    @property
    def is_passed(self) -> bool:
        """Say whether everything came as expected."""
        return not self.differences


def run_tests(folder: Folder, kinds: Kinds) -> Iterator[Result]:
    """Yield the result of every case in a bundle.

    Raises:
        Invalid: a test file, or the workflow that it is about, cannot be used.
    """
    for path in sorted(folder.files):
        if path.endswith(TEST_SUFFIX):
            test = read_test(folder.files[path], path)
            play = play_of(folder, test.workflow, kinds)
            _check(test, play.document)
            for case in test.cases:
                given = _with_inputs(folder, test.workflow, case.given, f"{path}: {case.name}")
                yield _result(folder, test, play, replace(case, given=given))


def play_of(folder: Folder, path: str, kinds: Kinds) -> Play:
    """Return a workflow of a bundle, ready to be rehearsed.

    Raises:
        Invalid: `unknown_workflow`; `invalid_workflow`, with every finding.
    """
    source = folder.workflows.get(path)
    if source is None:
        broken = [finding for finding in folder.findings if finding.pointer.startswith(path)]
        known = ", ".join(folder.workflows) or "none"
        message = f"There is no workflow {path} that can be read."
        raise Invalid("unknown_workflow", message, findings=broken, fix=f"workflows here: {known}")
    reads_only = OBSERVE in source.operations
    findings = workflow_findings(source.document, kinds, files=folder.files, reads_only=reads_only)
    if findings:
        shown = [replace(each, pointer=f"{folder.shown}{path}#{each.pointer}") for each in findings]
        fix = "see avow workflow lint"
        raise Invalid("invalid_workflow", f"{path} cannot be run as it is.", findings=shown, fix=fix)
    document = assembled(source, folder)
    if folder.contract is None or path not in folder.named:
        return Play(document, kinds)
    contract: JsonObject = {"name": folder.contract.name, "version": folder.contract.version}
    return Play(document, kinds, contract, folder.contract.outputs)


def with_inputs(folder: Folder, path: str, inputs: JsonObject, shown: str) -> JsonObject:
    """Return inputs with the contract's defaults, for an operation's workflow.

    Raises:
        Invalid: `invalid_inputs`.
    """
    if folder.contract is None or path not in folder.named:
        return inputs
    whole = with_defaults(folder.contract.inputs, inputs)
    findings = violations(folder.contract.inputs, whole, "/inputs")
    if findings:
        raise Invalid("invalid_inputs", f"{shown}: the contract refuses these inputs.", findings=findings)
    return whole


def _with_inputs(folder: Folder, path: str, given: Given, shown: str) -> Given:
    inputs = with_inputs(folder, path, given.inputs, shown)
    return replace(given, inputs=inputs, action=_action(folder, path, given.action, shown))


def _action(folder: Folder, path: str, given: JsonObject, shown: str) -> JsonObject:
    """Return what is asked of an action's workflow, with the defaults of what the action takes.

    Raises:
        Invalid: `invalid_inputs`, also where the workflow is no such action's.
    """
    actions = {} if folder.contract is None else folder.contract.actions
    named = [name for name, action in actions.items() if action.definition == path]
    if not named and not given:
        return {}
    name, inputs = given.get("name", next(iter(named), "")), given.get("inputs", {})
    if name not in named or not isinstance(inputs, Mapping):
        finding = Finding("/action/name", "unknown_action", "the workflow is no such action's")
        raise Invalid("invalid_inputs", f"{shown}: there is no such action.", findings=(finding,))
    whole = with_defaults(actions[str(name)].inputs, inputs)
    findings = violations(actions[str(name)].inputs, whole, "/action/inputs")
    if findings:
        raise Invalid("invalid_inputs", f"{shown}: the action refuses these inputs.", findings=findings)
    return action_root(str(name), whole)


def _result(folder: Folder, test: Table, play: Play, case: Case) -> Result:
    played = rehearse(play, case)
    return Result(
        path=f"{folder.shown}{test.path}",
        workflow=test.workflow,
        name=case.name,
        state=state_of(played),
        elapsed=played.ended_at - played.began_at,
        differences=differences(case.expect, played),
        story=tuple(story(played)),
    )


def _check(test: Table, document: Mapping[str, Any]) -> None:
    findings = [
        finding
        for number, case in enumerate(test.cases)
        for finding in _misspelt(case, document, f"{test.path}#/cases/{number}")
    ]
    if findings:
        message = f"{test.path} speaks of steps that {test.workflow} does not have."
        raise Invalid("invalid_workflow_test", message, findings=findings)


def _misspelt(case: Case, document: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
    named = [("given/steps", place) for place in case.given.steps]
    named += [("given/undo", place) for place in case.given.undo]
    named += [("happens", each.what) for each in case.happens if each.verb in ABOUT_APPROVALS]
    for part in ("effects", "compensations", "skipped", "attempts"):
        named += [(f"expect/{part}", place) for place in case.expect.get(part, ())]
    for part, place in named:
        known = _siblings(document, place)
        step = taken_apart(place)[1]
        if step not in known:
            close = difflib.get_close_matches(step, known, n=1)
            fix = f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}"
            yield Finding(f"{pointer}/{part}", "unknown_step", f"there is no step {place[:100]}", fix)


def _siblings(document: Mapping[str, Any], place: str) -> list[str]:
    """Return the ids of the steps among which a place would be."""
    files, part = document.get("workflows", {}), document
    for name in place.split("/")[:-1]:
        step = taken_apart(name)[1]
        file = next((each.get("workflow") for each in part["steps"] if each["id"] == step), None)
        part = files.get(file, {"steps": []})
    return [each["id"] for each in part["steps"]]
