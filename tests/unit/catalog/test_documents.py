"""Only the part of YAML that is JSON is read; the rest is refused with its line."""

import pytest

from catalog.digest import Json
from catalog.documents import MAX_BYTES, MAX_DEPTH, MAX_NODES, read_yaml
from catalog.errors import Invalid


def refusal(text: str) -> tuple[str, str]:
    """Return the code and the line of the one finding with which a text is refused."""
    with pytest.raises(Invalid) as refused:
        read_yaml(text, "x.yaml")
    assert refused.value.code == "invalid_document"
    (finding,) = refused.value.findings
    path, _, line = finding.pointer.rpartition(":")
    assert path == "x.yaml"
    assert finding.message
    assert finding.fix
    return finding.code, line


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("9223372036854775807", 2**63 - 1),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("-0.5E-2", -0.005),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("=", "="),
        ('"1"', "1"),
        ("'true'", "true"),
        ('"\\u00e9"', "é"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\U0001F600"', "😀"),
        ("😀 é", "😀 é"),
    ],
)
def test_a_scalar_means_what_it_means_in_json_and_else_its_text(scalar: str, value: Json) -> None:
    read = read_yaml(f"key: {scalar}\n", "x.yaml")["key"]
    assert read == value
    assert type(read) is type(value)


def test_json_is_read_as_it_is() -> None:
    assert read_yaml('{"a": [1, {"b": null}], "c\\/d": "\\n"}', "x.json") == {
        "a": [1, {"b": None}],
        "c/d": "\n",
    }


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: &x 1\nb: *x\n", "yaml_alias", "1"),
        ("a: 1\nb: *missing\n", "yaml_alias", "2"),
        ("&a a: 1\n", "yaml_alias", "1"),
        ("a: &a [*a]\n", "yaml_alias", "1"),
        ("a: !!python/object/apply:os.system [id]\n", "yaml_tag", "1"),
        ("a: !!str 1\n", "yaml_tag", "1"),
        ('a: !!int "0x1F"\n', "yaml_tag", "1"),
        ("a: !!float x\n", "yaml_tag", "1"),
        ("a: ! 1\n", "yaml_tag", "1"),
        ("a: !!binary aGk=\n", "yaml_tag", "1"),
        ("!!map {a: 1}\n", "yaml_tag", "1"),
        ("%TAG ! tag:yaml.org,2002:\n---\na: !int x\n", "yaml_tag", "3"),
        ("a:\n  <<: {b: 1}\n", "yaml_tag", "2"),
        ('"<<": {b: 1}\n', "yaml_tag", "1"),
        ("a: 1\nb: 2\na: 3\n", "duplicate_key", "3"),
        ('a: 1\n"a": 3\n', "duplicate_key", "2"),
        ('{"\\ud83d\\ude00": 1, "😀": 2}', "duplicate_key", "1"),
        ("1: a\n", "key_not_text", "1"),
        ("null: a\n", "key_not_text", "1"),
        ("? [a]\n: 1\n", "key_not_text", "1"),
        ("? {a: b}\n: 1\n", "key_not_text", "1"),
        ("? \n: a\n", "key_not_text", "1"),
        ('a: "\\0"\n', "bad_character", "1"),
        ('a: 1\nb: "\\ud800"\n', "bad_character", "2"),
        ('"\\udc00": 1\n', "bad_character", "1"),
        ('a: "\\ude00\\ud83d"\n', "bad_character", "1"),
        ("a: 1e999\n", "number_out_of_range", "1"),
        ("a: 9223372036854775808\n", "number_out_of_range", "1"),
        ("a: " + "1" * 5000 + "\n", "number_out_of_range", "1"),
        ("a: \x00\n", "yaml_syntax", "1"),
        ("a: \ud800\n", "yaml_syntax", "1"),
        ("a: [1\n", "yaml_syntax", "2"),
        ('a: 1\r\nb: "x\u2028y"\n', "yaml_syntax", "2"),
        ("a: 1\n---\nb: 2\n", "yaml_syntax", "2"),
        ("\ta: 1\n", "yaml_syntax", "1"),
        ("", "not_an_object", "1"),
        ("- a\n", "not_an_object", "1"),
        ("just text\n", "not_an_object", "1"),
    ],
)
def test_the_rest_of_yaml_is_refused_with_its_line(text: str, code: str, line: str) -> None:
    assert refusal(text) == (code, line)


def test_a_document_may_be_as_deep_as_the_cap_and_no_deeper() -> None:
    levels = MAX_DEPTH - 2  # the outer mapping and the innermost value count as well
    assert read_yaml("a: " + "[" * levels + "1" + "]" * levels, "x.yaml")
    assert refusal("a: " + "[" * (levels + 1) + "1" + "]" * (levels + 1))[0] == "document_too_deep"


def test_a_document_may_be_as_large_as_the_cap_and_no_larger() -> None:
    room = MAX_BYTES - len("a: ")
    assert read_yaml("a: " + "x" * room, "x.yaml")
    assert refusal("a: " + "x" * (room + 1)) == ("document_too_large", "1")
    assert refusal("a: " + "é" * (room // 2 + 1)) == ("document_too_large", "1")


def test_a_document_may_hold_as_many_values_as_the_cap_and_no_more() -> None:
    most = MAX_NODES - 3  # the mapping, its key and the list count as well
    assert len(str(read_yaml("a: [" + "1," * most + "]", "x.yaml"))) > most
    assert refusal("a: [" + "1," * (most + 1) + "]")[0] == "document_too_deep"


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 200_000,
        "[" * 100_000 + "]" * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "{a: " * 60_000,
        "a: [" + "1," * 120_000 + "]",
        "{" + ",".join(f"k{number}" for number in range(30_000)) + "}",
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [{'*a,' * 9}]\n" for n in range(1000)),
    ],
    ids=["open", "nested", "dashes", "complex keys", "maps", "wide", "many keys", "billion laughs"],
)
def test_a_bomb_is_refused_before_it_is_built(text: str) -> None:
    assert refusal(text)[0] in {"document_too_deep", "yaml_alias"}


def test_a_finding_does_not_repeat_values() -> None:
    for text in ("password: &s3cr3t x", "password: !s3cr3t x", 'password: "s3cr3t\\0"'):
        with pytest.raises(Invalid) as refused:
            read_yaml(text, "x.yaml")
        assert "s3cr3t" not in str(refused.value.findings)
