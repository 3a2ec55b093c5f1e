"""A story says what happened, how often it was tried, and why."""

from typing import Any

import pytest

from platform_api.cli.story import Line, Mark, RunStory, is_of_a_run, told
from tests.unit.platform_api.cli.documents import entry, event, failure


def story_of(*entries: dict[str, Any]) -> list[tuple[Mark, str]]:
    story = RunStory()
    return [(line.mark, line.text) for each in entries for line in story.tell(each)]


def test_a_finished_step_says_how_long_it_took() -> None:
    assert story_of(
        entry(1, "Accepted"),
        entry(2, "AttemptStarted", 1, step="push", attempt=1),
        entry(3, "AttemptSucceeded", 1.4, step="push"),
    ) == [(Mark.OK, "push                            0.4s")]


def test_a_retry_is_told_as_it_happens_and_once_more_when_it_helped() -> None:
    again = "2026-11-21T12:00:02.700+00:00"
    assert story_of(
        entry(1, "AttemptStarted", 1, step="push", attempt=1),
        entry(2, "AttemptFailed", 1.5, step="push", failure=failure("connection refused"), retry_at=again),
        entry(3, "AttemptStarted", 2.7, step="push", attempt=2),
        entry(4, "AttemptSucceeded", 3.1, step="push"),
    ) == [
        (Mark.AGAIN, "push                     try 1  connection refused; again in 1.2s"),
        (Mark.OK, "push                     try 2  2.1s   before: connection refused"),
    ]


def test_an_unknown_outcome_is_told_as_such() -> None:
    look = "2026-11-21T12:00:02.000+00:00"
    assert story_of(
        entry(1, "AttemptStarted", 1, step="push", attempt=1),
        entry(2, "AttemptUncertain", 1, step="push", failure=failure("timed out"), look_at=look),
    ) == [
        (
            Mark.AGAIN,
            "push                     try 1  timed out; not known whether it took effect; looked up in 1.0s",
        )
    ]


def test_a_failure_and_its_undoing_are_told() -> None:
    assert story_of(
        entry(1, "AttemptStarted", 1, step="push", attempt=1),
        entry(2, "AttemptFailed", 1, step="push", failure=failure("no route"), retry_at=None),
        entry(3, "CompensationStarted", 1, ends="failed", step="push", message="push failed: no route"),
        entry(4, "AttemptStarted", 1, step="repository", side="undo", attempt=1),
        entry(5, "AttemptSucceeded", 1.2, step="repository", side="undo"),
        entry(6, "Ended", 1.2, state="failed"),
    ) == [
        (Mark.BAD, "push                     try 1  no route"),
        (Mark.UNDONE, "undoing what was done: push failed: no route"),
        (Mark.UNDONE, "undo repository                 0.2s"),
    ]


def test_an_entry_is_told_once() -> None:
    done = entry(2, "AttemptSucceeded", 1.4, step="push")
    assert len(story_of(done, done)) == 1


def test_the_present_is_the_step_under_way() -> None:
    story, seen = RunStory(), []
    for each in (
        entry(1, "AttemptStarted", 1, step="push", attempt=1),
        entry(2, "AttemptFailed", 1, step="push", failure=failure("x"), retry_at="2026-11-21T12:00:02Z"),
        entry(3, "AttemptStarted", 2, step="push", attempt=2),
        entry(4, "AttemptSucceeded", 2, step="push"),
    ):
        list(story.tell(each))
        seen.append(story.present)
    assert seen == ["push", "push  waits for try 2", "push  try 2", ""]


def test_the_end_of_a_run_is_known() -> None:
    story = RunStory()
    list(story.tell(entry(1, "Ended", state="succeeded")))
    assert story.is_over


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"seq": "1"},
        {"seq": 1, "type": "AttemptFailed", "body": None},
        {"seq": 1, "type": "AttemptSucceeded", "body": {"at": 7, "step": None}},
        {"seq": 1, "type": "MoonRose", "body": {}},
    ],
    ids=["empty", "seq", "body", "at", "type"],
)
def test_an_entry_of_an_odd_shape_does_no_harm(odd: dict[str, Any]) -> None:
    story_of(odd)


