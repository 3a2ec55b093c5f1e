"""Whatever text comes in, a JSON object comes out or a refusal with a line; nothing else happens."""

import json
import re

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog.digest import Json, canonical_json
from catalog.documents import MAX_BYTES, read_yaml
from catalog.errors import Invalid
from catalog.storable import unstorable
from reconciler.render import yaml_text

CODES = {"bad_character", "document_too_deep", "document_too_large", "duplicate_key", "key_not_text"}
CODES |= {"not_an_object", "number_out_of_range", "yaml_alias", "yaml_syntax", "yaml_tag"}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts.filter(lambda key: key != "<<"), values, max_size=4).filter(
    lambda document: '"<<"' not in json.dumps(document)
)

lines = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8).filter(
    lambda each: each != "<<"
)

PIECES = (
    "a|b: |- |? |: |\n|  |\t|{|}|[|]|,|&x |*x|!t |!!int |<<|>|'|\"|#|%YAML 1.1\n|---\n|...\n|1|-1.5e3|~|null"
)
MORE = [
    "|",
    "\\ud800",
    "\\0",
    "é",
    "\x00",
    "\ufeff",
    "\u2028",
    "😀",
    "0x1",
    "1" * 30,
    "@",
    "`",
    "=",
    "true",
    "k: v\n",
]
pieces = st.sampled_from([*PIECES.split("|"), *MORE])
soups = st.lists(pieces, max_size=25).map("".join) | st.text(max_size=60)


def reading(text: str) -> tuple[dict[str, Json], set[str]]:
    """Return what is read, or the codes with which it is refused."""
    try:
        return read_yaml(text, "x.yaml"), set()
    except Invalid as refused:
        return {}, {finding.code for finding in refused.findings}


@settings(max_examples=100)
@given(objects)
@example({"a": "\x85\u2028\u2029\ufeff\x7f"})
@example({"😀": [-0.0, 1e300, 5e-324]})
def test_json_comes_back_as_it_was(document: dict[str, Json]) -> None:
    read, codes = reading(json.dumps(document))
    assert not codes
    assert canonical_json(read) == canonical_json(document)


@settings(max_examples=100)
@given(objects)
@example({"a": "\u2028"})
def test_json_without_escapes_comes_back_as_it_was_or_is_refused(document: dict[str, Json]) -> None:
    read, codes = reading(json.dumps(document, ensure_ascii=False))
    assert codes <= {"yaml_syntax"}  # JSON may hold control characters and line breaks that YAML may not
    assert codes or canonical_json(read) == canonical_json(document)


@settings(max_examples=100)
@given(objects)
@example({"0E0": ["1e5", "=", "no", "~", "2026-01-01", "-", "\x85", "\ufeff", 1e16, 5e-324]})
def test_what_avow_writes_to_git_reads_back_as_it_was(document: dict[str, Json]) -> None:
    read, codes = reading(yaml_text(document))
    assert not codes
    assert canonical_json(read) == canonical_json(document)


@settings(max_examples=60)
@given(st.dictionaries(lines, st.lists(lines, max_size=3), max_size=4))
def test_quoted_text_of_a_yaml_writer_means_what_it_says(document: dict[str, Json]) -> None:
    read, codes = reading(yaml.safe_dump(document, allow_unicode=True, default_style="'", sort_keys=False))
    assert not codes
    assert read == document


@settings(max_examples=300)
@given(soups)
@example('a: !!int "0x1F"')
@example("a: !!float x")
@example("{" * 3000)
@example("a: \ud800")
@example("? a\n? b")
def test_any_text_is_read_as_storable_json_or_refused_with_its_line(text: str) -> None:
    try:
        read = read_yaml(text, "x.yaml")
    except Invalid as refused:
        (finding,) = refused.findings
        assert finding.code in CODES
        assert finding.message
        assert finding.fix
        place = re.fullmatch(r"x\.yaml:([0-9]+)", finding.pointer)
        assert place is not None
        assert 1 <= int(place[1]) <= len(re.split("\r\n?|\n", text)) + 1
    else:
        assert isinstance(read, dict)
        assert not list(unstorable(read))
        assert json.loads(canonical_json(read)) == read
        assert len(text.encode("utf-8", "surrogatepass")) <= MAX_BYTES
