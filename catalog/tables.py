"""The catalogue's tables.

Every tenant table carries its project. The platform's own things (contracts, destinations,
projects themselves) belong to no project; access to them is a matter of roles.
"""

import sqlalchemy as sa

from catalog.db import BigInt, JsonColumn, UtcDateTime, metadata

_NAME = sa.String(63)
_UID = sa.String(40)
_DIGEST = sa.String(71)
_VERSION = sa.String(64)
_SUBJECT = sa.String(200)

projects = sa.Table(
    "catalog_projects",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", _SUBJECT, nullable=False),
)

contracts = sa.Table(
    "catalog_contracts",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", _VERSION, primary_key=True),
    sa.Column("digest", _DIGEST, nullable=False, unique=True),
    sa.Column("owner", _NAME, nullable=False),
    sa.Column("files", JsonColumn, nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=False),
    sa.Column("published_by", _SUBJECT, nullable=False),
    sa.Column("source", JsonColumn),
    sa.Column("signature", JsonColumn),
)

# A version without a row is published and nothing else.
lifecycles = sa.Table(
    "catalog_lifecycles",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", _VERSION, primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("sunset_at", UtcDateTime),
    sa.Column("replacement", _VERSION),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("deprecated_at", UtcDateTime),
    sa.Column("told_at", UtcDateTime),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", _SUBJECT, nullable=False),
    sa.ForeignKeyConstraint(["name", "version"], ["catalog_contracts.name", "catalog_contracts.version"]),
)

# What is left of a version that was published and deleted: nothing else is ever published in its place.
tombstones = sa.Table(
    "catalog_contract_tombstones",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", _VERSION, primary_key=True),
    sa.Column("digest", _DIGEST, nullable=False),
    sa.Column("deleted_at", UtcDateTime, nullable=False),
    sa.Column("deleted_by", _SUBJECT, nullable=False),
)

