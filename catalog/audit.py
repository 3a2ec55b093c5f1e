"""The audit trail: who did what, to what, and why it was allowed.

Entries are only ever appended, per project, each with a hash over itself and the entry
before it. Changing, removing or reordering entries therefore shows. Cutting the tail off
or rewriting the whole chain shows only against a head that was kept elsewhere, so the
writeback puts the head into every commit that it makes. The trail is tamper-evident; it
does not stop anybody who may write to the database.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from catalog.db import Tx
from catalog.digest import Json, JsonObject, digest
from catalog.tables import audit, audit_heads

PLATFORM = "platform"
"""The chain of what belongs to no project; no project can take this name."""

_GENESIS = digest("avow audit trail, version 1")

# Built once: composing a statement costs more than executing it on a warm cache.
_of_project = audit_heads.c.project == sa.bindparam("of")
_LOCK_HEAD = sa.select(audit_heads).where(_of_project).with_for_update()
_MOVE_HEAD = audit_heads.update().where(_of_project)
_ADD = audit.insert()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail."""

    project: str
    seq: int
    at: str
    actor: str
    action: str
    subject: str
    detail: JsonObject
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends; keep it somewhere else to notice a cut tail."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking a chain found.

    Attributes:
        first_bad_seq: the first entry that does not fit; None when all do.
    """

    head: Head
    first_bad_seq: int | None
    reason: str = ""

    @property
    def is_intact(self) -> bool:
        """Say whether every entry fits the one before it."""
        return self.first_bad_seq is None


def append(
    tx: Tx, project: str, now: datetime, *, actor: str, action: str, subject: str, detail: JsonObject
) -> Head:
    """Append one entry and return the new head; concurrent writers of one project wait here."""
    head = _locked_head(tx, project)
    body: dict[str, Json] = {
        "project": project,
        "seq": head.seq + 1,
        "at": now.isoformat(),
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": detail,
        "prev_hash": head.hash,
    }
    new = Head(head.seq + 1, digest(body))
    tx.execute(_ADD, {**body, "hash": new.hash})
    tx.execute(_MOVE_HEAD, {"of": project, "seq": new.seq, "hash": new.hash})
    return new


def head(tx: Tx, project: str) -> Head:
    """Return where a project's chain ends at present."""
    row = tx.execute(sa.select(audit_heads).where(audit_heads.c.project == project)).one_or_none()
    return Head(0, _GENESIS) if row is None else Head(row.seq, row.hash)


def page(tx: Tx, project: str, after: int, limit: int) -> list[Entry]:
    """Return up to `limit` entries after a sequence number, oldest first."""
    query = sa.select(audit).where(audit.c.project == project, audit.c.seq > after)
    return [Entry(**row) for row in tx.execute(query.order_by(audit.c.seq).limit(limit)).mappings()]


def verify(tx: Tx, project: str) -> Verification:
    """Recompute a project's chain from its first entry to its head."""
    expected, previous = 0, _GENESIS
    for entry in _entries(tx, project):
        expected += 1
        if entry.seq != expected:
            return Verification(Head(expected - 1, previous), expected, "an entry is missing")
        if entry.prev_hash != previous or entry.hash != digest(_body(entry)):
            return Verification(Head(expected - 1, previous), expected, "the entry was changed")
        previous = entry.hash
    found = Head(expected, previous)
    if head(tx, project) != found:
        return Verification(found, expected + 1, "the chain ends before its head")
    return Verification(found, None)


def contains(tx: Tx, project: str, kept: Head) -> bool:
    """Say whether a head that was kept elsewhere is still a part of the chain; a cut tail shows here."""
    if kept == Head(0, _GENESIS):
        return True
    found = page(tx, project, kept.seq - 1, 1)
    return bool(found) and (found[0].seq, found[0].hash) == (kept.seq, kept.hash)


def _entries(tx: Tx, project: str) -> Iterator[Entry]:
    after = 0
    while chunk := page(tx, project, after, 1000):
        yield from chunk
        after = chunk[-1].seq


def _body(entry: Entry) -> JsonObject:
    return {
        "project": entry.project,
        "seq": entry.seq,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "prev_hash": entry.prev_hash,
    }


def _locked_head(tx: Tx, project: str) -> Head:
    row = tx.execute(_LOCK_HEAD, {"of": project}).one_or_none()
    if row is None:
        tx.insert_missing(audit_heads, {"project": project, "seq": 0, "hash": _GENESIS})
        row = tx.execute(_LOCK_HEAD, {"of": project}).one()
    return Head(row.seq, row.hash)
