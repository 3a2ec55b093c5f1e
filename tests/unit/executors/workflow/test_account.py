"""From a journal's entries follow the facts that are worth counting, each once."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from executors.port import RunState
from executors.workflow.account import Account
from executors.workflow.approval_events import ApprovalClosed, ApprovalOpened
from executors.workflow.ballot import Outcome
from executors.workflow.events import (
    Accepted,
    AttemptFailed,
    AttemptLost,
    AttemptStarted,
    AttemptSucceeded,
    AttemptUncertain,
    CompensationStarted,
    Ended,
    Event,
    Failure,
    FailureKind,
    LookStarted,
    Side,
    StepFailed,
)
from executors.workflow.facts import (
    AttemptBegan,
    AttemptOver,
    Ending,
    Fact,
    FirstStep,
    PeopleAnswered,
    RunOver,
    StepOver,
    TimerFired,
    UndoingBegan,
    Verdict,
)
from executors.workflow.milestones import (
    Resumed,
    RetryRequested,
    StepHeld,
    StepSkipped,
    WaitEnded,
    WaitStarted,
)
from tests.workflows import EPOCH

BUSY = Failure(FailureKind.TRANSIENT, "busy", "said S3CR3T")


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def facts_of(*events: Event, created_at: datetime = EPOCH) -> list[Fact]:
    account = Account(created_at, lambda step, side: f"kind.of.{step}.{side}")
    return [fact for event in events for fact in account.facts(event)]


def of(facts: Iterable[Fact], cls: type[Any]) -> list[Any]:
    return [fact for fact in facts if isinstance(fact, cls)]


def began(step: str = "a", seconds: float = 0, attempt: int = 1, side: Side = Side.DO) -> AttemptStarted:
    return AttemptStarted(at(seconds), step, side, attempt, 1)


def an_attempt() -> AttemptOver:
    return AttemptOver(
        step="a",
        side=Side.DO,
        kind="kind.of.a.do",
        attempt=1,
        number=1,
        round=0,
        is_look=False,
        ending=Ending.SUCCEEDED,
        began_at=at(2),
        ended_at=at(5),
    )


def test_an_attempt_is_told_with_its_span_its_kind_and_how_it_ended() -> None:
    facts = facts_of(Accepted(EPOCH), began(seconds=2), AttemptSucceeded(at(5), "a", Side.DO))
    assert facts == [
        FirstStep(2.0),
        AttemptBegan("a", Side.DO, "kind.of.a.do", 1),
        an_attempt(),
        StepOver("a", "kind.of.a.do", Verdict.DONE),
    ]


def test_the_first_step_is_told_once() -> None:
    facts = facts_of(began("a", 1), began("b", 2), WaitStarted(at(3), "c", at(9)))
    assert of(facts, FirstStep) == [FirstStep(1.0)]


def test_a_retry_tells_how_late_it_was_taken_up() -> None:
    failed = AttemptFailed(at(1), "a", Side.DO, BUSY, at(3))
    facts = facts_of(began(), failed, began(seconds=3.25, attempt=2))
    assert of(facts, TimerFired) == [TimerFired(0.25)]
    assert [fact.ending for fact in of(facts, AttemptOver)] == [Ending.RETRYING]
    assert [fact.attempt for fact in of(facts, AttemptBegan)] == [1, 2]


@pytest.mark.parametrize(
    "between",
    [[Resumed(at(8), 1)], [StepHeld(at(4), "a", at(8), "key")]],
    ids=["a pause", "a gate"],
)
def test_what_was_held_up_on_purpose_is_not_late(between: Sequence[Event]) -> None:
    failed = AttemptFailed(at(1), "a", Side.DO, BUSY, at(3))
    assert of(facts_of(began(), failed, *between, began(seconds=9, attempt=2)), TimerFired) == []


def test_a_signal_is_waited_for_and_never_late() -> None:
    waited: list[Event] = [WaitStarted(at(0), "a", at(5), "go"), WaitEnded(at(9), "a", {}, 1)]
    assert of(facts_of(*waited), TimerFired) == []
    timer: list[Event] = [WaitStarted(at(0), "a", at(5)), WaitEnded(at(9), "a")]
    assert of(facts_of(*timer), TimerFired) == [TimerFired(4.0)]


def test_looks_are_attempts_of_their_own_that_keep_the_attempts_number() -> None:
    uncertain = AttemptUncertain(at(1), "a", Side.DO, BUSY, at(2))
    found = AttemptSucceeded(at(3), "a", Side.DO, {}, found=True)
    told = of(facts_of(began(), uncertain, LookStarted(at(2), "a", Side.DO, 1), found), AttemptOver)
    assert [(fact.attempt, fact.number, fact.is_look, fact.ending) for fact in told] == [
        (1, 1, False, Ending.UNCERTAIN),
        (1, 2, True, Ending.SUCCEEDED),
    ]


def test_a_lost_attempt_is_over_and_a_failure_without_one_is_a_failed_step() -> None:
    poison = AttemptFailed(at(2), "a", Side.DO, Failure(FailureKind.POISON, "poison", ""), None)
    facts = facts_of(began(), AttemptLost(at(1), "a", Side.DO), poison)
    assert [fact.ending for fact in of(facts, AttemptOver)] == [Ending.LOST]
    assert of(facts, StepOver) == [StepOver("a", "kind.of.a.do", Verdict.FAILED, "poison")]


def test_undoing_is_told_apart_from_doing() -> None:
    undone = AttemptSucceeded(at(4), "a", Side.UNDO)
    facts = facts_of(
        CompensationStarted(at(2), RunState.FAILED, "b", "it failed"),
        began(seconds=3, side=Side.UNDO),
        undone,
    )
    assert of(facts, UndoingBegan) == [UndoingBegan()]
    assert of(facts, StepOver) == [StepOver("a", "kind.of.a.undo", Verdict.UNDONE)]


def test_what_was_skipped_is_neither_done_nor_failed() -> None:
    assert of(facts_of(StepSkipped(at(0), "a")), StepOver) == [StepOver("a", "kind.of.a.do", Verdict.SKIPPED)]


def opened(step: str, seconds: float) -> ApprovalOpened:
    return ApprovalOpened(at(seconds), step, None)  # type: ignore[arg-type]  # the task is none of its business


def closed(step: str, seconds: float, outcome: Outcome = Outcome.APPROVED) -> ApprovalClosed:
    return ApprovalClosed(at(seconds), step, outcome, "said S3CR3T")


def test_people_who_are_asked_at_the_same_time_are_waited_for_once() -> None:
    events: list[Event] = [
        opened("a", 10),
        opened("b", 20),
        closed("a", 30),
        closed("b", 50),
        opened("c", 60),
        closed("c", 61),
    ]
    facts = facts_of(*events, Ended(at(100), RunState.SUCCEEDED))
    assert of(facts, RunOver)[0].people_seconds == 41.0
    assert [fact.seconds for fact in of(facts, PeopleAnswered)] == [20.0, 30.0, 1.0]


def test_a_run_that_people_refused_says_so() -> None:
    refused = StepFailed(at(5), "a", Failure(FailureKind.REJECTED, "approval_rejected", "no"))
    facts = facts_of(opened("a", 0), closed("a", 5, Outcome.REJECTED), refused, Ended(at(6), RunState.FAILED))
    over = of(facts, RunOver)[0]
    assert (over.is_refused, over.code, over.people_seconds) == (True, "approval_rejected", 5.0)


def test_a_run_that_is_tried_again_begins_anew_and_counts_its_rounds() -> None:
    ends: list[Event] = [
        Ended(at(50), RunState.STUCK),
        RetryRequested(at(1000), 1, "a"),
        Ended(at(1002), RunState.SUCCEEDED),
    ]
    first, second = of(facts_of(*ends), RunOver)
    assert (first.round, first.began_at, first.state) == (0, EPOCH, RunState.STUCK)
    assert (second.round, second.began_at, second.code) == (1, at(1000), "")


def test_no_fact_holds_what_somebody_wrote() -> None:
    facts = facts_of(
        began(),
        AttemptFailed(at(1), "a", Side.DO, BUSY, None),
        opened("b", 2),
        closed("b", 3),
        AttemptSucceeded(at(3), "c", Side.DO, {"password": "S3CR3T"}),
        Ended(at(4), RunState.FAILED, "a", "said S3CR3T", {"url": "S3CR3T"}),
    )
    assert "S3CR3T" not in repr(facts)
