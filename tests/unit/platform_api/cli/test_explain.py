"""A capability and its fields are explained like in a manual, and in the server's words for programs."""

import json
import shlex
from itertools import pairwise
from typing import Any

import pytest

from platform_api.cli.explain_lines import capability_lines, command_of, field_lines
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.fields import find_field
from platform_api.cli.inputs import inputs_from
from tests.capabilities import INPUTS, OUTPUTS, network
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.stub import Stub

PATH = "/v1/capabilities/network"
EXAMPLES = network()["spec"]["examples"]
NETWORK: dict[str, Any] = {
    "name": "network",
    "description": "A network of your own, in every zone that you name, with nobody else's machines in it.",
    "owner": "team-net",
    "version": "2.1.0",
    "lifecycle": "stable",
    "digest": "sha256:" + "a" * 64,
    "versions": ["2.1.0"],
    "inputs": INPUTS,
    "outputs": OUTPUTS,
    "service_levels": {"provision_p95": "30s", "availability": 99.9},
    "examples": [
        {name: value for name, value in example.items() if name != "expect"}
        | ({"decision": "deny"} if "expect" in example else {})
        for example in EXAMPLES
    ],
    "docs": "# network\n\nRead me.\n",
}
DATABASE: dict[str, Any] = NETWORK | {
    "name": "database",
    "service_levels": {},
    "inputs": {
        "type": "object",
        "additionalProperties": False,
        "required": ["size"],
        "properties": {
            "size": {"enum": ["s", "m"], "description": "How large it is."},
            "connections": {"type": "integer", "minimum": 1, "maximum": 200, "default": 20},
        },
    },
    "outputs": {"type": "object", "properties": {"host": {"type": "string"}}},
    "examples": [{"name": "small", "environment": "dev", "inputs": {"size": "s", "connections": 5}}],
}
MANUAL = """\
database 2.1.0  (stable, owned by team-net)

  A network of your own, in every zone that you name, with nobody else's machines in it.

INPUTS
  FIELD        TYPE     REQUIRED  DEFAULT  ALLOWED        DESCRIPTION
  size         string   yes       -        one of s, m    How large it is.
  connections  integer  no        20       from 1 to 200

OUTPUTS
  FIELD  TYPE    PROMISED    ALLOWED  DESCRIPTION
  host   string  not always  -

EXAMPLES
  # small
  avow request database small --set size=s --set connections=5

One field: avow explain database.FIELD   Documentation: avow explain database --docs
"""


def test_a_capability_reads_like_a_manual(avow: Avow, stub: Stub) -> None:
    stub.says("GET", "/v1/capabilities/database", DATABASE)
    ended = avow("explain", "database")
    assert (ended.code, ended.out, ended.err) == (0, MANUAL, "")


def test_programs_get_the_servers_document(avow: Avow, stub: Stub) -> None:
    stub.says("GET", PATH, NETWORK)
    assert json.loads(avow("explain", "network", "-o", "json").out) == NETWORK
    assert avow("explain", "network", "-o", "name").out == "network\n"


def test_a_version_is_asked_for_behind_an_at(avow: Avow, stub: Stub) -> None:
    stub.says("GET", f"{PATH}/versions/2.1.0", NETWORK)
    assert "avow request network small --version 2.1.0 " in avow("explain", "network@2.1.0").out
    assert avow("explain", "network.max-size@2.1.0").out.startswith(
        "network.max-size  (input of network 2.1.0)"
    )


def test_documentation_is_what_its_publishers_wrote(avow: Avow, stub: Stub) -> None:
    stub.says("GET", PATH, NETWORK)
    assert avow("explain", "network", "--docs").out == NETWORK["docs"]


def test_what_is_not_there_is_said_as_the_server_says_it(avow: Avow, stub: Stub) -> None:
    stub.refuses("GET", PATH, 404, "contract_not_found", detail="There is no contract network.")
    ended = avow("explain", "network")
    assert (ended.code, ended.out) == (ExitCode.NOT_FOUND, "")
    assert "There is no contract network." in ended.err


@pytest.mark.parametrize("what", ["", "@1.0.0", ".size"])
def test_a_name_is_needed(avow: Avow, what: str) -> None:
    assert avow("explain", what).code == ExitCode.USAGE


