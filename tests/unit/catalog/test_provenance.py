"""A statement has one form, and says one thing."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.provenance import (
    UNKNOWN,
    Provenance,
    Signature,
    Source,
    Statement,
    provenance_of,
    read_statement,
    statement_about,
)
from tests.factories import START, a_bundle, contract_document

texts = st.text(st.characters(codec="utf-8"), max_size=30)
statements = st.builds(Statement, texts, texts, texts, st.datetimes(timezones=st.just(UTC)))


@given(statements)
def test_a_statement_is_read_as_it_was_written(statement: Statement) -> None:
    assert read_statement(statement.payload()) == statement


@given(statements, statements)
def test_two_statements_have_one_text_only_when_they_are_the_same(one: Statement, other: Statement) -> None:
    assert (one.payload() == other.payload()) == (one == other)


def test_a_statement_is_about_one_bundle_alone() -> None:
    bundle, other = a_bundle(), a_bundle(contract_document(version="1.1.0"))
    statement = statement_about(bundle, START)
    assert statement.is_about(bundle)
    assert not statement.is_about(other)
    renamed = Statement("other", statement.version, statement.digest, START)
    assert not renamed.is_about(bundle)


def document(**changes: object) -> bytes:
    members = {"name": "a", "version": "1.0.0", "digest": "sha256:1", "signed_at": START.isoformat()}
    return json.dumps(members | changes, sort_keys=True, separators=(",", ":")).encode()


def test_the_plain_form_is_taken() -> None:
    assert read_statement(document()) == Statement("a", "1.0.0", "sha256:1", START)


NONE = {
    "nothing": b"",
    "no-members": b"{}",
    "a-list": b"[]",
    "null": b"null",
    "no-text": b"\xff",
    "deep": b"[" * 4000,
    "a-space-after": document() + b" ",
    "a-space-before": b" " + document(),
    "a-name-twice": document().replace(b'"name":"a"', b'"name":"b","name":"a"'),
    "more": document().replace(b"{", b'{"more":1,', 1),
    "a-number-for-a-name": document(name=1),
    "null-for-a-name": document(name=None),
    "a-date": document(signed_at="2026-03-01"),
    "no-zone": document(signed_at="2026-03-01T12:00:00"),
    "another-way-to-say-utc": document(signed_at="2026-03-01T12:00:00Z"),
    "another-zone": document(signed_at=START.astimezone(timezone(timedelta(hours=1))).isoformat()),
    "a-number-for-a-time": document(signed_at=0),
    "too-long": document(name="x" * 5000),
}


@pytest.mark.parametrize("payload", NONE.values(), ids=NONE.keys())
def test_whatever_else_is_no_statement(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_statement(payload)


@given(st.binary(max_size=200))
def test_bytes_of_nobody_are_no_statement(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_statement(payload)


def test_what_is_stored_comes_back_as_it_was() -> None:
    source = Source("https://git.example/a.git", "main", "b", "0" * 40)
    signature = Signature("k", datetime(2026, 3, 1, tzinfo=UTC), {"payload": "x"})
    for whole in (Provenance(source, signature), Provenance(source), Provenance(None, signature), UNKNOWN):
        assert provenance_of(**whole.documents()) == whole  # type: ignore[arg-type]  # as stored


def test_the_audit_trail_is_told_who_and_when_and_no_envelope() -> None:
    told = Provenance(None, Signature("k", START, {"payload": "x"})).told()
    assert told == {"signature": {"key_id": "k", "signed_at": START.isoformat()}}
    assert UNKNOWN.told() == {}
