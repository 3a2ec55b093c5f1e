"""What the requester is told of a run, and what is kept to ourselves."""

from executors.workflow.exchange import Cancel, Claimed, Done, Pause, Resume, Retry, Returned
from executors.workflow.narrate import told
from tests.play import PERMANENT, STEADY, UNKNOWN, Play, transient
from tests.workflows import document, step, undoable


def story(play: Play) -> list[tuple[str, str]]:
    happenings = (told(event) for event in play.events)
    return [(happening.kind, happening.reason) for happening in happenings if happening is not None]


def test_a_run_that_goes_well_is_told_step_by_step() -> None:
    play = Play(document(step("a"), step("b"))).answer(Done(), Done())
    assert [kind for kind, _ in story(play)] == [
        "StepStarted",
        "StepSucceeded",
        "StepStarted",
        "StepSucceeded",
        "RunSucceeded",
    ]


def test_a_retry_is_told_once_with_its_time() -> None:
    play = Play(document(step("a", retry=STEADY))).answer(transient())
    play.wait()
    play.answer(Done())
    assert story(play)[1] == ("StepRetrying", "Transient")
    [retry] = [told(event) for event in play.events if type(event).__name__ == "AttemptFailed"]
    assert retry is not None
    assert retry.message == "a failed and is tried again at 2030-01-01T00:00:01+00:00: it is busy"


def test_a_failure_and_its_undoing_are_told() -> None:
    play = Play(document(undoable("a"), step("b"))).answer(Done(), PERMANENT, Done())
    assert story(play)[3:] == [
        ("StepFailed", "Permanent"),
        ("CompensationStarted", "Failed"),
        ("StepCompensated", ""),
        ("RunFailed", ""),
    ]


def test_uncertainty_is_told_and_looks_are_not() -> None:
    play = Play(document(step("a"))).answer(UNKNOWN, Done())
    assert story(play)[1:3] == [("StepUncertain", "OutcomeUnknown"), ("StepSucceeded", "Found")]


def test_a_lost_worker_is_not_the_requesters_concern() -> None:
    play = Play(document(step("a")))
    play.hear(Claimed())
    assert story(play) == [("StepStarted", "")]


def test_a_cancel_is_told_with_its_reason() -> None:
    play = Play(document(step("a")))
    play.hear(Returned(play.call(), Done()), Cancel(1, "not needed"))
    assert ("CancelRequested", "") in story(play)
    assert story(play)[-1] == ("RunCancelled", "")


def test_waits_lists_and_conditions_are_told() -> None:
    doc = document(
        step("s", **{"if": "false"}), {"id": "w", "wait": {"timer": "1s"}}, step("f", for_each=["x"])
    )
    play = Play(doc)
    play.wait()
    play.reply("f[0]")
    assert [kind for kind, _ in story(play)] == [
        "StepSkipped",
        "StepWaiting",
        "StepSucceeded",
        "StepStarted",
        "StepStarted",
        "StepSucceeded",
        "StepSucceeded",
        "RunSucceeded",
    ]


def test_what_people_are_asked_and_what_they_said_is_told() -> None:
    play = Play(document({"id": "ok", "approval": {"groups": ["sec"], "reason": "go live?", "remind": "1d"}}))
    play.wait()
    play.vote("ok", "ann")
    messages = [happening.message for happening in map(told, play.events) if happening is not None]
    assert messages[:4] == [
        "ok asks group sec: go live?",
        "ok still waits for a vote",
        "ann voted on ok: because",
        "ok was approved: approved by ann",
    ]


def test_pause_and_retry_are_told() -> None:
    play = Play(document(step("a"))).send(Pause, "lunch").send(Resume).reply({"a": PERMANENT}).send(Retry)
    assert [kind for kind, _ in story(play)] == [
        "StepStarted",
        "RunPaused",
        "RunResumed",
        "StepFailed",
        "CompensationStarted",
        "RunFailed",
        "RunRetried",
    ]
