"""What the requester is told of a run, and what is kept to ourselves."""

from executors.workflow.exchange import Cancel, Claimed, Done, Returned
from executors.workflow.narrate import told
from tests.engine import document, step, undoable
from tests.play import PERMANENT, STEADY, UNKNOWN, Play, transient


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
