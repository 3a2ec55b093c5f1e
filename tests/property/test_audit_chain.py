"""However a chain is tampered with, it shows: in the chain, at its head, or against a kept head."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import audit
from catalog.audit import Head
from catalog.db import Database
from catalog.digest import Json, digest
from catalog.tables import audit as entries
from catalog.tables import audit_heads as heads
from tests.factories import START, created_database

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
details: st.SearchStrategy[dict[str, Json]] = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)
_numbers = itertools.count()


@dataclass
class Chain:
    """A project's chain and the head that was kept after each entry."""

    database: Database
    project: str = field(default_factory=lambda: f"project-{next(_numbers)}")
    kept: list[Head] = field(default_factory=list)

    def append(self, detail: dict[str, Json]) -> None:
        with self.database.write() as tx:
            head = audit.append(
                tx, self.project, START, actor="dora", action="a", subject=f"s{len(self.kept)}", detail=detail
            )
        self.kept.append(head)

    def tamper(self, *statements: sa.Executable) -> None:
        with self.database.write() as tx:
            for statement in statements:
                tx.execute(statement)

    def row(self, seq: int) -> sa.ColumnElement[bool]:
        return (entries.c.project == self.project) & (entries.c.seq == seq)

    def verified(self) -> audit.Verification:
        with self.database.read() as tx:
            return audit.verify(tx, self.project)

    def still_holds(self) -> bool:
        with self.database.read() as tx:
            return all(audit.contains(tx, self.project, head) for head in self.kept)


@pytest.fixture(scope="module")
def database(shared_database_url: str) -> Iterator[Database]:
    """Open one database for all examples; each has a project of its own in it."""
    with created_database(shared_database_url) as opened:
        yield opened


def written(database: Database, stories: list[dict[str, Json]]) -> Chain:
    chain = Chain(database)
    for detail in stories:
        chain.append(detail)
    return chain


@settings(max_examples=20)
@given(stories=st.lists(details, max_size=4))
def test_a_chain_that_nobody_touched_is_intact_and_holds_every_kept_head(
    database: Database, stories: list[dict[str, Json]]
) -> None:
    chain = written(database, stories)
    found = chain.verified()
    assert found.is_intact, found.reason
    assert found.head.seq == len(stories)
    assert chain.still_holds()


CHANGES: dict[str, dict[str, Any]] = {
    "actor": {"actor": "mallory"},
    "subject": {"subject": "another"},
    "detail": {"detail": {"n": "another"}},
    "time": {"at": "2020-01-01T00:00:00+00:00"},
    "hash": {"hash": digest("another")},
    "link": {"prev_hash": digest("another")},
    "project": {"project": "elsewhere"},
    "number": {"seq": 1000},
}


@settings(max_examples=20)
@given(length=st.integers(1, 4), place=st.integers(1, 4), what=st.sampled_from(sorted(CHANGES)))
def test_a_change_of_anything_anywhere_shows_where_it_was_made(
    database: Database, length: int, place: int, what: str
) -> None:
    chain = written(database, [{"n": number} for number in range(length)])
    place = min(place, length)
    chain.tamper(
        entries.delete().where(entries.c.project == "elsewhere"),
        entries.update().where(chain.row(place)).values(CHANGES[what]),
    )
    assert chain.verified().first_bad_seq == place


@settings(max_examples=20)
@given(length=st.integers(2, 5), keep=st.integers(0, 4))
def test_a_cut_tail_shows_at_the_head_or_against_a_kept_one(
    database: Database, length: int, keep: int
) -> None:
    chain = written(database, [{"n": number} for number in range(length)])
    keep = min(keep, length - 1)
    mine = entries.c.project == chain.project
    chain.tamper(entries.delete().where(mine, entries.c.seq > keep))
    assert chain.verified().first_bad_seq == keep + 1
    my_head = heads.c.project == chain.project
    if keep:
        end = chain.kept[keep - 1]
        chain.tamper(heads.update().where(my_head).values(seq=end.seq, hash=end.hash))
    else:
        chain.tamper(heads.delete().where(my_head))
    assert chain.verified().is_intact
    assert not chain.still_holds()


@settings(max_examples=15)
@given(stories=st.lists(details, min_size=1, max_size=3), place=st.integers(0, 2))
def test_a_chain_told_anew_shows_against_a_kept_head(
    database: Database, stories: list[dict[str, Json]], place: int
) -> None:
    chain = written(database, stories)
    mine = entries.c.project == chain.project
    chain.tamper(entries.delete().where(mine), heads.delete().where(heads.c.project == chain.project))
    retold = [dict(story) for story in stories]
    retold[min(place, len(stories) - 1)]["told"] = "anew"
    again = Chain(database, chain.project)
    for detail in retold:
        again.append(detail)
    assert again.verified().is_intact
    assert chain.still_holds() == (retold == stories)
