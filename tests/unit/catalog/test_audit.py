"""The audit trail: whoever changes it without being the platform is noticed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from catalog import audit
from catalog.audit import PLATFORM, Head
from catalog.db import Database
from catalog.digest import JsonObject, digest
from catalog.tables import audit as entries
from catalog.tables import audit_heads as heads
from tests.factories import START
from tests.together import in_threads

Tampering = Callable[["sa.Connection"], object]


def append(
    database: Database, count: int = 1, *, project: str = "shop", detail: JsonObject | None = None
) -> Head:
    heads_then: list[Head] = []
    for number in range(count):
        with database.write() as tx:
            head = audit.append(
                tx,
                project,
                START + timedelta(seconds=number),
                actor="dora",
                action="request.created",
                subject=f"request/{number}",
                detail={"n": number} if detail is None else detail,
            )
        heads_then.append(head)
    return heads_then[-1]


def verified(database: Database, project: str = "shop") -> audit.Verification:
    with database.read() as tx:
        return audit.verify(tx, project)


def tamper(database: Database, *statements: sa.Executable) -> None:
    with database.write() as tx:
        for statement in statements:
            tx.execute(statement)


def row(seq: int) -> sa.ColumnElement[bool]:
    return (entries.c.project == "shop") & (entries.c.seq == seq)


def test_an_empty_chain_is_intact(database: Database) -> None:
    found = verified(database)
    assert found.is_intact
    assert found.head.seq == 0


def test_the_chain_of_what_was_appended_is_intact_and_ends_at_its_head(database: Database) -> None:
    head = append(database, 5)
    found = verified(database)
    assert found.is_intact
    assert found.head == head
    with database.read() as tx:
        assert audit.head(tx, "shop") == head
        assert [entry.seq for entry in audit.page(tx, "shop", 1, 3)] == [2, 3, 4]
        assert audit.page(tx, "shop", 0, 1)[0].subject == "request/0"


def test_a_chain_longer_than_a_page_is_verified_to_its_end(database: Database) -> None:
    body: dict[str, Any] = {
        "project": "shop",
        "at": "",
        "actor": "a",
        "action": "b",
        "subject": "c",
        "detail": {},
    }
    rows: list[dict[str, Any]] = [{"hash": verified(database).head.hash}]
    for seq in range(1, 1001):
        row_body = body | {"seq": seq, "prev_hash": rows[-1]["hash"]}
        rows.append(row_body | {"hash": digest(row_body)})
    head = {"project": "shop", "seq": 1000, "hash": rows[-1]["hash"]}
    tamper(database, entries.insert().values(rows[1:]), heads.insert().values(head))
    append(database)
    assert verified(database).is_intact
    assert verified(database).head.seq == 1001
    tamper(database, entries.update().where(row(1001)).values(actor="mallory"))
    assert verified(database).first_bad_seq == 1001


def test_every_project_has_a_chain_of_its_own(database: Database) -> None:
    append(database, 2)
    append(database, 3, project="bank")
    append(database, 1, project=PLATFORM)
    tamper(database, entries.delete().where(entries.c.project == "bank"))
    assert verified(database).is_intact
    assert verified(database, PLATFORM).is_intact
    assert not verified(database, "bank").is_intact


@pytest.mark.parametrize(
    "detail",
    [
        {"text": 'é 😀 \u2028 " \\ \x01'},
        {"numbers": [1e16, 1.0, -0.0, 1e-7, 1.5e300, 2**63, 0.1]},
        {"b": 1, "aa": 2, "": {"z": None, "a": [True, False, []]}},
        {},
    ],
)
def test_a_detail_hashes_the_same_after_it_was_stored(database: Database, detail: JsonObject) -> None:
    append(database, detail=detail)
    found = verified(database)
    assert found.is_intact, found.reason


CHANGES: list[dict[str, Any]] = [
    {"actor": "mallory"},
    {"action": "request.deleted"},
    {"subject": "request/x"},
    {"detail": {"n": 99}},
    {"at": "2026-03-01T12:00:09+00:00"},
    {"prev_hash": digest("x")},
    {"hash": digest("x")},
    {"seq": 9},
    {"project": "bank"},
]


def test_a_changed_entry_is_noticed_where_it_stands(database: Database) -> None:
    for number, change in enumerate(CHANGES):
        project = f"p{number}"
        append(database, 4, project=project)
        tamper(
            database, entries.update().where(entries.c.project == project, entries.c.seq == 2).values(change)
        )
        assert verified(database, project).first_bad_seq == 2, change


def test_a_removed_entry_is_noticed_wherever_it_stood(database: Database) -> None:
    for seq in (1, 2, 3, 4):
        project = f"p{seq}"
        append(database, 4, project=project)
        tamper(database, entries.delete().where(entries.c.project == project, entries.c.seq == seq))
        assert verified(database, project).first_bad_seq == seq


def test_entries_in_another_order_are_noticed(database: Database) -> None:
    append(database, 4)
    tamper(
        database,
        entries.update().where(row(2)).values(seq=99),
        entries.update().where(row(3)).values(seq=2),
        entries.update().where(row(99)).values(seq=3),
    )
    assert verified(database).first_bad_seq == 2


def test_an_entry_that_nobody_appended_is_noticed(database: Database) -> None:
    head = append(database, 2)
    body: dict[str, Any] = {
        "project": "shop",
        "seq": 3,
        "at": START.isoformat(),
        "actor": "dora",
        "action": "x",
        "subject": "y",
        "detail": {},
        "prev_hash": head.hash,
    }
    tamper(database, entries.insert().values(**body, hash=digest(body)))
    assert verified(database).first_bad_seq == 4
    assert verified(database).head != head


def test_a_cut_tail_is_noticed_at_the_head(database: Database) -> None:
    append(database, 4)
    tamper(database, entries.delete().where(entries.c.seq > 2))
    assert verified(database).first_bad_seq == 3


def test_a_cut_tail_with_a_moved_head_is_noticed_against_a_head_kept_elsewhere(database: Database) -> None:
    earlier = append(database, 2)
    kept = append(database, 2)
    with database.read() as tx:
        assert audit.contains(tx, "shop", earlier)
        assert audit.contains(tx, "shop", kept)
    tamper(
        database,
        entries.delete().where(entries.c.seq > 2),
        heads.update().values(seq=earlier.seq, hash=earlier.hash),
    )
    assert verified(database).is_intact
    with database.read() as tx:
        assert audit.contains(tx, "shop", earlier)
        assert not audit.contains(tx, "shop", kept)


def test_a_rewritten_chain_is_noticed_against_a_head_kept_elsewhere(database: Database) -> None:
    kept = append(database, 3)
    tamper(database, entries.delete(), heads.delete())
    append(database, 3, detail={"n": "another story"})
    assert verified(database).is_intact
    with database.read() as tx:
        assert not audit.contains(tx, "shop", kept)


def test_where_every_chain_begins_is_a_part_of_every_chain(database: Database) -> None:
    with database.read() as tx:
        genesis = audit.head(tx, "shop")
        assert audit.contains(tx, "shop", genesis)
        assert not audit.contains(tx, "shop", Head(0, digest("x")))


def test_a_moved_head_is_noticed(database: Database) -> None:
    append(database, 3)
    for change in ({"seq": 2}, {"hash": digest("x")}):
        tamper(database, heads.update().values(change))
        assert not verified(database).is_intact
    tamper(database, heads.delete())
    assert not verified(database).is_intact


def test_eight_writers_of_one_project_make_one_chain(database: Database) -> None:
    assert in_threads(8, lambda _number: append(database, 5)) == []
    found = verified(database)
    assert found.is_intact, found.reason
    assert found.head.seq == 40


def test_an_entry_of_an_abandoned_transaction_leaves_no_gap(database: Database) -> None:
    append(database)

    def fail() -> None:
        with database.write() as tx:
            audit.append(tx, "shop", START, actor="a", action="b", subject="c", detail={})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    append(database)
    assert verified(database).is_intact
    assert verified(database).head.seq == 2


def test_a_chain_is_verified_as_of_one_moment_while_others_append(database: Database) -> None:
    append(database, 3)
    with database.read() as tx:
        audit.head(tx, "shop")
        append(database, 3)
        found = audit.verify(tx, "shop")
    assert found.is_intact, found.reason
    assert found.head.seq == 3
