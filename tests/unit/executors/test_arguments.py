"""Arguments are read by type, and what does not fit is named by its place."""

import pytest

from catalog.schema import violations
from executors.arguments import Arguments, taking
from executors.step import Permanent

GIVEN = Arguments({"t": "x", "n": 3, "b": True, "l": ["a"], "m": [1, 2], "o": {"p": "q"}, "none": None})


def test_members_are_returned_by_type() -> None:
    assert GIVEN.text("t") == "x"
    assert GIVEN.whole("n") == 3
    assert GIVEN.texts("l") == ("a",)
    assert GIVEN.wholes("m") == (1, 2)
    assert GIVEN.texts_by_name("o") == {"p": "q"}
    assert GIVEN.within("o").text("p") == "q"


def test_defaults_stand_in_for_what_is_missing() -> None:
    assert GIVEN.text("x", "d") == "d"
    assert GIVEN.wholes("x", (1,)) == (1,)
    assert GIVEN.members("x", {}) == {}
    assert not GIVEN.has("none")


@pytest.mark.parametrize("name", ["n", "l", "o", "none", "missing"])
def test_what_is_not_text_is_refused_by_its_place(name: str) -> None:
    with pytest.raises(Permanent, match=f"/{name} must be a string"):
        GIVEN.text(name)


def test_true_is_not_a_number() -> None:
    with pytest.raises(Permanent):
        GIVEN.whole("b")
    with pytest.raises(Permanent):
        Arguments({"x": [True]}).wholes("x")


def test_text_is_not_a_list() -> None:
    with pytest.raises(Permanent, match="/t must be a list"):
        GIVEN.texts("t")


def test_a_place_within_is_named_from_the_top() -> None:
    with pytest.raises(Permanent, match="/o/p must be a whole number"):
        GIVEN.within("o").whole("p")


def test_a_taken_schema_refuses_what_it_does_not_name() -> None:
    schema = taking({"a": {"type": "string"}}, {"b": {"type": "integer"}})
    assert not violations(schema, {"a": "x", "b": 1})
    assert [finding.code for finding in violations(schema, {"a": "x", "c": 1})] == ["unknown_field"]
    assert [finding.code for finding in violations(schema, {})] == ["required"]