# A version with a row is not followed by everybody: only by so many requests of a hundred.
canaries = sa.Table(
    "catalog_canaries",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", _VERSION, primary_key=True),
    sa.Column("share", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", _SUBJECT, nullable=False),
    sa.ForeignKeyConstraint(["name", "version"], ["catalog_contracts.name", "catalog_contracts.version"]),
)

# What a version cannot do without, one row a need; known from its contract, kept for looking backwards.
requirements = sa.Table(
    "catalog_requirements",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("version", _VERSION, primary_key=True),
    sa.Column("place", sa.String(20), primary_key=True),
    sa.Column("contract", _NAME, nullable=False, index=True),
    sa.Column("versions", _VERSION, nullable=False),
    sa.Column("child", _NAME, nullable=False),
    sa.ForeignKeyConstraint(["name", "version"], ["catalog_contracts.name", "catalog_contracts.version"]),
)

contract_controls = sa.Table(
    "catalog_contract_controls",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("owner", _NAME, nullable=False),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("newest_signed_at", UtcDateTime),
)

destinations = sa.Table(
    "catalog_destinations",
    metadata,
    sa.Column("name", _NAME, primary_key=True),
    sa.Column("kind", _NAME, nullable=False),
    sa.Column("labels", JsonColumn, nullable=False),
    sa.Column("config", JsonColumn, nullable=False),
    sa.Column("projects", JsonColumn, nullable=False),
    sa.Column("capacity", sa.Integer),
    sa.Column("cordoned", sa.Boolean, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

requests = sa.Table(
    "catalog_requests",
    metadata,
    sa.Column("uid", _UID, primary_key=True),
    sa.Column("project", _NAME, sa.ForeignKey("catalog_projects.name"), nullable=False),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("contract", _NAME, nullable=False),
    sa.Column("version", _VERSION),
    sa.Column("contract_version", _VERSION, nullable=False),
    sa.Column("contract_digest", _DIGEST, nullable=False),
    sa.Column("environment", _NAME, nullable=False),
    sa.Column("owner", _NAME, nullable=False),
    sa.Column("labels", JsonColumn, nullable=False),
    sa.Column("inputs", JsonColumn, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("destination", _NAME, sa.ForeignKey("catalog_destinations.name")),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("phase", sa.String(20), nullable=False),
    sa.Column("conditions", JsonColumn, nullable=False),
    sa.Column("outputs", JsonColumn, nullable=False),
    sa.Column("applied", JsonColumn),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", _SUBJECT, nullable=False),
    sa.Column("requesters", JsonColumn, nullable=False, server_default="[]"),
    sa.Column("trace", sa.String(55), nullable=False, server_default=""),
    sa.Column("uses", JsonColumn, nullable=False, server_default="[]"),
    sa.Column("parent_uid", _UID),
    sa.Column("child", _NAME),
    sa.Column("previous_version", _VERSION),
    sa.Column("failed_version", _VERSION),
    sa.Column("failed_digest", _DIGEST),
    sa.Column("inputs_version", _VERSION),
    sa.Column("converted", JsonColumn),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("deletion_queued_at", UtcDateTime),
    sa.Column("deletion_requested_at", UtcDateTime),
    sa.Column("deleted_at", UtcDateTime),
    sa.Index(
        "uq_catalog_requests_live_name",
        "project",
        "name",
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    ),
    sa.Index("ix_catalog_requests_contract", "contract", "contract_version"),
    sa.Index("ix_catalog_requests_destination", "destination"),
    sa.Index("ix_catalog_requests_project_phase", "project", "phase"),
    sa.Index(
        "uq_catalog_requests_live_child",
        "parent_uid",
        "child",
        unique=True,
        sqlite_where=sa.text("parent_uid IS NOT NULL AND deleted_at IS NULL"),
        postgresql_where=sa.text("parent_uid IS NOT NULL AND deleted_at IS NULL"),
    ),
    # Counted whenever somebody scrapes.
    sa.Index(
        "ix_catalog_requests_live_phase",
        "phase",
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    ),
)

# Who uses whom, for looking backwards; what people said about it stands with the request.
uses = sa.Table(
    "catalog_uses",
    metadata,
    sa.Column("user_uid", _UID, sa.ForeignKey("catalog_requests.uid"), primary_key=True),
    sa.Column("used_uid", _UID, sa.ForeignKey("catalog_requests.uid"), primary_key=True, index=True),
    sa.Column("project", _NAME, nullable=False),
)

resources = sa.Table(
    "catalog_resources",
    metadata,
    sa.Column("request_uid", _UID, sa.ForeignKey("catalog_requests.uid"), primary_key=True),
    sa.Column("project", _NAME, nullable=False, index=True),
    sa.Column("destination", _NAME, nullable=False, index=True),
    sa.Column("kind", _NAME, nullable=False),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("facts", JsonColumn, nullable=False),
    sa.Column("first_seen_at", UtcDateTime),
    sa.Column("last_seen_at", UtcDateTime),
    sa.Column("gone_at", UtcDateTime),
)

observations = sa.Table(
    "catalog_observations",
    metadata,
    sa.Column("request_uid", _UID, sa.ForeignKey("catalog_requests.uid"), primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("presence", sa.String(10), nullable=False),
    sa.Column("facts", JsonColumn, nullable=False),
    sa.Column("message", sa.String(500), nullable=False),
    sa.Column("observed_at", UtcDateTime, nullable=False),
)

events = sa.Table(
    "catalog_events",
    metadata,
    sa.Column("id", BigInt, primary_key=True, autoincrement=True),
    sa.Column("xid", sa.BigInteger, nullable=False),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("request_uid", _UID),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("reason", sa.String(60), nullable=False),
    sa.Column("message", sa.String(1000), nullable=False),
    sa.Column("detail", JsonColumn, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("ix_catalog_events_cursor", "xid", "id"),
    sa.Index("ix_catalog_events_request", "request_uid", "id"),
    sqlite_autoincrement=True,
)

audit = sa.Table(
    "catalog_audit",
    metadata,
    sa.Column("project", _NAME, primary_key=True),
    sa.Column("seq", BigInt, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("actor", _SUBJECT, nullable=False),
    sa.Column("action", sa.String(60), nullable=False),
    sa.Column("subject", sa.String(300), nullable=False),
    # Kept as the text it was hashed as: JSONB would write 1e16 anew, and the chain would look broken.
    sa.Column("detail", sa.JSON(none_as_null=True), nullable=False),
    sa.Column("prev_hash", _DIGEST, nullable=False),
    sa.Column("hash", _DIGEST, nullable=False),
)

audit_heads = sa.Table(
    "catalog_audit_heads",
    metadata,
    sa.Column("project", _NAME, primary_key=True),
    sa.Column("seq", BigInt, nullable=False),
    sa.Column("hash", _DIGEST, nullable=False),
)
