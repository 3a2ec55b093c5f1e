"""A story says what happened, how often it was tried, and why."""

from typing import Any

from platform_api.cli.story import Mark, Story


def event(kind: str, second: float = 0, message: str = "", reason: str = "", **detail: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "at": f"2026-11-21T12:00:{second:06.3f}+00:00",
        "message": message,
        "reason": reason,
        "detail": detail,
    }


def told(*events: dict[str, Any]) -> list[tuple[Mark, str]]:
    story = Story()
    return [(line.mark, line.text) for each in events for line in story.tell(each)]


def test_a_finished_step_says_how_long_it_took() -> None:
    assert told(event("StepStarted", 1, step="push"), event("StepSucceeded", 1.4, step="push")) == [
        (Mark.OK, "push                               0.4s")
    ]


def test_a_retry_is_told_as_it_happens_and_once_more_when_it_helped() -> None:
    lines = told(
        event("StepStarted", 1, step="push"),
        event(
            "StepRetrying",
            1.5,
            step="push",
            failure="connection refused",
            attempts=5,
            retry_at="2026-11-21T12:00:02.700+00:00",
        ),
        event("StepSucceeded", 3.1, step="push", attempts=5),
    )
    assert lines == [
        (Mark.AGAIN, "push                     try 1/5   connection refused; again in 1.2s"),
        (Mark.OK, "push                     try 2/5   2.1s    before: connection refused"),
    ]


def test_a_retry_without_details_is_told_in_the_servers_words() -> None:
    assert told(event("StepRetrying", message="push failed and is tried again: refused")) == [
        (Mark.AGAIN, "push failed and is tried again: refused")
    ]


def test_a_failure_and_its_undoing_are_told() -> None:
    assert told(
        event("StepFailed", message="push failed: no route"),
        event("CompensationStarted", message="undoing: push failed"),
        event("StepCompensated", message="repository was undone"),
        event("RunFailed", message="the run failed and was undone"),
    ) == [
        (Mark.BAD, "push failed: no route"),
        (Mark.UNDONE, "undoing: push failed"),
        (Mark.UNDONE, "repository was undone"),
        (Mark.BAD, "the run failed and was undone"),
    ]


def test_an_operation_is_named() -> None:
    begun = event("OperationBegun", message="nothing is delivered yet", reason="provision")
    assert told(begun) == [(Mark.NOTE, "provision: nothing is delivered yet")]


def test_what_is_unknown_is_told_in_the_servers_words() -> None:
    assert told(event("MoonRose", message="it rose\x1b[0m")) == [(Mark.NOTE, "it rose")]
    assert told({"kind": "MoonRose"}) == [(Mark.NOTE, "MoonRose")]


def test_what_the_answer_will_say_is_not_told_twice() -> None:
    assert (
        told(event("PhaseChanged", message="ready"), event("RunSucceeded", message="the run succeeded")) == []
    )


def test_the_present_is_the_step_under_way() -> None:
    story = Story()
    seen = []
    for each in (
        event("StepStarted", step="push"),
        event("StepRetrying", step="push"),
        event("StepSucceeded", step="push"),
    ):
        list(story.tell(each))
        seen.append(story.present)
    assert seen == ["push", "push waits for try 2", ""]


def test_events_of_an_odd_shape_do_no_harm() -> None:
    story = Story()
    for odd in (
        {},
        {"kind": None},
        {"kind": "StepSucceeded", "detail": 7, "at": 3},
        {"kind": "StepStarted", "at": "x"},
    ):
        list(story.tell(odd))
