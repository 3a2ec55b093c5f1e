"""What is judged compatible loses no value that hypothesis-jsonschema draws, nor do its schemas.

It draws along other lines than our own dice. `test_compat` tries far more pairs.
"""

import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from hypothesis.internal.conjecture.utils import many
from hypothesis_jsonschema import _from_schema, from_schema

from catalog.compat.section import INPUTS, OUTPUTS, Section
from catalog.digest import canonical_json
from catalog.schema import check_schema
from tests.property.compat_pairs import Pair, is_judged_compatible, pairs, validator
from tests.property.random_schemas import FORMATS, KINDS, NAMES, PATTERNS, Maker, Schema

COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 4}
NUMBER: Schema = {"type": "number", "minimum": -3, "maximum": 6}
VALUE: Schema = {"enum": [None, True, False, 0, 1, 1.5, "", "a", "ab", [], [1], {}, {"a": 1}]}
NAME: Schema = {"enum": list(NAMES)}
FLAT: dict[str, Schema] = {
    "type": {"anyOf": [{"enum": list(KINDS)}, {"enum": [["string", "null"], ["integer", "object"]]}]},
    "const": VALUE,
    "enum": {"type": "array", "items": VALUE, "minItems": 1, "maxItems": 3, "uniqueItems": True},
    "pattern": {"enum": list(PATTERNS)},
    "format": {"enum": list(FORMATS)},
    "multipleOf": {"enum": [1, 2, 3, 4, 0.5]},
    "uniqueItems": {"type": "boolean"},
    "required": {"type": "array", "items": NAME, "maxItems": 2, "uniqueItems": True},
    "dependentRequired": {"enum": [{"a": ["b"]}, {"b": ["a", "c"]}]},
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), COUNT),
    **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), COUNT),
}
"""What JSON Schema says of the keywords that hold no schema, narrowed so that they meet."""

ONE = ("items", "contains", "additionalProperties", "not", "if", "then", "else", "unevaluatedProperties")


def schemas(depth: int) -> st.SearchStrategy[Schema]:
    """Return what draws schemas that nest so deep."""
    said = {keyword: from_schema(meaning) for keyword, meaning in FLAT.items()}
    if depth:
        inner = schemas(depth - 1) | st.booleans()
        several = st.lists(inner, min_size=1, max_size=2)
        said |= dict.fromkeys(ONE, inner) | dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), several)
        said |= {"properties": st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3)}
    keywords = st.lists(st.sampled_from(sorted(said)), min_size=1, max_size=4, unique=True)
    return keywords.flatmap(lambda names: st.fixed_dictionaries({name: said[name] for name in names}))


class Many(many):
    """What draws a collection in Hypothesis, with the method by which hypothesis-jsonschema still asks."""

    rounds: Iterator[None] | None = None

    def more(self) -> bool:
        """Say whether there is to be another element."""
        if self.rounds is None:
            self.rounds = iter(self.__enter__())
        for _ in self.rounds:
            return True
        self.__exit__(None)
        return False


@pytest.fixture(autouse=True)
def objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hypothesis-jsonschema 0.23 draw objects with the Hypothesis that is here."""
    monkeypatch.setattr(_from_schema, "cu", SimpleNamespace(many=Many))


@lru_cache(maxsize=4096)
def along(schema: bytes) -> st.SearchStrategy[Any]:
    """Return what draws along a schema; made once, for another one of the same schema may draw otherwise."""
    return from_schema(json.loads(schema))


def drawn_value(data: st.DataObject, schema: dict[str, Schema]) -> Any:
    """Return a value along a schema; what its drawer cannot do is passed over."""
    try:
        return data.draw(along(canonical_json(schema)))
    except (AssertionError, InvalidArgument):  # it takes what cannot be for a mistake of its own
        reject()


@settings(max_examples=60, derandomize=True, database=None)
@given(st.integers(400_000, 500_000), st.data())
def test_values_drawn_by_hypothesis_stay_valid(seed: int, data: st.DataObject) -> None:
    pair = next(pair for pair in pairs(seed) if is_judged_compatible(INPUTS, pair))
    first, second = validator(pair.given), validator(pair.wanted)
    value = drawn_value(data, pair.given)
    assert second.is_valid(value) or not first.is_valid(value)  # it knows an older draft


@pytest.mark.parametrize("section", [INPUTS, OUTPUTS], ids=["inputs", "outputs"])
def test_schemas_and_values_drawn_by_hypothesis_lose_no_value(section: Section) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=120,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(schemas(2), st.integers(0, 10_000), st.data())
    def each(schema: dict[str, Schema], seed: int, data: st.DataObject) -> None:
        maker = Maker(seed)
        other = maker.edited(schema, 1)
        if check_schema(schema, "") or check_schema(other, ""):
            reject()
        for pair in (Pair(maker, schema, other), Pair(maker, other, schema)):
            seen["pairs"] += 1
            if is_judged_compatible(section, pair) and pair.given:
                seen["compatible"] += 1
                first, second = validator(pair.given), validator(pair.wanted)
                for value in (drawn_value(data, pair.given) for _ in range(3)):
                    seen["values"] += first.is_valid(value)
                    assert second.is_valid(value) or not first.is_valid(value), (pair.given, pair.wanted)

    each()
    assert seen["compatible"] >= 150
    assert seen["pairs"] > seen["compatible"]
    assert seen["values"] >= seen["compatible"]
