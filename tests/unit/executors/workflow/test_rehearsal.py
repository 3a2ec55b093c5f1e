"""A rehearsal plays what its case says, in the real core, and tells every difference.

Cases are written as in a test file; the workflows are small and of the engine tests' own step
kinds. That shipped bundles pass their own tests stands at the end.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from catalog.bundle import read_files
from catalog.errors import Invalid
from catalog.schema import check_schema, violations
from executors.workflow.authoring.folder import folder_of
from executors.workflow.authoring.kinds import InstalledKinds
from executors.workflow.rehearsal.bench import Result, run_tests
from executors.workflow.rehearsal.script import SCHEMA, laid_over, read_test
from tests.engine import World
from tests.workflows import document, step, undoable

ROOT = Path(__file__).parents[4]
KINDS = {**World().kinds(), **{name: InstalledKinds()[name] for name in ("http.call", "http.read")}}
SHIPPED = sorted([*ROOT.glob("catalog/library/*/"), *ROOT.glob("deploy/examples/*/contract/")])
NOW = {"attempts": 4, "initial": "1s", "backoff": "fixed", "jitter": "none"}


def played(workflow: Mapping[str, Any], **case: Any) -> Result:
    """Return the result of one case, given as in a test file."""
    test = {
        "apiVersion": "avow/v1",
        "kind": "WorkflowTest",
        "workflow": "provision.yaml",
        "cases": [{"name": "it", "expect": {"state": "succeeded"}, **case}],
    }
    files = {"provision.yaml": json.dumps(workflow), "provision.test.yaml": json.dumps(test)}
    # JSON is YAML, but a workflow is recognised by how people write it.
    files["provision.yaml"] = f"# kind: Workflow\n{files['provision.yaml']}"
    [result] = run_tests(folder_of(files), KINDS)
    return result


def told(result: Result) -> list[str]:
    return [f"{each.what}: {each.expected} / {each.got}" for each in result.differences]


def test_the_published_schema_is_one() -> None:
    assert check_schema(SCHEMA, "") == ()


def test_unscripted_steps_succeed() -> None:
    result = played(document(step("a"), step("b")), expect={"effects": ["a", "b"], "elapsed": "0s"})
    assert result.is_passed
    assert result.state == "succeeded"


def test_what_is_not_expected_is_told_with_what_came() -> None:
    expect = {
        "state": "failed",
        "step": "b",
        "message": "busy",
        "outputs": {"id": 8, "more": 1},
        "effects": ["b", "a"],
        "compensations": ["a"],
        "skipped": ["a"],
        "attempts": {"a": 2},
        "elapsed": "1s",
        "events": ["StepSucceeded b", "StepSucceeded a"],
        "never": ["RunSucceeded"],
        "refused": ["own_request"],
    }
    given = {"steps": {"a": {"outputs": {"id": 7}}}}
    workflow = document(step("a"), step("b"), outputs={"id": "${steps.a.outputs.id}"})
    come = "StepStarted a, StepSucceeded a, StepStarted b, StepSucceeded b, RunSucceeded"
    assert told(played(workflow, given=given, expect=expect)) == [
        "state: failed / succeeded",
        "step: b / ",
        "message: busy / nothing",
        "outputs.id: 8 / 7",
        "outputs.more: 1 / nothing",
        "effects: b, a / a, b",
        "compensations: a / nothing",
        "skipped: a / nothing",
        "attempts.a: 2 / 1",
        "elapsed: 1s / 0s",
        f"events.1: StepSucceeded a after the ones before it / {come}",
        "never.RunSucceeded: no such event / 1 of them",
        "refused: own_request / nothing",
    ]


def test_the_last_attempt_of_a_list_stands_for_all_that_follow() -> None:
    given = {"steps": {"a": [{"fails": "transient"}, {"fails": "transient", "code": "busy"}]}}
    expect = {"state": "failed", "attempts": {"a": 4}, "elapsed": "3s", "effects": []}
    assert told(played(document(step("a", retry=NOW)), given=given, expect=expect)) == []


def test_a_failure_undoes_in_reverse_order_what_took_effect() -> None:
    given = {"steps": {"c": {"fails": "permanent", "message": "no room"}}}
    workflow = document(undoable("a"), undoable("b"), undoable("c"))
    expect = {"state": "failed", "message": "no room", "effects": ["a", "b"], "compensations": ["b", "a"]}
    assert told(played(workflow, given=given, expect=expect)) == []


@pytest.mark.parametrize(("happened", "attempts"), [(True, 1), (False, 2)])
def test_an_unknown_outcome_is_looked_up_before_it_is_tried_again(happened: bool, attempts: int) -> None:  # noqa: FBT001  # a parameter of the test
    given = {"steps": {"a": [{"fails": "unknown", "happened": happened}, {}]}}
    expect = {"effects": ["a"], "attempts": {"a": attempts}}
    assert told(played(document(step("a")), given=given, expect=expect)) == []


def test_a_look_that_cannot_tell_gets_the_run_stuck() -> None:
    given = {"steps": {"a": {"fails": "unknown", "look": "unknown"}}}
    expect = {"state": "stuck", "step": "a", "compensations": []}
    assert told(played(document(step("a")), given=given, expect=expect)) == []


def test_a_call_without_a_check_cannot_be_looked_up() -> None:
    call = {"id": "a", "uses": "http.call", "with": {"method": "PUT", "base_url": "https://a.example"}}
    given = {"steps": {"a": [{"fails": "unknown", "happened": True}]}}
    assert told(played(document(call), given=given, expect={"state": "stuck"})) == []
    checked = {**call, "with": {**call["with"], "check": {"path": ["a"]}}}  # type: ignore[dict-item]  # an object
    assert told(played(document(checked), given=given, expect={"state": "succeeded"})) == []


@pytest.mark.parametrize(("when", "attempts"), [("before", 2), ("after", 1)])
def test_after_a_crash_another_worker_goes_on_and_nothing_happens_twice(when: str, attempts: int) -> None:
    given = {"steps": {"a": [{"crash": when}, {}]}}
    expect = {"effects": ["a", "b"], "attempts": {"a": attempts}, "elapsed": "3s"}
    assert told(played(document(step("a"), step("b")), given=given, expect=expect)) == []


def test_a_crash_loses_the_answers_to_every_call_under_way() -> None:
    workflow = document(step("a", needs=[]), step("b", needs=[]))
    given = {"steps": {"a": {"takes": "10s"}, "b": [{"takes": "1s", "crash": "before"}, {}]}}
    expect = {"effects": ["b", "a"], "attempts": {"a": 2, "b": 2}, "elapsed": "14s"}
    assert told(played(workflow, given=given, expect=expect)) == []


def test_a_step_that_kills_its_workers_is_poison() -> None:
    result = played(
        document(step("a")), given={"steps": {"a": {"crash": "before"}}}, expect={"state": "failed"}
    )
    assert told(result) == []
    assert "3 times" in " ".join(message for _, message in result.story)


def test_what_takes_longer_than_its_timeout_has_an_unknown_outcome() -> None:
    given = {"steps": {"a": [{"takes": "2m"}, {}]}}
    expect = {
        "attempts": {"a": 2},
        "events": ["StepUncertain a"],
        "elapsed": {"at_least": "30s", "at_most": "2m"},
    }
    assert told(played(document(step("a", timeout="30s")), given=given, expect=expect)) == []


def test_steps_beside_one_another_take_the_time_of_the_longest() -> None:
    workflow = document(step("a", needs=[]), step("b", needs=[]), step("c", needs=["a", "b"]))
    given = {"steps": {"a": {"takes": "5s"}, "b": {"takes": "3s"}}}
    expect = {"effects": ["b", "a", "c"], "elapsed": "5s"}
    assert told(played(workflow, given=given, expect=expect)) == []


def test_arguments_are_resolved_and_judged_as_in_earnest() -> None:
    wrong = step("b")
    wrong["with"] = {"name": "${steps.a.outputs.id}"}
    given = {"steps": {"a": {"outputs": {"id": 7}}}}
    expect = {"state": "failed", "step": "b", "message": "/with/name"}
    assert told(played(document(step("a"), wrong), given=given, expect=expect)) == []


def test_stand_ins_fit_where_they_are_used() -> None:
    use = step("b")
    use["with"] = {"name": "${steps.a.outputs.deep.name}", "size": "${steps.a.outputs.size}"}
    workflow = document(step("a"), use, outputs={"size": "${steps.a.outputs.size}"})
    assert told(played(workflow, expect={"state": "succeeded", "outputs": {"size": "s"}})) == []


def test_what_children_hand_back_is_given_or_stood_in_for() -> None:
    parts = {"host": "${children.db.outputs.host}", "port": "${children.db.outputs.port}"}
    workflow = document(step("a"), outputs=parts)
    given = {"children": {"db": {"outputs": {"host": "h"}}}}
    outputs = {"host": "h", "port": "db.outputs.port"}
    result = played(workflow, given=given, expect={"state": "succeeded", "outputs": outputs})
    assert told(result) == []


def test_stand_ins_survive_uses_that_do_not_fit_together() -> None:
    ways = ["list.0.a", "list.first", "list", "list.0", "list.99999999", "deep.a.b", "deep.a", "deep.0.1.x"]
    outputs = {f"o{number}": f"${{steps.a.outputs.{way}}}" for number, way in enumerate(ways)}
    assert played(document(step("a"), outputs=outputs), expect={"state": "failed"}).is_passed


def test_the_instances_of_a_list_are_scripted_one_by_one_or_all_at_once() -> None:
    workflow = document(undoable("a", for_each=["x", "y", "z"], max_parallel=1, retry=NOW))
    given = {"steps": {"a": {"takes": "1s"}, "a[1]": [{"fails": "transient"}, {}]}}
    expect = {"effects": ["a[0]", "a[1]", "a[2]"], "attempts": {"a[1]": 2}, "elapsed": "3s"}
    assert told(played(workflow, given=given, expect=expect)) == []


def test_a_sub_workflow_is_played_and_undone_with_the_rest() -> None:
    inner = document(undoable("x"), name="inner")
    workflow = document(
        {"id": "in", "workflow": "inner.yaml"}, step("after"), workflows={"inner.yaml": inner}
    )
    given = {"steps": {"after": {"fails": "permanent"}}}
    expect = {"state": "failed", "effects": ["in/x"], "compensations": ["in/x"]}
    assert told(played(workflow, given=given, expect=expect)) == []


def asking(**more: Any) -> dict[str, Any]:
    asked = {"groups": ["security"], "expires": "3d", **more}
    return document({"id": "ask", "approval": asked}, step("a"))


PEOPLE = {"people": {"vera": ["security"], "sam": ["security"], "bob": []}, "requesters": ["sam"]}


def test_people_vote_under_the_rules_of_the_door() -> None:
    happens = [
        {"at": "1h", "approve": "ask", "by": "bob"},
        {"at": "2h", "approve": "ask", "by": "sam"},
        {"at": "3h", "delegate": "ask", "by": "vera", "to": "bob"},
        {"at": "4h", "approve": "ask", "by": "bob"},
        {"at": "5h", "reject": "ask", "by": "vera", "reason": "too late"},
    ]
    expect = {
        "state": "succeeded",
        "elapsed": "4h",
        "refused": ["not_an_approver", "own_request", "approval_closed"],
    }
    assert told(played(asking(), given=PEOPLE, happens=happens, expect=expect)) == []


def test_who_votes_without_a_time_votes_as_soon_as_he_is_asked() -> None:
    workflow = document(
        step("a"), {"id": "ask", "approval": {"groups": ["security"], "quorum": 1, "expires": "1d"}}
    )
    given = {**PEOPLE, "steps": {"a": {"takes": "7s"}}}
    happens = [{"approve": "ask", "by": "vera"}]
    assert told(played(workflow, given=given, happens=happens, expect={"elapsed": "7s"})) == []


def test_what_nobody_answers_expires_or_waits_for_ever() -> None:
    assert told(played(asking(), expect={"state": "failed", "elapsed": "3d"})) == []
    forever = document({"id": "ask", "approval": {"groups": ["security"]}})
    assert told(played(forever, expect={"state": "waiting", "elapsed": "0s"})) == []


def test_signals_timers_pauses_and_cancels_come_at_their_time() -> None:
    workflow = document(
        {"id": "go", "wait": {"signal": "go", "timeout": "1h"}},
        {"id": "rest", "wait": {"timer": "10m"}},
        undoable("a"),
        {"id": "last", "wait": {"signal": "never"}},
        outputs={"by": "${steps.go.outputs.by}"},
    )
    happens = [
        {"at": "5m", "signal": "go", "payload": {"by": "ada"}},
        {"at": "6m", "pause": "lunch"},
        {"at": "30m", "resume": True},
        {"at": "40m", "cancel": "enough"},
    ]
    expect = {
        "state": "cancelled",
        "elapsed": "40m",
        "compensations": ["a"],
        "events": ["RunPaused", "RunResumed"],
    }
    assert told(played(workflow, happens=happens, expect=expect)) == []


def test_a_failed_run_is_tried_again_from_where_it_failed() -> None:
    workflow = document(step("a"), step("b"))
    given = {"steps": {"b": [{"fails": "permanent"}, {}]}}
    expect = {"state": "succeeded", "effects": ["a", "b"], "attempts": {"b": 2}, "elapsed": "1h"}
    assert told(played(workflow, given=given, happens=[{"at": "1h", "retry": True}], expect=expect)) == []


def test_jitter_draws_what_the_case_says() -> None:
    workflow = document(step("a", retry={"attempts": 2, "initial": "8s"}))
    given = {"steps": {"a": [{"fails": "transient"}, {}]}, "dice": 0.25}
    assert told(played(workflow, given=given, expect={"elapsed": "2s"})) == []


@pytest.mark.parametrize(
    ("case", "where", "fix"),
    [
        ({"given": {"steps": {"aa": {}}}}, "given/steps", "did you mean a?"),
        ({"given": {"undo": {"x": {}}}}, "given/undo", "use one of a"),
        ({"happens": [{"approve": "b", "by": "ada"}]}, "happens", "use one of a"),
        ({"expect": {"effects": ["a/b"]}}, "expect/effects", "use one of "),
    ],
)
def test_a_test_of_a_step_that_is_not_there_is_refused(case: dict[str, Any], where: str, fix: str) -> None:
    with pytest.raises(Invalid) as refused:
        played(document(step("a")), **case)
    [finding] = refused.value.findings
    assert finding.pointer == f"provision.test.yaml#/cases/0/{where}"
    assert finding.fix == fix


@pytest.mark.parametrize(
    "case",
    [
        {"expect": {}},
        {"expect": {"state": "done"}},
        {"happens": [{"at": "1h"}]},
        {"happens": [{"approve": "a"}]},
        {"happens": [{"cancel": "x", "pause": "y"}]},
        {"given": {"steps": {"a": {"fails": "often"}}}},
        {"given": {"dice": 1}},
    ],
    ids=lambda case: json.dumps(case)[:40],
)
def test_a_file_that_is_no_test_is_refused_with_its_places(case: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        played(document(step("a")), **case)
    assert refused.value.code == "invalid_workflow_test"
    assert all(
        finding.pointer.startswith("provision.test.yaml#/cases/0") for finding in refused.value.findings
    )


def test_a_run_that_leaves_the_calendar_is_refused() -> None:
    workflow = document({"id": "rest", "wait": {"timer": "366d"}})
    with pytest.raises(Invalid) as refused:
        played(workflow, given={"now": "9999-12-30T00:00:00Z"})
    assert refused.value.code == "endless_rehearsal"


def test_a_workflow_that_cannot_be_published_is_not_rehearsed() -> None:
    with pytest.raises(Invalid) as refused:
        played(document(step("a", uses="test.dont")))
    assert [finding.pointer for finding in refused.value.findings] == ["provision.yaml#/steps/0/uses"]


def test_what_a_case_gives_is_laid_over_what_the_file_gives() -> None:
    assert laid_over({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}}) == {"a": {"b": 9, "c": 2}, "d": 3}
    head = "apiVersion: avow/v1\nkind: WorkflowTest\nworkflow: w.yaml\n"
    steps = {"given": {"steps": {"a": {"fails": "transient"}, "b": {"takes": "1s"}}}}
    case = {"name": "x", "given": {"steps": {"a": {"takes": "2s"}}}, "expect": {"state": "failed"}}
    text = head + "".join(
        f"{name}: {json.dumps(value)}\n" for name, value in {**steps, "cases": [case]}.items()
    )
    [read] = read_test(indent(text, ""), "w.test.yaml").cases
    assert read.given.steps["a"][0].fails == ""
    assert read.given.steps["b"][0].takes.total_seconds() == 1


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_ships_passes_its_own_tests(folder: Path) -> None:
    results = list(run_tests(folder_of(read_files(folder)), InstalledKinds()))
    assert results
    assert [f"{result.name}: {told(result)}" for result in results if not result.is_passed] == []


def test_every_test_file_that_ships_fits_the_schema_that_is_published() -> None:
    for folder in SHIPPED:
        for path, text in read_files(folder).items():
            if path.endswith(".test.yaml"):
                assert read_test(text, path).cases
    assert violations(SCHEMA, {}) != ()
