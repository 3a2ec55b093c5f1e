"""Admission: a decision that can be stored, or no way on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from catalog.digest import Json, JsonObject, digest
from catalog.errors import Invalid, PlatformError, Unavailable
from catalog.ids import DecisionId
from policy.admit import Admission, Timing
from policy.bundle import organisation
from policy.decision import Action, Decision, EnforcementPoint, Outcome
from policy.document import Query
from policy.engine import EngineState, PolicyBundle, RawSets, StaticEngine
from tests.factories import START, FakeClock, a_contract, a_request, seeded_mint
from tests.policy_questions import a_query

SECRET = "hunter2-canary"
OWN_POLICY = 'package avow.contract\n\nimport rego.v1\n\ndeny contains "x" if input.inputs.a\n'


class NotingEngine(StaticEngine):
    """Notes what it is asked."""

    def __init__(self, deny: Sequence[Json] = ()) -> None:
        super().__init__(deny)
        self.asked: list[tuple[PolicyBundle, JsonObject, float]] = []

    def evaluate(
        self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
    ) -> Mapping[str, RawSets]:
        self.asked.append((bundle, document, timeout_seconds))
        return super().evaluate(bundle, document, timeout_seconds)


class SilentEngine(StaticEngine):
    """Never has an answer."""

    def evaluate(
        self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
    ) -> Mapping[str, RawSets]:
        raise Unavailable("policy_unavailable", "no")


def admission(engine: StaticEngine, seconds: float = 2.0) -> Admission:
    ticks = iter(range(1000))
    timing = Timing(seconds, monotonic=lambda: next(ticks) / 4)
    return Admission(engine, organisation(), FakeClock(), seeded_mint(), timing)


def a_secret_query() -> Query:
    inputs: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"password": {"type": "string", "x-sensitive": True}},
    }
    return a_query(request=a_request(inputs={"password": SECRET}), contract=a_contract(inputs=inputs))


def test_silence_allows() -> None:
    decision = admission(StaticEngine()).decide(a_query())

    assert decision.outcome is Outcome.ALLOW
    assert decision.is_allowed


def test_a_denial_denies_and_says_why() -> None:
    entry: Json = {"id": "size", "msg": "too large", "path": "/size", "remediation": "--set size=s"}
    decision = admission(StaticEngine(deny=[entry])).decide(a_query())

    assert not decision.is_allowed
    assert [(r.rule, r.action, r.remediation) for r in decision.denials] == [
        ("size", Action.DENY, "--set size=s")
    ]


def test_a_decision_says_who_decided_what_and_when() -> None:
    decision = admission(StaticEngine()).decide(a_query(operation="update"))

    assert decision.id.startswith("dec_")
    assert (decision.project, decision.subject) == ("shop", a_request().uid)
    assert (decision.operation, decision.enforcement_point) == ("update", EnforcementPoint.ADMISSION)
    assert decision.revision == organisation().revision
    assert decision.engine == "static 1"
    assert decision.evaluated_at == START
    assert decision.duration_seconds == 0.25


def test_the_engine_gets_the_time_that_is_set() -> None:
    engine = NotingEngine()
    admission(engine, seconds=7.5).decide(a_query())

    assert engine.asked[0][2] == 7.5


def test_a_contracts_own_policy_is_asked_beside_the_organisations() -> None:
    engine = NotingEngine()
    decision = admission(engine).decide(a_query(contract_policy=OWN_POLICY))

    assert [m.policy for m in engine.asked[0][0].modules] == [
        "contract",
        "org/lifecycle",
        "org/naming",
        "org/ownership",
        "org/production",
    ]
    assert decision.revision == engine.asked[0][0].revision != organisation().revision


def test_no_answer_is_no_decision() -> None:
    with pytest.raises(Unavailable) as caught:
        admission(SilentEngine()).decide(a_query())

    assert caught.value.code == "policy_unavailable"


def test_policy_sees_sensitive_inputs_and_the_decision_does_not_hold_them() -> None:
    engine = NotingEngine(deny=[{"id": "weak", "msg": f"{SECRET} is weak", "path": f"/{SECRET}"}, SECRET])
    decision = admission(engine).decide(a_secret_query())

    assert SECRET in json.dumps(engine.asked[0][1])
    assert SECRET not in repr(decision)
    assert decision.results[1].message == "[redacted] is weak"


def test_the_digest_is_that_of_the_input_as_stored() -> None:
    decision = admission(StaticEngine()).decide(a_secret_query())

    assert decision.input_digest == digest(decision.input)


@pytest.mark.parametrize("value", ["\ud800", "\ufdd0", "\U0001fffe", float("nan"), float("inf")], ids=ascii)
def test_a_question_without_a_json_form_is_refused_before_anybody_is_asked(value: Any) -> None:
    engine = NotingEngine()
    with pytest.raises(PlatformError) as caught:
        admission(engine).decide(a_query(request=a_request(inputs={"a": value})))

    assert isinstance(caught.value, Invalid)
    assert engine.asked == []


def comparable(decision: object) -> object:
    """Return a decision without what two askings of one question never share."""
    assert isinstance(decision, Decision)
    return replace(decision, id=DecisionId(""), duration_seconds=0.0, evaluated_at=START)


def without_time(query: Query, engine: StaticEngine) -> object:
    still = Admission(engine, organisation(), lambda: START, seeded_mint(), Timing())
    return comparable(still.decide(query))


def test_many_questions_get_the_decisions_that_each_alone_would_get() -> None:
    engine = NotingEngine([{"msg": f"it is {SECRET}", "id": "secret"}])
    queries = [a_query(), a_secret_query(), a_query(contract_policy=OWN_POLICY), a_query()]
    still = Admission(engine, organisation(), lambda: START, seeded_mint(), Timing())
    many = still.decide_many(queries)

    assert list(map(comparable, many)) == [without_time(query, engine) for query in queries]
    assert len({each.id for each in many if isinstance(each, Decision)}) == 4
    assert SECRET not in repr(many[1])


def test_one_question_without_an_answer_is_told_so_and_the_others_are_decided() -> None:
    class Choosy(StaticEngine):
        def evaluate(
            self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
        ) -> Mapping[str, RawSets]:
            if "secret" in str(document["project"]):
                raise Unavailable("policy_unavailable", "no")
            return super().evaluate(bundle, document, timeout_seconds)

    queries = [a_query(), a_query(request=a_request(project="secret-shop"))]
    first, second = admission(Choosy()).decide_many(queries)

    assert isinstance(first, Decision)
    assert isinstance(second, Unavailable)


def test_when_the_engine_answers_nothing_and_is_not_ready_there_is_nothing_to_go_by() -> None:
    class Down(SilentEngine):
        def state(self) -> EngineState:
            return EngineState("down", "1", is_ready=False)

    with pytest.raises(Unavailable):
        admission(Down()).decide_many([a_query(), a_query()])
    assert admission(Down()).decide_many([]) == []
    told = admission(SilentEngine()).decide_many([a_query(), a_query()])
    assert all(isinstance(each, Unavailable) for each in told), (
        "policies without an answer, on an engine that is"
    )


def test_many_questions_of_several_contracts_are_asked_contract_by_contract() -> None:
    engine = NotingEngine()
    other = OWN_POLICY.replace("inputs.a", "inputs.b")
    policies = [OWN_POLICY, other, None, OWN_POLICY, other]
    queries = [
        a_query(contract_policy=each, request=a_request(name=f"r-{n}")) for n, each in enumerate(policies)
    ]
    many = admission(engine).decide_many(queries, START)

    assert [each.input["request"]["name"] for each in many if isinstance(each, Decision)] == [  # type: ignore[index, call-overload]  # a document
        f"r-{n}" for n in range(5)
    ]
    revisions = [bundle.revision for bundle, _, _ in engine.asked]
    assert [revisions.index(each) for each in revisions] == [0, 0, 2, 2, 4]
    assert {each.evaluated_at for each in many if isinstance(each, Decision)} == {START}
