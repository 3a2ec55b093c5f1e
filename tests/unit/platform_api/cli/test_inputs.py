"""Settings become inputs as the contract means them."""

from typing import Any

import pytest

from platform_api.cli.failure import Failure
from platform_api.cli.inputs import inputs_from, pairs, typed

SCHEMA = {
    "type": "object",
    "properties": {
        "size": {"enum": ["s", "m"]},
        "version": {"type": "string"},
        "replicas": {"type": "integer"},
        "backups": {"type": "boolean"},
        "zones": {"type": "array"},
        "net": {"type": "object", "properties": {"cidr": {"type": "string"}, "mtu": {"type": "integer"}}},
    },
}


@pytest.mark.parametrize(
    ("setting", "inputs"),
    [
        ("size=s", {"size": "s"}),
        ("version=16", {"version": "16"}),
        ("version=true", {"version": "true"}),
        ("replicas=3", {"replicas": 3}),
        ("replicas=three", {"replicas": "three"}),
        ("backups=true", {"backups": True}),
        ('zones=["a", "b"]', {"zones": ["a", "b"]}),
        ("net.cidr=10", {"net": {"cidr": "10"}}),
        ("net.mtu=9000", {"net": {"mtu": 9000}}),
        ("note=a=b", {"note": "a=b"}),
        ("note=", {"note": ""}),
        ("note=7", {"note": 7}),
        ("note=[7]", {"note": "[7]"}),
        ("note=null", {"note": None}),
        ("note=NaN", {"note": "NaN"}),
        ("replicas=1e999", {"replicas": "1e999"}),
    ],
)
def test_the_schema_says_what_a_setting_means(setting: str, inputs: dict[str, Any]) -> None:
    assert inputs_from([setting], [], {}, SCHEMA) == inputs


def test_without_a_schema_only_plain_json_is_read_as_json() -> None:
    assert inputs_from(["a=1", "b=true", "c=x", 'd={"e": 1}'], [], {}, {}) == {
        "a": 1,
        "b": True,
        "c": "x",
        "d": '{"e": 1}',
    }


def test_json_stands_as_it_is() -> None:
    assert inputs_from([], ['version="16"', "deep.list=[1, {}]"], {}, SCHEMA) == {
        "version": "16",
        "deep": {"list": [1, {}]},
    }


def test_settings_win_over_the_file_and_leave_it_as_it_was() -> None:
    file = {"size": "s", "net": {"mtu": 1500}}
    assert inputs_from(["net.mtu=9000"], [], file, SCHEMA) == {"size": "s", "net": {"mtu": 9000}}
    assert file["net"] == {"mtu": 1500}


@pytest.mark.parametrize("setting", ["size", "=s", "a..b=1", ".=1"])
def test_what_is_no_setting_is_refused(setting: str) -> None:
    with pytest.raises(Failure, match="--set takes name=value"):
        inputs_from([setting], [], {}, SCHEMA)


@pytest.mark.parametrize("text", ["[a", "NaN", "-Infinity", "1e999", "[" * 100_000, "9" * 10_000, ""])
def test_json_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Failure, match="--set-json zones: the value is not JSON") as refused:
        inputs_from([], [f"zones={text}"], {}, SCHEMA)
    assert "quote it" in refused.value.fix


def test_a_type_among_others_counts() -> None:
    assert typed("7", {"type": ["string", "null"]}) == "7"


def test_labels_are_pairs() -> None:
    assert pairs(["a=b", "c=d=e"], "--label") == {"a": "b", "c": "d=e"}
