"""Hostile and unfit schemas are answered as well: what takes too long is taken to break."""

import pytest

from catalog.compat.change import Bump
from catalog.compat.prover import Prover
from catalog.compat.section import INPUTS
from tests.unit.catalog.compat.parts import TEXT, Schema, breaks, bump, is_fit, of_one


def conditions(amount: int, most: int) -> Schema:
    """Return an object with so many conditions in a row."""
    each = range(amount)
    return {
        "allOf": [
            {
                "if": {"properties": {f"k{i}": {"const": 1}}, "required": [f"k{i}"]},
                "then": {"properties": {f"c{i}": {"maximum": most}}},
                "else": {"required": [f"e{i}"]},
            }
            for i in each
        ]
    }


def overlapping(amount: int, most: int) -> Schema:
    """Return alternatives of which nobody sees whether two of them hold at once."""
    return {"oneOf": [{"properties": {f"k{i}": {"const": i}, "v": {"maximum": most}}} for i in range(amount)]}


def test_many_conditions_in_a_row_are_compared() -> None:
    assert bump(INPUTS, of_one(conditions(20, 8)), of_one(conditions(20, 9))) is Bump.MINOR
    assert len(breaks(INPUTS, of_one(conditions(20, 9)), of_one(conditions(20, 8)))) == 20


def test_a_question_that_is_too_hard_is_taken_to_break() -> None:
    old, new = of_one(overlapping(60, 8)), of_one(overlapping(60, 9))
    assert is_fit(old, new)
    assert breaks(INPUTS, old, new) == [("undecided", "/spec/inputs")]


def test_a_part_that_nests_deeper_than_python_is_taken_to_break(monkeypatch: pytest.MonkeyPatch) -> None:
    def deeper(*_: object) -> tuple[()]:
        raise RecursionError

    monkeypatch.setattr(Prover, "gaps", deeper)
    assert breaks(INPUTS, of_one(TEXT), of_one({})) == [("undecided", "/spec/inputs")]


def test_a_reference_that_leads_nowhere_is_taken_to_break() -> None:
    dangling: Schema = {"then": {"$ref": "#/$defs/gone"}}
    assert is_fit(of_one(dangling))  # no validator ever gets there
    places = [f"/spec/inputs/properties/x{place}/$ref" for place in ("/then",)]
    assert breaks(INPUTS, of_one(dangling), of_one(dangling | {"type": "string"})) == [
        ("undecided", places[0])
    ]


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"$ref": "https://example.com/schema.json"}, "/properties/x/$ref"),
        ({"$anchor": "here"}, "/properties/x/$anchor"),
        ({"minLength": -1}, ""),
    ],
    ids=["remote", "anchored", "malformed"],
)
def test_what_no_contract_may_have_is_taken_to_break(schema: Schema, place: str) -> None:
    assert not is_fit(of_one(schema))
    assert breaks(INPUTS, of_one(schema), of_one(TEXT)) == [("undecided", f"/spec/inputs{place}")]
    assert breaks(INPUTS, of_one(TEXT), of_one(schema)) == [("undecided", f"/spec/inputs{place}")]
