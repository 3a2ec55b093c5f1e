"""Inputs of an older version become those of a newer one, or it is said at each place why they do not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.contract import Contract, Conversion
from catalog.conversion import Fit, Unconverted, converted, fitting, held_inputs, written_for
from tests.factories import a_bundle, a_request, contract_document

GIB = {"size": "{'s': 1, 'm': 10, 'l': 100}[inputs.size]"}
OPEN: dict[str, Any] = {"type": "object", "additionalProperties": False}
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4)


def conversion(versions: str = "^1.0.0", **inputs: str) -> Conversion:
    return Conversion(versions, inputs)


def contract(version: str = "2.0.0", properties: Any = None, **spec: Any) -> Contract:
    inputs = OPEN | {"properties": properties or {"gib": {"type": "integer"}, "backups": {"type": "boolean"}}}
    return a_bundle(contract_document(version=version, **({"inputs": inputs} | spec))).contract


def converting(**inputs: str) -> Contract:
    return contract(conversion={"from": "^1.0.0", "inputs": inputs})


def test_named_fields_are_replaced_others_stay_and_null_leaves_one_out() -> None:
    made = converted(
        conversion(gib=GIB["size"], size="null", note="'was ' + inputs.size"), {"size": "m", "backups": False}
    )
    assert made == {"gib": 10, "note": "was m", "backups": False}


def test_the_expressions_see_the_older_defaults_and_what_stays_is_what_was_written() -> None:
    made = converted(conversion(gib="inputs.backups ? 10 : 1"), {"size": "s"}, {"size": "s", "backups": True})
    assert made == {"size": "s", "gib": 10}


def test_expressions_see_the_old_inputs_whatever_the_others_make() -> None:
    assert converted(conversion(a="inputs.b", b="inputs.a"), {"a": 1, "b": 2}) == {"a": 2, "b": 1}


def test_every_field_that_cannot_be_converted_is_named_and_no_value_is_told() -> None:
    with pytest.raises(Unconverted) as refused:
        converted(conversion(gib="inputs.volume", **{"a/b": "1 / inputs.nought", "c": "1"}), {"nought": 0})
    assert [each.pointer for each in refused.value.findings] == ["/inputs/gib", "/inputs/a~1b"]
    assert {each.code for each in refused.value.findings} == {"conversion_failed"}
    assert all(each.fix for each in refused.value.findings)


@given(st.dictionaries(st.sampled_from("abcd"), SCALARS), st.sets(st.sampled_from("abcd")))
def test_what_is_not_named_is_untouched_and_the_inputs_themselves_are_too(
    inputs: dict[str, Any], named: set[str]
) -> None:
    before = dict(inputs)
    made = converted(conversion(**dict.fromkeys(named, "'new'")), inputs)
    assert inputs == before
    assert {name: value for name, value in made.items() if name not in named} == {
        name: value for name, value in inputs.items() if name not in named
    }
    assert all(made[name] == "new" for name in named)


def test_inputs_are_taken_as_they_are_where_they_were_written() -> None:
    request = a_request(inputs={"anything": "at all"}, inputs_version="2.0.0")
    assert fitting(contract(), request) == Fit({"anything": "at all"})


def test_without_a_conversion_they_must_fit_as_they_are() -> None:
    fit = fitting(contract(), a_request(inputs={"gib": 3}))
    assert (fit.is_good, fit.inputs, fit.is_converted) == (True, {"gib": 3}, False)
    fit = fitting(contract(), a_request(inputs={"size": "s"}))
    assert (fit.is_good, fit.reason) == (False, "InputsDoNotFit")
    assert [each.pointer for each in fit.findings] == ["/inputs/size"]


def test_a_conversion_applies_to_the_versions_that_it_is_from() -> None:
    target = converting(gib=GIB["size"], size="null")
    fit = fitting(target, a_request(inputs={"size": "l"}))
    assert (fit.inputs, fit.is_good, fit.is_converted) == ({"gib": 100}, True, True)
    fit = fitting(target, a_request(inputs={"size": "l"}, inputs_version="0.9.0"))
    assert fit.reason == "InputsDoNotFit"


def test_what_the_conversion_makes_must_fit_or_it_failed() -> None:
    fit = fitting(converting(gib="inputs.size", size="null"), a_request())
    assert (fit.reason, fit.inputs) == ("ConversionFailed", {"size": "s"})
    assert [each.pointer for each in fit.findings] == ["/inputs/gib"]
    fit = fitting(converting(gib="inputs.missing"), a_request())
    assert (fit.reason, [each.code for each in fit.findings]) == ("ConversionFailed", ["conversion_failed"])


def test_a_conversion_sees_the_defaults_of_the_version_that_the_inputs_are_written_for() -> None:
    target = converting(gib="inputs.backups ? 7 : 1", size="null")
    assert fitting(target, a_request(), a_bundle().contract).inputs == {"gib": 7}
    assert fitting(target, a_request()).reason == "ConversionFailed"


def test_what_conversions_made_before_is_what_the_next_one_starts_from() -> None:
    held = a_request(inputs_version="2.0.0", converted={"gib": 10}, contract_version="2.0.0")
    assert (held_inputs(held), written_for(held)) == ({"gib": 10}, "2.0.0")
    properties = {"mib": {"type": "integer"}}
    mib = {"from": "^2.0.0", "inputs": {"mib": "inputs.gib * 1024", "gib": "null"}}
    target = contract("3.0.0", properties, conversion=mib)
    assert fitting(target, held).inputs == {"mib": 10240}


def test_a_request_that_says_nothing_of_it_was_written_for_the_version_that_it_is_on() -> None:
    assert written_for(replace(a_request(), inputs_version=None)) == "1.0.0"


SECRET = {"type": "string", "x-sensitive": True}


def test_a_secret_in_clear_does_not_fit_where_the_field_became_sensitive() -> None:
    target = contract(properties={"token": SECRET})
    fit = fitting(target, a_request(inputs={"token": "hunter2"}))
    assert (fit.reason, [each.pointer for each in fit.findings]) == ("InputsDoNotFit", ["/inputs/token"])
    assert "hunter2" not in repr(fit.findings)
    assert fitting(target, a_request(inputs={"token": "secret://env/AVOW_SECRET_X"})).is_good


def test_a_conversion_makes_no_secret_in_clear() -> None:
    made = {"from": "^1.0.0", "inputs": {"login": "{'key': inputs.token}", "token": "null"}}
    target = contract(
        properties={
            "login": {"type": "object", "properties": {"key": {"$ref": "#/properties/key"}}},
            "key": SECRET,
        },
        conversion=made,
    )
    fit = fitting(target, a_request(inputs={"token": "hunter2"}))
    assert (fit.reason, [each.pointer for each in fit.findings]) == (
        "ConversionFailed",
        ["/inputs/login/key"],
    )
    assert fitting(target, a_request(inputs={"token": "secret://env/AVOW_SECRET_X"})).is_converted