# --- fields -------------------------------------------------------------------------------


def said(path: str) -> str:
    return "\n".join(field_lines(NETWORK, find_field(NETWORK, path), None)) + "\n"


FIELDS = {
    "max-size": """\
network.max-size  (input of network 2.1.0)

  type       integer
  required   yes
  allowed    from 1 to 10; a multiple of 2
  secret     no; a secret does not belong here
  examples   2 (small), 2 (large)
""",
    "size": """\
network.size  (input of network 2.1.0)

  How "large" it is.\\

  type       string
  required   no; s when it is left out
  allowed    one of s, m, l
  secret     no; a secret does not belong here
  examples   m (small)
""",
    "token": """\
network.token  (input of network 2.1.0)

  Opens the firewall.

  type       string
  required   no
  secret     takes a reference to a secret (secret://...), never the secret itself
  examples   secret://env/AVOW_SECRET_X (large)
""",
    "zones": """\
network.zones  (input of network 2.1.0)

  The zones that it spans.

  type       array of object
  required   yes
  allowed    1 to 3 items
  secret     no; a secret does not belong here
  examples   [{"name": "a"}] (small), [{"name": "a"}] (large)

FIELDS
  FIELD    TYPE    REQUIRED  DEFAULT  ALLOWED           DESCRIPTION
  name     string  yes       -        matches ^[a-z]+$  What it is called.
  weight   number  no        1.5      more than 0
  address  string  no        -        written as ipv4
""",
    "where": """\
network.where  (input of network 2.1.0)

  Where it stands.

  type       object
  required   no
  secret     no; a secret does not belong here

WAY 1: object
  By region.
  FIELD   TYPE    REQUIRED  DEFAULT  ALLOWED        DESCRIPTION
  region  string  yes       -        one of eu, us

WAY 2: object
  FIELD  TYPE    REQUIRED  DEFAULT  ALLOWED           DESCRIPTION
  site   string  yes       -        matches ^[a-z]+$  What it is called.
""",
    "outputs.password": """\
network.outputs.password  (output of network 2.1.0)

  type       string
  promised   not always
  secret     is a reference to a secret (secret://...), never the secret itself
""",
    "zones[].weight": """\
network.zones[].weight  (input of network 2.1.0)

  type       number
  required   no; 1.5 when it is left out
  allowed    more than 0
  secret     no; a secret does not belong here
""",
}


@pytest.mark.parametrize("path", FIELDS)
def test_a_field_reads_like_a_manual(path: str) -> None:
    assert said(path) == FIELDS[path]


@pytest.mark.parametrize(
    ("path", "name", "type_"),
    [
        ("zones[]", "zones[]", "object"),
        ("zones.name", "zones[].name", "string"),
        ("sized", "sized", "string"),
        ("class", "class", "string or null"),
        ("where.region", "where.region", "string"),
        ("where.site", "where.site", "string"),
        ("labels", "labels", "object of string"),
        ("labels.anything", "labels.anything", "string"),
        ("a.b", "a.b", "integer"),
        ("both.weight", "both.weight", "number"),
        ("level", "level", "integer or number or null"),
        ("whatever", "whatever", "any"),
        ("inputs.size", "size", "string"),
        ("inputs", "", "object"),
        ("..", "", "object"),
        ("outputs", "", "object"),
        ("outputs.host", "host", "string"),
    ],
)
def test_a_path_leads_through_lists_references_and_choices(path: str, name: str, type_: str) -> None:
    field = find_field(NETWORK, path)
    assert (field.name, field.type) == (name, type_)
    assert said(path)


def test_an_input_of_that_name_comes_before_the_outputs() -> None:
    named: dict[str, Any] = {**INPUTS, "properties": {"outputs": {"type": "boolean"}}}
    assert find_field(NETWORK | {"inputs": named}, "outputs").type == "boolean"


