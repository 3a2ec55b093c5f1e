"""API tokens: made once, shown once, kept as a hash.

A token is `avow_` and 256 random bits, so that scanners for leaked secrets know it at
sight and a plain SHA-256 of it cannot be guessed back. It names a subject and carries
grants; two tokens of one subject are the same person.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from catalog.actor import Actor, Grant, Role
from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from platform_api.tables import tokens

PREFIX = "avow_"
USE_NOTED_EVERY = timedelta(minutes=1)
_SECRET_BYTES = 32
_LENGTH = len(PREFIX) + 43

_HASHED = sa.select(tokens).where(tokens.c.hash == sa.bindparam("hashed"))

Dice = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token, which is everything but the token."""

    id: str
    name: str
    subject: str
    grants: tuple[Grant, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    groups: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        """Return who comes with this token."""
        return Actor(self.subject, self.grants, self.groups)

    def is_valid(self, now: datetime) -> bool:
        """Say whether the token still opens doors."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def new_secret(dice: Dice = secrets.token_bytes) -> str:
    """Return a fresh token's text."""
    number = int.from_bytes(dice(_SECRET_BYTES), "big")
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    text = ""
    for _ in range(_LENGTH - len(PREFIX)):
        number, index = divmod(number, len(letters))
        text += letters[index]
    return PREFIX + text


def is_secret(text: str) -> bool:
    """Say whether a text has the form of a token."""
    return (
        text.startswith(PREFIX) and len(text) == _LENGTH and text[len(PREFIX) :].isalnum() and text.isascii()
    )


def create(tx: Tx, token: Token, secret: str) -> None:
    """Store a token under the hash of its text.

    Raises:
        Conflict: `token_exists`.
    """
    row = {
        "id": token.id,
        "name": token.name,
        "subject": token.subject,
        "hash": _hash(secret),
        "grants": [{"role": str(grant.role), "scope": grant.scope} for grant in token.grants],
        "groups": list(token.groups),
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
    }
    if not tx.insert_missing(tokens, row):
        raise Conflict(
            "token_exists", f"There is a token {token.name} already.", fix="revoke it, or choose another name"
        )


def find(tx: Tx, secret: str) -> Token | None:
    """Return the token with this text, valid or not; None when there is none."""
    hashed = _hash(secret)
    row = tx.execute(_HASHED, {"hashed": hashed}).mappings().one_or_none()
    if row is None or not hmac.compare_digest(row["hash"], hashed):
        return None
    return _token(row)


def load(tx: Tx, token_id: str) -> Token:
    """Return a token.

    Raises:
        NotFound: `token_not_found`.
    """
    row = tx.execute(sa.select(tokens).where(tokens.c.id == token_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("token_not_found", "There is no such token.", fix="see avow token list")
    return _token(row)


def person(tx: Tx, subject: str, now: datetime) -> Actor:
    """Return all that somebody may with any of his tokens that are valid now; nothing with none."""
    query = sa.select(tokens).where(tokens.c.subject == subject).order_by(tokens.c.id)
    held = [token for token in map(_token, tx.execute(query).mappings()) if token.is_valid(now)]
    grants = dict.fromkeys(grant for token in held for grant in token.grants)
    groups = dict.fromkeys(group for token in held for group in token.groups)
    return Actor(subject, tuple(grants), tuple(groups))


def page(tx: Tx, after: str, limit: int) -> list[Token]:
    """Return tokens in the order in which they were made, after an id."""
    query = sa.select(tokens).where(tokens.c.id > after).order_by(tokens.c.id).limit(limit)
    return [_token(row) for row in tx.execute(query).mappings()]


def revoke(tx: Tx, token_id: str, now: datetime) -> None:
    """End a token; one that has ended stays as it was."""
    mine = (tokens.c.id == token_id) & tokens.c.revoked_at.is_(None)
    tx.execute(tokens.update().where(mine).values(revoked_at=now))


def note_use(tx: Tx, token: Token, now: datetime) -> None:
    """Store that a token was used."""
    tx.execute(tokens.update().where(tokens.c.id == token.id).values(last_used_at=now))


def is_use_worth_noting(token: Token, now: datetime) -> bool:
    """Say whether the last use that is on record is long enough ago."""
    return token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY


def grants_of(documents: Sequence[Mapping[str, str]]) -> tuple[Grant, ...]:
    """Return the grants that stored documents stand for."""
    return tuple(Grant(Role(part["role"]), part["scope"]) for part in documents)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: Mapping[Any, Any]) -> Token:
    fields = {key: row[key] for key in Token.__dataclass_fields__ if key not in ("grants", "groups")}
    return Token(grants=grants_of(row["grants"]), groups=tuple(row["groups"]), **fields)
