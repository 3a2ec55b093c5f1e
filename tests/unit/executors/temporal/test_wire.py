"""What crosses the server comes back as it was, and arguments are settled before they leave."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.references import Unresolved, resolved
from executors.port import RunReport, RunState
from executors.runs import Entry
from executors.temporal.wire import (
    Errand,
    Leaf,
    course_of,
    outcome_form,
    outcome_of,
    report_form,
    report_of,
    settled_arguments,
)
from executors.workflow.events import Failure, FailureKind, Side
from executors.workflow.exchange import Absent, Call, Done, Failed, Outcome, Verb
from executors.workflow.progress import Run
from tests.workflows import EPOCH

CALL = Call("network[2]/reserve", Side.UNDO, Verb.LOOK, 3)
ERRAND = Errand(
    run_id="run_1",
    project="shop",
    request_uid="req_1",
    idempotency_key="key",
    contract_digest="sha256:0",
    fence=2,
    call=CALL,
    uses="test.do",
    arguments={"name": "a"},
    timeout_seconds=1.5,
)
OUTCOMES = [
    Done({"x": [1, None, {"y": "z"}]}),
    Absent(),
    Failed(Failure(FailureKind.UNKNOWN, "line_broke", "the line broke"), 2.5),
]


def test_an_errand_crosses_as_it_is() -> None:
    assert Errand.of(ERRAND.form()) == ERRAND


@pytest.mark.parametrize("outcome", OUTCOMES, ids=["done", "absent", "failed"])
def test_an_outcome_crosses_as_it_is(outcome: Outcome) -> None:
    assert outcome_of(outcome_form(outcome)) == outcome


def test_a_report_crosses_as_it_is() -> None:
    report = RunReport(
        RunState.RETRYING,
        "run_1",
        message="busy",
        step="a",
        attempts=2,
        next_attempt_at=EPOCH + timedelta(seconds=1),
    )
    assert report_of(report_form(report)) == report


def test_a_page_crosses_as_it_is() -> None:
    leaf = Leaf("run_1", (Entry(2, "Ended", {"v": 1}),), RunReport(RunState.FAILED, "run_1"), 3, 2, "stuck")
    assert Leaf.of(leaf.form()) == leaf


def test_an_errand_has_one_course_with_one_call() -> None:
    action = course_of(ERRAND).action(CALL.step, CALL.side)
    assert (action.uses, action.arguments, action.timeout_seconds) == ("test.do", {"name": "a"}, 1.5)
    assert course_of(ERRAND).roots(Run(), CALL.step) == {}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["${a}", "$${a}", "x${", "$$${b}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_what_a_reference_came_to_resolves_to_itself(value: object) -> None:
    settled = settled_arguments({"x": "${inputs}"}, {"inputs": value})  # type: ignore[dict-item]  # any JSON
    assert resolved(settled, {}) == {"x": value}


def test_what_points_nowhere_is_found_by_whoever_makes_the_call() -> None:
    settled = settled_arguments({"good": "${inputs}", "bad": "${steps.x.outputs}"}, {"inputs": 1})
    assert settled == {"good": 1, "bad": "${steps.x.outputs}"}
    with pytest.raises(Unresolved):
        resolved(settled, {})