def test_an_operation_is_named() -> None:
    begun = event(1, "OperationBegun", "nothing is delivered yet", reason="provision")
    assert list(told(begun)) == [Line(Mark.NOTE, "provision: nothing is delivered yet")]


def test_what_is_unknown_is_told_in_the_servers_words_and_cannot_steer_the_terminal() -> None:
    assert list(told(event(1, "MoonRose", "it rose\x1b[0m\r"))) == [Line(Mark.NOTE, "it rose")]
    assert list(told({"kind": "MoonRose"})) == [Line(Mark.NOTE, "MoonRose")]


def test_what_the_answer_will_say_is_not_told_twice() -> None:
    assert list(told(event(1, "PhaseChanged", "ready"))) == []


def test_a_step_without_a_journal_is_told_in_the_servers_words() -> None:
    assert list(told(event(1, "StepRetrying", "push failed and is tried again: refused"))) == [
        Line(Mark.AGAIN, "push failed and is tried again: refused")
    ]


@pytest.mark.parametrize(
    ("kind", "is_it"),
    [("StepStarted", True), ("RunFailed", True), ("CompensationStarted", True), ("DriftFound", False)],
)
def test_events_of_a_run_are_known(kind: str, *, is_it: bool) -> None:
    assert is_of_a_run(event(1, kind)) is is_it


def test_what_people_are_asked_and_say_is_told() -> None:
    story = RunStory()
    task = {"assignees": ["vera"], "groups": ["security"]}
    vote = {"person": "anna", "verdict": "reject", "reason": "too open"}
    lines = [
        [(line.mark, line.text.split(maxsplit=1)[1]) for line in story.tell(each)]
        for each in (
            entry(1, "ApprovalOpened", step="sign-off", task=task),
            entry(2, "ApprovalClaimed", step="sign-off", claim={"person": "anna"}),
            entry(3, "ApprovalClaimed", step="sign-off", claim=None),
            entry(4, "ApprovalDelegated", step="sign-off", delegation={"giver": "vera", "delegate": "otto"}),
            entry(5, "ApprovalReminded", step="sign-off"),
            entry(6, "ApprovalEscalated", step="sign-off", groups=["ciso", "board"]),
            entry(7, "ApprovalVoted", step="sign-off", vote=vote),
        )
    ]
    assert lines == [
        [(Mark.NOTE, "waits for approval by vera or group security; see avow approvals")],
        [(Mark.NOTE, "anna has it in hand")],
        [(Mark.NOTE, "nobody has it in hand")],
        [(Mark.NOTE, "vera hands it to otto")],
        [(Mark.AGAIN, "those who are asked are reminded")],
        [(Mark.AGAIN, "ciso and board are asked too")],
        [(Mark.NOTE, "anna says reject: too open")],
    ]
    assert story.present == "sign-off  waits for people"
    [closed] = story.tell(entry(8, "ApprovalClosed", step="sign-off", outcome="rejected", message="no"))
    assert (closed.mark, story.present) == (Mark.BAD, "")
    assert is_of_a_run(event(1, "ApprovalVoted"))


@pytest.mark.parametrize("spoilt", [{}, {"task": 1, "vote": [], "claim": "x", "delegation": 0, "groups": {}}])
def test_an_odd_entry_about_people_harms_nobody(spoilt: dict[str, Any]) -> None:
    kinds = ("Opened", "Claimed", "Delegated", "Reminded", "Escalated", "Voted", "Closed", "Weighed")
    told_lines = story_of(*(entry(n, f"Approval{kind}", **spoilt) for n, kind in enumerate(kinds, 1)))
    assert len(told_lines) == len(kinds) - 1
