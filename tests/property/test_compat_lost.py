"""An output that goes is always missed: tried on random schemas of which one name is taken away.

Every property has a name of its own, so a name in a value says from where in the schema it came; no
pattern matches one.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest

from catalog.compat import lost, schemas
from catalog.compat.change import Bump
from catalog.compat.part import Part
from catalog.compat.schemas import schema_changes
from catalog.compat.section import OUTPUTS
from catalog.schema import check_schema
from tests.property.compat_pairs import validator
from tests.property.random_schemas import Maker, Schema
from tests.property.random_values import values

STEPS = 450
INSTEAD: tuple[tuple[Schema, ...], ...] = ((), (False,), ({"not": {}},))
FAVOURITES = ("properties", "anyOf", "prefixItems", "additionalProperties", "items")
_UNNAMED = ("required", "dependentRequired", "propertyNames", "not", "if", "contains", "enum", "const")
_CLOSING = ("unevaluatedProperties", "unevaluatedItems", "minProperties", "maxProperties", "oneOf")


def test_an_output_that_is_taken_away_breaks_wherever_it_was_named() -> None:
    seen: Counter[str] = Counter()
    for old, new in islice(taken_away(first_seed=0), STEPS):
        assert judged(old, new) is Bump.MAJOR, (old, new)
        seen["in alternatives"] += "'anyOf'" in str(old)
        seen["in lists"] += "'prefixItems'" in str(old)
    assert seen["in alternatives"] >= STEPS * 0.1
    assert seen["in lists"] >= STEPS * 0.02


def without_alternatives(part: Part) -> Iterator[tuple[tuple[Part, ...], ...]]:
    yield from ()


@pytest.mark.parametrize(
    ("place", "name", "fault"),
    [
        (schemas, "lost", lambda old, new: ()),
        (lost, "_choices", without_alternatives),
        (lost._Search, "_items", lambda search, old, new: ()),
        (lost._Search, "_unnamed", lambda search, old, new: ()),
    ],
    ids=["nothing is lost", "alternatives hold nothing", "lists hold nothing", "maps hold nothing"],
)
def test_an_engine_that_overlooks_an_output_is_caught(
    place: Any, name: str, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, fault)
    some = islice(taken_away(first_seed=0), STEPS)
    assert any(judged(old, new) is not Bump.MAJOR for old, new in some)


def judged(old: dict[str, Schema], new: dict[str, Schema]) -> Bump:
    """Return what the step from the one to the other is judged to be."""
    return max((change.bump for change in schema_changes(OUTPUTS, old, new)), default=Bump.NONE)


def taken_away(first_seed: int) -> Iterator[tuple[dict[str, Schema], dict[str, Schema]]]:
    """Yield schemas, each with what it is without one of the properties that came in values of it."""
    for schema, sent in outputs(first_seed):
        for name in sorted(sent):
            for instead in INSTEAD:
                yield schema, without(schema, name, instead)


def outputs(first_seed: int) -> Iterator[tuple[dict[str, Schema], frozenset[str]]]:
    """Yield schemas with the names that came in values of them."""
    for seed in count(first_seed):
        maker = Maker(seed, FAVOURITES[seed % len(FAVOURITES)])
        schema = renamed(maker.document(), count())
        if check_schema(schema, ""):
            continue
        takes = validator(schema).is_valid
        some = [each for each in values(maker, schema, 40) if takes(each)]
        found = {name for each in some for name in names(each)}
        sent = frozenset(name for name in found if is_needed(schema, name, some))
        if sent:
            yield schema, sent


def is_needed(schema: dict[str, Schema], name: str, some: list[Any]) -> bool:
    """Say whether a value is sent because the schema names a property, and not by the way."""
    takes = validator(without(schema, name, (False,))).is_valid
    return any(name in names(each) and not takes(each) for each in some)


def renamed(schema: Schema, numbers: Iterator[int]) -> Schema:
    """Return the schema with a name of its own for each property, and without what speaks of others."""
    if isinstance(schema, list):
        return [renamed(each, numbers) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: held for key, held in schema.items() if key not in (*_UNNAMED, *_CLOSING, "then", "else")}
    for key, held in kept.items():
        if key == "properties":
            kept[key] = {"n" * (3 + next(numbers)): renamed(each, numbers) for each in held.values()}
        elif key == "dependentSchemas":
            kept[key] = {}
        else:
            kept[key] = renamed(held, numbers)
    return kept


def names(value: Any) -> Iterator[str]:
    """Yield the names of properties that a value holds at any depth."""
    if isinstance(value, dict):
        yield from (name for name in value if name.startswith("n"))
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from names(each)


def without(schema: Schema, name: str, instead: tuple[Schema, ...]) -> Schema:
    """Return the schema without a property, or with something in its place."""
    if isinstance(schema, list):
        return [without(each, name, instead) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if name in schema:
        rest = {key: held for key, held in schema.items() if key != name}
        return rest | {name: instead[0]} if instead else rest
    return {key: without(held, name, instead) for key, held in schema.items()}
