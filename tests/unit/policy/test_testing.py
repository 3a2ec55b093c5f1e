"""Table tests: they fail when the policy says something else, and say what."""

import pytest

from catalog.digest import Json
from catalog.errors import Invalid
from policy.bundle import bundle_of, organisation
from policy.engine import Module, PolicyBundle, StaticEngine
from policy.testing import BASE, merged, run_table

NAMING = next(each for each in organisation().modules if each.policy == "org/naming")
BUNDLE: PolicyBundle = bundle_of([NAMING], organisation().data)
SIZE: Json = {"id": "size", "msg": "too large", "path": "/size", "remediation": "smaller"}


def messages(case: str, engine: StaticEngine | None = None) -> list[str]:
    text = f"policy: org/naming\ncases:\n  - {case}\n"
    return [outcome.message for outcome in run_table(engine or StaticEngine(deny=[SIZE]), BUNDLE, text)]


AGREES = {
    "by id": "{name: a, expect: {deny: [size]}}",
    "by message": "{name: a, expect: {deny: [too large]}}",
    "by members": "{name: a, expect: {deny: [{id: size, path: /size}]}}",
}


@pytest.mark.parametrize("case", AGREES.values(), ids=AGREES.keys())
def test_a_case_passes_when_the_policy_says_what_is_expected(case: str) -> None:
    assert messages(case) == [""]


DIFFERS = {
    "nothing expected": "{name: a, expect: {}}",
    "another id": "{name: a, expect: {deny: [other]}}",
    "another member": "{name: a, expect: {deny: [{id: size, path: /other}]}}",
    "another action": "{name: a, expect: {warn: [size]}}",
    "more expected": "{name: a, expect: {deny: [size, other]}}",
    "the same expected twice": "{name: a, expect: {deny: [size, size]}}",
    "an unknown member": "{name: a, expect: {deny: [{id: size, severity: high}]}}",
    "no list": "{name: a, expect: {deny: size}}",
}


@pytest.mark.parametrize("case", DIFFERS.values(), ids=DIFFERS.keys())
def test_a_case_fails_when_the_policy_says_anything_else(case: str) -> None:
    (message,) = messages(case)

    assert "expected" in message
    assert "size" in message


def test_one_expectation_does_not_stand_for_two_results() -> None:
    engine = StaticEngine(deny=[SIZE, {"id": "size", "msg": "far too large"}])

    assert messages("{name: a, expect: {deny: [size]}}", engine) != [""]
    assert messages("{name: a, expect: {deny: [size, {id: size, msg: far too large}]}}", engine) == [""]


def test_a_table_about_a_policy_that_is_not_there_fails() -> None:
    text = "policy: org/nothing\ncases:\n  - {name: a, expect: {}}\n"
    (outcome,) = run_table(StaticEngine(), BUNDLE, text)

    assert not outcome.is_passed
    assert "org/nothing" in outcome.message


BROKEN = {
    "no policy": "cases: [{name: a, expect: {}}]",
    "no cases": "policy: org/naming\ncases: []",
    "something more": "policy: a\ncases: [{name: a, expect: {}}]\nmore: 1",
    "a case without expectation": "policy: a\ncases: [{name: a}]",
    "a case without a name": "policy: a\ncases: [{expect: {}}]",
    "a misspelt member": "policy: a\ncases: [{name: a, inputs: {}, expect: {}}]",
    "a misspelt action": "policy: a\ncases: [{name: a, expect: {denies: [x]}}]",
    "an input that is no object": "policy: a\ncases: [{name: a, input: [], expect: {}}]",
    "no YAML": "policy: [",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_table_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        run_table(StaticEngine(), BUNDLE, text, "x_test.yaml")

    assert all(finding.pointer.startswith("x_test.yaml") for finding in caught.value.findings)
    assert caught.value.findings


def test_a_cases_input_is_laid_over_a_valid_request() -> None:
    whole = merged(BASE, {"request": {"name": "x"}, "inputs": {"a": 1}})

    assert whole["inputs"] == {"a": 1}
    assert whole["request"] == {**dict(BASE["request"]), "name": "x"}  # type: ignore[arg-type]  # an object
    assert BASE["inputs"] == {}


def test_a_module_is_named_by_its_policy() -> None:
    assert isinstance(NAMING, Module)
    assert NAMING.policy == "org/naming"
