"""Formats for programs carry the server's documents unchanged, and never steer a terminal."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from platform_api.cli.output import as_json, as_yaml, formatted, name_of
from platform_api.cli.session import Format
from platform_api.cli.terminal import UNSAFE

ORDERS = {"name": "orders-db", "phase": "ready", "inputs": {"size": "s", "backups": True}}
PAY = {"name": "pay-db", "phase": "failed", "inputs": {}}

GOLDEN = {
    Format.JSON: [
        "[",
        "  {",
        '    "name": "orders-db",',
        '    "phase": "ready",',
        '    "inputs": {',
        '      "size": "s",',
        '      "backups": true',
        "    }",
        "  },",
        "  {",
        '    "name": "pay-db",',
        '    "phase": "failed",',
        '    "inputs": {}',
        "  }",
        "]",
    ],
    Format.YAML: [
        "- name: orders-db",
        "  phase: ready",
        "  inputs:",
        "    size: s",
        "    backups: true",
        "- name: pay-db",
        "  phase: failed",
        "  inputs: {}",
    ],
    Format.NAME: ["orders-db", "pay-db"],
    Format.JSONL: [
        '{"name": "orders-db", "phase": "ready", "inputs": {"size": "s", "backups": true}}',
        '{"name": "pay-db", "phase": "failed", "inputs": {}}',
    ],
}


@pytest.mark.parametrize("format_", GOLDEN)
def test_a_list_looks_the_same_for_ever(format_: Format) -> None:
    assert "\n".join(formatted([ORDERS, PAY], format_)).split("\n") == GOLDEN[format_]


def test_one_document_is_one_document() -> None:
    assert json.loads("".join(formatted(PAY, Format.JSON))) == PAY
    assert list(formatted(PAY, Format.NAME)) == ["pay-db"]


def test_an_empty_list_is_still_a_list() -> None:
    assert list(formatted([], Format.JSON)) == ["[]"]
    assert list(formatted([], Format.YAML)) == ["[]"]
    assert list(formatted([], Format.JSONL)) == []


def test_letters_stay_readable() -> None:
    assert as_json("größe 日本") == '"größe 日本"'
    assert as_yaml({"a": "größe 日本"}) == "a: größe 日本"


texts = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ["\x9b2J", "\u202etxt", "\x1b[0m", "\x7f"]
)


@given(st.dictionaries(texts, texts))
def test_json_is_safe_and_means_the_same(document: dict[str, str]) -> None:
    text = as_json(document)
    assert not UNSAFE.search(text)
    assert json.loads(text) == document


@given(
    st.dictionaries(
        st.text(max_size=5), st.text() | st.sampled_from(["\x9b2J", "\u202etxt", "\x1b[0m", "\x7f"])
    )
)
def test_yaml_is_safe_and_means_the_same(document: dict[str, str]) -> None:
    text = as_yaml(document)
    assert not UNSAFE.search(text)
    assert yaml.safe_load(text) == document


@pytest.mark.parametrize(
    ("document", "name"),
    [({"name": "a", "id": "b"}, "a"), ({"id": "run_1"}, "run_1"), ({"uid": "req_1"}, "req_1"), ({}, "")],
)
def test_a_name_is_what_a_command_takes(document: dict[str, str], name: str) -> None:
    assert name_of(document) == name
