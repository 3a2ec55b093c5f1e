"""Hostile JSON is refused with a code and a place, and decent JSON means what it says."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import Invalid
from platform_api.bodies import MAX_DEPTH, MAX_VALUES, check_model, merge_patch, parse_json
from platform_api.wire import Body, Given, Name

HOSTILE = {
    "nothing": (b"", "", "json_syntax"),
    "half": (b'{"a":', "", "json_syntax"),
    "two": (b"{} {}", "", "json_syntax"),
    "comment": (b"{/* */}", "", "json_syntax"),
    "trailing-comma": (b'{"a":1,}', "", "json_syntax"),
    "single-quotes": (b"{'a':1}", "", "json_syntax"),
    "control-character": (b'{"a":"\x01"}', "", "json_syntax"),
    "raw-nul": (b'{"a":"\x00"}', "", "json_syntax"),
    "byte-order-mark": (b"\xef\xbb\xbf{}", "", "json_syntax"),
    "not-utf8": (b'{"a":"\xff"}', "", "not_utf8"),
    "utf8-surrogate": (b'{"a":"\xed\xa0\x80"}', "", "not_utf8"),
    "utf16": ('{"a":1}'.encode("utf-16"), "", "not_utf8"),
    "nan": (b'{"a":[0,{"b":NaN}]}', "/a/1/b", "number_not_finite"),
    "infinity": (b'{"a":Infinity}', "/a", "number_not_finite"),
    "minus-infinity": (b'{"a":-Infinity}', "/a", "number_not_finite"),
    "float-overflow": (b'{"a":1e999}', "/a", "number_out_of_range"),
    "integer-overflow": (b'{"a":9223372036854775808}', "/a", "number_out_of_range"),
    "5000-digits": (b'{"a":' + b"9" * 5000 + b"}", "/a", "number_out_of_range"),
    "duplicate-key": (b'{"a":{"b":1,"b":2}}', "/a", "duplicate_key"),
    "duplicate-by-escape": (b'{"b":1,"\\u0062":2}', "", "duplicate_key"),
    "duplicate-over-nan": (b'{"a":1,"a":NaN}', "", "duplicate_key"),
    "lone-surrogate": (b'{"a":"\\ud800"}', "/a", "bad_character"),
    "surrogate-in-key": (b'{"x":{"\\udfff":1}}', "/x", "bad_character"),
    "escaped-nul": (b'{"a":["\\u0000"]}', "/a/0", "bad_character"),
    "nul-in-key": (b'{"\\u0000":1}', "", "bad_character"),
    "depth-33": (b"[" * 33 + b"]" * 33, "/0" * 32, "too_deep"),
    "depth-900": (b"[" * 900 + b"]" * 900, "/0" * 32, "too_deep"),
    "depth-15000": (b"[" * 15_000 + b"]" * 15_000, "", "too_deep"),
    "depth-100000": (b"[" * 100_000, "", "too_many_values"),
    "deep-objects": (b'{"a":' * 40 + b"1" + b"}" * 40, "/a" * 32, "too_deep"),
    "many-values": (b"[" + b"0," * 30_000 + b"0]", "", "too_many_values"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_body_is_refused_with_its_place_and_code(case: str) -> None:
    content, pointer, code = HOSTILE[case]
    with pytest.raises(Invalid) as refused:
        parse_json(content)
    [finding] = refused.value.findings
    assert (refused.value.code, finding.code) == ("invalid_json", code)
    assert finding.pointer[:200] == pointer[:200]
    assert finding.fix


@pytest.mark.parametrize(
    "content",
    [b'"' + b'\\"' * 500_000, b'{"a":"' + b"\\u0041" * 170_000 + b'"}', b'"' * 1_000_000],
    ids=["escapes-without-end", "escapes", "quotes"],
)
def test_a_body_made_to_be_slow_costs_no_more_than_its_length(content: bytes) -> None:
    def seconds(text: bytes) -> float:
        started = time.process_time()
        with suppress(Invalid):
            parse_json(text)
        return time.process_time() - started

    short = max(seconds(content[: len(content) // 8]), 0.002)
    # Linear means about eight times as long; quadratic would be sixty-four and more.
    assert min(seconds(content) for _ in range(3)) < short * 40


def test_numbers_at_the_edges_of_64_bits_pass() -> None:
    assert parse_json(b"[9223372036854775807,-9223372036854775808,1e308,-0.0]") == [
        2**63 - 1,
        -(2**63),
        1e308,
        -0.0,
    ]


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json(b'{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


def test_brackets_within_text_are_not_depth() -> None:
    text = json.dumps({"a": "[{" * 50_000, "b\\": '"[['})
    assert parse_json(text.encode()) == json.loads(text)


def test_the_deepest_and_widest_that_is_allowed_passes() -> None:
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(parse_json(deep)).encode() == deep
    wide = parse_json(b"[" + b"1," * (MAX_VALUES - 2) + b"1]")
    assert isinstance(wide, list)
    assert len(wide) == MAX_VALUES - 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_decent_json_means_what_it_means_elsewhere(value: object, ascii_only: bool) -> None:  # noqa: FBT001
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text.encode("utf-8")) == json.loads(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_elsewhere_or_refused(content: bytes) -> None:
    with suppress(Invalid):
        assert parse_json(content) == json.loads(content)


class Envelope(Body):
    """An envelope."""

    name: Name
    size: Given[int] = None


def test_an_unknown_field_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(Invalid) as refused:
        check_model(Envelope, {"name": "a", "sise": 1})
    [finding] = refused.value.findings
    assert (finding.pointer, finding.code, finding.fix) == ("/sise", "unknown_field", "did you mean size?")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/name", "required"),
        ({"name": 1}, "/name", "wrong_type"),
        ({"name": "A"}, "/name", "pattern"),
        ({"name": "a" * 64}, "/name", "max_length"),
        ({"name": "a", "size": "1"}, "/size", "wrong_type"),
        ({"name": "a", "size": True}, "/size", "wrong_type"),
        ({"name": "a", "size": None}, "/size", "null_refused"),
        ({"name": "a", "x/y~z": 1}, "/x~1y~0z", "unknown_field"),
        ([], "", "wrong_type"),
        ("text", "", "wrong_type"),
    ],
)
def test_an_envelope_is_checked_strictly(body: object, pointer: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_model(Envelope, body)  # type: ignore[arg-type]  # wrong on purpose
    [finding] = refused.value.findings
    assert (refused.value.code, finding.pointer, finding.code) == ("invalid_body", pointer, code)


def test_no_finding_repeats_what_was_sent() -> None:
    with pytest.raises(Invalid) as refused:
        check_model(Envelope, {"name": "S3CR3T!", "size": "S3CR3T"})
    assert "S3CR3T" not in repr(refused.value.findings)


# The examples of RFC 7396, appendix A, as far as the target is an object.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_the_standard_says(target: dict, patch: dict, result: dict) -> None:  # type: ignore[type-arg]  # any JSON
    assert merge_patch(target, patch) == result
