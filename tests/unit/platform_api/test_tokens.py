"""Tokens are recognisable, unguessable, kept as hashes, and end when they should."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.actor import Actor, Grant, Role
from catalog.db import Database
from catalog.errors import Conflict, Denied, NotFound
from platform_api import tokens
from platform_api.auth import authenticate
from platform_api.tables import tokens as table
from platform_api.tokens import Token, is_secret, new_secret
from tests.factories import START, created_database

SECRET = new_secret(lambda count: b"\x07" * count)
UNKNOWN = new_secret(lambda count: b"\x08" * count)
UNKNOWN = new_secret(lambda count: b"\x08" * count)


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    with created_database(sqlite_url) as database:
        yield database


def a_token(**fields: Any) -> Token:
    """Return a token of dora's."""
    values: dict[str, Any] = {
        "id": "tok_1",
        "name": "laptop",
        "subject": "dora",
        "grants": (Grant(Role.DEVELOPER, "shop"),),
    }
    return Token(**(values | {"created_at": START, "created_by": "admin"} | fields))


def store(db: Database, secret: str = SECRET, **fields: Any) -> Token:
    """Store a token."""
    token = a_token(**fields)
    with db.write() as tx:
        tokens.create(tx, token, secret)
    return token


def test_a_token_is_recognisable_and_uses_all_its_dice() -> None:
    assert is_secret(SECRET)
    assert SECRET.startswith("avow_")
    drawn = {new_secret(lambda count, seed=seed: bytes([seed]) * count) for seed in range(256)}  # type: ignore[misc]  # the default binds the loop's value
    assert len(drawn) == 256


@pytest.mark.parametrize(
    "text", ["", "avow_", SECRET[:-1], SECRET + "a", SECRET.upper(), SECRET[:-1] + "é", f"{SECRET[:-1]}\n"]
)
def test_what_has_another_form_is_no_token(text: str) -> None:
    assert not is_secret(text)


def test_the_token_itself_is_nowhere_in_the_database(db: Database) -> None:
    store(db)
    with db.read() as tx:
        assert SECRET not in repr(tx.execute(sa.select(table)).all())
        assert SECRET.removeprefix("avow_") not in repr(tx.execute(sa.select(table)).all())


def test_a_token_brings_its_subject_and_grants(db: Database) -> None:
    store(db)
    assert authenticate(db, f"Bearer {SECRET}", START).actor == Actor(
        "dora", (Grant(Role.DEVELOPER, "shop"),)
    )


@pytest.mark.parametrize("header", [f"bearer {SECRET}", f"BEARER  {SECRET} "])
def test_the_scheme_is_read_without_regard_to_case_and_space(db: Database, header: str) -> None:
    store(db)
    assert authenticate(db, header, START).subject == "dora"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        f"Basic {SECRET}",
        SECRET,
        f"Bearer {UNKNOWN}",
        "Bearer avow_'; --",
        f"Bearer {SECRET},x",
        "Bearer \udcff",
    ],
)
def test_whoever_proves_nothing_is_nobody(db: Database, header: str) -> None:
    store(db)
    with pytest.raises(Denied) as refused:
        authenticate(db, header, START)
    assert refused.value.code == "unauthenticated"


def test_a_token_ends_at_its_expiry_and_not_before(db: Database) -> None:
    store(db, expires_at=START + timedelta(days=1))
    authenticate(db, f"Bearer {SECRET}", START + timedelta(hours=23))
    with pytest.raises(Denied):
        authenticate(db, f"Bearer {SECRET}", START + timedelta(days=1))


def test_a_revoked_token_is_refused_at_once_and_stays_so(db: Database) -> None:
    token = store(db)
    with db.write() as tx:
        tokens.revoke(tx, token.id, START)
        tokens.revoke(tx, token.id, START + timedelta(days=1))
    with pytest.raises(Denied):
        authenticate(db, f"Bearer {SECRET}", START)
    with db.read() as tx:
        assert tokens.load(tx, token.id).revoked_at == START


def test_its_use_is_noted_once_a_minute(db: Database) -> None:
    token = store(db)
    seen = []
    for seconds in (0, 30, 59, 60, 61):
        authenticate(db, f"Bearer {SECRET}", START + timedelta(seconds=seconds))
        with db.read() as tx:
            seen.append(tokens.load(tx, token.id).last_used_at)
    minute = START + timedelta(minutes=1)
    assert seen == [START, START, START, minute, minute]


def test_a_name_is_taken_once(db: Database) -> None:
    store(db)
    with pytest.raises(Conflict) as refused:
        store(db, new_secret(), id="tok_2")
    assert refused.value.code == "token_exists"


def test_one_that_is_not_there_is_not_found(db: Database) -> None:
    with db.read() as tx, pytest.raises(NotFound):
        tokens.load(tx, "tok_none")
