"""Many questions at once get the answers that each alone would get, from every engine."""

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.digest import JsonObject, canonical_json
from catalog.errors import Unavailable
from policy.bundle import organisation
from policy.embedded import EmbeddedEngine
from policy.engine import Answer, PolicyBundle, PolicyEngine, each_by_itself
from policy.opa import OpaEngine
from policy.testing import BASE, merged
from tests.conformance.test_policy_engines import HOSTILE, PROBE, PROBE_INPUTS, QUESTIONS, Hostile
from tests.policy_questions import a_policy, asking

ORGANISATION = organisation()
PATIENT_SECONDS = 30.0


def one_by_one(engine: PolicyEngine, bundle: PolicyBundle, asked: list[JsonObject]) -> Any:
    """Return what an engine says to each alone; where it says nothing, that."""
    return [said(each) for each in each_by_itself(engine, bundle, asked, PATIENT_SECONDS)]


def said(answer: Answer) -> Any:
    """Return an answer in a form that compares, the order of sets aside."""
    if isinstance(answer, Unavailable):
        return answer.code
    return {
        policy: [sorted(map(canonical_json, entries)) for entries in (sets.deny, sets.warn)]
        for policy, sets in answer.items()
    }


@given(inputs=st.lists(PROBE_INPUTS, min_size=1, max_size=70))
@settings(max_examples=25)
def test_many_questions_are_answered_as_each_alone(
    embedded: EmbeddedEngine, opa: OpaEngine, inputs: list[dict[str, Any]]
) -> None:
    asked = [asking(**each) for each in inputs]
    for engine in (embedded, opa):
        many = engine.evaluate_many(a_policy(PROBE), asked, PATIENT_SECONDS)

        assert [said(each) for each in many] == one_by_one(engine, a_policy(PROBE), asked)


@given(questions=st.lists(QUESTIONS, min_size=1, max_size=70))
@settings(max_examples=25)
def test_the_shipped_policies_answer_many_questions_as_each_alone(
    embedded: EmbeddedEngine, opa: OpaEngine, questions: list[dict[str, Any]]
) -> None:
    asked = [merged(BASE, each) for each in questions]
    for engine in (embedded, opa):
        many = engine.evaluate_many(ORGANISATION, asked, PATIENT_SECONDS)

        assert [said(each) for each in many] == one_by_one(engine, ORGANISATION, asked)


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_policy_gets_the_same_silence_or_answer_when_many_are_asked(
    engine: PolicyEngine, hostile: Hostile
) -> None:
    asked = [asking(**(hostile.inputs or {}))] * 2
    try:
        many = engine.evaluate_many(a_policy(hostile.rules), asked, 1.0)
    except Unavailable:
        many = []
    for answer in many:
        assert isinstance(answer, Unavailable) or answer["contract"].deny == hostile.right


def test_a_question_without_an_answer_spoils_none_of_the_others(engine: PolicyEngine) -> None:
    bundle = a_policy(
        "a := 1 if input.inputs.n > 0\n\na := 2 if input.inputs.n == 13\n\n"
        'deny contains sprintf("%v", [input.inputs.n]) if a == 1'
    )
    many = engine.evaluate_many(bundle, [asking(n=n) for n in range(1, 60)], PATIENT_SECONDS)

    silent = [n for n, answer in enumerate(many, 1) if isinstance(answer, Unavailable)]
    assert silent == [13]
    assert [answer["contract"].deny for answer in many if not isinstance(answer, Unavailable)] == [
        (str(n),) for n in range(1, 60) if n != 13
    ]


def test_a_question_that_never_ends_costs_the_others_time_and_no_answer(embedded: EmbeddedEngine) -> None:
    bundle = a_policy(
        'deny contains "x" if regex.match(`^(a+)+$`, input.inputs.s)\n\ndeny contains input.inputs.n'
    )
    asked = [asking(n=n, s="a" * 60 + "!" if n == 3 else "b") for n in range(6)]
    many = embedded.evaluate_many(bundle, asked, 3.0)

    assert [n for n, answer in enumerate(many) if isinstance(answer, Unavailable)] == [3]
    assert [answer["contract"].deny for answer in many if not isinstance(answer, Unavailable)] == [
        (n,) for n in range(6) if n != 3
    ]


def test_nobody_waits_for_the_end_of_many_to_ask_a_single_question(engine: PolicyEngine) -> None:
    many = threading.Thread(
        target=engine.evaluate_many, args=(ORGANISATION, [BASE] * 1500, PATIENT_SECONDS), daemon=True
    )
    engine.evaluate(ORGANISATION, BASE, PATIENT_SECONDS)
    many.start()
    answered = 0
    while many.is_alive():
        engine.evaluate(ORGANISATION, BASE, PATIENT_SECONDS)
        answered += 1

    assert answered > 5, "a single question waited for all the others"
