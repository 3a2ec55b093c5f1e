"""A request's phase is derived from facts, and its digest from all that an outcome depends on."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.conditions import Condition, Status, Type, first_unmet
from catalog.request import FAILURES, Phase, desired_digest, phase_of
from tests.factories import START, a_request


def said(type_: Type, status: Status, reason: str = "Because") -> Condition:
    return Condition(type_, status, reason, "a sentence", START, 1)


def conditions(*stated: Condition) -> dict[Type, Condition]:
    return {each.type: each for each in stated}


READY = said(Type.READY, Status.TRUE)
LATER = START + timedelta(hours=1)


@pytest.mark.parametrize(
    ("stated", "phase"),
    [
        ([], Phase.PENDING),
        ([said(Type.READY, Status.FALSE)], Phase.PENDING),
        ([READY], Phase.READY),
        ([said(Type.PLACED, Status.FALSE, "NoDestination"), READY], Phase.BLOCKED),
        ([said(Type.ALLOWED, Status.FALSE, "PolicyDenied")], Phase.BLOCKED),
        ([said(Type.ALLOWED, Status.UNKNOWN, "PolicyUnavailable")], Phase.BLOCKED),
        ([said(Type.APPLIED, Status.UNKNOWN, "Operating")], Phase.PROGRESSING),
        *(([said(Type.APPLIED, Status.FALSE, reason)], Phase.FAILED) for reason in sorted(FAILURES)),
        ([said(Type.OBSERVED, Status.UNKNOWN, "ObserveFailed")], Phase.PROGRESSING),
        ([said(Type.IN_SYNC, Status.FALSE, "Drifted")], Phase.DRIFTED),
        ([said(Type.WRITTEN, Status.UNKNOWN, "WritePending")], Phase.PROGRESSING),
    ],
)
def test_the_phase_is_what_the_conditions_amount_to(stated: list[Condition], phase: Phase) -> None:
    assert phase_of(a_request(), conditions(*stated)) is phase


def test_deletion_beats_a_pause_and_a_pause_beats_the_rest() -> None:
    paused = a_request(paused=True)
    deleting = replace(paused, deletion_requested_at=START)
    assert phase_of(paused, conditions(READY)) is Phase.PAUSED
    assert phase_of(deleting, conditions(READY)) is Phase.DELETING
    assert phase_of(replace(deleting, deleted_at=LATER), conditions(READY)) is Phase.DELETED


def test_a_request_is_deleting_until_it_is_deleted() -> None:
    deleting = a_request(deletion_requested_at=START)
    assert not a_request().is_deleting
    assert deleting.is_deleting
    assert not replace(deleting, deleted_at=LATER).is_deleting


@given(st.dictionaries(st.sampled_from(Type), st.sampled_from(Status)))
def test_ready_is_never_the_phase_of_a_request_with_an_unmet_need(statuses: dict[Type, Status]) -> None:
    stated = conditions(*(said(type_, status) for type_, status in statuses.items()))
    is_ready = phase_of(a_request(), stated) is Phase.READY
    assert is_ready == (first_unmet(stated) is None and statuses.get(Type.READY) is Status.TRUE)


def test_what_is_desired_has_another_digest_once_any_part_differs() -> None:
    parts = [("c1", "d1", {"size": "s"}), ("c2", "d1", {"size": "s"})]
    parts += [("c1", "d2", {"size": "s"}), ("c1", "d1", {"size": "m"})]
    assert len({desired_digest(*part) for part in parts}) == 4
    assert desired_digest("c", None, {}) != desired_digest("c", "None", {})
