"""The files in git: the same bytes every time, readable everywhere, and no secret in any of them."""

from dataclasses import replace

import pytest

from catalog.audit import Head
from catalog.digest import Json, JsonObject
from catalog.documents import read_yaml
from reconciler.change import Branch
from reconciler.render import (
    WITHHELD,
    Origin,
    desired_change,
    desired_file,
    desired_removal,
    state_change,
    state_file,
    state_removal,
    without_sensitive,
    yaml_text,
)
from tests.factories import a_contract, a_delivered_request, a_request

HEAD = Head(7, "sha256:" + "a" * 64)
ORIGIN = Origin("dora", HEAD, "dec_1")
CANARY = "S3CR3T-canary"
SECRET: JsonObject = {"type": "string", "x-sensitive": True}


def test_the_desired_file_says_who_wants_what() -> None:
    path, content = desired_file(a_request(), a_contract())
    assert path == "projects/shop/requests/orders-db.yaml"
    assert read_yaml(content, path) == {
        "apiVersion": "avow/v1",
        "kind": "Request",
        "metadata": {
            "project": "shop",
            "name": "orders-db",
            "uid": a_request().uid,
            "generation": 1,
            "owner": "team-orders",
            "environment": "dev",
            "labels": {"tier": "backend"},
        },
        "spec": {"contract": "postgres-database", "version": None, "inputs": {"size": "s"}},
    }


def test_the_state_file_says_what_was_delivered_and_nothing_of_what_was_asked() -> None:
    path, content = state_file(a_delivered_request())
    document = read_yaml(content, path)
    assert path == desired_file(a_request(), a_contract())[0]
    status = document["status"]
    assert isinstance(status, dict)
    assert set(status) == {"contract", "destination", "facts", "generation"}
    assert status["facts"] == {"exists": True, "size": "s"}
    assert "inputs" not in content


def test_before_a_delivery_the_state_file_has_nothing_to_say() -> None:
    document = read_yaml(state_file(a_request())[1], "state")
    assert document["status"] == {"destination": None}


def test_the_order_in_which_fields_were_sent_does_not_show() -> None:
    one = a_request(inputs={"a": 1, "b": {"c": 2, "d": 3}}, labels={"x": "1", "y": "2"})
    other = a_request(inputs={"b": {"d": 3, "c": 2}, "a": 1}, labels={"y": "2", "x": "1"})
    assert desired_file(one, a_contract()) == desired_file(other, a_contract())


def test_status_does_not_change_the_desired_file() -> None:
    request = a_request()
    later = replace(request, attempt=7, destination="pg-2", revision=9, outputs={"password": CANARY})
    assert desired_file(later, a_contract()) == desired_file(request, a_contract())


@pytest.mark.parametrize(
    "word", ["no", "Yes", "ON", "y", "null", "~", "1e3", "0x1f", "12:30", "<<", "", "2026-03-01"]
)
def test_words_that_readers_of_yaml_disagree_on_are_quoted(word: str) -> None:
    assert yaml_text({"a": word}) == f'a: "{word}"\n'


def test_a_value_that_stands_twice_is_written_twice() -> None:
    shared: JsonObject = {"b": [1]}
    assert yaml_text({"one": shared, "two": shared}) == "one:\n  b:\n  - 1\ntwo:\n  b:\n  - 1\n"


def test_long_lines_stay_in_one_line() -> None:
    assert yaml_text({"a": "word " * 100 + "."}).count("\n") == 1


NESTED: JsonObject = {
    "type": "object",
    "properties": {
        "token": SECRET,
        "login": {"type": "object", "properties": {"user": {"type": "string"}, "password": SECRET}},
        "users": {"type": "array", "items": {"$ref": "#/$defs/user"}},
        "pair": {"prefixItems": [{"type": "string"}, SECRET]},
        "either": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"key": SECRET}}]},
        "maybe": {"if": {"properties": {"on": {"const": True}}}, "then": {"properties": {"pin": SECRET}}},
        "keys": {"additionalProperties": SECRET},
        "env": {"patternProperties": {"^SECRET_": SECRET}},
        "whole": {"type": "object", "x-sensitive": True},
    },
    "$defs": {"user": {"type": "object", "properties": {"name": {"type": "string"}, "~/key": SECRET}}},
}


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [
        ({"token": CANARY}, {"token": WITHHELD}),
        ({"login": {"user": "u", "password": CANARY}}, {"login": {"user": "u", "password": WITHHELD}}),
        ({"users": [{"name": "n", "~/key": CANARY}]}, {"users": [{"name": "n", "~/key": WITHHELD}]}),
        ({"pair": ["p", CANARY]}, {"pair": ["p", WITHHELD]}),
        ({"either": {"key": CANARY}}, {"either": {"key": WITHHELD}}),
        ({"maybe": {"on": False, "pin": CANARY}}, {"maybe": {"on": False, "pin": WITHHELD}}),
        ({"keys": {"any": CANARY}}, {"keys": {"any": WITHHELD}}),
        ({"env": {"SECRET_A": CANARY}}, {"env": {"SECRET_A": WITHHELD}}),
        ({"whole": {"deep": [CANARY]}}, {"whole": WITHHELD}),
        ({"plain": "p", "login": "of another type"}, {"plain": "p", "login": "of another type"}),
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_is_marked_sensitive_is_withheld_wherever_it_stands(inputs: JsonObject, shown: Json) -> None:
    assert without_sensitive(inputs, NESTED) == shown
    contract = replace(a_contract(), inputs=NESTED)
    assert CANARY not in desired_file(a_request(inputs=inputs), contract)[1]


def test_schemas_that_refer_to_themselves_do_not_hang() -> None:
    endless: JsonObject = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert without_sensitive({"a": 1}, endless) == WITHHELD
    tree: JsonObject = {
        "properties": {"child": {"$ref": "#"}, "secret": SECRET},
    }
    deep: JsonObject = {"child": {"child": {"secret": CANARY}}}
    assert without_sensitive(deep, tree) == {"child": {"child": {"secret": WITHHELD}}}


def test_every_change_says_whom_and_what_it_comes_from() -> None:
    change = desired_change(a_request(generation=3), a_contract(), ORIGIN)
    assert change.branch == Branch.MAIN
    assert change.message == "shop/orders-db: request generation 3"
    assert change.trailers == {
        "Avow-Request": a_request().uid,
        "Avow-Generation": "3",
        "Avow-Contract": "postgres-database@1.0.0",
        "Avow-Actor": "dora",
        "Avow-Decision": "dec_1",
        "Avow-Audit-Head": f"7 {HEAD.hash}",
    }


def test_a_delivery_is_the_platforms_own_change() -> None:
    change = state_change(a_delivered_request(), HEAD)
    assert change.branch == Branch.STATE
    assert change.trailers["Avow-Actor"] == "system:avow"
    assert "Avow-Decision" not in change.trailers


def test_removals_delete_the_same_files() -> None:
    for removal, change in (
        (desired_removal(a_request(), ORIGIN), desired_change(a_request(), a_contract(), ORIGIN)),
        (state_removal(a_request(), HEAD), state_change(a_request(), HEAD)),
    ):
        assert removal.content is None
        assert (removal.branch, removal.path) == (change.branch, change.path)
