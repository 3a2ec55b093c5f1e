"""Journal entries survive being stored, and an entry of a later release is refused."""

import dataclasses
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.port import RunState
from executors.workflow import events
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
    UnreadableEvent,
    decode,
    encode,
)
from tests.engine import EPOCH

times = st.timedeltas(timedelta(), timedelta(days=3650)).map(lambda span: EPOCH + span)
names = st.text(max_size=10)
bodies = st.dictionaries(names, st.none() | st.integers() | names, max_size=3)
failures = st.builds(Failure, st.sampled_from(FailureKind), names, names)
sides = st.sampled_from(Side)
states = st.sampled_from(RunState)
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(Accepted, times),
    st.builds(AttemptStarted, times, names, sides, st.integers(1, 9), st.integers(1, 9)),
    st.builds(AttemptSucceeded, times, names, sides, bodies, st.booleans()),
    st.builds(AttemptFailed, times, names, sides, failures, st.none() | times),
    st.builds(AttemptUncertain, times, names, sides, failures, times),
    st.builds(AttemptLost, times, names, sides),
    st.builds(LookStarted, times, names, sides, st.integers(1, 9)),
    st.builds(CancelRequested, times, st.integers(1, 9), names),
    st.builds(SignalReceived, times, st.integers(1, 9), names, bodies),
    st.builds(CompensationStarted, times, states, names, names),
    st.builds(Ended, times, states, names, names, bodies, bodies),
)


@given(ANY_EVENT)
def test_an_event_comes_back_as_it_was_stored(event: Event) -> None:
    type_, body = encode(event)
    assert decode(type_, json.loads(json.dumps(body))) == event


def test_every_event_type_is_covered_here_and_in_the_codec() -> None:
    union = set(Event.__args__)
    defined = {value for value in vars(events).values() if dataclasses.is_dataclass(value)} - {Failure}
    assert union == defined == set(events._TYPES.values())


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
        },
    )
