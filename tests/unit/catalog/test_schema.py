"""Schemas are hostile until checked; values are judged by pointer and never repeated."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.digest import Json, JsonObject, canonical_json
from catalog.schema import (
    MAX_FINDINGS,
    MAX_REFERENCES,
    MAX_SCHEMA_DEPTH,
    accepts,
    check_schema,
    escape,
    keyword_code,
    sensitive_names,
    violations,
    with_defaults,
)

SECRET = "s3cr3t"


def codes(schema: JsonObject, value: Json) -> list[tuple[str, str]]:
    return [(finding.pointer, finding.code) for finding in violations(schema, value)]


def chain(length: int) -> dict[str, Any]:
    """Return a schema whose references follow one another."""
    parts: dict[str, Any] = {f"p{n}": {"$ref": f"#/$defs/p{n + 1}"} for n in range(1, length)}
    return {"$ref": "#/$defs/p1", "$defs": parts | {f"p{length}": {"type": "object"}}}


def doubling(levels: int) -> dict[str, Any]:
    """Return a small schema that makes a validator look 2 to the power of `levels` times."""
    parts: dict[str, Any] = {
        f"p{n}": {"allOf": [{"$ref": f"#/$defs/p{n + 1}"}, {"$ref": f"#/$defs/p{n + 1}"}]}
        for n in range(levels)
    }
    return {"$ref": "#/$defs/p0", "$defs": parts | {f"p{levels}": {"type": "object"}}}


@pytest.mark.parametrize(
    ("schema", "pointer", "code"),
    [
        ({"$ref": "http://127.0.0.1:1/x"}, "/in/$ref", "schema_remote_reference"),
        ({"allOf": [{"$ref": "file:///etc/passwd"}]}, "/in/allOf/0/$ref", "schema_remote_reference"),
        ({"$ref": "#"}, "/in/$ref", "schema_remote_reference"),
        ({"$ref": "#/%24defs/x", "$defs": {"x": {}}}, "/in/$ref", "schema_remote_reference"),
        ({"$id": "https://example.test/"}, "/in/$id", "schema_keyword_refused"),
        ({"properties": {"a": {"$anchor": "a"}}}, "/in/properties/a/$anchor", "schema_keyword_refused"),
        ({"$recursiveRef": "#"}, "/in/$recursiveRef", "schema_keyword_refused"),
        ({"$ref": "#/$defs/missing"}, "/in", "schema_invalid"),
        ({"type": "strin"}, "/in", "schema_invalid"),
        ({"properties": []}, "/in", "schema_invalid"),
        ({"pattern": "("}, "/in", "schema_invalid"),
        ({"pattern": r"(a)\1"}, "/in", "schema_invalid"),
        ({"pattern": "(?=a)"}, "/in", "schema_invalid"),
        ({"pattern": "(a{1000}){1000}"}, "/in", "schema_invalid"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "/in", "schema_too_complex"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}},
            "/in",
            "schema_too_complex",
        ),
        (doubling(30), "/in", "schema_too_complex"),
        (chain(1000), "/in", "schema_too_complex"),
        ({"description": "x" * 70_000}, "/in", "schema_too_large"),
        ({"description": "\ud800"}, "/in/description", "bad_character"),
        ({"const": "\x00"}, "/in/const", "bad_character"),
        ({"minimum": float("nan")}, "/in/minimum", "number_out_of_range"),
    ],
)
def test_an_unfit_schema_is_refused_where_it_is_unfit(
    schema: dict[str, Json], pointer: str, code: str
) -> None:
    found = [(finding.pointer, finding.code) for finding in check_schema(schema, "/in")]
    assert (pointer, code) in found


def test_a_schema_that_nests_for_ever_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"not": schema}
    assert [finding.code for finding in check_schema(schema, "")] == ["schema_too_deep"]


def test_a_schema_may_nest_as_deep_as_the_cap() -> None:
    schema: dict[str, Any] = {}
    for _ in range(MAX_SCHEMA_DEPTH):
        schema = {"not": schema}
    assert check_schema(schema, "") == ()
    assert check_schema({"not": schema}, "")


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "string"}}},
        {"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}},
        {"pattern": "^(a+)+$"},
        {"x-sensitive": True},
        chain(MAX_REFERENCES),
        doubling(5),
    ],
)
def test_an_ordinary_schema_is_fit(schema: dict[str, Json]) -> None:
    assert check_schema(schema, "") == ()


def test_a_pattern_that_backtracks_elsewhere_is_judged_in_linear_time() -> None:
    schema: JsonObject = {"properties": {"a": {"pattern": "^(a+)+$"}}}
    assert codes(schema, {"a": "a" * 100_000 + "!"}) == [("/a", "pattern")]


@pytest.mark.parametrize(
    ("part", "value", "code"),
    [
        ({"type": "integer"}, SECRET, "type"),
        ({"const": "x"}, SECRET, "const"),
        ({"enum": ["x", 1]}, SECRET, "enum"),
        ({"pattern": "^x$"}, SECRET, "pattern"),
        ({"maxLength": 2}, SECRET, "max_length"),
        ({"format": "email"}, SECRET, "format"),
        ({"anyOf": [{"type": "integer"}, {"maxLength": 1}]}, SECRET, "any_of"),
        ({"oneOf": [{"type": "integer"}, {"maxLength": 1}]}, SECRET, "one_of"),
        ({"oneOf": [{}, {}]}, SECRET, "one_of"),
        ({"not": {"type": "string"}}, SECRET, "not"),
        ({"items": {"type": "integer"}}, [SECRET], "type"),
        ({"uniqueItems": True}, [SECRET, SECRET], "unique_items"),
        ({"contains": {"const": 1}}, [SECRET], "contains"),
        ({"prefixItems": [{}], "items": False}, [1, SECRET], "false_schema"),
        ({"unevaluatedItems": False}, [SECRET], "unevaluated_items"),
        ({"additionalProperties": {"type": "integer"}}, {"b": SECRET}, "type"),
        ({"propertyNames": {"maxLength": 1}}, {"bb": SECRET}, "property_names"),
        ({"minProperties": 2}, {"b": SECRET}, "min_properties"),
        ({"dependentRequired": {"b": ["c"]}}, {"b": SECRET}, "required"),
        ({"if": {"type": "string"}, "then": {"maxLength": 1}}, SECRET, "max_length"),
        ({"contentMediaType": "application/json", "type": "integer"}, SECRET, "type"),
    ],
)
def test_a_finding_names_the_rule_and_never_the_value(part: dict[str, Json], value: Json, code: str) -> None:
    found = violations({"properties": {"a": part}}, {"a": value})
    assert code in {finding.code for finding in found}
    assert all(finding.pointer.startswith("/a") for finding in found)
    assert SECRET not in str(found)


def test_every_unknown_field_is_named_with_the_one_that_was_meant() -> None:
    schema: JsonObject = {"properties": {"size": {}, "backups": {}}, "additionalProperties": False}
    found = violations(schema, {"siez": "s", "zzz": 1}, "/inputs")
    assert [(finding.pointer, finding.code) for finding in found] == [
        ("/inputs/siez", "unknown_field"),
        ("/inputs/zzz", "unknown_field"),
    ]
    assert found[0].fix == "did you mean size?"
    assert found[1].fix == "remove it; known fields: backups, size"


def test_a_missing_field_is_named_where_it_should_be() -> None:
    schema: JsonObject = {"properties": {"a/b": {"required": ["c~d"]}}}
    assert codes(schema, {"a/b": {}}) == [("/a~1b/c~0d", "required")]


def test_a_near_miss_of_an_enum_is_suggested() -> None:
    (finding,) = violations({"enum": ["small", "large"]}, "smal")
    assert finding.fix == "did you mean small?"


def test_a_thousand_faults_make_a_hundred_findings() -> None:
    assert len(violations({"items": {"type": "string"}}, [1] * 1000)) == MAX_FINDINGS
    assert len(violations({}, ["\x00"] * 1000)) == MAX_FINDINGS
    closed: JsonObject = {"properties": {"a": {}}, "additionalProperties": False}
    assert len(violations(closed, {str(n): n for n in range(1000)})) == MAX_FINDINGS


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"a": "\ud800"}, "bad_character"),
        ({"\ud800": 1}, "bad_character"),
        ({"a": "\x00"}, "bad_character"),
        ({"a": float("nan")}, "number_out_of_range"),
        ({"a": 10**400}, "number_out_of_range"),
    ],
)
def test_a_value_that_cannot_be_stored_is_a_violation_of_every_schema(value: Json, code: str) -> None:
    assert [finding.code for finding in violations({}, value)] == [code]


def test_a_value_that_nests_for_ever_is_refused_and_not_walked() -> None:
    value: Json = {}
    for _ in range(100_000):
        value = {"a": value}
    assert [finding.code for finding in violations({}, value)] == ["too_deep"]


small_schemas = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "string", "integer", "array"]),
        "required": st.lists(st.sampled_from("ab"), unique=True),
        "maxLength": st.integers(0, 3),
        "minimum": st.integers(-3, 3),
        "enum": st.lists(st.integers(0, 3) | st.sampled_from("ab"), min_size=1, unique_by=str),
        "additionalProperties": st.booleans(),
        "properties": st.dictionaries(
            st.sampled_from("ab"),
            st.fixed_dictionaries({"type": st.sampled_from(["integer", "string"])}),
        ),
    },
)
small_values = st.recursive(
    st.none() | st.integers(-5, 5) | st.text("ab", max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=60)
@given(small_schemas, small_values)
def test_another_validator_agrees_about_what_is_valid(schema: dict[str, Any], value: Json) -> None:
    is_valid = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (violations(schema, value) == ()) == is_valid


def test_defaults_are_filled_in_at_every_depth_of_plain_properties() -> None:
    schema: JsonObject = {
        "properties": {
            "size": {"default": "s"},
            "net": {"default": {}, "properties": {"port": {"default": 5432}}},
            "none": {"properties": {"x": {"default": 1}}},
        }
    }
    given_inputs: JsonObject = {"net": {"host": "h"}}
    assert with_defaults(schema, given_inputs) == {"size": "s", "net": {"host": "h", "port": 5432}}
    assert given_inputs == {"net": {"host": "h"}}
    assert with_defaults(schema, {}) == {"size": "s", "net": {"port": 5432}}


@given(st.dictionaries(st.sampled_from(["size", "net", "other"]), small_values))
def test_what_was_said_beats_a_default_and_filling_in_twice_changes_nothing(inputs: dict[str, Json]) -> None:
    schema: JsonObject = {"properties": {"size": {"default": "s"}, "net": {"default": None}}}
    filled = with_defaults(schema, inputs)
    assert {name: filled[name] for name in inputs} == inputs
    assert with_defaults(schema, filled) == filled


def test_a_checked_schema_in_canonical_form_accepts_what_is_valid_by_it() -> None:
    schema = canonical_json({"type": "string", "pattern": "^a", "format": "email"})
    assert accepts(schema, "a@b.co")
    assert not accepts(schema, "b@b.co")
    assert not accepts(schema, "a")


def test_sensitive_names_are_those_that_the_schema_marks() -> None:
    schema: JsonObject = {"properties": {"p": {"x-sensitive": True}, "q": {"x-sensitive": False}, "r": True}}
    assert sensitive_names(schema) == {"p"}
    assert sensitive_names({}) == frozenset()


def test_codes_and_pointers_are_written_alike_everywhere() -> None:
    assert keyword_code("dependentRequired") == "dependent_required"
    assert escape("a/b~c") == "a~1b~0c"
    assert json.dumps(escape("é")) == '"\\u00e9"'
