"""The floor: what a durable commit costs on this machine, with nothing around it.

A run of four steps, each durable before the next, takes six commits: its start, its four steps
and its end. Six commits are therefore the least that any engine can take. Runs in the
benchmarks' own process; a peer by its place only.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from tests.bench.figures import LIKE_OURS, emit_spans, quantile, spans_of

COMMITS = 400
COMMITS_PER_RUN = 6
_PAGE = b"x" * 8192
_SQLITE_MODES = ("delete/full", "wal/full", "wal/normal")
_OUR_SQLITE_MODE = LIKE_OURS["sqlite"].removeprefix("sqlite ")
_COLUMNS = "run TEXT, step INTEGER, outputs TEXT"


def measure_sqlite(folder: Path, times: int = COMMITS) -> None:
    """Print the cost of a commit in each mode, and of forcing one page to the disk."""
    for mode in _SQLITE_MODES:
        _measure_sqlite_commits(folder / mode.replace("/", "-"), mode, times)
    descriptor = os.open(folder / "page", os.O_CREAT | os.O_RDWR)

    def overwrite(_: int) -> None:
        os.pwrite(descriptor, _PAGE, 0)
        os.fdatasync(descriptor)

    emit_spans("floor", "fdatasync", spans_of(overwrite, times), mode="8 KiB overwrite")
    os.close(descriptor)


def measure_postgres(url: str, times: int = COMMITS) -> None:
    """Print the cost of a commit, and of asking for nothing."""
    with _postgres(url) as opened:
        _measure_postgres_commits(opened, times)
        roundtrips = spans_of(lambda _: opened.execute("SELECT 1"), times)
        emit_spans("floor", "roundtrip", roundtrips, mode="pg select 1")


def measure_commits(url: str, times: int = COMMITS) -> None:
    """Print the cost of a commit on an empty database, as Avow commits there.

    For right before what is compared with it: how long a disk takes changes within minutes.
    """
    if url.startswith("sqlite:///"):
        _measure_sqlite_commits(Path(url.removeprefix("sqlite:///")), _OUR_SQLITE_MODE, times)
    else:
        with _postgres(url) as opened:
            _measure_postgres_commits(opened, times)


def _measure_sqlite_commits(file: Path, mode: str, times: int) -> None:
    journal, synchronous = mode.split("/")
    with closing(sqlite3.connect(file, isolation_level=None)) as opened:
        opened.execute(f"PRAGMA journal_mode={journal}")
        opened.execute(f"PRAGMA synchronous={synchronous}")
        opened.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {_COLUMNS})")
        insert = "INSERT INTO t (run, step, outputs) VALUES ('run', ?, 'x')"
        _print_commits(f"sqlite {mode}", opened, insert, times)


def _measure_postgres_commits(opened: "psycopg.Connection[Any]", times: int) -> None:
    opened.execute(f"CREATE TABLE t (id BIGSERIAL PRIMARY KEY, {_COLUMNS})")
    insert = "INSERT INTO t (run, step, outputs) VALUES ('run', %s, 'x')"
    _print_commits(LIKE_OURS["pg"], opened, insert, times)


def _postgres(url: str) -> "psycopg.Connection[Any]":
    address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True)


def _print_commits(mode: str, opened: Any, insert: str, times: int) -> None:
    spans = spans_of(lambda number: opened.execute(insert, (number,)), times)
    six = quantile(spans, 0.5) * COMMITS_PER_RUN * 1000
    emit_spans("floor", "commit", spans, mode=mode, six_commits_ms=six)
