"""This package's tables: who may come in, and what was answered already.

Neither holds a secret: a token is kept as its hash, an answer as it went out (the one that
shows a new token is kept without it).
"""

import sqlalchemy as sa

from catalog.db import JsonColumn, UtcDateTime, metadata

_SUBJECT = sa.String(200)

tokens = sa.Table(
    "platform_api_tokens",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("subject", _SUBJECT, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("grants", JsonColumn, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", _SUBJECT, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("last_used_at", UtcDateTime),
)

idempotency = sa.Table(
    "platform_api_idempotency",
    metadata,
    sa.Column("subject", _SUBJECT, primary_key=True),
    sa.Column("route", sa.String(300), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("body_digest", sa.String(71), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    # As text: an answer goes out again with its members in the same order.
    sa.Column("headers", sa.JSON(none_as_null=True), nullable=False),
    sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False, index=True),
)
