"""This package's tables: who may come in, who stands in for whom, what was planned and answered.

None holds a secret: a token is kept as its hash, an answer as it went out (the one that
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
    sa.Column("groups", JsonColumn, nullable=False, server_default="[]"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", _SUBJECT, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("last_used_at", UtcDateTime),
    sa.Index("ix_platform_api_tokens_subject", "subject"),
)

delegations = sa.Table(
    "platform_api_delegations",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("giver", _SUBJECT, nullable=False),
    sa.Column("delegate", _SUBJECT, nullable=False),
    sa.Column("starts_at", UtcDateTime, nullable=False),
    sa.Column("ends_at", UtcDateTime, nullable=False),
    sa.Column("reason", sa.String(200), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", _SUBJECT, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Index("ix_platform_api_delegations_giver", "giver"),
    sa.Index("ix_platform_api_delegations_delegate", "delegate"),
)

# What somebody was shown and may submit as it stands.
plans = sa.Table(
    "platform_api_plans",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project", sa.String(63), nullable=False),
    sa.Column("request", sa.String(63), nullable=False),
    sa.Column("operation", sa.String(20), nullable=False),
    sa.Column("wish", JsonColumn, nullable=False),
    sa.Column("binding", JsonColumn, nullable=False),
    sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", _SUBJECT, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
    sa.Column("submitted_at", UtcDateTime),
    sa.Column("request_uid", sa.String(40)),
    sa.Index("ix_platform_api_plans_project", "project", "id"),
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

# Counted by every process, told by those with a door: `tallies`. Bounded by what labels may be.
tallies = sa.Table(
    "platform_api_tallies",
    metadata,
    sa.Column("figure", sa.String(63), primary_key=True),
    sa.Column("contract", sa.String(63), primary_key=True),  # empty where it does not matter
    sa.Column("labels", sa.String(200), primary_key=True),  # the other labels' values
    sa.Column("part", sa.String(20), primary_key=True),  # of a histogram: a bucket, or the sum
    sa.Column("value", sa.Float(53), nullable=False),
)
