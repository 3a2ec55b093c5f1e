"""What happened, for people and for whoever watches.

An event names a request and says in one sentence what happened to it. Events are a
commentary: state is never computed from them. Watchers follow a cursor; on PostgreSQL a
row with a smaller id may commit after one with a larger id, so the cursor orders by
transaction first and readers see only transactions that nothing older can still join.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from catalog.digest import Json, JsonObject
from catalog.errors import Invalid
from catalog.line import sqlite_time
from catalog.tables import events

TOPIC = "events"
MESSAGE_LENGTH = 1000
_COLUMNS = "project, request_uid, kind, reason, message, detail, at"
_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\Z")

# Built once: composing a statement costs more than executing it on a warm cache.
_ADD = {
    "postgresql": events.insert().values(xid=sa.text("pg_current_xact_id()::text::bigint")),
    "sqlite": events.insert().values(xid=sa.text("0")),
}


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the stream; everything up to and including it was seen."""

    xid: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.xid}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Return the cursor that a client sent back.

        Raises:
            Invalid: `invalid_cursor`.
        """
        match = _CURSOR.match(text)
        if match is None:
            raise Invalid(
                "invalid_cursor", "The event cursor is not one of ours.", fix="start without Last-Event-ID"
            )
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Event:
    """One happening.

    Attributes:
        kind: CamelCase, such as `StepRetrying`; programs may switch on it.
        reason: CamelCase, why; empty when the kind says it all.
    """

    project: str
    request_uid: str | None
    kind: str
    message: str
    at: datetime
    reason: str = ""
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with its place in the stream."""

    cursor: Cursor
    event: Event


def append(tx: Tx, event: Event) -> None:
    """Append an event and wake whoever watches once it is committed."""
    row = {
        "project": event.project,
        "request_uid": event.request_uid,
        "kind": event.kind,
        "reason": event.reason,
        "message": event.message[:MESSAGE_LENGTH],
        "detail": event.detail,
        "at": event.at,
    }
    tx.execute(_ADD[tx.dialect], row)
    tx.ring(TOPIC)


def append_all(tx: Tx, new: Sequence[Event]) -> None:
    """Append events as `append` does, in one statement."""
    if not new:
        return
    if tx.dialect == "postgresql":
        tx.swift({"postgresql": inserted_from("jsonb_to_recordset(%s::jsonb)")}, (json.dumps(stored(new)),))
    else:
        values = [value for event in new for value in _row(event)]
        tx.swift({"sqlite": _adding(len(new))}, values)
    tx.ring(TOPIC)


def stored(new: Iterable[Event]) -> list[dict[str, Json]]:
    """Return events as JSON, as `inserted_from` takes them."""
    return [
        {
            "project": event.project,
            "request_uid": event.request_uid,
            "kind": event.kind,
            "reason": event.reason,
            "message": event.message[:MESSAGE_LENGTH],
            "detail": event.detail,
            "at": event.at.isoformat(),
        }
        for event in new
    ]


def inserted_from(rows: str) -> str:
    """Return the statement for PostgreSQL that appends events, or part of one.

    Args:
        rows: a FROM clause that ends in a function that yields records of what `stored` returns.
    """
    return (
        f"INSERT INTO catalog_events (xid, {_COLUMNS})"  # noqa: S608  # names of our own
        " SELECT pg_current_xact_id()::text::bigint, new.project, new.request_uid, new.kind, new.reason,"
        f" new.message, new.detail, new.at FROM {rows} AS new (project text, request_uid text, kind text,"
        " reason text, message text, detail jsonb, at timestamptz)"
    )


@lru_cache(maxsize=64)
def _adding(count: int) -> str:
    rows = ", ".join(["(0, ?, ?, ?, ?, ?, ?, ?)"] * count)
    return f"INSERT INTO catalog_events (xid, {_COLUMNS}) VALUES {rows}"  # noqa: S608  # names of our own


def _row(event: Event) -> tuple[object, ...]:
    return (
        event.project,
        event.request_uid,
        event.kind,
        event.reason,
        event.message[:MESSAGE_LENGTH],
        json.dumps(event.detail),
        sqlite_time(event.at),
    )


def after(
    tx: Tx,
    cursor: Cursor,
    limit: int,
    *,
    projects: Collection[str] | None = None,
    request_uid: str | None = None,
) -> list[Recorded]:
    """Return settled events after a cursor, oldest first; `projects=None` means all of them."""
    query = sa.select(events).where(sa.tuple_(events.c.xid, events.c.id) > sa.tuple_(cursor.xid, cursor.id))
    if tx.dialect == "postgresql":
        query = query.where(events.c.xid < sa.text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
    if projects is not None:
        query = query.where(events.c.project.in_(projects))
    if request_uid is not None:
        query = query.where(events.c.request_uid == request_uid)
    rows = tx.execute(query.order_by(events.c.xid, events.c.id).limit(limit)).mappings()
    return [_recorded(row) for row in rows]


def latest(tx: Tx) -> Cursor:
    """Return the cursor after everything settled so far: where a new watcher starts."""
    query = sa.select(events.c.xid, events.c.id).order_by(events.c.xid.desc(), events.c.id.desc()).limit(1)
    if tx.dialect == "postgresql":
        query = query.where(events.c.xid < sa.text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
    row = tx.execute(query).one_or_none()
    return Cursor() if row is None else Cursor(row.xid, row.id)


def _recorded(fields: Mapping[Any, Any]) -> Recorded:
    event = Event(
        project=fields["project"],
        request_uid=fields["request_uid"],
        kind=fields["kind"],
        message=fields["message"],
        at=fields["at"],
        reason=fields["reason"],
        detail=fields["detail"],
    )
    return Recorded(Cursor(fields["xid"], fields["id"]), event)
