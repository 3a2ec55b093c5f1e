"""Redaction: no sensitive value in anything that is stored, in any spelling."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.redact import MASK, REDACTED, redaction

SECRET = "hunter2-canary"
SENSITIVE: dict[str, Any] = {"type": "string", "x-sensitive": True}


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def stored(schema_: dict[str, Any], inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return dict(redaction(schema_, inputs).document({"inputs": inputs, **more}))


def test_a_sensitive_input_is_replaced_and_the_others_stay() -> None:
    inputs = {"password": SECRET, "size": "s"}

    assert stored(schema(password=SENSITIVE), inputs)["inputs"] == {"password": REDACTED, "size": "s"}


PLACES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nested": (schema(auth=schema(password=SENSITIVE)), {"auth": {"password": SECRET}}),
    "in a list": (
        schema(users={"type": "array", "items": schema(password=SENSITIVE)}),
        {"users": [{"password": SECRET}]},
    ),
    "as items": (schema(keys={"type": "array", "items": SENSITIVE}), {"keys": [SECRET]}),
    "by reference": (
        {**schema(password={"$ref": "#/$defs/secret"}), "$defs": {"secret": SENSITIVE}},
        {"password": SECRET},
    ),
    "by references in a circle": (
        {
            **schema(node={"$ref": "#/$defs/node"}),
            "$defs": {"node": schema(next={"$ref": "#/$defs/node"}, value=SENSITIVE)},
        },
        {"node": {"next": {"value": SECRET}}},
    ),
    "within alternatives": (
        schema(auth={"oneOf": [schema(token=SENSITIVE), {"type": "null"}]}),
        {"auth": {"token": SECRET}},
    ),
    "as values of free names": (
        schema(env={"type": "object", "additionalProperties": SENSITIVE}),
        {"env": {"A": SECRET}},
    ),
    "as a whole object": (schema(auth={**schema(), "x-sensitive": True}), {"auth": {"a": [SECRET]}}),
    "as all inputs": ({**schema(), "x-sensitive": True}, {"a": SECRET}),
}


@pytest.mark.parametrize(("schema_", "inputs"), PLACES.values(), ids=PLACES.keys())
def test_it_is_found_wherever_the_schema_can_mark_it(schema_: dict[str, Any], inputs: dict[str, Any]) -> None:
    assert SECRET not in json.dumps(stored(schema_, inputs))


def test_its_value_is_masked_wherever_else_it_turns_up() -> None:
    inputs = {"password": SECRET, "note": f"it is {SECRET}!"}
    found = stored(schema(password=SENSITIVE), inputs, plan={"change": [SECRET]}, facts={SECRET: 1})

    assert SECRET not in json.dumps(found)
    assert found["inputs"]["note"] == f"it is {MASK}!"


def test_an_older_value_under_the_same_name_is_hidden_too() -> None:
    plan = {"before": {"password": "older"}, "after": {"password": SECRET}}

    assert "older" not in json.dumps(stored(schema(password=SENSITIVE), {"password": SECRET}, plan=plan))


def test_what_does_not_come_from_the_inputs_is_left_alone() -> None:
    found = stored(
        schema(pin={"type": "integer", "x-sensitive": True}), {"pin": 1}, request={"generation": 1}
    )

    assert found["request"] == {"generation": 1}


@given(st.text(min_size=4).filter(lambda text: text.strip() and text not in MASK))
def test_no_spelling_of_a_value_survives_in_a_message(secret: str) -> None:
    hidden = redaction(schema(password=SENSITIVE), {"password": secret})
    spelled = json.dumps(secret)[1:-1]

    assert secret not in hidden.text(f"<{secret}>")
    assert spelled not in hidden.text(f"<{spelled}>")


def test_a_line_of_a_longer_secret_is_a_secret() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----"
    hidden = redaction(schema(key=SENSITIVE), {"key": key})

    assert "MIIE" not in hidden.text("the key MIIEvQIBADANBgkq is weak")


def test_a_short_value_is_masked_where_it_stands_alone_only() -> None:
    hidden = redaction(schema(pin=SENSITIVE), {"pin": "ab"})

    assert hidden.text("ab is no label") == f"{MASK} is no label"


def test_a_number_is_masked_as_well() -> None:
    hidden = redaction(schema(pin={"type": "integer", "x-sensitive": True}), {"pin": 123456})

    assert hidden.text("the pin 123456 is known") == f"the pin {MASK} is known"
    assert hidden.document({"inputs": {"copy": 123456}}) == {"inputs": {"copy": MASK}}


def test_without_marks_nothing_changes() -> None:
    inputs = {"a": ["b", {"c": 1.5, "d": None, "e": True}]}

    assert stored(schema(a={"type": "array"}), inputs) == {"inputs": inputs}


def test_references_that_fan_out_are_followed_once_each() -> None:
    levels = {
        f"d{n}": schema(a={"$ref": f"#/$defs/d{n + 1}"}, b={"$ref": f"#/$defs/d{n + 1}"}) for n in range(60)
    }
    wide = {**schema(top={"$ref": "#/$defs/d0"}), "$defs": {**levels, "d60": SENSITIVE}}

    assert redaction(wide, {}).names == {"a", "b"}
