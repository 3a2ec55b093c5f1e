"""Moved into a larger document, a contract's schema means what it meant; secrets and patches are said."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.schema import check_schema
from platform_api.capability_schemas import (
    SECRET_NOTE,
    components_of,
    inputs_with_secrets_named,
    merge_patch_of,
    outputs_with_secrets_named,
)
from tests.capabilities import INPUTS, SMALL

# For each input, values that fit and values that do not.
GOOD: dict[str, list[Any]] = {
    "zones": [[{"name": "a"}], [{"name": "a", "weight": 1, "address": "10.0.0.1"}, {"name": "b"}]],
    "max-size": [2, 10],
    "size": ["s", "m"],
    "sized": ["l"],
    "token": ["secret://env/AVOW_SECRET_X"],
    "class": ["a", None],
    "where": [{"region": "eu"}, {"site": "ab"}],
    "labels": [{}, {"a": "b"}],
    "a.b": [1],
    "first": ["#/$defs/zone", "b"],
    "whatever": [1, {"$ref": 1}],
    "parts": [{"x-a": 1}],
    "strange": [{"$ref": "any text"}, {}],
    "both": [{"name": "a", "weight": 1}],
    "if": [{}, {"a": 1, "b": 1}],
    "level": [1, 2.5, None],
    "literal": [{"$ref": "#/$defs/zone"}],
}
BAD: dict[str, list[Any]] = {
    "zones": [[], "a", [{"name": "A"}], [{"name": "a", "weight": 0}], [{"name": "a", "more": 1}]],
    "max-size": [3, 12, "2"],
    "size": ["xl"],
    "sized": ["xl"],
    "where": [{}, {"region": "mars"}, {"site": "A"}, {"region": "eu", "site": "a"}],
    "labels": [{"a": 1}],
    "first": ["c"],
    "parts": [{"x-a": "1"}],
    "strange": [{"$ref": 1}],
    "both": [{"name": "a"}, {"weight": 1}],
    "if": [{"a": 1}],
    "level": [2],
    "literal": [{"$ref": "#/components/schemas/XInputsZone"}],
    "no-such": [1],
}


def some(*pools: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of these members."""
    values = {
        name: st.sampled_from([value for pool in pools for value in pool.get(name, ())])
        for name in dict.fromkeys(name for pool in pools for name in pool)
    }
    return st.fixed_dictionaries({}, optional=values)


def moved(schema: dict[str, Any]) -> Any:
    """Return a validator of a schema that stands among components."""
    components = {"schemas": components_of(schema, "XInputs")}
    return jsonschema.Draft202012Validator({"$ref": "#/components/schemas/XInputs", "components": components})


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(some(GOOD) | some(GOOD, BAD) | some(GOOD).map(lambda more: SMALL | more))
def test_moving_a_schema_changes_nothing_of_what_it_takes(value: dict[str, Any]) -> None:
    assert moved(INPUTS).is_valid(value) == jsonschema.Draft202012Validator(INPUTS).is_valid(value)


@pytest.mark.parametrize("name", GOOD)
def test_references_values_and_names_that_look_like_references_are_told_apart(name: str) -> None:
    assert all(moved(INPUTS).is_valid(SMALL | {name: value}) for value in GOOD[name])
    assert not any(moved(INPUTS).is_valid(SMALL | {name: value}) for value in BAD.get(name, ()))


def test_the_schema_that_the_tests_set_out_from_can_be_published() -> None:
    assert check_schema(INPUTS, "") == ()


def test_definitions_get_names_of_their_own_even_when_they_differ_in_case_alone() -> None:
    names = set(components_of(INPUTS, "XInputs"))
    assert names == {
        *("XInputs", "XInputsZone", "XInputsProblem", "XInputsProblem2", "XInputs1st", "XInputsAnything")
    }
    assert "$defs" not in components_of(INPUTS, "XInputs")["XInputs"]


def test_a_reference_to_the_definitions_as_such_is_dropped() -> None:
    odd: dict[str, Any] = {"$defs": {"a": {}}, "properties": {"x": {"$ref": "#/$defs", "type": "string"}}}
    assert components_of(odd, "X")["X"] == {"properties": {"x": {"type": "string"}}}


def test_what_is_given_is_left_as_it_was() -> None:
    before = repr(INPUTS)
    components_of(inputs_with_secrets_named(INPUTS), "XInputs")
    merge_patch_of(INPUTS)
    assert repr(INPUTS) == before


def test_a_sensitive_input_says_that_it_takes_a_reference_and_takes_nothing_else() -> None:
    named: Any = inputs_with_secrets_named(INPUTS)
    token = named["properties"]["token"]
    assert token["description"] == f"Opens the firewall. {SECRET_NOTE}"
    judge = jsonschema.Draft202012Validator(token)
    assert judge.is_valid("secret://env/AVOW_SECRET_X")
    assert not judge.is_valid("hunter2")


def test_a_sensitive_input_further_down_takes_nothing_else_either() -> None:
    inner: dict[str, Any] = {"type": "string", "x-sensitive": True}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "a": {"type": "object", "properties": {"b": inner}},
            "c": {"$ref": "#/$defs/secret"},
        },
        "$defs": {"secret": inner},
    }
    judge = jsonschema.Draft202012Validator(inputs_with_secrets_named(schema))
    for example in ({"a": {"b": "%s"}}, {"c": "%s"}):
        text = json.dumps(example)
        assert judge.is_valid(json.loads(text % "secret://env/AVOW_SECRET_X"))
        assert not judge.is_valid(json.loads(text % "hunter2"))


def test_a_pattern_of_the_publisher_stays() -> None:
    own: dict[str, Any] = {"type": "string", "x-sensitive": True, "pattern": "^secret://env/"}
    named: Any = inputs_with_secrets_named({"type": "object", "properties": {"a": own}})
    assert named["properties"]["a"]["pattern"] == "^secret://env/"


def test_a_sensitive_output_is_a_reference_wherever_it_stands() -> None:
    inner: dict[str, Any] = {"type": "string", "x-sensitive": True}
    named: Any = outputs_with_secrets_named({"type": "object", "properties": {"a": {"items": inner}}})
    assert named["properties"]["a"]["items"]["pattern"] == "^secret://"


def patches() -> Any:
    schemas = components_of(INPUTS, "X")
    return jsonschema.Draft202012Validator(
        {**merge_patch_of(schemas["X"]), "components": {"schemas": schemas}}
    )


@pytest.mark.parametrize("name", INPUTS["properties"])
def test_every_member_of_a_patch_may_be_left_out_or_be_null(name: str) -> None:
    assert patches().is_valid({})
    assert patches().is_valid({name: None})


@pytest.mark.parametrize(
    "patch",
    [{"max-size": "2"}, {"max-size": 3}, {"size": "xl"}, {"no": 1}, {"zones": []}, {"token": 1}],
    ids=str,
)
def test_a_patch_is_held_to_what_can_be_said_of_it(patch: dict[str, Any]) -> None:
    assert not patches().is_valid(patch)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(some(GOOD))
def test_whatever_can_be_asked_for_can_be_patched_in(value: Any) -> None:
    assert patches().is_valid(value)


def test_a_patch_of_open_inputs_is_open() -> None:
    assert "additionalProperties" not in merge_patch_of({"type": "object", "properties": {}})
