"""What is judged compatible loses no value: tried on thousands of pairs of schemas.

Random schemas and small edits to them are compared; where nothing is said to break, random
values that were valid have to stay valid. `test_compat_planted` shows that the trial sees
an engine that overlooks something.
"""

import json
from collections import Counter
from dataclasses import replace
from itertools import islice

import jsonschema_rs
import pytest

from catalog.compat.compare import compare
from catalog.compat.normal import text
from catalog.compat.part import Root, Side
from catalog.compat.section import INPUTS, OUTPUTS, Section
from tests.property.compat_pairs import (
    CONTRACT,
    Pair,
    drawn,
    is_judged_compatible,
    pairs,
    second_validator,
    tried,
    validator,
)
from tests.property.random_schemas import Maker

COMPATIBLE = 1_050
AGREED = 800
CHAINS = 300


@pytest.mark.parametrize("section", [INPUTS, OUTPUTS], ids=["inputs", "outputs"])
def test_what_is_judged_compatible_loses_no_value(section: Section) -> None:
    seen: Counter[str] = Counter()
    for pair in pairs(first_seed=0):
        seen["pairs"] += 1
        if not is_judged_compatible(section, pair):
            continue
        trial = tried(pair, amount=60)
        assert not trial.lost, (pair.given, pair.wanted, trial.lost)
        seen["compatible"] += 1
        seen["not trivial"] += not pair.is_trivial
        seen["with many values"] += trial.valid >= 10
        if seen["compatible"] == COMPATIBLE:
            break
    assert seen["not trivial"] >= 0.8 * COMPATIBLE
    assert seen["with many values"] >= 0.6 * COMPATIBLE
    assert seen["pairs"] >= 1.3 * COMPATIBLE  # not everything is waved through


def test_a_second_validator_loses_no_value_either() -> None:
    tries = 0
    for pair in islice((pair for pair in pairs(200_000) if is_judged_compatible(INPUTS, pair)), 150):
        given_by, wanted_by = second_validator(pair.given), second_validator(pair.wanted)
        for value in drawn(pair, 30):
            if given_by.is_valid(value):
                tries += 1
                assert wanted_by.is_valid(value), (pair.given, pair.wanted, value)
    assert tries >= 1_000


def test_an_engine_of_other_make_contradicts_no_verdict_and_sees_little_more() -> None:
    """The validator's library can compare small schemas too: it may know better, but never the opposite."""
    seen: Counter[str] = Counter()
    for pair in islice(pairs(300_000), AGREED):
        mine = "compatible" if is_judged_compatible(INPUTS, pair) else "breaking"
        theirs = other_verdict(pair)
        assert (mine, theirs) != ("compatible", "no"), (pair.given, pair.wanted)
        seen[f"{mine}, {theirs}"] += 1
    found, missed = seen["compatible, yes"], seen["breaking, yes"]
    assert found >= 0.4 * AGREED
    assert missed <= 0.05 * found
    assert seen["breaking, no"] >= 0.2 * AGREED


def other_verdict(pair: Pair) -> str:
    """Return whether the validator's library sees all of the first schema in the second."""
    try:
        first, second = canonical(pair.given), canonical(pair.wanted)
        return str(second.covers(first))
    except jsonschema_rs.canonical.CanonicalizationError:
        return "unknown"


def canonical(schema: dict[str, object]) -> jsonschema_rs.CanonicalSchema:
    return jsonschema_rs.canonicalize(
        schema,
        draft=jsonschema_rs.Draft202012,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    )


def test_a_form_accepts_what_its_schema_accepts() -> None:
    tries = 0
    for pair in islice(pairs(800_000), 300):
        form = json.loads(text(Root(pair.given, "", Side.OLD).part()))
        first, second = validator(pair.given), validator(form)
        for value in drawn(pair, 20):
            tries += 1
            assert first.is_valid(value) == second.is_valid(value), (pair.given, form, value)
    assert tries == 6_000


def test_nothing_changes_between_a_schema_and_itself() -> None:
    for seed in range(600_000, 600_300):
        schema = Maker(seed).document()
        contract = replace(CONTRACT, inputs=schema, outputs=schema)
        assert compare(contract, contract).changes == ()


def test_what_two_steps_keep_their_sum_keeps() -> None:
    agreed = 0
    for pair in islice((pair for pair in pairs(700_000) if is_judged_compatible(INPUTS, pair)), 2 * CHAINS):
        further = Pair(pair.maker, pair.wanted, pair.maker.edited(pair.wanted, 2))
        if not is_judged_compatible(INPUTS, further):
            continue
        whole = Pair(pair.maker, pair.given, further.wanted)
        assert not tried(whole, amount=60).lost, (whole.given, whole.wanted)
        agreed += is_judged_compatible(INPUTS, whole)
        if agreed == CHAINS // 2:
            break
    assert agreed >= CHAINS // 4
