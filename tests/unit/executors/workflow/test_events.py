"""Journal entries survive being stored, and an entry of a later release is refused."""

import dataclasses
import json
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.port import RunState
from executors.workflow import approval_events, events, milestones
from executors.workflow.approval_events import (
    ApprovalClaimed,
    ApprovalClosed,
    ApprovalDelegated,
    ApprovalEscalated,
    ApprovalOpened,
    ApprovalReminded,
    ApprovalVoted,
)
from executors.workflow.ballot import Claim, Delegation, Evidence, Outcome, Task, Verdict, Vote
from executors.workflow.events import (
    Accepted,
    AttemptFailed,
    AttemptLost,
    AttemptStarted,
    AttemptSucceeded,
    AttemptUncertain,
    CancelRequested,
    CompensationStarted,
    Ended,
    Event,
    Failure,
    FailureKind,
    LookStarted,
    Side,
    SignalReceived,
    StepFailed,
    UnreadableEvent,
    decode,
    encode,
)
from executors.workflow.milestones import (
    FanOpened,
    MailDropped,
    Paused,
    Resumed,
    RetryRequested,
    ScopeOpened,
    StepCompleted,
    StepHeld,
    StepSkipped,
    WaitEnded,
    WaitStarted,
)
from tests.workflows import EPOCH

times = st.timedeltas(timedelta(), timedelta(days=3650)).map(lambda span: EPOCH + span)
names = st.text(max_size=10)
numbers = st.integers(1, 9)
bodies = st.dictionaries(names, st.none() | st.integers() | names, max_size=3)
failures = st.builds(Failure, st.sampled_from(FailureKind), names, names)
sides = st.sampled_from(Side)
states = st.sampled_from(RunState)
lists = st.lists(names, max_size=2).map(tuple)
claims = st.builds(Claim, names, times)
tasks = st.builds(
    Task, times, names, groups=lists, quorum=numbers, expires_seconds=st.none() | st.floats(0, 1e6)
)
votes = st.builds(
    Vote,
    names,
    names,
    st.sampled_from(Verdict),
    times,
    names,
    st.builds(Evidence, names, names).map(lambda one: (one,)),
)
delegations = st.builds(Delegation, names, names, lists, times, st.none() | times)
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(Accepted, times),
    st.builds(AttemptStarted, times, names, sides, numbers, numbers),
    st.builds(AttemptSucceeded, times, names, sides, bodies, st.booleans()),
    st.builds(AttemptFailed, times, names, sides, failures, st.none() | times, st.booleans()),
    st.builds(AttemptUncertain, times, names, sides, failures, times),
    st.builds(AttemptLost, times, names, sides),
    st.builds(LookStarted, times, names, sides, numbers),
    st.builds(StepSkipped, times, names),
    st.builds(StepHeld, times, names, times, names),
    st.builds(StepFailed, times, names, failures),
    st.builds(StepCompleted, times, names, bodies),
    st.builds(FanOpened, times, names, st.lists(bodies, max_size=2)),
    st.builds(ScopeOpened, times, names, bodies),
    st.builds(WaitStarted, times, names, st.none() | times, names),
    st.builds(WaitEnded, times, names, bodies, numbers),
    st.builds(ApprovalOpened, times, names, tasks),
    st.builds(ApprovalVoted, times, names, numbers, votes),
    st.builds(ApprovalClaimed, times, names, numbers, st.none() | claims),
    st.builds(ApprovalDelegated, times, names, numbers, delegations),
    st.builds(ApprovalReminded, times, names),
    st.builds(ApprovalEscalated, times, names, lists, st.none() | times),
    st.builds(ApprovalClosed, times, names, st.sampled_from(Outcome), names),
    st.builds(CancelRequested, times, numbers, names),
    st.builds(SignalReceived, times, numbers, names, bodies),
    st.builds(Paused, times, numbers, names),
    st.builds(Resumed, times, numbers, st.floats(0, 1e6)),
    st.builds(RetryRequested, times, numbers, names, lists, st.booleans()),
    st.builds(MailDropped, times, numbers, names),
    st.builds(CompensationStarted, times, states, names, names),
    st.builds(Ended, times, states, names, names, bodies, bodies),
)


@given(ANY_EVENT)
def test_an_event_comes_back_as_it_was_stored(event: Event) -> None:
    type_, body = encode(event)
    assert decode(type_, json.loads(json.dumps(body))) == event


def test_every_event_type_is_in_the_codec() -> None:
    modules = (events, milestones, approval_events)
    defined = {
        value
        for module in modules
        for value in vars(module).values()
        if dataclasses.is_dataclass(value) and value.__module__ == module.__name__
    }
    assert set(get_args(Event)) == defined - {Failure} == set(events._TYPES.values())


def test_an_entry_of_a_later_version_is_refused() -> None:
    type_, body = encode(Accepted(EPOCH))
    with pytest.raises(UnreadableEvent):
        decode(type_, {**body, "v": 2})


def test_an_entry_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(UnreadableEvent):
        decode("RunBlessed", {"v": 1})


def test_an_entry_that_lacks_a_field_is_refused() -> None:
    with pytest.raises(UnreadableEvent):
        decode("AttemptLost", {"v": 1, "at": EPOCH.isoformat()})


def test_the_stored_form_stays_as_released() -> None:
    failed = AttemptFailed(EPOCH, "a", Side.DO, Failure(FailureKind.TRANSIENT, "busy", "it is busy"), None)
    assert encode(failed) == (
        "AttemptFailed",
        {
            "v": 1,
            "at": "2030-01-01T00:00:00+00:00",
            "step": "a",
            "side": "do",
            "failure": {"kind": "transient", "code": "busy", "message": "it is busy"},
            "retry_at": None,
            "is_free": False,
        },
    )
