"""What we write to git is read back unchanged, and by any reader of YAML alike."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalog.documents import read_yaml
from reconciler.render import yaml_text

WORDS = [
    "no",
    "NO",
    "y",
    "on",
    "null",
    "~",
    "true",
    "1e3",
    "0x1f",
    "1_000",
    "12:30",
    "2026-03-01",
    "<<",
    "=",
    "",
]
texts = st.sampled_from(WORDS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
)
numbers = st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(texts.filter(lambda key: key != "<<"), values, max_size=5)


def has_merge_key(value: object) -> bool:
    """Say whether our reader refuses the value: a key `<<` has a meaning in YAML."""
    if isinstance(value, dict):
        return "<<" in value or any(map(has_merge_key, value.values()))
    return isinstance(value, list) and any(map(has_merge_key, value))


@given(documents.filter(lambda document: not has_merge_key(document)))
def test_our_reader_gives_back_what_was_written(document: dict[str, object]) -> None:
    assert read_yaml(yaml_text(document), "file.yaml") == document  # type: ignore[arg-type]  # drawn JSON


@given(documents)
def test_a_reader_of_the_older_yaml_understands_the_same(document: dict[str, object]) -> None:
    assert yaml.safe_load(yaml_text(document)) == document  # type: ignore[arg-type]  # drawn JSON


@given(documents)
def test_the_order_of_fields_does_not_matter(document: dict[str, object]) -> None:
    shuffled = dict(reversed(document.items()))
    assert yaml_text(shuffled) == yaml_text(document)  # type: ignore[arg-type]  # drawn JSON
