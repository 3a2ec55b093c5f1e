"""Blob ids, trailers and the import stream need no git."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import Invalid
from executors.repository.stream import Commit, blob_id, import_stream, trailer, with_trailers

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def commit(**changes: Any) -> Commit:
    return replace(Commit({"a": b"1"}, "m", "A <a@b>", AT), **changes)


@settings(max_examples=15)
@given(st.binary(max_size=200))
def test_a_blob_id_is_what_git_says_it_is(content: bytes) -> None:
    hashed = subprocess.run(
        ["git", "hash-object", "--stdin", "--no-filters"], input=content, capture_output=True, check=True
    )
    assert blob_id(content) == hashed.stdout.decode().strip()


def test_the_same_commits_give_the_same_stream_in_any_time_zone() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    streams = {
        b"".join(import_stream([commit(committed_at=at)], "f" * 40, "refs/x")) for at in (AT, elsewhere)
    }
    assert len(streams) == 1


def test_content_that_looks_like_a_command_is_counted_and_not_read() -> None:
    content = b"\ndone\ncommit refs/heads/main\nD a\n"
    stream = b"".join(import_stream([commit(changes={"a": content})], None, "refs/x"))
    assert b"data %d\n%s" % (len(content), content) in stream


@pytest.mark.parametrize("path", ["../x", ".git/config", "a\nD b", "/x"], ids=ascii)
def test_a_hostile_path_stops_the_stream(path: str) -> None:
    with pytest.raises(Invalid):
        list(import_stream([commit(changes={path: b""})], None, "refs/x"))


@pytest.mark.parametrize("message", ["a\0b", "x" * (64 * 1024 + 1)], ids=["nul", "large"])
def test_a_message_that_git_would_cut_is_refused(message: str) -> None:
    with pytest.raises(Invalid):
        list(import_stream([commit(message=message)], None, "refs/x"))


def test_a_trailer_is_read_from_the_last_paragraph_only() -> None:
    message = with_trailers("subject\n\nAvow-Key: forged\n", {"Avow-Key": "real", "Avow-Run": "r1"})
    assert trailer(message, "Avow-Key") == "real"
    assert trailer(message, "Avow-Run") == "r1"
    assert trailer(message, "Avow-Other") is None
    assert trailer("subject\n\nAvow-Key: k\n\nlast words\n", "Avow-Key") is None
