"""The trial on random pairs sees an engine that overlooks something.

Each test breaks the engine in one way and expects a value to be lost soon. A fault that is
never caught would mean that the trial in `test_compat` is blind to it.
"""

from collections.abc import Callable, Hashable
from itertools import islice
from typing import Any

import pytest

from catalog.compat import (
    cases,
    emptiness,
    prover,
    rules_arrays,
    rules_logic,
    rules_objects,
    rules_values,
    shapes,
)
from catalog.compat.claim import Claim
from catalog.compat.evaluated import at_most
from catalog.compat.gap import Gap
from catalog.compat.part import Part
from catalog.compat.premise import Premise
from catalog.compat.section import INPUTS
from tests.property.compat_pairs import is_judged_compatible, pairs, tried

PAIRS = 3_000
Fault = list[tuple[Any, str, Any]]


def nothing(*_: object) -> tuple[()]:
    return ()


def first_of(told: Callable[..., Any]) -> Callable[..., Any]:
    """Return what yields only the first of what there is."""
    return lambda *arguments: islice(told(*arguments), 1)


def only_then(claim: Claim) -> tuple[Gap, ...]:
    then = Part(claim.part.root, claim.part.pointer, dict(claim.part.keywords) | {"else": True}, made="then")
    return tuple(rules_logic._if(Claim(claim.prover, claim.premise, then, "if")))


def without_condition(part: Part) -> frozenset[Hashable]:
    return frozenset()


# What is wrong, and the keyword that brings it to light.
FAULTS: dict[str, tuple[str, Fault]] = {
    "minContains is ignored": (
        "minContains",
        [(rules_arrays, "_has_enough", lambda claim, known: True)],
    ),
    "maxContains is ignored": (
        "maxContains",
        [(rules_arrays, "_has_few_enough", lambda claim, known: True)],
    ),
    "contains counts whatever is contained": (
        "contains",
        [(rules_arrays, "_is_within", lambda claim, part: True)],
    ),
    "a list is shorter than it is": (
        "items",
        [(rules_arrays, "most_items", lambda prover, premise: 1)],
    ),
    "a list is longer than it is": ("minItems", [(rules_values, "least_items", lambda premise: 2)]),
    "else is ignored": ("if", [(prover, "_RULES", {**prover._RULES, "if": only_then})]),
    "two of oneOf may hold": ("oneOf", [(rules_logic, "_is_alone", lambda claim, case, others: True)]),
    "what a condition may deal with is dealt with": (
        "unevaluatedProperties",
        [(rules_objects, "at_least", at_most)],
    ),
    "what a condition may deal with in a list is dealt with": (
        "unevaluatedItems",
        [(rules_arrays, "at_least", at_most)],
    ),
    "all conditions are alike": (
        "unevaluatedProperties",
        [
            (shapes, "conditions", without_condition),
            (rules_objects, "conditions", without_condition),
            (rules_arrays, "conditions", without_condition),
        ],
    ),
    "unnamed properties are forgotten": ("additionalProperties", [(rules_objects, "elsewhere", nothing)]),
    "no property can be there": (
        "properties",
        [(rules_objects, "lacks", lambda prover, premise, name: True)],
    ),
    "only the first alternative is tried": (
        "anyOf",
        [(cases, "alternatives", first_of(cases.alternatives))],
    ),
    "only one branch of a condition is tried": (
        "if",
        [(cases, "_condition", first_of(cases._condition))],
    ),
    "a dependence is always met": (
        "dependentSchemas",
        [(cases, "_dependence", first_of(cases._dependence))],
    ),
    "an open end is a closed one": (
        "exclusiveMinimum",
        [
            (rules_values, "_is_above", lambda known, wanted, _: known.value >= wanted.value),
            (rules_values, "_is_below", lambda known, wanted, _: known.value <= wanted.value),
        ],
    ),
    "any multiple will do": ("multipleOf", [(rules_values, "_divides", lambda wanted, said: True)]),
    "listed values are not judged": ("enum", [(rules_values, "each_value", nothing)]),
    "everything is required": (
        "required",
        [(Premise, "required", property(lambda self: frozenset({"a", "b", "c", "dd"})))],
    ),
    "a number is never a fraction": (
        "multipleOf",
        [(Premise, "kinds", property(lambda self: self._stated_kinds - {"fraction"}))],
    ),
    "objects that need two properties are none": (
        "required",
        [(emptiness, "_no_object", lambda prover, premise: len(premise.required) > 1)],
    ),
}


def is_caught(favourite: str) -> bool:
    """Say whether a pair that is judged compatible loses a value."""
    some = islice(pairs(first_seed=0, favourite=favourite), PAIRS)
    return any(tried(pair, amount=60).lost for pair in some if is_judged_compatible(INPUTS, pair))


@pytest.mark.parametrize("keyword", sorted(prover._RULES))
def test_an_engine_that_overlooks_a_keyword_is_caught(keyword: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(prover._RULES, keyword, nothing)
    assert is_caught(keyword)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_engine_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    favourite, plants = FAULTS[fault]
    for place, name, replacement in plants:
        monkeypatch.setattr(place, name, replacement)
    assert is_caught(favourite)
