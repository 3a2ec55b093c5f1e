"""Pairs of schemas, what the comparison says of them, and values that prove it wrong.

The validator that requests meet is the first witness. A second one, written by others in
another language, is asked as well where there is time for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import jsonschema
import jsonschema_rs

from catalog.compat.change import Bump, Comparison
from catalog.compat.compare import compare
from catalog.compat.section import INPUTS, Section
from catalog.digest import canonical_json
from catalog.schema import check_schema
from tests.factories import a_contract
from tests.property.random_schemas import KEYWORDS, Maker, Schema
from tests.property.random_values import values

EMPTY: dict[str, Schema] = {"type": "object", "additionalProperties": False}
CONTRACT = replace(a_contract(), inputs=EMPTY, outputs=EMPTY)


@dataclass(frozen=True)
class Pair:
    """Two schemas of which every value of the first may be one of the second."""

    maker: Maker
    given: dict[str, Schema]
    wanted: dict[str, Schema]

    @property
    def is_trivial(self) -> bool:
        """Say whether the schemas are written alike."""
        return canonical_json(self.given) == canonical_json(self.wanted)


def pairs(first_seed: int, favourite: str = "") -> Iterator[Pair]:
    """Yield pairs without end: a schema and an edit of it, now and then two strangers.

    Args:
        favourite: the keyword that comes up most; without one, half of the seeds have one each.
    """
    for seed in count(first_seed):
        maker = Maker(seed, favourite or ("", KEYWORDS[seed // 2 % len(KEYWORDS)])[seed % 2])
        schema = maker.document()
        if check_schema(schema, ""):
            continue
        for _ in range(4):
            other = maker.document() if maker.chance(0.15) else maker.edited(schema, maker.dice.randint(1, 3))
            if not check_schema(other, ""):
                yield Pair(maker, schema, other) if maker.chance(0.5) else Pair(maker, other, schema)


def comparison(section: Section, pair: Pair) -> Comparison:
    """Return what a contract makes of it when inputs go from given to wanted, or outputs back."""
    if section is INPUTS:
        return compare(replace(CONTRACT, inputs=pair.given), replace(CONTRACT, inputs=pair.wanted))
    return compare(replace(CONTRACT, outputs=pair.wanted), replace(CONTRACT, outputs=pair.given))


def is_judged_compatible(section: Section, pair: Pair) -> bool:
    """Say whether nothing is said to break; an output that is merely new says nothing of values."""
    changes = comparison(section, pair).changes
    leniently = any(change.code == "property_added" and change.bump is Bump.MINOR for change in changes)
    return not any(change.bump is Bump.MAJOR for change in changes) and not (
        leniently and section is not INPUTS
    )


def validator(schema: dict[str, Schema]) -> jsonschema_rs.Draft202012Validator:
    """Return the validator that requests meet."""
    linear = jsonschema_rs.RegexOptions()
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, pattern_options=linear)


def second_validator(schema: dict[str, Schema]) -> Any:
    """Return a validator of other make."""
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


@dataclass(frozen=True)
class Trial:
    """How many values were valid by the first schema, and one of them that the second refuses."""

    valid: int
    lost: tuple[Any, ...]


def tried(pair: Pair, amount: int) -> Trial:
    """Try random values, two in three drawn along the first schema."""
    given, wanted = validator(pair.given), validator(pair.wanted)
    valid = 0
    for value in drawn(pair, amount):
        if given.is_valid(value):
            valid += 1
            if not wanted.is_valid(value):
                return Trial(valid, (value,))
    return Trial(valid, ())


def drawn(pair: Pair, amount: int) -> Iterator[Any]:
    """Yield random values, two in three drawn along the first schema, the others along the second."""
    yield from values(pair.maker, pair.given, amount - amount // 3)
    yield from values(pair.maker, pair.wanted, amount // 3)
