"""How a command's transaction ends: for good, under a key, or as a dry run.

A client that got no answer sends the same request with the same `Idempotency-Key` again
and gets the answer that went out the first time. The key belongs to a subject and an
address, and it is claimed in the transaction that does the work: of two that arrive
together one waits for the other and then gets its answer. Only what was done is kept; a
refusal is made anew each time, because nothing came of it. A dry run does the work and
takes it back, so that it is refused for exactly what the real thing is refused for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.errors import Invalid
from platform_api import notices
from platform_api.tables import idempotency

T = TypeVar("T")

MAX_KEY = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out."""

    status: int
    body: JsonObject
    headers: Mapping[str, str] = field(default_factory=dict)


class Settled(Exception):
    """Not an error: the transaction is taken back, and this is the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("settled")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Key:
    """One use of an idempotency key.

    Attributes:
        route: method and path.
        body_digest: what was sent; another body under the same key is a mistake.
    """

    subject: str
    route: str
    key: str
    body_digest: str


@dataclass(frozen=True, slots=True)
class Receipt(Generic[T]):
    """What a caller wants of a command besides its effect.

    Attributes:
        answer: makes the answer that is kept from what the command returns.
        is_dry: take everything back and only say what would have been.
    """

    now: datetime
    answer: Callable[[T], Answer]
    key: Key | None = None
    is_dry: bool = False

    def claim(self, tx: Tx) -> None:
        """Take the key in this transaction, before anything else is written.

        Raises:
            Settled: somebody did it already.
            Invalid: `idempotency_key_reused`, with another body.
        """
        if self.key is None or self.is_dry:
            return
        row = {"status": 0, "headers": {}, "body": {}, "created_at": self.now}
        if not tx.insert_missing(idempotency, row | _columns(self.key)):
            raise_if_answered(tx, self.key)

    def keep(self, tx: Tx, result: T) -> T:
        """End the transaction's work: store the answer and return what was done.

        Raises:
            Settled: it was a dry run.
        """
        if self.is_dry:
            raise Settled(Answer(200, {**self.answer(result).body, "dry_run": True}))
        if self.key is not None:
            kept = self.answer(result)
            headers = {**kept.headers, **notices.said()}
            values = {"status": kept.status, "headers": headers, "body": kept.body}
            tx.execute(idempotency.update().where(_mine(self.key)).values(**values))
        return result


def raise_if_answered(tx: Tx, key: Key) -> None:
    """Pass when the key is new.

    Raises:
        Settled: with the answer.
        Invalid: `idempotency_key_reused`, with another body.
    """
    row = tx.execute(sa.select(idempotency).where(_mine(key))).one_or_none()
    if row is None:
        return
    if row.body_digest != key.body_digest:
        raise Invalid(
            "idempotency_key_reused",
            "This Idempotency-Key was used here with another body.",
            fix="send a new key with a new body",
        )
    raise Settled(Answer(row.status, row.body, row.headers))


def check_key(text: str) -> str:
    """Return the header's value, or refuse it.

    Raises:
        Invalid: `invalid_idempotency_key`.
    """
    if 1 <= len(text) <= MAX_KEY and text.isascii() and text.isprintable():
        return text
    raise Invalid(
        "invalid_idempotency_key",
        f"An Idempotency-Key is 1 to {MAX_KEY} printable ASCII characters.",
        fix="send a UUID",
    )


def forget(tx: Tx, before: datetime) -> int:
    """Drop the answers given before a time; return how many."""
    return tx.execute(idempotency.delete().where(idempotency.c.created_at < before)).rowcount


def _columns(key: Key) -> dict[str, Any]:
    return {name: getattr(key, name) for name in Key.__dataclass_fields__}


def _mine(key: Key) -> sa.ColumnElement[bool]:
    return (
        (idempotency.c.subject == key.subject)
        & (idempotency.c.route == key.route)
        & (idempotency.c.key == key.key)
    )
