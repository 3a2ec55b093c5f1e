"""Secrets are blanked in whatever dress they appear."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.digest import Json
from executors.redaction import BLANK, Redactor

SECRET = "p@ss/w rd\"'<é>\\+&=%{}"
DRESSES = {
    "plain": SECRET,
    "json": json.dumps(SECRET),
    "json_unicode": json.dumps(SECRET, ensure_ascii=False),
    "url": quote(SECRET, safe=""),
    "url_path": quote(SECRET),
    "form": quote_plus(SECRET),
    "lower_url": quote(SECRET, safe="").lower(),
    "html": html.escape(SECRET),
    "repr": repr(SECRET),
    "hex": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64_url": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "base64_unpadded": base64.b64encode(SECRET.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_secret_is_blanked_in_this_dress(dress: str) -> None:
    redactor = Redactor()
    redactor.learn(SECRET)
    written = redactor.text(f"before {DRESSES[dress]} after")
    assert BLANK in written
    assert DRESSES[dress].strip("\"'") not in written
    assert written.startswith("before ")
    assert written.endswith(" after")


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=40),
    st.text(max_size=9),
    st.text(max_size=9),
)
def test_a_secret_inside_a_longer_base64_text_is_blanked(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    encoded = base64.b64encode(before.encode() + secret.encode() + after.encode()).decode()
    blanked = redactor.text(f"Basic {encoded}")
    assert BLANK in blanked
    kept = blanked.removeprefix("Basic ").split(BLANK)
    assert sum(map(len, kept)) < len(encoded)


def test_each_line_of_a_key_is_blanked_when_it_is_quoted_alone() -> None:
    redactor = Redactor()
    redactor.learn("-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nshort\n-----END KEY-----\n")
    assert redactor.text("bad line: MIIEpAIBAAKCAQEA") == f"bad line: {BLANK}"


def test_keys_and_nested_values_of_json_are_blanked() -> None:
    redactor = Redactor()
    redactor.learn("sesame-open")
    value: Json = {"sesame-open": [1, {"x": "is sesame-open"}], "n": None, "b": True}
    assert redactor.value(value) == {BLANK: [1, {"x": f"is {BLANK}"}], "n": None, "b": True}


@pytest.mark.parametrize("secret", ["", "a", "abc"])
def test_a_value_too_short_to_be_secret_does_not_blank_the_whole_message(secret: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    assert redactor.text("abc and a banana") == "abc and a banana"


def test_a_secret_that_looks_like_a_pattern_is_taken_literally() -> None:
    redactor = Redactor()
    redactor.learn(".*(x+)+$")
    assert redactor.text("harmless xxxxxxxx") == "harmless xxxxxxxx"
