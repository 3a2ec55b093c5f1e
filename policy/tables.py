"""Policy's one table: every decision ever made, whatever it said.

A row is written in the transaction of what it decides and never changed.
"""

import sqlalchemy as sa

from catalog.db import JsonColumn, UtcDateTime, metadata

decisions = sa.Table(
    "policy_decisions",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project", sa.String(63), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("operation", sa.String(63), nullable=False),
    sa.Column("enforcement_point", sa.String(20), nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("results", JsonColumn, nullable=False),
    sa.Column("revision", sa.String(71), nullable=False),
    sa.Column("engine", sa.String(80), nullable=False),
    sa.Column("input_digest", sa.String(71), nullable=False),
    sa.Column("input", JsonColumn, nullable=False),
    sa.Column("evaluated_at", UtcDateTime, nullable=False),
    sa.Column("duration_seconds", sa.Float, nullable=False),
    sa.Index("ix_policy_decisions_project", "project", "id"),
    sa.Index("ix_policy_decisions_subject", "project", "subject", "id"),
)
