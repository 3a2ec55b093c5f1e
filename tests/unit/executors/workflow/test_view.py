"""A run as the port and as people see it."""

from typing import Any

import pytest

from executors.port import RunReport, RunState
from executors.workflow.events import Accepted, Failure, FailureKind, Side
from executors.workflow.exchange import Done, Failed, Pause
from executors.workflow.spec import parse_workflow
from executors.workflow.state import Phase, fold
from executors.workflow.view import report_of, step_views
from tests.play import PERMANENT, STEADY, UNKNOWN, Play, transient
from tests.workflows import EPOCH, document, step, undoable


def test_an_accepted_run_is_pending() -> None:
    assert report_of(fold([(1, Accepted(EPOCH))]), "run_1") == RunReport(RunState.PENDING, "run_1")


def test_a_running_run_names_its_step() -> None:
    report = report_of(Play(document(step("a"))).run, "run_1")
    assert (report.state, report.step, report.attempts) == (RunState.RUNNING, "a", 1)


def test_a_run_between_two_attempts_says_why_and_until_when() -> None:
    play = Play(document(step("a", retry=STEADY))).answer(transient())
    report = report_of(play.run, "run_1")
    assert (report.state, report.step, report.attempts) == (RunState.RETRYING, "a", 1)
    assert report.message == "it is busy"
    assert report.next_attempt_at == play.decision.due_at


def test_a_run_with_an_uncertain_step_is_running_and_says_so() -> None:
    report = report_of(Play(document(step("a"))).answer(UNKNOWN).run, "run_1")
    assert (report.state, report.message) == (RunState.RUNNING, "the line broke")


def test_a_compensating_run_says_what_went_wrong_first() -> None:
    play = Play(document(undoable("a"), step("b"))).answer(Done(), PERMANENT)
    report = report_of(play.run, "run_1")
    assert (report.state, report.step, report.message) == (RunState.COMPENSATING, "a", "b failed: it refuses")


def test_a_finished_run_has_outputs_and_no_leftovers() -> None:
    play = Play(document(step("a", retry=STEADY), outputs={"id": 1}, facts={"exists": True}))
    play.answer(transient())
    play.wait()
    report = report_of(play.answer(Done()).run, "run_1")
    assert report == RunReport(RunState.SUCCEEDED, "run_1", outputs={"id": 1}, facts={"exists": True})


def test_a_failed_run_has_no_outputs_and_names_the_step_and_its_attempts() -> None:
    play = Play(document(step("a", retry={"attempts": 1}), outputs={"id": 1})).answer(transient())
    report = report_of(play.run, "run_1")
    assert report == RunReport(RunState.FAILED, "run_1", message="a failed: it is busy", step="a", attempts=1)


def test_a_run_stuck_in_an_undo_counts_the_undos_attempts() -> None:
    refused = Failed(Failure(FailureKind.PERMANENT, "no", "it is in use"))
    play = Play(document(undoable("a"), step("b"))).answer(Done(), PERMANENT, transient())
    play.wait()
    report = report_of(play.answer(refused).run, "run_1")
    assert (report.state, report.step, report.attempts) == (RunState.STUCK, "a", 2)


def test_steps_are_listed_begun_or_not() -> None:
    doc = document(undoable("a"), step("b"), step("c"))
    play = Play(doc).answer(Done(), PERMANENT)
    views = {view.id: view for view in step_views(parse_workflow(doc), play.run)}
    assert [view.state for view in views.values()] == [Phase.DONE, Phase.FAILED, Phase.IDLE]
    assert views["a"].undo is Phase.RUNNING
    assert views["b"].message == "it refuses"
    assert play.run.of("a", Side.UNDO).phase is Phase.RUNNING


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"id": "w", "wait": {"timer": "10s"}}, "waits until 2030-01-01T00:00:10+00:00"),
        ({"id": "w", "wait": {"signal": "go"}}, "waits for the signal go"),
        ({"id": "w", "approval": {"groups": ["sec"]}}, "approval by group sec"),
        (
            {"id": "w", "approval": {"assignees": ["ann", "bob"], "quorum": 2}},
            "approval by ann or bob (0 of 2 votes)",
        ),
    ],
    ids=["timer", "signal", "group", "people"],
)
def test_a_run_that_waits_says_for_what(part: dict[str, Any], message: str) -> None:
    report = report_of(Play(document(part)).run, "run_1")
    assert (report.state, report.step, report.message) == (RunState.WAITING, "w", message)


def test_a_paused_run_says_why_once_nothing_is_under_way() -> None:
    play = Play(document(step("a"), step("b"))).send(Pause, "lunch")
    assert report_of(play.run, "run_1").state is RunState.RUNNING
    report = report_of(play.reply("a").run, "run_1")
    assert (report.state, report.message) == (RunState.WAITING, "paused: lunch")


def test_a_call_under_way_tells_more_than_a_branch_that_waits() -> None:
    play = Play(document({"id": "w", "wait": {"timer": "10s"}}, step("a", needs=[])))
    report = report_of(play.run, "run_1")
    assert (report.state, report.step, report.next_attempt_at) == (RunState.RUNNING, "a", None)


def test_a_branch_that_is_tried_again_tells_more_than_one_that_waits() -> None:
    play = Play(document({"id": "w", "wait": {"timer": "9s"}}, step("a", needs=[], retry=STEADY)))
    report = report_of(play.reply({"a": transient()}).run, "run_1")
    assert (report.state, report.step) == (RunState.RETRYING, "a")


def test_parts_are_listed_under_the_steps_that_they_are_parts_of() -> None:
    inner = document(step("p"), step("q"), name="inner")
    doc = document(
        step("f", for_each=["x", "y", "z"], max_parallel=2),
        {"id": "n", "workflow": "inner.yaml", "needs": []},
        {"id": "w", "wait": {"timer": "1s"}},
        workflows={"inner.yaml": inner},
    )
    views = list(step_views(parse_workflow(doc), Play(doc).run))
    assert [(view.id, view.uses, view.state) for view in views] == [
        ("f", "test.do", Phase.OPEN),
        ("f[0]", "test.do", Phase.RUNNING),
        ("f[1]", "test.do", Phase.RUNNING),
        ("n", "workflow inner.yaml", Phase.OPEN),
        ("n/p", "test.do", Phase.RUNNING),
        ("n/q", "test.do", Phase.IDLE),
        ("w", "wait", Phase.IDLE),
    ]