@pytest.mark.parametrize(
    ("path", "message", "fix"),
    [
        ("sise", "network has no field sise.", "did you mean network.size?"),
        ("zones.nam", "network.zones[] has no field nam.", "did you mean network.zones[].name?"),
        ("outputs.hst", "network.outputs has no field hst.", "did you mean network.outputs.host?"),
        ("outputs.zzz", "network.outputs has no field zzz.", "fields here: host, password, opened_at"),
        ("size.x", "network.size has no field x.", "there is nothing below it: avow explain network.size"),
        ("size[]", "network.size has no field [].", "there is nothing below it: avow explain network.size"),
    ],
)
def test_an_unknown_field_is_answered_with_the_nearest(path: str, message: str, fix: str) -> None:
    with pytest.raises(Failure) as failed:
        find_field(NETWORK, path)
    assert (failed.value.code, failed.value.message, failed.value.fix) == (ExitCode.NOT_FOUND, message, fix)


def test_a_field_is_a_document_for_programs(avow: Avow, stub: Stub) -> None:
    stub.says("GET", PATH, NETWORK)
    found = json.loads(avow("explain", "network.size", "-o", "json").out)
    assert found.pop("schema")["enum"] == ["s", "m", "l"]
    assert found == {
        "name": "network.size",
        "capability": "network",
        "version": "2.1.0",
        "side": "inputs",
        "type": "string",
        "required": False,
        "allowed": ["one of s, m, l"],
        "default": "s",
        "secret": False,
        "description": 'How "large" it is.\\',
        "examples": [{"name": "small", "value": "m"}],
        "fields": [],
    }
    zones = json.loads(avow("explain", "network.zones", "-o", "json").out)
    assert zones["fields"] == ["zones[].name", "zones[].weight", "zones[].address"]
    assert zones["schema"]["$defs"]["zone"]["required"] == ["name"]


# --- examples and layout --------------------------------------------------------------------


@pytest.mark.parametrize("example", NETWORK["examples"], ids=lambda each: str(each["name"]))
def test_an_example_is_a_command_that_asks_for_just_that(example: dict[str, Any]) -> None:
    words = shlex.split(command_of(NETWORK, example))
    sets = [value for option, value in pairwise(words) if option == "--set"]
    json_sets = [value for option, value in pairwise(words) if option == "--set-json"]
    assert words[:4] == ["avow", "request", "network", example["name"]]
    assert inputs_from(sets, json_sets, {}, INPUTS) == example["inputs"]
    assert ("--env" in words) == (example.get("environment") == "prod")


def test_what_policy_denies_is_marked() -> None:
    lines = list(capability_lines(NETWORK, None, is_pinned=False))
    assert "  # large: It's for everybody; policy denies it" in lines


def test_a_narrow_terminal_breaks_descriptions_and_a_pipe_does_not() -> None:
    long = DATABASE | {"inputs": {"properties": {"a": {"type": "string", "description": "word " * 40}}}}
    piped = list(capability_lines(long, None, is_pinned=False))
    assert any(line.endswith("word " * 39 + "word") for line in piped)
    shown = list(capability_lines(long, 80, is_pinned=False))
    assert max(map(len, shown)) <= 88
    assert sum("word" in line for line in shown) > 3
    tiny = list(capability_lines(long, 40, is_pinned=False))
    assert sum("word" in line for line in tiny) > 3


def test_text_of_a_server_cannot_steer_the_terminal(avow: Avow, stub: Stub) -> None:
    evil = "\x1b[2Jcleared\x9b"
    part = {"type": "string", "description": evil, "pattern": evil, "default": evil, "enum": [evil]}
    inputs = {"type": "object", "properties": {evil: part, "a": part}}
    document = DATABASE | {"description": evil, "owner": evil, "docs": evil, "inputs": inputs}
    document["examples"] = [{"name": evil, "description": evil, "inputs": {"a": evil}}]
    stub.says("GET", "/v1/capabilities/database", document)
    for words in (("database",), ("database.a",), ("database", "--docs"), ("database", "-o", "json")):
        out = avow("explain", *words).out
        assert "cleared" in out
        assert "\x1b" not in out
        assert "\x9b" not in out


def test_a_capability_without_anything_says_so() -> None:
    bare = DATABASE | {"inputs": {"type": "object"}, "outputs": {"type": "object"}, "examples": []}
    lines = list(capability_lines(bare, None, is_pinned=False))
    assert "  It takes nothing." in lines
    assert "  It promises nothing back." in lines
    assert "EXAMPLES" not in lines
