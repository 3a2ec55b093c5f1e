"""A mark counts wherever it stands, and only where its part of the schema applies."""

from typing import Any

import pytest

from catalog.digest import Json, JsonObject
from catalog.sensitive import secrets_in_clear, sensitive_texts

SECRET: dict[str, Any] = {"type": "string", "x-sensitive": True}
TEXT: dict[str, Any] = {"type": "string"}
PLAIN = "hunter2"
REFERENCE = "secret://env/AVOW_SECRET_X"


def of_kind(kind: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"kind": {"const": kind}, **properties}}


SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "token": SECRET,
        "plain": TEXT,
        "login": {"$ref": "#/$defs/login"},
        "chain": {"$ref": "#/$defs/chain"},
        "users": {"type": "array", "items": {"$ref": "#/$defs/login"}},
        "pair": {"prefixItems": [TEXT, SECRET], "items": TEXT},
        "all": {"allOf": [{"properties": {"key": SECRET}}]},
        "either": {"oneOf": [of_kind("open", value=TEXT), of_kind("shut", value=SECRET)]},
        "elsewhere": {"anyOf": [TEXT, {"$ref": "#/$defs/secret"}]},
        "maybe": {
            "if": {"required": ["on"], "properties": {"on": {"const": True}}},
            "then": {"properties": {"pin": SECRET}},
            "else": {"properties": {"pan": SECRET}},
        },
        "tied": {"dependentSchemas": {"user": {"properties": {"password": SECRET}}}},
        "rest": {"properties": {"name": TEXT}, "additionalProperties": SECRET},
        "env": {"patternProperties": {"^SECRET_": SECRET}, "additionalProperties": TEXT},
        "some": {"contains": {"type": "string", "minLength": 3, "x-sensitive": True}},
        "whole": {"type": "object", "x-sensitive": True},
    },
    "$defs": {
        "secret": SECRET,
        "chain": {"$ref": "#/$defs/secret"},
        "login": {"type": "object", "properties": {"name": TEXT, "~/key": SECRET}},
    },
}


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"token": PLAIN, "plain": PLAIN, "unknown": PLAIN}, ["/token"]),
        ({"login": {"name": PLAIN, "~/key": PLAIN}}, ["/login/~0~1key"]),
        ({"chain": PLAIN}, ["/chain"]),
        ({"users": [{"name": PLAIN}, {"~/key": PLAIN}]}, ["/users/1/~0~1key"]),
        ({"pair": [PLAIN, PLAIN, PLAIN]}, ["/pair/1"]),
        ({"all": {"key": PLAIN}}, ["/all/key"]),
        ({"either": {"kind": "shut", "value": PLAIN}}, ["/either/value"]),
        ({"either": {"kind": "open", "value": PLAIN}}, []),
        ({"elsewhere": PLAIN}, ["/elsewhere"]),
        ({"maybe": {"on": True, "pin": PLAIN, "pan": PLAIN}}, ["/maybe/pin"]),
        ({"maybe": {"on": False, "pin": PLAIN, "pan": PLAIN}}, ["/maybe/pan"]),
        ({"tied": {"password": PLAIN}}, []),
        ({"tied": {"password": PLAIN, "user": PLAIN}}, ["/tied/password"]),
        ({"rest": {"name": PLAIN, "other": PLAIN}}, ["/rest/other"]),
        ({"env": {"SECRET_A": PLAIN, "PATH": PLAIN}}, ["/env/SECRET_A"]),
        ({"some": ["no", PLAIN]}, ["/some/1"]),
        ({"whole": {"deep": [PLAIN, 7], "flat": PLAIN}}, ["/whole/deep/0", "/whole/flat"]),
        ({"login": PLAIN, "users": {"~/key": PLAIN}}, []),
        ({"token": 7, "whole": None}, []),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_marked_and_stands_in_clear_is_found_at_its_place(value: Json, places: list[str]) -> None:
    assert [each.pointer for each in secrets_in_clear(SCHEMA, value, "")] == places


def test_references_pass_and_no_finding_repeats_a_secret() -> None:
    inputs: JsonObject = {"token": REFERENCE, "login": {"~/key": REFERENCE}, "chain": PLAIN}
    findings = secrets_in_clear(SCHEMA, inputs, "/inputs")
    assert [(each.pointer, each.code) for each in findings] == [("/inputs/chain", "secret_value_refused")]
    assert PLAIN not in repr(findings)
    assert all(each.fix for each in findings)
    assert sorted(sensitive_texts(SCHEMA, inputs, "").values()) == [PLAIN, REFERENCE, REFERENCE]


def test_schemas_that_refer_to_themselves_do_not_hang() -> None:
    endless: JsonObject = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert secrets_in_clear(endless, {"a": PLAIN}, "") == ()
    tree: JsonObject = {"properties": {"child": {"$ref": "#"}, "secret": SECRET}}
    [found] = secrets_in_clear(tree, {"child": {"child": {"secret": PLAIN}}}, "")
    assert found.pointer == "/child/child/secret"


@pytest.mark.parametrize("value", [float("nan"), "\ud800", "nul \x00"])
def test_what_cannot_be_stored_is_refused_by_others(value: Json) -> None:
    assert secrets_in_clear(SCHEMA, {"token": value, "elsewhere": value}, "") == ()
